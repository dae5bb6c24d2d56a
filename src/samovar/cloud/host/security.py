# SPDX-License-Identifier: Apache-2.0
"""Security groups as nftables: one table per interface, in the server's own namespace. Pure.

Stateful, and closed unless a rule opens: what answers a connection that was let through passes; DHCP,
neighbour discovery and the metadata address always do. What goes the way that a connection was begun is held
to the rules packet by packet, so that a rule that is withdrawn closes what it had let in, and nothing else
is interrupted. The same chains guard what the server forwards for others.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from samovar.cloud.host.errors import HostError
from samovar.cloud.host.nft import Table
from samovar.cloud.host.specs import PortSpec, RuleSpec

__all__ = ["PROTOCOLS", "security_table", "security_table_name"]

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
    "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip
WITH_PORTS = {6, 17, 33, 132, 136}
NEIGHBOURS = (
    "icmpv6 type { mld-listener-query, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
    "nd-neighbor-advert, mld2-listener-report } accept"
)
STATES = """ct state vmap { related : accept, invalid : drop }
ct state established ct direction reply accept"""


def security_table_name(interface: str) -> str:
    return f"samovar-{interface}"


def security_table(port: PortSpec, interface: str, groups: Mapping[str, tuple[str, ...]]) -> Table:
    """The table of ``port``, seen in its server as ``interface``; HostError "invalid" for a rule that
    cannot be.
    """
    used = sorted({rule.remote_group for rule in port.rules if rule.remote_group})
    declared: list[str] = []
    elements: dict[str, frozenset[str]] = {}
    for group in used:
        for version in (4, 6):
            declaration, members = _group_set(group, groups.get(group, ()), version)
            declared.append(declaration)
            if members is not None:
                elements[_set_name(group, version)] = members
    ingress = _compile(port.rules, "ingress")
    egress = _compile(port.rules, "egress")
    body = "\n".join(
        [
            *declared,
            "chain ingress {",
            STATES,
            "udp sport 67 udp dport 68 accept",
            "udp sport 547 udp dport 546 accept",
            NEIGHBOURS,
            *ingress,
            "drop",
            "}",
            "chain egress {",
            STATES,
            "udp sport 68 udp dport 67 accept",
            "udp sport 546 udp dport 547 accept",
            "ip daddr 169.254.169.254 tcp dport 80 accept",
            NEIGHBOURS,
            *egress,
            "drop",
            "}",
            # Before any translation of addresses: rules speak of what was sent, not of where it goes on to.
            _hook("arriving", "prerouting", -150, f'iifname "{interface}" goto ingress'),
            _hook("leaving", "output", 0, f'oifname "{interface}" goto egress'),
            _hook("passing_out", "forward", 1, f'oifname "{interface}" goto egress'),
            "",
        ]
    )
    return Table("inet", security_table_name(interface), body, elements)


def _hook(name: str, hook: str, priority: int, rule: str) -> str:
    return f"chain {name} {{\ntype filter hook {hook} priority {priority}; policy accept;\n{rule}\n}}"


def _compile(rules: Iterable[RuleSpec], direction: str) -> list[str]:
    lines = (_line(rule) for rule in _merged(rule for rule in rules if rule.direction == direction))
    return sorted({line for line in lines if line})


def _merged(rules: Iterable[RuleSpec]) -> Iterator[RuleSpec]:
    """Rules that differ in addresses alone are one: looking an address up takes as long among many."""
    alike: dict[RuleSpec, list[str]] = {}
    for rule in rules:
        if rule.remote_group or rule.remote_cidrs is None:
            yield rule
        else:
            alike.setdefault(msgspec.structs.replace(rule, remote_cidrs=()), []).extend(rule.remote_cidrs)
    for rule, cidrs in alike.items():
        yield msgspec.structs.replace(rule, remote_cidrs=tuple(sorted(set(cidrs))))


@functools.lru_cache(maxsize=4096)
def _line(rule: RuleSpec) -> str:
    version = 4 if rule.ethertype == "IPv4" else 6
    words = [f"meta nfproto ipv{version}"]
    side = ("ip" if version == 4 else "ip6") + (" saddr" if rule.direction == "ingress" else " daddr")
    if rule.remote_group:
        words.append(f"{side} @{_set_name(rule.remote_group, version)}")
    elif rule.remote_cidrs is not None:
        networks = _networks(rule.remote_cidrs, version)
        if not networks:
            return ""
        if all(network.prefixlen for network in networks):
            whole = ", ".join(map(str, ipaddress.collapse_addresses(networks)))  # type: ignore[type-var]
            words.append(f"{side} {{ {whole} }}")
    if rule.protocol:
        words.append(_protocol(rule, version))
    return " ".join(words) + " accept"


def _protocol(rule: RuleSpec, version: int) -> str:
    number = _protocol_number(rule.protocol)
    if number in (1, 58):
        number = 1 if version == 4 else 58
        family = "icmp" if version == 4 else "icmpv6"
        words = [f"meta l4proto {number}"]
        words += [f"{family} type {rule.port_min}"] if rule.port_min is not None else []
        words += [f"{family} code {rule.port_max}"] if rule.port_max is not None else []
        return " ".join(words)
    if number not in WITH_PORTS or (rule.port_min is None and rule.port_max is None):
        return f"meta l4proto {number}"
    low = 0 if rule.port_min is None else rule.port_min
    high = 65535 if rule.port_max is None else rule.port_max
    if not 0 <= low <= high <= 65535:
        raise HostError("invalid", f"A rule cannot open ports {low} to {high}.")
    return f"meta l4proto {number} th dport {low}" + (f"-{high}" if high != low else "")


def _protocol_number(protocol: str) -> int:
    if protocol.isdigit() and int(protocol) < 256:
        return int(protocol)
    if protocol not in PROTOCOLS:
        raise HostError("invalid", f"There is no protocol {protocol!r}: use a known name or a number to 255.")
    return PROTOCOLS[protocol]


def _networks(prefixes: Iterable[str], version: int) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        networks = (ipaddress.ip_network(prefix, strict=False) for prefix in sorted(set(prefixes)))
        return [network for network in networks if network.version == version]
    except ValueError as error:
        raise HostError("invalid", f"A rule's remote address is not one: {error}.") from None


@functools.lru_cache(maxsize=256)
def _group_set(group: str, prefixes: tuple[str, ...], version: int) -> tuple[str, frozenset[str] | None]:
    """The set of a group's members: its declaration, and its elements where they may change one by one."""
    members = _networks(prefixes, version)
    start = f"set {_set_name(group, version)} {{ type ipv{version}_addr;"
    if all(member.prefixlen == member.max_prefixlen for member in members):
        return f"{start} }}", frozenset(str(member.network_address) for member in members)
    # Intervals do not take single changes well: declare them whole.
    whole = ", ".join(map(str, ipaddress.collapse_addresses(members)))  # type: ignore[type-var]
    return f"{start} flags interval; elements = {{ {whole} }}; }}", None


def _set_name(group: str, version: int) -> str:
    return f"g{version}_{hashlib.sha256(group.encode()).hexdigest()[:12]}"
