# SPDX-License-Identifier: Apache-2.0
"""Pools, members and health monitors."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
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
    record,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

HEALTH_MONITOR = ResourceType(
    name="OS::Octavia::HealthMonitor",
    description="How the health of the members of a pool is checked.",
    support=since("10.0.0"),
    service="octavia",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "delay": integer("Seconds between two checks.", REQUIRED, UPDATE, at_least(0)),
        "expected_codes": string("HTTP codes that mean health.", UPDATE),
        "http_method": string(
            "HTTP method of the check.",
            UPDATE,
            allowed("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"),
        ),
        "max_retries": integer("Checks that must succeed.", REQUIRED, UPDATE, between(1, 10)),
        "pool": string("Pool, by name or id.", REQUIRED, check("octavia.pool")),
        "tenant_id": string("The project that owns it; administrators only."),
        "timeout": integer("How long to wait, in seconds.", REQUIRED, UPDATE, at_least(0)),
        "type": string("Its type.", REQUIRED, allowed("PING", "TCP", "HTTP", "HTTPS", "UDP-CONNECT")),
        "url_path": string("Path that is asked for.", UPDATE),
    },
    attributes={
        "pools": list_attr("Pools."),
    },
    translation=(by_name("pool", "octavia.pool"),),
)


POOL = ResourceType(
    name="OS::Octavia::Pool",
    description="The members that a listener shares traffic between.",
    support=since("10.0.0"),
    service="octavia",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "description": string("Text for people.", UPDATE, default=""),
        "lb_algorithm": string(
            "How traffic is shared.",
            REQUIRED,
            UPDATE,
            allowed("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"),
        ),
        "listener": string("Listener, by name or id.", check("octavia.listener")),
        "loadbalancer": string("Load balancer, by name or id.", check("octavia.loadbalancer")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "protocol": string(
            "Protocol.", REQUIRED, allowed("TCP", "HTTP", "HTTPS", "TERMINATED_HTTPS", "PROXY", "UDP")
        ),
        "session_persistence": record(
            "How a client stays with one member.",
            {
                "cookie_name": string("Name of the cookie."),
                "type": string("Its type.", REQUIRED, allowed("SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE")),
            },
            UPDATE,
        ),
        "tls_enabled": boolean("Whether TLS is on.", UPDATE, since("14.0.0"), default=False),
    },
    attributes={
        "healthmonitor_id": string_attr("Id of the healthmonitor."),
        "listeners": string_attr("Listeners."),
        "members": list_attr("Members.", UNCACHED),
    },
    translation=(
        by_name("listener", "octavia.listener"),
        by_name("loadbalancer", "octavia.loadbalancer"),
    ),
)


POOL_MEMBER = ResourceType(
    name="OS::Octavia::PoolMember",
    description="One server of a pool.",
    support=since("10.0.0"),
    service="octavia",
    properties={
        "address": string("Address.", REQUIRED, check("ip_addr")),
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "monitor_address": string("Address at which health is checked.", check("ip_addr")),
        "monitor_port": integer("Port at which health is checked.", between(1, 65535)),
        "pool": string("Pool, by name or id.", REQUIRED, check("octavia.pool")),
        "protocol_port": integer("Port of the protocol.", REQUIRED, between(1, 65535)),
        "subnet": string("Subnet, by name or id.", check("neutron.subnet")),
        "tags": items("Tags of the object.", UPDATE, since("13.0.0")),
        "weight": integer("Share of the traffic.", UPDATE, between(0, 256), default=1),
    },
    translation=(
        by_name("subnet", "neutron.subnet"),
        by_name("pool", "octavia.pool"),
    ),
)


TYPES = (
    HEALTH_MONITOR,
    POOL,
    POOL_MEMBER,
)
