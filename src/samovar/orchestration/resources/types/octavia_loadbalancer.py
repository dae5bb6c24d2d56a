# SPDX-License-Identifier: Apache-2.0
"""Load balancers and listeners."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    between,
    boolean,
    by_name,
    check,
    integer,
    items,
    list_attr,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

LISTENER = ResourceType(
    name="OS::Octavia::Listener",
    description="The port and protocol on which a load balancer takes traffic.",
    support=since("10.0.0"),
    service="octavia",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "allowed_cidrs": items("Allowed cidrs.", UPDATE, since("14.0.0"), of=string("", check("net_cidr"))),
        "connection_limit": integer(
            "Connections at once; -1 for no limit.", UPDATE, at_least(-1), default=-1
        ),
        "default_pool": string("Default pool.", UPDATE, check("octavia.pool")),
        "default_tls_container_ref": string("Default TLS container ref.", UPDATE),
        "description": string("Text for people.", UPDATE, default=""),
        "loadbalancer": string("Load balancer, by name or id.", REQUIRED, check("octavia.loadbalancer")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "protocol": string(
            "Protocol.", REQUIRED, allowed("TCP", "HTTP", "HTTPS", "TERMINATED_HTTPS", "PROXY", "UDP")
        ),
        "protocol_port": integer("Port of the protocol.", REQUIRED, between(1, 65535)),
        "sni_container_refs": items("SNI container refs.", UPDATE),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    attributes={
        "default_pool_id": string_attr("Id of the default pool."),
        "loadbalancers": list_attr("Loadbalancers."),
    },
    translation=(
        by_name("loadbalancer", "octavia.loadbalancer"),
        by_name("default_pool", "octavia.pool"),
    ),
)


LOAD_BALANCER = ResourceType(
    name="OS::Octavia::LoadBalancer",
    description="A load balancer.",
    support=since("10.0.0"),
    service="octavia",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "availability_zone": string("Availability zone.", check("octavia.availabilityzone"), since("17.0.0")),
        "description": string("Text for people.", UPDATE, default=""),
        "flavor": string("Flavor, by name or id.", check("octavia.flavor"), since("14.0.0")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "provider": string("Provider."),
        "tenant_id": string("The project that owns it; administrators only.", check("keystone.project")),
        "vip_address": string("Virtual address.", check("ip_addr")),
        "vip_subnet": string(
            "Subnet of the virtual address, by name or id.", REQUIRED, check("neutron.subnet")
        ),
    },
    attributes={
        "flavor_id": string_attr("Id of the flavor."),
        "pools": list_attr("Pools."),
        "vip_address": string_attr("VIP address."),
        "vip_port_id": string_attr("Id of the VIP port."),
        "vip_subnet_id": string_attr("Id of the VIP subnet."),
    },
    translation=(
        by_name("vip_subnet", "neutron.subnet"),
        by_name("flavor", "octavia.flavor"),
    ),
)


TYPES = (
    LISTENER,
    LOAD_BALANCER,
)
