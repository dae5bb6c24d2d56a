# SPDX-License-Identifier: Apache-2.0
"""Load balancing as templates of Neutron's days have it, made by today's load balancing service.

OS::Neutron::LBaaS::* are OS::Octavia::* by their older names. Of the four types before them the pool is the
load balancer: its VIP, a listener and the pool in one.
"""

from __future__ import annotations

from dataclasses import replace

from samovar.orchestration.resources.builders import (
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
    integer_attr,
    items,
    map_attr,
    moved,
    record,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType, Support
from samovar.orchestration.resources.types.octavia_loadbalancer import LISTENER, LOAD_BALANCER
from samovar.orchestration.resources.types.octavia_pool import HEALTH_MONITOR, POOL, POOL_MEMBER
from samovar.orchestration.resources.types.octavia_rules import L7_POLICY, L7_RULE

OLDEST = hidden("9.0.0", deprecated("7.0.0", since("2014.1")))
OLD_POOL = hidden("9.0.0", deprecated("7.0.0"))


def _older(declared: ResourceType, version: str) -> ResourceType:
    return replace(
        declared,
        name=declared.name.replace("OS::Octavia::", "OS::Neutron::LBaaS::"),
        support=hidden("21.0.0", since(version)),
        instead=declared.name,
    )


LBAAS_LISTENER = replace(
    _older(LISTENER, "6.0.0"),
    properties={
        **LISTENER.properties,
        "loadbalancer": string(
            "Load balancer, by name or id; the default pool's when left out.", check("octavia.loadbalancer")
        ),
    },
)

_UP = boolean("Whether it is administratively up.", UPDATE, default=True)


def _first(name: str, support: Support, description: str, instead: str) -> ResourceType:
    return ResourceType(
        name=name, description=description, support=support, service="octavia", instead=instead
    )


FIRST_POOL = replace(
    _first(
        "OS::Neutron::Pool",
        OLD_POOL,
        "A load balancer of the first kind: a virtual address and the pool behind it.",
        "OS::Octavia::LoadBalancer",
    ),
    properties={
        "admin_state_up": _UP,
        "description": string("Text for people.", UPDATE, default=""),
        "lb_method": string(
            "How traffic is shared.",
            REQUIRED,
            UPDATE,
            allowed("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"),
        ),
        "monitors": items("Health monitors of the pool; one at most.", UPDATE, of=string(), default=[]),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "protocol": string("Protocol.", REQUIRED, allowed("TCP", "HTTP", "HTTPS")),
        "provider": string("Provider."),
        "subnet": string("Subnet of the members, by name or id.", REQUIRED, check("neutron.subnet")),
        "subnet_id": string("Older spelling of subnet.", hidden("5.0.0", deprecated("2014.2"))),
        "vip": record(
            "The virtual address.",
            {
                "address": string("Address; any of the subnet when left out.", check("ip_addr")),
                "admin_state_up": boolean("Whether it is administratively up.", default=True),
                "connection_limit": integer("Connections at once; -1 for no limit."),
                "description": string("Text for people."),
                "name": string("Name."),
                "protocol_port": integer("Port that takes traffic.", REQUIRED, between(0, 65535)),
                "session_persistence": record(
                    "How a client stays with one member.",
                    {
                        "cookie_name": string("Name of the cookie."),
                        "type": string(
                            "Its type.", REQUIRED, allowed("SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE")
                        ),
                    },
                ),
                "subnet": string("Subnet of the address; the pool's when left out.", check("neutron.subnet")),
            },
            REQUIRED,
        ),
    },
    attributes={
        "admin_state_up": boolean_attr("Whether it is administratively up."),
        "description": string_attr("Text for people."),
        "lb_method": string_attr("How traffic is shared."),
        "name": string_attr("Its name."),
        "protocol": string_attr("Protocol."),
        "subnet_id": string_attr("Id of the subnet of the virtual address."),
        "tenant_id": string_attr("The project that owns it."),
        "vip": map_attr("The virtual address: address, protocol_port, port_id, subnet_id and more."),
    },
    translation=(
        moved("subnet", "subnet_id"),
        by_name("subnet", "neutron.subnet"),
        by_name("vip.subnet", "neutron.subnet"),
    ),
)

FIRST_MEMBER = replace(
    _first(
        "OS::Neutron::PoolMember",
        OLDEST,
        "One server of a pool of the first kind.",
        "OS::Octavia::PoolMember",
    ),
    properties={
        "address": string("Address.", REQUIRED, check("ip_addr")),
        "admin_state_up": _UP,
        "pool_id": string("Id of the pool.", REQUIRED),
        "protocol_port": integer("Port of the protocol.", REQUIRED, between(0, 65535)),
        "weight": integer("Share of the traffic.", UPDATE, between(0, 256)),
    },
    attributes={
        "address": string_attr("Its address."),
        "admin_state_up": boolean_attr("Whether it is administratively up."),
        "pool_id": string_attr("Id of its pool."),
        "protocol_port": integer_attr("Its port."),
        "tenant_id": string_attr("The project that owns it."),
        "weight": integer_attr("Share of the traffic."),
    },
)

FIRST_MONITOR = replace(
    _first(
        "OS::Neutron::HealthMonitor",
        OLD_POOL,
        "How the members of the pools that name it are checked.",
        "OS::Octavia::HealthMonitor",
    ),
    properties={
        "admin_state_up": _UP,
        "delay": integer("Seconds between two checks.", REQUIRED, UPDATE, between(0)),
        "expected_codes": string("HTTP codes that mean health.", UPDATE),
        "http_method": string("HTTP method of the check.", UPDATE),
        "max_retries": integer("Checks that must succeed.", REQUIRED, UPDATE, between(1, 10)),
        "timeout": integer("How long to wait, in seconds.", REQUIRED, UPDATE, between(0)),
        "type": string("Its type.", REQUIRED, allowed("PING", "TCP", "HTTP", "HTTPS")),
        "url_path": string("Path that is asked for.", UPDATE),
    },
    attributes={
        "admin_state_up": boolean_attr("Whether it is administratively up."),
        "delay": integer_attr("Seconds between two checks."),
        "expected_codes": string_attr("HTTP codes that mean health."),
        "http_method": string_attr("HTTP method of the check."),
        "max_retries": integer_attr("Checks that must succeed."),
        "timeout": integer_attr("How long to wait, in seconds."),
        "type": string_attr("Its type."),
        "url_path": string_attr("Path that is asked for."),
    },
)

FIRST_LOAD_BALANCER = replace(
    _first(
        "OS::Neutron::LoadBalancer",
        OLDEST,
        "Makes servers members of a pool of the first kind.",
        "OS::Octavia::PoolMember",
    ),
    properties={
        "members": items("Servers that share the traffic, by id.", UPDATE, of=string(), default=[]),
        "pool_id": string("Id of the pool.", REQUIRED, UPDATE),
        "protocol_port": integer("Port of the servers.", REQUIRED, between(0, 65535)),
    },
)

TYPES = (
    FIRST_LOAD_BALANCER,
    FIRST_MEMBER,
    FIRST_MONITOR,
    FIRST_POOL,
    LBAAS_LISTENER,
    _older(HEALTH_MONITOR, "6.0.0"),
    _older(L7_POLICY, "7.0.0"),
    _older(L7_RULE, "7.0.0"),
    _older(LOAD_BALANCER, "6.0.0"),
    _older(POOL, "6.0.0"),
    _older(POOL_MEMBER, "6.0.0"),
)
