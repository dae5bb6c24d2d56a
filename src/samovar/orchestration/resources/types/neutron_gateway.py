# SPDX-License-Identifier: Apache-2.0
"""Gateways to physical networks."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    between,
    by_name,
    check,
    deprecated,
    hidden,
    integer,
    items,
    length,
    moved_beside,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

L2_GATEWAY = ResourceType(
    name="OS::Neutron::L2Gateway",
    description="A gateway between a virtual network and physical segments.",
    support=since("12.0.0"),
    service="neutron",
    entity="l2_gateway",
    extension="l2-gateway",
    properties={
        "devices": records(
            "Devices.",
            {
                "device_name": string("Device name.", REQUIRED),
                "interfaces": records(
                    "Interfaces.",
                    {
                        "name": string(
                            "Name; made from the stack and resource names when it is left out.", REQUIRED
                        ),
                        "segmentation_id": items("VLAN or tunnel number of the segment."),
                    },
                    REQUIRED,
                ),
            },
            REQUIRED,
            UPDATE,
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED, UPDATE),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


L2_GATEWAY_CONNECTION = ResourceType(
    name="OS::Neutron::L2GatewayConnection",
    description="Connects a network to a layer 2 gateway.",
    support=since("12.0.0"),
    service="neutron",
    entity="l2_gateway_connection",
    extension="l2-gateway-connection",
    properties={
        "l2_gateway_id": string("Id of the L2 gateway.", REQUIRED),
        "network_id": string("Older spelling of network.", REQUIRED, check("neutron.network")),
        "segmentation_id": string("VLAN or tunnel number of the segment."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


NETWORK_GATEWAY = ResourceType(
    name="OS::Neutron::NetworkGateway",
    description="A gateway between virtual networks and physical ones.",
    support=since("2014.1"),
    service="neutron",
    entity="network_gateway",
    properties={
        "connections": records(
            "Connections.",
            {
                "network": string(
                    "Network, by name or id.", REQUIRED, check("neutron.network"), since("2014.2")
                ),
                "network_id": string(
                    "Older spelling of network.",
                    check("neutron.network"),
                    hidden("5.0.0", deprecated("2014.2")),
                ),
                "segmentation_id": integer("VLAN or tunnel number of the segment.", between(0, 4094)),
                "segmentation_type": string("Segmentation type.", allowed("flat", "vlan"), default="flat"),
            },
            UPDATE,
            default={},
        ),
        "devices": records(
            "Devices.",
            {
                "id": string("Its id.", REQUIRED),
                "interface_name": string("Interface name.", REQUIRED),
            },
            REQUIRED,
            UPDATE,
            length(1),
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
    },
    attributes={
        "default": string_attr("Default."),
    },
    translation=(
        moved_beside("connections.network", "network_id"),
        by_name("connections.network", "neutron.network"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    L2_GATEWAY,
    L2_GATEWAY_CONNECTION,
    NETWORK_GATEWAY,
)
