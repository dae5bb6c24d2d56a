# SPDX-License-Identifier: Apache-2.0
"""IP protocols by the names that security group rules use (IANA's numbers)."""

from __future__ import annotations

NUMBERS = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "icmp": 1,
    "icmpv6": 58,
    "igmp": 2,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "vrrp": 112,
}
ICMP, ICMPV6 = 1, 58
WITH_PORTS = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}
ONLY_IPV6 = {41, 43, 44, 58, 59, 60}


def number(protocol: str | None, ethertype: str) -> int | None:
    """The protocol's number (icmp means ICMPv6 in an IPv6 rule); None for any. Raises KeyError."""
    if protocol is None:
        return None
    found = int(protocol) if protocol.isdigit() else NUMBERS[protocol]
    if found > 255:
        raise KeyError(protocol)
    return ICMPV6 if found == ICMP and ethertype == "IPv6" else found


def filter_name(protocol: str | None, ethertype: str) -> str:
    """The protocol as the packet filter names it: "" for any."""
    found = number(protocol, ethertype)
    if found is None:
        return ""
    return {**WITH_PORTS, ICMP: "icmp", ICMPV6: "ipv6-icmp"}.get(found, str(found))
