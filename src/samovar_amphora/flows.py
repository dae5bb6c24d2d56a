# SPDX-License-Identifier: Apache-2.0
"""Flows that the kernel tracks, by their marks, over netlink (linux/netfilter/nfnetlink_conntrack.h)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

__all__ = ["count", "end"]

NETLINK_NETFILTER = 12
GET, DELETE = 0x101, 0x102
REQUEST, ACKNOWLEDGE, DUMP = 1, 4, 0x300
MARK, MASK = 8, 21
ERROR, DONE = 2, 3
HEADER, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
WHOLE = 0xFFFFFFFF


def count(mark: int, mask: int) -> dict[int, int]:
    """How many flows there are of each mark that agrees with `mark` in `mask`."""
    found: dict[int, int] = {}
    for message in _ask(GET, REQUEST | DUMP, mark, mask):
        one = _mark_of(message)
        if one is not None and one & mask == mark & mask:
            found[one] = found.get(one, 0) + 1
    return found


def end(mark: int, mask: int = WHOLE) -> None:
    """Forget the flows of this mark: what comes next of them is a new flow. Raises OSError."""
    for _ in _ask(DELETE, REQUEST | ACKNOWLEDGE, mark, mask):
        pass


def _ask(kind: int, flags: int, mark: int, mask: int) -> Iterator[bytes]:
    body = struct.pack("=BBH", 0, 0, 0)
    for number, value in ((MARK, mark), (MASK, mask)):
        body += ATTRIBUTE.pack(8, number) + struct.pack(">I", value)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as link:
        link.settimeout(5)
        link.sendto(HEADER.pack(HEADER.size + len(body), kind, flags, 1, 0) + body, (0, 0))
        while True:
            data, at = link.recv(1 << 17), 0
            while at + HEADER.size <= len(data):
                length, what, _, _, _ = HEADER.unpack_from(data, at)
                message = data[at + HEADER.size : at + length]
                at += (length + 3) & ~3
                if what == ERROR:
                    problem = -struct.unpack_from("=i", message)[0]
                    if problem and problem != 2:  # none there is none to end
                        raise OSError(problem, "the kernel refused to end flows")
                    return
                if what == DONE:
                    return
                yield message


def _mark_of(message: bytes) -> int | None:
    at = 4
    while at + ATTRIBUTE.size <= len(message):
        length, number = ATTRIBUTE.unpack_from(message, at)
        if length < ATTRIBUTE.size:
            return None
        if number & 0x3FFF == MARK:
            return int(struct.unpack_from(">I", message, at + 4)[0])
        at += (length + 3) & ~3
    return None
