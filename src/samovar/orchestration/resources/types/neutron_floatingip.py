# SPDX-License-Identifier: Apache-2.0
"""Floating IPs."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    between,
    by_name,
    check,
    deprecated,
    hidden,
    integer,
    mapping,
    moved,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

FLOATING_IP = ResourceType(
    name="OS::Neutron::FloatingIP",
    description="An address of an external network that leads to a port.",
    service="neutron",
    entity="floatingip",
    properties={
        "dns_domain": string(
            "Domain of the name, with the dot at its end.", UPDATE, check("dns_domain"), since("7.0.0")
        ),
        "dns_name": string("Name of the address in the DNS.", UPDATE, check("rel_dns_name"), since("7.0.0")),
        "fixed_ip_address": string(
            "The port's address it leads to, where the port has several.", UPDATE, check("ip_addr")
        ),
        "floating_ip_address": string("The address wanted.", check("ip_addr"), since("5.0.0")),
        "floating_network": string(
            "External network, by name or id.", REQUIRED, check("neutron.network"), since("2014.2")
        ),
        "floating_network_id": string(
            "Older spelling of floating_network.",
            check("neutron.network"),
            hidden("5.0.0", deprecated("2014.2")),
        ),
        "floating_subnet": string(
            "Subnet of the external network, by name or id.", check("neutron.subnet"), since("9.0.0")
        ),
        "port_id": string("Port it leads to, by id.", UPDATE, check("neutron.port")),
        "value_specs": mapping("More fields sent to the service as they are.", default={}),
    },
    attributes={
        "fixed_ip_address": string_attr("The internal address it leads to.", UNCACHED),
        "floating_ip_address": string_attr("The address itself."),
        "floating_network_id": string_attr("Id of the external network."),
        "port_id": string_attr("Id of the port it leads to.", UNCACHED),
        "router_id": string_attr("Id of the router it passes."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    translation=(
        moved("floating_network", "floating_network_id"),
        by_name("floating_network", "neutron.network"),
        by_name("floating_subnet", "neutron.subnet"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
)


FLOATING_IPASSOCIATION = ResourceType(
    name="OS::Neutron::FloatingIPAssociation",
    description="Leads a floating IP to a port.",
    service="neutron",
    properties={
        "fixed_ip_address": string(
            "The port's address it leads to, where the port has several.", UPDATE, check("ip_addr")
        ),
        "floatingip_id": string("Floating IP, by id.", REQUIRED, UPDATE),
        "port_id": string("Port it leads to, by id.", REQUIRED, UPDATE, check("neutron.port")),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
)


FLOATING_IPPORT_FORWARD = ResourceType(
    name="OS::Neutron::FloatingIPPortForward",
    description="Leads one port of a floating IP to a port of an internal address.",
    support=since("19.0.0"),
    service="openstack",
    extension="floating-ip-port-forwarding",
    properties={
        "external_port": integer("External port.", REQUIRED, UPDATE, between(1, 65535)),
        "floating_ip": string("Floating IP.", REQUIRED),
        "internal_ip_address": string("Internal IP address.", REQUIRED, UPDATE, check("ip_addr")),
        "internal_port": string("Internal port.", REQUIRED, UPDATE, check("neutron.port")),
        "internal_port_number": integer("Internal port number.", UPDATE, between(1, 65535)),
        "protocol": string(
            "Protocol.", REQUIRED, UPDATE, allowed("tcp", "udp", "icmp", "icmp6", "sctp", "dccp")
        ),
    },
    translation=(
        by_name("floating_ip", "openstack.network_ip"),
        by_name("internal_port", "openstack.network_port"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    handlers=frozenset({"check"}),
    implicit_dependencies=True,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    FLOATING_IP,
    FLOATING_IPASSOCIATION,
    FLOATING_IPPORT_FORWARD,
)
