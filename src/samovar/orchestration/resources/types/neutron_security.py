# SPDX-License-Identifier: Apache-2.0
"""Security groups and their rules."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    between,
    boolean,
    by_name,
    check,
    integer,
    records,
    since,
    string,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

PROTOCOLS = allowed(
    *range(256),
    "ah",
    "dccp",
    "egp",
    "esp",
    "gre",
    "icmp",
    "icmpv6",
    "igmp",
    "ipv6-encap",
    "ipv6-frag",
    "ipv6-icmp",
    "ipv6-nonxt",
    "ipv6-opts",
    "ipv6-route",
    "ospf",
    "pgm",
    "rsvp",
    "sctp",
    "tcp",
    "udp",
    "udplite",
    "vrrp",
)

SECURITY_GROUP = ResourceType(
    name="OS::Neutron::SecurityGroup",
    description="A set of rules of the traffic that ports may receive and send.",
    support=since("2014.1"),
    service="neutron",
    entity="security_group",
    extension="security-group",
    properties={
        "description": string("Text for people.", UPDATE),
        "name": string("Name of the security group.", UPDATE),
        "rules": records(
            "Its rules; without an egress rule, all traffic out is allowed.",
            {
                "description": string("Text for people.", since("27.0.0")),
                "direction": string("ingress or egress.", allowed("ingress", "egress"), default="ingress"),
                "ethertype": string("IPv4 or IPv6.", allowed("IPv4", "IPv6"), default="IPv4"),
                "port_range_max": integer("Last port, or ICMP code.", between(0, 65535)),
                "port_range_min": integer("First port, or ICMP type.", between(0, 65535)),
                "protocol": string("Protocol, by name or number; any when left out.", PROTOCOLS),
                "remote_group_id": string(
                    "The other side, as a security group; this group itself when left out.",
                    check("neutron.security_group"),
                ),
                "remote_ip_prefix": string("The other side, as a network.", check("net_cidr")),
                "remote_mode": string(
                    "Whether the other side is a network or a security group.",
                    allowed("remote_ip_prefix", "remote_group_id"),
                    default="remote_ip_prefix",
                ),
            },
            UPDATE,
            default=[],
        ),
        "stateful": boolean("Whether answers are let through without a rule.", UPDATE, since("27.0.0")),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


SECURITY_GROUP_RULE = ResourceType(
    name="OS::Neutron::SecurityGroupRule",
    description="One rule of a security group.",
    support=since("7.0.0"),
    service="neutron",
    entity="security_group_rule",
    extension="security-group",
    properties={
        "description": string("Text for people."),
        "direction": string("ingress or egress.", allowed("ingress", "egress"), default="ingress"),
        "ethertype": string("IPv4 or IPv6.", allowed("IPv4", "IPv6"), default="IPv4"),
        "port_range_max": integer("Last port, or ICMP code.", between(0, 65535)),
        "port_range_min": integer("First port, or ICMP type.", between(0, 65535)),
        "protocol": string("Protocol, by name or number.", PROTOCOLS, default="tcp"),
        "remote_group": string(
            "The other side, as a security group, by name or id.", check("neutron.security_group")
        ),
        "remote_ip_prefix": string("The other side, as a network.", check("net_cidr")),
        "security_group": string("Security group, by name or id.", REQUIRED, check("neutron.security_group")),
    },
    translation=(
        by_name("security_group", "neutron.security_group"),
        by_name("remote_group", "neutron.security_group"),
    ),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
)
