# SPDX-License-Identifier: Apache-2.0
"""Bare metal."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    boolean,
    boolean_attr,
    by_name,
    check,
    map_attr,
    mapping,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

PORT = ResourceType(
    name="OS::Ironic::Port",
    description="A network port of a bare metal node.",
    support=since("13.0.0"),
    service="ironic",
    entity="port",
    properties={
        "address": string("Address.", REQUIRED, UPDATE),
        "extra": mapping("Extra.", UPDATE),
        "is_smartnic": boolean("Whether it is smartnic.", UPDATE),
        "local_link_connection": mapping("Local link connection.", UPDATE),
        "node": string("Node.", REQUIRED, UPDATE, check("ironic.node")),
        "physical_network": string("Physical network it is mapped onto.", UPDATE),
        "portgroup": string("Portgroup.", UPDATE, check("ironic.portgroup")),
        "pxe_enabled": boolean("Whether pxe is on.", UPDATE),
    },
    attributes={
        "address": string_attr("Address."),
        "extra": map_attr("Extra."),
        "internal_info": map_attr("Internal info."),
        "is_smartnic": boolean_attr("Whether it is smartnic."),
        "local_link_connection": map_attr("Local link connection."),
        "node_uuid": string_attr("Node uuid."),
        "physical_network": string_attr("Physical network."),
        "portgroup_uuid": string_attr("Portgroup uuid."),
        "pxe_enabled": boolean_attr("Whether pxe is on."),
    },
    translation=(
        by_name("node", "ironic.node"),
        by_name("portgroup", "ironic.portgroup"),
    ),
)


TYPES = (PORT,)
