# SPDX-License-Identifier: Apache-2.0
"""Subnets, subnet pools and address scopes."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    NULL_IS_EMPTY,
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    by_name,
    check,
    deprecated,
    hidden,
    integer,
    items,
    length,
    list_attr,
    mapping,
    moved,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

ADDRESS_SCOPE = ResourceType(
    name="OS::Neutron::AddressScope",
    description="A scope in which addresses do not overlap.",
    support=since("6.0.0"),
    service="neutron",
    entity="address_scope",
    extension="address-scope",
    properties={
        "ip_version": integer("4 or 6.", allowed(4, 6), default=4),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "shared": boolean("Whether other projects may use it.", UPDATE, default=False),
        "tenant_id": string("The project that owns it; administrators only.", check("keystone.project")),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


SUBNET = ResourceType(
    name="OS::Neutron::Subnet",
    description="A range of addresses of a network, and how servers on it are configured.",
    service="neutron",
    entity="subnet",
    properties={
        "allocation_pools": records(
            "Ranges from which ports take addresses; the whole range without the gateway when left out.",
            {
                "end": string("Last address.", REQUIRED, check("ip_addr")),
                "start": string("First address.", REQUIRED, check("ip_addr")),
            },
            UPDATE,
        ),
        "cidr": string("Range of the subnet, such as 10.0.0.0/24.", check("net_cidr")),
        "dns_nameservers": items("Name servers given to servers.", UPDATE, default=[]),
        "enable_dhcp": boolean("Whether servers learn their addresses by DHCP.", UPDATE, default=True),
        "gateway_ip": string(
            "Address of the gateway; the first one when left out, none when empty or null.",
            UPDATE,
            NULL_IS_EMPTY,
        ),
        "host_routes": records(
            "Routes given to servers.",
            {
                "destination": string("Network the route leads to.", REQUIRED, check("net_cidr")),
                "nexthop": string("Address of the next hop.", REQUIRED, check("ip_addr")),
            },
            UPDATE,
        ),
        "ip_version": integer("4 or 6.", allowed(4, 6), default=4),
        "ipv6_address_mode": string(
            "How IPv6 addresses are assigned.",
            allowed("dhcpv6-stateful", "dhcpv6-stateless", "slaac"),
            since("2015.1"),
        ),
        "ipv6_ra_mode": string(
            "How IPv6 routers advertise.",
            allowed("dhcpv6-stateful", "dhcpv6-stateless", "slaac"),
            since("2015.1"),
        ),
        "name": string("Name of the subnet.", UPDATE),
        "network": string("Network, by name or id.", REQUIRED, check("neutron.network"), since("2014.2")),
        "network_id": string(
            "Older spelling of network.", check("neutron.network"), hidden("5.0.0", deprecated("2014.2"))
        ),
        "prefixlen": integer(
            "Prefix length of a range taken from a subnet pool.", at_least(0), since("6.0.0")
        ),
        "segment": string(
            "Segment the subnet belongs to, by name or id.",
            UPDATE,
            check("neutron.segment"),
            since("11.0.0", since("9.0.0")),
        ),
        "subnetpool": string(
            "Subnet pool the range is taken from, by name or id.", check("neutron.subnetpool"), since("6.0.0")
        ),
        "tags": items("Tags of the object.", UPDATE, since("9.0.0"), of=string()),
        "tenant_id": string("The project that owns it; administrators only."),
        "value_specs": mapping("More fields sent to the service as they are.", UPDATE, default={}),
    },
    attributes={
        "allocation_pools": list_attr("Ranges from which ports take addresses."),
        "cidr": string_attr("Range of the subnet."),
        "dns_nameservers": list_attr("Name servers given to servers."),
        "enable_dhcp": string_attr("Whether DHCP is on."),
        "gateway_ip": string_attr("Address of the gateway."),
        "host_routes": list_attr("Routes given to servers."),
        "ip_version": string_attr("4 or 6."),
        "name": string_attr("Name of the subnet."),
        "network_id": string_attr("Id of its network."),
        "tenant_id": string_attr("Id of the project that owns it."),
    },
    translation=(
        moved("network", "network_id"),
        by_name("network", "neutron.network"),
        by_name("subnetpool", "neutron.subnetpool"),
        by_name("segment", "openstack.network_segment"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


SUBNET_POOL = ResourceType(
    name="OS::Neutron::SubnetPool",
    description="Addresses from which subnets are allocated.",
    support=since("6.0.0"),
    service="neutron",
    entity="subnetpool",
    extension="subnet_allocation",
    properties={
        "address_scope": string("Address scope.", UPDATE, check("neutron.address_scope")),
        "default_prefixlen": integer("Default prefixlen.", UPDATE, at_least(0)),
        "default_quota": integer("Default quota.", UPDATE, at_least(0)),
        "is_default": boolean("Whether it is default.", UPDATE, default=False),
        "max_prefixlen": integer("Largest prefixlen.", UPDATE, at_least(0)),
        "min_prefixlen": integer("Smallest prefixlen.", UPDATE, at_least(0)),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "prefixes": items("Prefixes.", REQUIRED, UPDATE, length(1), of=string("", check("net_cidr"))),
        "shared": boolean("Whether other projects may use it.", default=False),
        "tags": items("Tags of the object.", UPDATE, since("9.0.0"), of=string()),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    ADDRESS_SCOPE,
    SUBNET,
    SUBNET_POOL,
)
