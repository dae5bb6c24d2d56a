# SPDX-License-Identifier: Apache-2.0
"""Service function chains."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    between,
    by_name,
    check,
    integer,
    items,
    mapping,
    string,
    unsupported,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

FLOW_CLASSIFIER = ResourceType(
    name="OS::Neutron::FlowClassifier",
    description="Selects traffic for a service chain.",
    support=unsupported("8.0.0"),
    service="neutron",
    properties={
        "description": string("Text for people.", UPDATE),
        "destination_ip_prefix": string("Destination IP prefix.", check("net_cidr")),
        "destination_port_range_max": integer("Destination port range largest.", between(1, 65535)),
        "destination_port_range_min": integer("Destination port range smallest.", between(1, 65535)),
        "ethertype": string("IPv4 or IPv6.", allowed("IPv4", "IPv6"), default="IPv4"),
        "l7_parameters": mapping("L7 parameters.", unsupported()),
        "logical_destination_port": string("Logical destination port.", check("neutron.port")),
        "logical_source_port": string("Logical source port.", check("neutron.port")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "protocol": string("Protocol.", allowed("tcp", "udp", "icmp")),
        "source_ip_prefix": string("Source IP prefix.", check("net_cidr")),
        "source_port_range_max": integer("Source port range largest.", between(1, 65535)),
        "source_port_range_min": integer("Source port range smallest.", between(1, 65535)),
    },
    translation=(
        by_name("logical_source_port", "neutron.port"),
        by_name("logical_destination_port", "neutron.port"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


PORT_CHAIN = ResourceType(
    name="OS::Neutron::PortChain",
    description="An ordered chain of service functions.",
    support=unsupported("8.0.0"),
    service="neutron",
    extension="sfc",
    properties={
        "chain_parameters": mapping("Chain parameters.", default={"correlation": "mpls"}),
        "description": string("Text for people.", UPDATE),
        "flow_classifiers": items(
            "Flow classifiers.", UPDATE, of=string("", check("neutron.flow_classifier")), default=[]
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "port_pair_groups": items(
            "Port pair groups.", REQUIRED, UPDATE, of=string("", check("neutron.port_pair_group"))
        ),
    },
    translation=(
        by_name("port_pair_groups", "neutron.port_pair_group"),
        by_name("flow_classifiers", "neutron.flow_classifier"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


PORT_PAIR = ResourceType(
    name="OS::Neutron::PortPair",
    description="The entry and exit ports of one service function.",
    support=unsupported("7.0.0"),
    service="neutron",
    properties={
        "description": string("Text for people.", UPDATE),
        "egress": string("Egress.", REQUIRED, check("neutron.port")),
        "ingress": string("Ingress.", REQUIRED, check("neutron.port")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "service_function_parameters": mapping("Service function parameters.", default={"correlation": None}),
    },
    translation=(
        by_name("ingress", "neutron.port"),
        by_name("egress", "neutron.port"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


PORT_PAIR_GROUP = ResourceType(
    name="OS::Neutron::PortPairGroup",
    description="Service functions of the same kind, between which traffic is shared.",
    support=unsupported("8.0.0"),
    service="neutron",
    extension="sfc",
    properties={
        "description": string("Text for people.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "port_pairs": items("Port pairs.", REQUIRED, UPDATE, of=string("", check("neutron.port_pair"))),
    },
    translation=(by_name("port_pairs", "neutron.port_pair"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    FLOW_CLASSIFIER,
    PORT_CHAIN,
    PORT_PAIR,
    PORT_PAIR_GROUP,
)
