# SPDX-License-Identifier: Apache-2.0
"""Metering and copying of traffic."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    boolean,
    by_name,
    check,
    pattern,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

METERING_LABEL = ResourceType(
    name="OS::Neutron::MeteringLabel",
    description="A label under which traffic is counted.",
    support=since("2014.1"),
    service="neutron",
    entity="metering_label",
    properties={
        "description": string("Text for people."),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "shared": boolean("Whether other projects may use it.", since("2015.1"), default=False),
    },
    attributes={
        "description": string_attr("Its description."),
        "name": string_attr("Its name."),
        "shared": string_attr("Shared."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


METERING_RULE = ResourceType(
    name="OS::Neutron::MeteringRule",
    description="Which traffic a metering label counts.",
    support=since("2014.1"),
    service="neutron",
    entity="metering_label_rule",
    properties={
        "direction": string("ingress or egress.", allowed("ingress", "egress"), default="ingress"),
        "excluded": boolean("Whether it is excluded.", default="False"),
        "metering_label_id": string("Id of the metering label.", REQUIRED),
        "remote_ip_prefix": string("The other side, as a network.", REQUIRED),
    },
    attributes={
        "direction": string_attr("Direction."),
        "excluded": string_attr("Excluded."),
        "metering_label_id": string_attr("Id of the metering label."),
        "remote_ip_prefix": string_attr("Remote IP prefix."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TAP_FLOW = ResourceType(
    name="OS::Neutron::TaaS::TapFlow",
    description="A port of which the traffic is copied to a tap service.",
    support=since("12.0.0"),
    service="neutron",
    entity="tap_flow",
    extension="taas",
    properties={
        "description": string("Text for people.", UPDATE, default=""),
        "direction": string("ingress or egress.", allowed("IN", "OUT", "BOTH"), default="BOTH"),
        "name": string(
            "Name; made from the stack and resource names when it is left out.", UPDATE, default=""
        ),
        "port": string("Port, by name or id.", REQUIRED, check("neutron.port")),
        "tap_service": string("Tap service.", REQUIRED, check("neutron.taas.tap_service")),
        "vlan_filter": string("VLAN filter.", pattern(r"^([0-9]+(-[0-9]+)?)(,([0-9]+(-[0-9]+)?))*$")),
    },
    translation=(
        by_name("port", "neutron.port"),
        by_name("tap_service", "neutron.tap_service"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TAP_SERVICE = ResourceType(
    name="OS::Neutron::TaaS::TapService",
    description="The port that copied traffic is sent to.",
    support=since("12.0.0"),
    service="neutron",
    entity="tap_service",
    extension="taas",
    properties={
        "description": string("Text for people.", UPDATE, default=""),
        "name": string(
            "Name; made from the stack and resource names when it is left out.", UPDATE, default=""
        ),
        "port": string("Port, by name or id.", REQUIRED, check("neutron.port")),
    },
    translation=(by_name("port", "neutron.port"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    METERING_LABEL,
    METERING_RULE,
    TAP_FLOW,
    TAP_SERVICE,
)
