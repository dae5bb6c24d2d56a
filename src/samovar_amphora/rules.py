# SPDX-License-Identifier: Apache-2.0
"""Pure: listeners of UDP and SCTP as rules of nftables, so that no module of the kernel is needed for them.

    first datagram of a flow ─ before ─ choose_N: remembered member? else by the algorithm ─ mark ─ dnat
    every datagram of it     ─ restore: the flow's mark, by which it is routed ─ passing: counted ─ masquerade

The kernel's connection tracking keeps a flow at its member. A mark is MARK | listener << 16 | member, by
numbers that stay an object's own, so that what is remembered survives every new set of rules.
"""

from __future__ import annotations

import ipaddress
import itertools
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence

from .network import PASSING_MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Listener = Mapping[str, Any]
    Member = Mapping[str, Any]

__all__ = [
    "OF_LISTENER",
    "REFUSED",
    "TABLE",
    "CannotCarry",
    "eligible",
    "level",
    "mark",
    "probe",
    "render",
    "turns",
]

TABLE = "inet samovar_lb"
OF_LISTENER = PASSING_MARK | 0x3FFF0000
IDLE_SECONDS = 300
MOST_REMEMBERED = 65_535
MOST_TURNS = 256
# Members' refusals of clients' datagrams: kernels send few of them, and checks must not go without.
REFUSED = "refused"
REFUSALS = tuple(
    f"ct state related {kind} type destination-unreachable {kind} code port-unreachable "
    f"update @{REFUSED} {{ ct mark }}"
    for kind in ("icmp", "icmpv6")
)


class CannotCarry(Exception):
    """The kernel or the image of this amphora lacks what UDP and SCTP need; the message says what."""


def mark(listener: int, member: int = 0) -> int:
    return PASSING_MARK | listener << 16 | member


def probe(protocol: str) -> str:
    """Rules that need all that a listener of this protocol needs, to be tried without effect."""
    member = {"id": "m", "address": "192.0.2.2", "port": 1, "weight": 1, "enabled": True}
    pool = {"algorithm": "ROUND_ROBIN", "persistence": {"timeout": 1}, "members": [member]}
    listener = {"id": "l", "protocol": protocol, "port": 1, "vips": ["192.0.2.1"], "pool": pool}
    listener["connection_limit"] = 1
    return render([listener], lambda _: 1, lambda *_: 1, lambda *_: True, lambda _: ())


def eligible(pool: Mapping[str, Any], version: int, up: Callable[[Member], bool]) -> list[Member]:
    """The members of this IP version that take new flows: the spare ones only when there is no other."""
    can = [
        one
        for one in pool["members"]
        if one.get("enabled", True)
        and int(one["weight"]) > 0
        and ipaddress.ip_address(one["address"]).version == version
        and up(one)
    ]
    return [one for one in can if not one.get("backup")] or can


def render(
    listeners: Sequence[Listener],
    number: Callable[[str], int],
    member_number: Callable[[str, str], int],
    up: Callable[[Listener, Member], bool],
    order: Callable[[Listener], Sequence[str]],
) -> str:
    """The whole table. `order`: the members of a listener in the order in which new flows are theirs; empty
    where their weights say it."""
    objects: list[str] = []
    chains: list[str] = []
    before: list[str] = []
    idle: list[str] = []
    counted: list[str] = []
    for listener in listeners:
        mine = number(listener["id"])
        for name in ("in", "out", "new"):
            objects.append(f"counter {name}_{mine} {{ }}")
        counted.append(f"{mark(mine):#x} : jump count_{mine}")
        chains.append(_counting(mine, int(listener.get("connection_limit", -1))))
        for version in (4, 6):
            vips = [vip for vip in listener["vips"] if ipaddress.ip_address(vip).version == version]
            if not vips:
                continue
            arriving = f"{_word(version)} daddr {{ {', '.join(vips)} }} {_port(listener)}"
            before.append(f"{arriving} goto choose_{mine}_{version}")
            if listener["protocol"] == "UDP":
                idle.append(f'{arriving} ct timeout set "idle_{version}"')
            found, chain = _choosing(listener, version, mine, member_number, up, order)
            objects += found
            chains.append(chain)
    objects.append(f"set {REFUSED} {{ type mark; flags dynamic,timeout; timeout 3s; size 65535; }}")
    for version, word in ((4, "ip"), (6, "ip6")):
        policy = f"policy = {{ unreplied : {IDLE_SECONDS}, replied : {IDLE_SECONDS} }};"
        objects.append(f"ct timeout idle_{version} {{ protocol udp; l3proto {word}; {policy} }}")
    ours = f"ct mark and {PASSING_MARK:#x} != 0"
    chains += [
        _chain("before", "type nat hook prerouting priority dstnat;", before),
        _chain(
            "restore",
            "type filter hook prerouting priority mangle;",
            [f"{ours} meta mark set ct mark", *REFUSALS, *idle],
        ),
        _chain("after", "type nat hook postrouting priority srcnat;", [f"{ours} masquerade"]),
        _chain(
            "passing",
            "type filter hook forward priority -10;",
            [f"ct mark and {OF_LISTENER:#x} vmap {{ {', '.join(counted)} }}"] if counted else [],
        ),
    ]
    return f"table {TABLE} {{\n" + "\n".join([*objects, *chains]) + "\n}\n"


