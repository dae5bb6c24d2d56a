# SPDX-License-Identifier: Apache-2.0
"""Networks and segments."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    boolean_attr,
    by_name,
    check,
    integer,
    integer_attr,
    items,
    list_attr,
    mapping,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

NET = ResourceType(
    name="OS::Neutron::Net",
    description="A virtual network.",
    service="neutron",
    entity="network",
    properties={
        "admin_state_up": boolean("Whether the network carries traffic.", UPDATE, default=True),
        "availability_zone_hints": items("Availability zones to prefer for its services.", since("19.0.0")),
        "dhcp_agent_ids": items("DHCP agents that serve the network; administrators only.", UPDATE),
        "dns_domain": string(
            "Domain of the ports' names, with the dot at its end.",
            UPDATE,
            check("dns_domain"),
            since("7.0.0"),
        ),
        "name": string("Name of the network.", UPDATE),
        "port_security_enabled": boolean(
            "Whether its ports stop spoofed addresses and apply security groups.", UPDATE, since("5.0.0")
        ),
        "qos_policy": string(
            "QoS policy, by name or id.", UPDATE, check("neutron.qos_policy"), since("6.0.0")
        ),
        "shared": boolean("Whether every project may use it; administrators only.", UPDATE, default=False),
        "tags": items("Tags of the network.", UPDATE, since("9.0.0"), of=string()),
        "tenant_id": string("The project that owns it; administrators only."),
        "value_specs": mapping("More fields sent to the service as they are.", UPDATE, default={}),
    },
    attributes={
        "admin_state_up": string_attr("Whether the network is administratively up."),
        "l2_adjacency": boolean_attr("Whether its ports share one layer 2 segment.", since("9.0.0")),
        "mtu": integer_attr("Largest packet in bytes.", since("5.0.0")),
        "name": string_attr("Name of the network."),
        "port_security_enabled": boolean_attr("Whether new ports have port security.", since("5.0.0")),
        "qos_policy_id": string_attr("Id of its QoS policy.", since("6.0.0")),
        "segments": list_attr("Its segments.", since("11.0.0")),
        "status": string_attr("ACTIVE, DOWN, BUILD or ERROR."),
        "subnets": list_attr("Ids of its subnets."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    translation=(by_name("qos_policy", "neutron.qos_policy"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


PROVIDER_NET = ResourceType(
    name="OS::Neutron::ProviderNet",
    description="A network mapped onto a physical network.",
    support=since("2014.1"),
    service="neutron",
    entity="network",
    extension="provider",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "availability_zone_hints": items("Availability zones to prefer.", UPDATE, since("19.0.0")),
        "dns_domain": string(
            "Domain in the DNS, with the dot at its end.", UPDATE, check("dns_domain"), since("15.0.0")
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "network_type": string(
            "Kind of the segment.",
            REQUIRED,
            UPDATE,
            allowed("local", "vlan", "vxlan", "gre", "geneve", "flat"),
        ),
        "physical_network": string("Physical network it is mapped onto.", UPDATE),
        "port_security_enabled": boolean(
            "Whether spoofed addresses are stopped and security groups apply.", UPDATE, since("8.0.0")
        ),
        "router_external": boolean("Router external: true or false.", UPDATE, since("6.0.0"), default=False),
        "segmentation_id": string("VLAN or tunnel number of the segment.", UPDATE),
        "shared": boolean("Whether other projects may use it.", UPDATE, default=True),
        "tags": items("Tags of the object.", UPDATE, since("12.0.0"), of=string()),
        "tenant_id": string("The project that owns it; administrators only.", since("24.0.0")),
    },
    attributes={
        "segments": list_attr("Segments.", since("16.0.0")),
        "status": string_attr("Its state."),
        "subnets": list_attr("Subnets."),
    },
    translation=(by_name("qos_policy", "neutron.qos_policy"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


SEGMENT = ResourceType(
    name="OS::Neutron::Segment",
    description="A layer 2 segment of a network.",
    support=since("9.0.0"),
    service="neutron",
    extension="segment",
    properties={
        "description": string("Text for people.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "network": string("Network, by name or id.", REQUIRED, check("neutron.network")),
        "network_type": string(
            "Kind of the segment.", REQUIRED, allowed("local", "vlan", "vxlan", "gre", "geneve", "flat")
        ),
        "physical_network": string("Physical network it is mapped onto."),
        "segmentation_id": integer("VLAN or tunnel number of the segment.", at_least(1)),
    },
    translation=(by_name("network", "neutron.network"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    NET,
    PROVIDER_NET,
    SEGMENT,
)
