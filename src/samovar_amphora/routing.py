# SPDX-License-Identifier: Apache-2.0
"""What the kernel has of addresses and rules, over rtnetlink (linux/rtnetlink.h, linux/fib_rules.h).

Starting a program for each of these questions costs more than all the rest of an amphora's network.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator

__all__ = ["Rule", "addresses", "rules"]

GET_ADDRESS, GET_RULE = 22, 34
ERROR, DONE = 2, 3
REQUEST_DUMP = 0x301
HEADER, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
ADDRESS_HEAD, RULE_HEAD = struct.Struct("=BBBBI"), struct.Struct("=BBBBBBBBI")
ADDRESS, LOCAL = 1, 2
SOURCE, PRIORITY, MARK, TABLE = 2, 6, 10, 15


class Rule:
    """One rule of routing: `source` is "" for all, `marked` whether it asks for a mark."""

    def __init__(self, priority: int, source: str, table: int, marked: bool) -> None:
        self.priority, self.source, self.table, self.marked = priority, source, table, marked


def addresses() -> dict[str, set[str]]:
    """Interface → its addresses, with the lengths of their prefixes."""
    names = dict(socket.if_nameindex())
    found: dict[str, set[str]] = {}
    for message in _dump(GET_ADDRESS, socket.AF_UNSPEC):
        family, length, _, _, index = ADDRESS_HEAD.unpack_from(message)
        values = _attributes(message, ADDRESS_HEAD.size)
        raw = values.get(LOCAL, values.get(ADDRESS, b""))
        if index in names and raw:
            found.setdefault(names[index], set()).add(f"{socket.inet_ntop(family, raw)}/{length}")
    return found


def rules(family: int) -> list[Rule]:
    """The rules of AF_INET or AF_INET6."""
    found = []
    for message in _dump(GET_RULE, family):
        head = RULE_HEAD.unpack_from(message)
        values = _attributes(message, RULE_HEAD.size)
        whole = head[2] == (128 if family == socket.AF_INET6 else 32)
        source = socket.inet_ntop(family, values[SOURCE]) if SOURCE in values and whole else ""
        table = _number(values[TABLE]) if TABLE in values else head[4]
        found.append(Rule(_number(values.get(PRIORITY, bytes(4))), source, table, MARK in values))
    return found


def _dump(kind: int, family: int) -> Iterator[bytes]:
    body = struct.pack("=B", family) + bytes(15)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.settimeout(5)
        link.sendto(HEADER.pack(HEADER.size + len(body), kind, REQUEST_DUMP, 1, 0) + body, (0, 0))
        while True:
            data, at = link.recv(1 << 17), 0
            while at + HEADER.size <= len(data):
                length, what, _, _, _ = HEADER.unpack_from(data, at)
                if what == DONE:
                    return
                message = data[at + HEADER.size : at + length]
                if what == ERROR:
                    problem = -struct.unpack_from("=i", message)[0]
                    raise OSError(problem, "the kernel does not tell of its routing")
                yield message
                at += (length + 3) & ~3


def _attributes(message: bytes, at: int) -> dict[int, bytes]:
    found = {}
    while at + ATTRIBUTE.size <= len(message):
        length, number = ATTRIBUTE.unpack_from(message, at)
        if length < ATTRIBUTE.size:
            break
        found[number & 0x3FFF] = message[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, sys.byteorder)