def _choosing(
    listener: Listener,
    version: int,
    mine: int,
    member_number: Callable[[str, str], int],
    up: Callable[[Listener, Member], bool],
    order: Callable[[Listener], Sequence[str]],
) -> tuple[list[str], str]:
    """A listener's memory, and the chain that gives the first datagram of a flow to a member."""
    word, name = _word(version), f"choose_{mine}_{version}"
    pool = listener.get("pool")
    lines = []
    cidrs = [one for one in listener.get("allowed_cidrs", ()) if (":" in one) is (version == 6)]
    if listener.get("allowed_cidrs"):
        lines.append(f"{word} saddr != {{ {', '.join(cidrs)} }} drop" if cidrs else "drop")
    members = eligible(pool, version, lambda one: up(listener, one)) if pool else []
    if not members:
        return [], _chain(name, "", lines)
    marks = {one["id"]: f"{mark(mine, member_number(listener['id'], one['id'])):#x}" for one in members}
    objects, memory = [], ""
    remembered = pool.get("persistence") if pool else None
    key = f"{word} saddr"
    if remembered is not None:
        timeout = int(remembered.get("timeout") or 360)
        granularity = remembered.get("granularity") or ""
        memory = f"sticky_{mine}_{version}_{timeout}_{re.sub('[^0-9]', '_', granularity)}"
        kind = "ipv4_addr" if version == 4 else "ipv6_addr"
        details = f"type {kind} : mark; flags dynamic,timeout; timeout {timeout}s; size {MOST_REMEMBERED};"
        objects.append(f"map {memory} {{ {details} }}")
        key += _masked(granularity, version)
        alive = ", ".join(
            f"{mark(mine, member_number(listener['id'], one['id'])):#x}"
            for one in (pool or {})["members"]
            if one.get("enabled", True) and up(listener, one)
        )
        lines.append(f"meta mark set {key} map @{memory}")
        lines.append(f"meta mark != {{ {alive} }} meta mark set 0")
    said = [member for member in order(listener) if member in marks]
    sequence = said or [members[at]["id"] for at in _by_weight([int(one["weight"]) for one in members])]
    slots, at = [], 0
    for member, same in itertools.groupby(sequence):
        last = at + len(list(same)) - 1
        slots.append(f"{at}-{last} : {marks[member]}" if last > at else f"{at} : {marks[member]}")
        at = last + 1
    by_source = pool is not None and pool["algorithm"] == "SOURCE_IP"
    how = f"jhash {word} saddr mod {at} seed 0x5a" if by_source else f"numgen inc mod {at}"
    lines.append(f"meta mark 0 meta mark set {how} map {{ {', '.join(slots)} }}")
    if remembered is not None:
        lines.append(f"update @{memory} {{ {key} : meta mark }}")
    everyone = (pool or {})["members"]
    targets = ", ".join(
        f"{mark(mine, member_number(listener['id'], one['id'])):#x} : {one['address']} . {int(one['port'])}"
        for one in everyone
        if ipaddress.ip_address(one["address"]).version == version
    )
    protocol = listener["protocol"].lower()
    lines += [
        f'counter name "new_{mine}"',
        "ct mark set meta mark",
        f"meta l4proto {protocol} dnat {word} to meta mark map {{ {targets} }}",
    ]
    return objects, _chain(name, "", lines)


def turns(flowing: Sequence[int], weights: Sequence[int], count: int) -> list[int]:
    """Whose turn it is, `count` times: each new flow goes to the one that has the fewest for its weight."""
    heights = [many / weight for many, weight in zip(flowing, weights, strict=True)]
    found = []
    for _ in range(count):
        at = heights.index(min(heights))
        found.append(at)
        heights[at] += 1 / weights[at]
    return found


def level(flowing: Sequence[int], weights: Sequence[int]) -> bool:
    """Whether each has as many flows for its weight as the others, to one flow."""
    heights = [(many, weight) for many, weight in zip(flowing, weights, strict=True)]
    lowest = min(((many + 1) / weight for many, weight in heights), default=0.0)
    return all(many / weight <= lowest + 1e-9 for many, weight in heights)


def _by_weight(weights: Sequence[int]) -> list[int]:
    """One round in which each member has as many turns as its weight says, well mixed."""
    if not any(weights):
        weights = [1] * len(weights)
    alive = [at for at, weight in enumerate(weights) if weight]
    common = math.gcd(*(weights[at] for at in alive))
    fewer = [weights[at] // common for at in alive]
    while sum(fewer) > MOST_TURNS:
        fewer = [max(weight // 2, 1) for weight in fewer]
    return [alive[at] for at in turns([0] * len(fewer), fewer, sum(fewer))]


def _counting(mine: int, limit: int) -> str:
    lines = [f"ct state new ct count over {limit} drop"] if limit > 0 else []
    lines += [
        f'ct direction original counter name "in_{mine}"',
        f'ct direction reply counter name "out_{mine}"',
    ]
    return _chain(f"count_{mine}", "", lines)


def _masked(granularity: str, version: int) -> str:
    """`granularity`: a netmask for IPv4, a prefix's length for IPv6."""
    if not granularity:
        return ""
    try:
        if version == 4 and "." in granularity:
            return f" and {ipaddress.IPv4Address(granularity)}"
        if version == 6 and granularity.isdigit():
            return f" and {ipaddress.IPv6Network(f'::/{granularity}').netmask}"
    except ValueError:
        return ""
    return ""


def _port(listener: Listener) -> str:
    return f"{str(listener['protocol']).lower()} dport {int(listener['port'])}"


def _word(version: int) -> str:
    return "ip" if version == 4 else "ip6"


def _chain(name: str, hook: str, lines: Collection[str]) -> str:
    return "\n".join([f"chain {name} {{", *([f"{hook} policy accept;"] if hook else []), *lines, "}"])
