# SPDX-License-Identifier: Apache-2.0
"""The rtnetlink messages that the agent sends: pure functions from what is wanted to bytes."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

__all__ = [
    "OURS",
    "Message",
    "add_address",
    "add_bridge",
    "add_route",
    "add_veth",
    "delete_address",
    "delete_link",
    "delete_route",
    "flush_connections",
    "forget_connection",
    "interface_header",
    "packed",
    "set_link",
    "text_attribute",
]

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
CT_GET, CT_DELETE = 1 << 8 | 1, 1 << 8 | 2
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_TUPLE_IP, CTA_IP_V4_DST = 1, 2, 1, 2
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NESTED = 0x8000
IFF_UP = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_NET_NS_FD = (
    *(1, 3, 4, 10),
    *(18, 20, 28),
)
INFO_KIND, INFO_DATA, VETH_PEER = 1, 2, 1
BRIDGE_MULTICAST_SNOOPING = 23
OURS = 83  # marks addresses (IFA_PROTO) and routes (rtm_protocol) as made by this agent
ONLINK = 4


class Message(NamedTuple):
    """A request; ``what`` completes the sentence "The kernel refused to …"."""

    kind: int
    flags: int
    body: bytes
    what: str


def attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def text_attribute(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def number_attribute(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def interface_header(index: int = 0, up: bool | None = None) -> bytes:
    """An ifinfomsg; ``up`` None leaves the interface's state alone."""
    return struct.pack("=BxHiII", 0, 0, index, IFF_UP if up else 0, IFF_UP if up is not None else 0)


def _link_fields(*, name: str = "", mac: str = "", mtu: int = 0, master: int = 0, alias: str = "") -> bytes:
    body = text_attribute(IFLA_IFNAME, name) if name else b""
    body += attribute(IFLA_ADDRESS, bytes.fromhex(mac.replace(":", ""))) if mac else b""
    body += number_attribute(IFLA_MTU, mtu) if mtu else b""
    body += number_attribute(IFLA_MASTER, master) if master else b""
    return body + (text_attribute(IFLA_IFALIAS, alias) if alias else b"")


def add_bridge(name: str, *, mac: str, mtu: int) -> Message:
    """A bridge, up, that floods multicast like a simple switch."""
    data = attribute(BRIDGE_MULTICAST_SNOOPING, b"\0")
    info = text_attribute(INFO_KIND, "bridge") + attribute(INFO_DATA | NESTED, data)
    body = interface_header(0, up=True) + _link_fields(name=name, mac=mac, mtu=mtu)
    body += attribute(IFLA_LINKINFO | NESTED, info)
    return Message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"make the bridge {name}")


def add_veth(
    name: str,
    peer: str,
    peer_namespace: int,
    *,
    mtu: int,
    master: int = 0,
    mac: str = "",
    peer_mac: str = "",
) -> Message:
    """A pair with both ends in their final places; this end up, the other not yet (the kernel refuses
    that).
    """
    other = interface_header(0, up=False)
    other += _link_fields(name=peer, mac=peer_mac, mtu=mtu)
    other += number_attribute(IFLA_NET_NS_FD, peer_namespace)
    data = attribute(VETH_PEER | NESTED, other)
    info = text_attribute(INFO_KIND, "veth") + attribute(INFO_DATA | NESTED, data)
    body = interface_header(0, up=True)
    body += _link_fields(name=name, mac=mac, mtu=mtu, master=master)
    body += attribute(IFLA_LINKINFO | NESTED, info)
    return Message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"make the interface {name}")


def set_link(
    link: int | str, *, up: bool | None = None, mtu: int = 0, master: int = 0, alias: str = ""
) -> Message:
    """Change an interface, by its index or name. (An alias is not taken when a link is made.)"""
    index, name = (link, "") if isinstance(link, int) else (0, link)
    body = interface_header(index, up) + _link_fields(name=name, mtu=mtu, master=master, alias=alias)
    return Message(RTM_SETLINK, 0, body, f"change the interface {link}")


def delete_link(index: int) -> Message:
    return Message(RTM_DELLINK, 0, interface_header(index), f"remove interface number {index}")


def add_address(index: int, address: str, prefixlen: int) -> Message:
    """IPv6 addresses are usable at once: who hands them out knows that they are unique (nodad)."""
    family, raw = packed(address)
    body = struct.pack("=BBBBi", family, prefixlen, 0, 0, index) + attribute(2, raw) + attribute(1, raw)
    if family == socket.AF_INET6:
        body += number_attribute(8, 0x02)
    body += attribute(11, bytes([OURS]))
    what = f"give the address {address}/{prefixlen} to interface number {index}"
    return Message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body, what)


def delete_address(index: int, address: str, prefixlen: int) -> Message:
    family, raw = packed(address)
    body = struct.pack("=BBBBi", family, prefixlen, 0, 0, index) + attribute(2, raw)
    return Message(RTM_DELADDR, 0, body, f"take the address {address} from interface number {index}")


def add_route(destination: str, *, nexthop: str = "", index: int = 0, metric: int = 0) -> Message:
    """A route of ours; with an ``index`` the next hop is taken to be on that link, whatever the addresses
    say.
    """
    body = _route(destination, nexthop, index, metric)
    way = f" by {nexthop}" if nexthop else ""
    return Message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, f"route {destination}{way}")


def delete_route(destination: str, *, nexthop: str = "", index: int = 0, metric: int = 0) -> Message:
    return Message(
        RTM_DELROUTE, 0, _route(destination, nexthop, index, metric), f"stop routing {destination}"
    )


def _route(destination: str, nexthop: str, index: int, metric: int) -> bytes:
    network, _, length = destination.partition("/")
    family, raw = packed(network)
    scope = 253 if not nexthop and family == socket.AF_INET else 0
    flags = ONLINK if nexthop and index else 0
    body = struct.pack("=BBBBBBBBI", family, int(length), 0, 0, 254, OURS, scope, 1, flags)
    body += attribute(1, raw) if int(length) else b""
    body += attribute(5, packed(nexthop)[1]) if nexthop else b""
    body += number_attribute(4, index) if index else b""
    return body + (number_attribute(6, metric) if metric else b"")


def flush_connections() -> Message:
    """Forget all tracked connections of the namespace (for a socket of the netfilter protocol)."""
    return Message(CT_DELETE, 0, bytes(4), "forget tracked connections")


def forget_connection(tuple_: bytes) -> Message:
    """Forget the tracked IPv4 connection that began with these addresses and ports, as a dump has them."""
    body = bytes((socket.AF_INET, 0, 0, 0)) + attribute(NESTED | CTA_TUPLE_ORIG, tuple_)
    return Message(CT_DELETE, 0, body, "forget a tracked connection")


def packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)
