# SPDX-License-Identifier: Apache-2.0
"""Speaking rtnetlink: one socket in one namespace, many messages in one datagram, an acknowledgement for
each.

Sources: rtnetlink(7), and the kernel's uapi headers if_link.h, if_addr.h, rtnetlink.h for the numbers.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from samovar.cloud.host.errors import HostError, kernel_refusal
from samovar.cloud.host.messages import (
    CT_GET,
    CTA_IP_V4_DST,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_REPLY,
    OURS,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    Message,
    interface_header,
    text_attribute,
)
from samovar.cloud.host.namespaces import Namespaces

__all__ = ["AddressEntry", "Link", "Netlink", "RouteEntry"]

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_ACK_TLVS = 1, 4, 0x300, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1
HEADER = struct.Struct("=IHHII")
IFF_UP = 1


class Link(Struct, frozen=True):
    """An interface. ``peer``: for a veth, the index of its other end in that end's namespace."""

    index: int
    name: str
    mac: str
    mtu: int
    up: bool
    master: int
    peer: int
    alias: str


class AddressEntry(Struct, frozen=True):
    """An address on an interface; ``ours`` = made by this agent."""

    index: int
    address: str
    prefixlen: int
    ours: bool


class RouteEntry(Struct, frozen=True):
    """A unicast route of the main table; ``nexthop`` "" = on the link itself."""

    destination: str
    nexthop: str
    index: int
    metric: int
    ours: bool


