# SPDX-License-Identifier: Apache-2.0
"""Ports and trunks."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    IMMUTABLE,
    REQUIRED,
    UPDATE,
    allowed,
    between,
    boolean,
    boolean_attr,
    by_name,
    check,
    deprecated,
    hidden,
    integer,
    items,
    list_attr,
    map_attr,
    mapping,
    moved,
    moved_beside,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

PORT = ResourceType(
    name="OS::Neutron::Port",
    description="A point of attachment to a network, with its addresses.",
    service="neutron",
    entity="port",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "allowed_address_pairs": records(
            "More addresses that traffic of the port may come from.",
            {
                "ip_address": string("Address or network.", REQUIRED, check("ip_or_cidr")),
                "mac_address": string("MAC address; the port's when left out.", check("mac_addr")),
            },
            UPDATE,
        ),
        "binding:vnic_type": string(
            "Kind of virtual interface.",
            UPDATE,
            allowed(
                "normal", "direct", "macvtap", "direct-physical", "baremetal", "virtio-forwarder", "smart-nic"
            ),
            since("2015.1"),
            default="normal",
        ),
        "device_id": string("The device that uses the port.", UPDATE, default=""),
        "device_owner": string("Who uses the port.", UPDATE, default=""),
        "dns_name": string("Name of the port in the DNS.", UPDATE, check("dns_name"), since("7.0.0")),
        "fixed_ips": records(
            "Addresses wanted; one of each IP version when left out.",
            {
                "ip_address": string("The address wanted.", check("ip_addr")),
                "subnet": string(
                    "Subnet to take an address from, by name or id.", check("neutron.subnet"), since("2014.2")
                ),
                "subnet_id": string(
                    "Older spelling of subnet.",
                    check("neutron.subnet"),
                    hidden("5.0.0", deprecated("2014.2")),
                ),
            },
            UPDATE,
        ),
        "mac_address": string("MAC address; made up when left out.", check("mac_addr")),
        "name": string("Name of the port.", UPDATE),
        "network": string("Network, by name or id.", REQUIRED, check("neutron.network"), since("2014.2")),
        "network_id": string(
            "Older spelling of network.", check("neutron.network"), hidden("5.0.0", deprecated("2014.2"))
        ),
        "no_fixed_ips": boolean("The port has no address at all.", UPDATE, since("16.0.0"), default=False),
        "port_security_enabled": boolean(
            "Whether spoofed addresses are stopped and security groups apply.", UPDATE, since("5.0.0")
        ),
        "propagate_uplink_status": boolean(
            "Whether the state of the uplink shows in the port.", UPDATE, since("15.0.0")
        ),
        "qos_policy": string(
            "QoS policy, by name or id.", UPDATE, check("neutron.qos_policy"), since("6.0.0")
        ),
        "replacement_policy": string(
            "Has no effect any more.",
            UPDATE,
            allowed("REPLACE_ALWAYS", "AUTO"),
            hidden("9.0.0", deprecated("6.0.0", since("2014.2"))),
            default="AUTO",
        ),
        "security_groups": items(
            "Security groups, by name or id; the project's default group when left out.", UPDATE
        ),
        "tags": items("Tags of the object.", UPDATE, since("9.0.0"), of=string()),
        "value_specs": mapping("More fields sent to the service as they are.", UPDATE, default={}),
    },
    attributes={
        "admin_state_up": string_attr("Whether the port is administratively up."),
        "allowed_address_pairs": list_attr("More addresses that traffic may come from."),
        "device_id": string_attr("The device that uses the port."),
        "device_owner": string_attr("Who uses the port."),
        "dns_assignment": map_attr("Names in the DNS of its addresses.", since("7.0.0")),
        "fixed_ips": list_attr("Its addresses, each with its subnet."),
        "mac_address": string_attr("Its MAC address."),
        "name": string_attr("Name of the port."),
        "network": map_attr("Its network.", since("11.0.0")),
        "network_id": string_attr("Id of its network."),
        "port_security_enabled": boolean_attr("Whether port security is on.", since("5.0.0")),
        "propagate_uplink_status": boolean_attr(
            "Whether the state of the uplink shows in the port.", since("15.0.0")
        ),
        "qos_policy_id": string_attr("Id of its QoS policy.", since("6.0.0")),
        "security_groups": list_attr("Ids of its security groups."),
        "status": string_attr("ACTIVE, DOWN, BUILD or ERROR."),
        "subnets": list_attr("The subnets of its addresses."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    translation=(
        moved("network", "network_id"),
        moved_beside("fixed_ips.subnet", "subnet_id"),
        by_name("network", "neutron.network"),
        by_name("fixed_ips.subnet", "neutron.subnet"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
    prepares_for_replace=True,
)


TRUNK = ResourceType(
    name="OS::Neutron::Trunk",
    description="A port that carries the traffic of several networks.",
    support=since("9.0.0"),
    service="neutron",
    entity="trunk",
    extension="trunk",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE),
        "description": string("Text for people.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "port": string("Port, by name or id.", REQUIRED, IMMUTABLE, check("neutron.port")),
        "sub_ports": records(
            "Sub ports.",
            {
                "port": string("Port, by name or id.", REQUIRED, check("neutron.port")),
                "segmentation_id": integer(
                    "VLAN or tunnel number of the segment.", REQUIRED, between(1, 4094)
                ),
                "segmentation_type": string("Segmentation type.", REQUIRED, allowed("vlan")),
            },
            UPDATE,
        ),
    },
    attributes={
        "port_id": string_attr("Id of the port."),
    },
    translation=(
        by_name("port", "neutron.port"),
        by_name("sub_ports.port", "neutron.port"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    PORT,
    TRUNK,
)
