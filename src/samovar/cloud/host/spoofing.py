# SPDX-License-Identifier: Apache-2.0
"""Anti-spoofing: a bridge table in the network's namespace; a port sends from its own addresses or not at
all. Pure.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from samovar.cloud.host.nft import Table
from samovar.cloud.host.specs import PortSpec

__all__ = ["link_local", "port_link", "spoofing_table"]

DECLARATIONS = """\
set allowed4 { type ifname . ether_addr . ipv4_addr; }
set allowed6 { type ifname . ether_addr . ipv6_addr; }
set known { type ifname . ether_addr; }
set unguarded { type ifname; }
"""
HOOK = """\
chain arriving {
type filter hook prerouting priority -200; policy accept;
iifname "r*" accept
iifname @unguarded accept
ether type ip udp sport 67 udp dport 68 drop
ether type ip6 icmpv6 type nd-router-advert drop
ether type arp iifname . ether saddr . arp saddr ip @allowed4 goto senders
ether type ip iifname . ether saddr . ip saddr @allowed4 accept
ether type ip6 iifname . ether saddr . ip6 saddr @allowed6 accept
iifname . ether saddr @known jump beginning
jump pairs
drop
}
"""
BEGINNING = """\
chain senders {
iifname . arp saddr ether . arp saddr ip @allowed4 accept
drop
}
chain beginning {
ether type arp arp saddr ip 0.0.0.0 accept
ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } accept
}
"""


def port_link(port_id: str) -> str:
    """The name of a port's end in its network's namespace."""
    return "p" + port_id.replace("-", "")[:11]


def link_local(mac: str) -> str:
    """The IPv6 link-local address that the kernel gives to an interface of this MAC (RFC 4291, A)."""
    raw = bytearray.fromhex(mac.replace(":", ""))
    raw[0] ^= 2
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes(raw[:3]) + b"\xff\xfe" + bytes(raw[3:])))


def spoofing_table(ports: Iterable[PortSpec]) -> Table:
    """The table for all ports of a network; "r…" links are routers' legs, whose traffic is others'."""
    entries: dict[str, set[str]] = {"allowed4": set(), "allowed6": set(), "known": set(), "unguarded": set()}
    pairs: set[str] = set()
    for port in ports:
        for where, entry in _entries(port):
            (pairs if where == "pairs" else entries[where]).add(entry)
    chain = "chain pairs {\n" + "".join(f"{line}\n" for line in sorted(pairs)) + "}\n"
    body = DECLARATIONS + chain + BEGINNING + HOOK
    return Table("bridge", "samovar", body, {name: frozenset(entry) for name, entry in entries.items()})


@functools.lru_cache(maxsize=4096)
def _entries(port: PortSpec) -> tuple[tuple[str, str], ...]:
    """What one port adds: the set's name and the element, or "pairs" and a rule."""
    link = port_link(port.id)
    if not port.port_security:
        return (("unguarded", f'"{link}"'),)
    found: list[tuple[str, str]] = []
    sources = [(port.mac, one.address) for one in port.fixed_ips] + [(port.mac, link_local(port.mac))]
    sources += [(pair.mac or port.mac, pair.address) for pair in port.allowed_address_pairs]
    for mac, source in sources:
        network = ipaddress.ip_network(source, strict=False)
        found.append(("known", f'"{link}" . {mac}'))
        if network.prefixlen == network.max_prefixlen:
            found.append((f"allowed{network.version}", f'"{link}" . {mac} . {network.network_address}'))
        else:
            found += [("pairs", rule) for rule in _pair_rules(link, mac, network)]
    return tuple(found)


def _pair_rules(link: str, mac: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[str]:
    """Rules for a pair that is a whole prefix. A prefix of length 0 is written as no condition at all."""
    start = f'iifname "{link}" ether saddr {mac}'
    if network.version == 6:
        condition = f" ip6 saddr {network}" if network.prefixlen else ""
        return [f"{start} ether type ip6{condition} accept"]
    source = f" ip saddr {network}" if network.prefixlen else ""
    sender = f" arp saddr ip {network}" if network.prefixlen else ""
    return [
        f"{start} ether type ip{source} accept",
        f"{start} ether type arp arp saddr ether {mac}{sender} accept",
    ]