class Netlink:
    """A netlink socket in a namespace (None = the host's own). A context manager; use it from one thread."""

    def __init__(
        self, namespaces: Namespaces, name: str | None = None, *, protocol: int = NETLINK_ROUTE
    ) -> None:
        self.where = name or "the host"
        with namespaces.inside(name):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def run(self, *messages: Message, ignore: Sequence[int] = ()) -> None:
        """Send all; raise HostError for the first refused one whose errno is not in ``ignore``."""
        for start in range(0, len(messages), 64):
            self._run(messages[start : start + 64], ignore)

    def links(self) -> dict[str, Link]:
        """All interfaces, by name."""
        found = (_link(body) for body in self._dump(RTM_GETLINK, interface_header()))
        return {link.name: link for link in found}

    def link(self, name: str) -> Link | None:
        """One interface, or None."""
        body = interface_header() + text_attribute(3, name)
        try:
            for kind, payload in self._talk(RTM_GETLINK, NLM_F_REQUEST, body):
                if kind != NLMSG_ERROR:
                    return _link(payload)
                if error := -_errno(payload):
                    raise OSError(error, os.strerror(error))
        except OSError as error:
            if error.errno == 19:  # ENODEV
                return None
            raise kernel_refusal(f"show the interface {name} in {self.where}", error) from None
        return None

    def addresses(self) -> list[AddressEntry]:
        """All addresses of all interfaces, link-local ones included."""
        found = []
        for body in self._dump(RTM_GETADDR, bytes(8)):
            family, length, _, _, index = struct.unpack_from("=BBBBi", body)
            fields = _attributes(body, 8)
            raw = fields.get(2) or fields.get(1, b"")
            found.append(AddressEntry(index, _text(family, raw), length, fields.get(11) == bytes([OURS])))
        return found

    def routes(self) -> list[RouteEntry]:
        """The main table's unicast routes, of both families."""
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            for body in self._dump(RTM_GETROUTE, bytes([family]) + bytes(11)):
                _, length, _, _, table, protocol, _, kind = struct.unpack_from("=BBBBBBBB", body)
                if table != 254 or kind != 1:
                    continue
                fields = _attributes(body, 12)
                nothing = bytes(4 if family == socket.AF_INET else 16)
                destination = f"{_text(family, fields.get(1, nothing))}/{length}"
                nexthop = _text(family, fields[5]) if 5 in fields else ""
                index, metric = _number(fields.get(4)), _number(fields.get(6))
                found.append(RouteEntry(destination, nexthop, index, metric, protocol == OURS))
        return found

    def connections_to(self, addresses: Collection[str]) -> list[bytes]:
        """Tracked IPv4 connections that were begun to one of the addresses, or whose answers go there.

        Each as `forget_connection` wants it. For a socket of the netfilter protocol.
        """
        wanted = {socket.inet_aton(address) for address in addresses}
        found = []
        for body in self._dump(CT_GET, bytes((socket.AF_INET, 0, 0, 0))):
            fields = _attributes(body, 4)
            ends = (_attributes(fields[kind], 0)[CTA_TUPLE_IP] for kind in (CTA_TUPLE_ORIG, CTA_TUPLE_REPLY))
            if any(_attributes(end, 0)[CTA_IP_V4_DST] in wanted for end in ends):
                found.append(fields[CTA_TUPLE_ORIG])
        return found

    def _run(self, messages: Sequence[Message], ignore: Sequence[int]) -> None:
        first = self._sequence + 1
        parts = []
        for message in messages:
            self._sequence += 1
            size = HEADER.size + len(message.body)
            parts.append(
                HEADER.pack(size, message.kind, message.flags | NLM_F_REQUEST | NLM_F_ACK, self._sequence, 0)
            )
            parts.append(message.body + bytes(-len(message.body) % 4))
        self._socket.send(b"".join(parts))
        refused: HostError | None = None
        waiting = len(messages)
        while waiting:
            for kind, flags, sequence, payload in self._receive():
                if kind != NLMSG_ERROR or sequence < first:
                    continue
                waiting -= 1
                number = -_errno(payload)
                if number and number not in ignore and refused is None:
                    words = _extended(flags, payload) or os.strerror(number)
                    what = f"{messages[sequence - first].what} in {self.where}"
                    refused = kernel_refusal(what, OSError(number, words))
        if refused is not None:
            raise refused

    def _dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        for answer, payload in self._talk(kind, NLM_F_REQUEST | NLM_F_DUMP, body):
            if answer == NLMSG_ERROR:
                number = -_errno(payload)
                raise kernel_refusal(f"list what is in {self.where}", OSError(number, os.strerror(number)))
            yield payload

    def _talk(self, kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Ask one question; the answers until the last."""
        self._sequence += 1
        self._socket.send(HEADER.pack(HEADER.size + len(body), kind, flags, self._sequence, 0) + body)
        while True:
            for answer, _, sequence, payload in self._receive():
                if sequence != self._sequence:
                    continue
                if answer == NLMSG_DONE:
                    return
                yield answer, payload
                if not flags & NLM_F_DUMP:
                    return

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        data = self._socket.recv(1 << 18)
        offset = 0
        while offset < len(data):
            size, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
            yield kind, flags, sequence, data[offset + HEADER.size : offset + size]
            offset += (size + 3) & ~3


def _attributes(body: bytes, offset: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while offset + 4 <= len(body):
        size, kind = struct.unpack_from("=HH", body, offset)
        if size < 4:
            break
        found[kind & 0x3FFF] = body[offset + 4 : offset + size]
        offset += (size + 3) & ~3
    return found


def _link(body: bytes) -> Link:
    index, flags = struct.unpack_from("=iI", body, 4)
    fields = _attributes(body, 16)
    return Link(
        index=index,
        name=fields[3].rstrip(b"\0").decode(),
        mac=fields.get(1, b"").hex(":"),
        mtu=_number(fields.get(4)),
        up=bool(flags & IFF_UP),
        master=_number(fields.get(10)),
        peer=_number(fields.get(5)),
        alias=fields.get(20, b"").rstrip(b"\0").decode(),
    )


def _number(raw: bytes | None) -> int:
    value: int = struct.unpack("=I", raw)[0] if raw else 0
    return value


def _text(family: int, raw: bytes) -> str:
    return socket.inet_ntop(family, raw)


def _errno(payload: bytes) -> int:
    number: int = struct.unpack_from("=i", payload)[0]
    return number


def _extended(flags: int, payload: bytes) -> str:
    """The kernel's own words about a refusal, where it gives any."""
    if not flags & NLM_F_ACK_TLVS:
        return ""
    return _attributes(payload, 20).get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode(errors="replace")
