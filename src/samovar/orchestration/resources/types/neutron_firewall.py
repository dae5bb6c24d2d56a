# SPDX-License-Identifier: Apache-2.0
"""Firewalls."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    boolean,
    check,
    items,
    list_attr,
    mapping,
    since,
    string,
    string_attr,
    unsupported,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

FIREWALL = ResourceType(
    name="OS::Neutron::Firewall",
    description="A firewall that follows a firewall policy.",
    service="neutron",
    entity="firewall",
    extension="fwaas",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "description": string("Text for people.", UPDATE),
        "firewall_policy_id": string("Id of the firewall policy.", REQUIRED, UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "shared": boolean(
            "Whether other projects may use it.", UPDATE, unsupported("6.0.0", since("2015.1"))
        ),
        "value_specs": mapping(
            "More fields sent to the service as they are.", UPDATE, since("5.0.0"), default={}
        ),
    },
    attributes={
        "admin_state_up": string_attr("Admin state up."),
        "description": string_attr("Its description."),
        "firewall_policy_id": string_attr("Id of the firewall policy."),
        "name": string_attr("Its name."),
        "shared": string_attr("Shared.", unsupported("6.0.0")),
        "status": string_attr("Its state."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


FIREWALL_POLICY = ResourceType(
    name="OS::Neutron::FirewallPolicy",
    description="An ordered list of firewall rules.",
    service="neutron",
    entity="firewall_policy",
    extension="fwaas",
    properties={
        "audited": boolean("Whether it is audited.", UPDATE, default=False),
        "description": string("Text for people.", UPDATE),
        "firewall_rules": items("Firewall rules.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "shared": boolean("Whether other projects may use it.", UPDATE, default=False),
    },
    attributes={
        "audited": string_attr("Audited."),
        "description": string_attr("Its description."),
        "firewall_rules": list_attr("Firewall rules."),
        "name": string_attr("Its name."),
        "shared": string_attr("Shared."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


FIREWALL_RULE = ResourceType(
    name="OS::Neutron::FirewallRule",
    description="A rule that allows or denies traffic.",
    service="neutron",
    entity="firewall_rule",
    extension="fwaas",
    properties={
        "action": string("What is done.", UPDATE, allowed("allow", "deny"), default="deny"),
        "description": string("Text for people.", UPDATE),
        "destination_ip_address": string("Destination IP address.", UPDATE, check("net_cidr")),
        "destination_port": string("Destination port.", UPDATE),
        "enabled": boolean("Whether it is in effect.", UPDATE, default=True),
        "ip_version": string("4 or 6.", UPDATE, allowed("4", "6"), default="4"),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "protocol": string("Protocol.", UPDATE, allowed("tcp", "udp", "icmp", "any"), default="any"),
        "shared": boolean("Whether other projects may use it.", UPDATE, default=False),
        "source_ip_address": string("Source IP address.", UPDATE, check("net_cidr")),
        "source_port": string("Source port.", UPDATE),
    },
    attributes={
        "action": string_attr("Action."),
        "description": string_attr("Its description."),
        "destination_ip_address": string_attr("Destination IP address."),
        "destination_port": string_attr("Destination port."),
        "enabled": string_attr("Enabled."),
        "firewall_policy_id": string_attr("Id of the firewall policy."),
        "ip_version": string_attr("IP version."),
        "name": string_attr("Its name."),
        "position": string_attr("Position."),
        "protocol": string_attr("Protocol."),
        "shared": string_attr("Shared."),
        "source_ip_address": string_attr("Source IP address."),
        "source_port": string_attr("Source port."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    FIREWALL,
    FIREWALL_POLICY,
    FIREWALL_RULE,
)
