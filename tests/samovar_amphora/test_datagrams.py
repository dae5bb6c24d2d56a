# SPDX-License-Identifier: Apache-2.0
"""What the agent says to the kernel for UDP and SCTP, and how it checks members there."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samovar_amphora.checks import check, checksum
from samovar_amphora.datagrams import turned
from samovar_amphora.rules import eligible, level, probe, render, turns

from .conftest import SOURCE

# A member that speaks as much SCTP as a check needs, from a raw socket on loopback; then the check.
ASSOCIATION = """
import os, socket, struct, subprocess, sys, threading
sys.path.insert(0, {source!r})
from samovar_amphora.checks import _packet, check
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
server.bind(("127.0.0.1", 0))
def answer():
    while True:
        data, peer = server.recvfrom(4096)
        data = data[20:]
        source, port = struct.unpack_from(">HH", data)
        if port == 4000 and data[12] == 1:
            body = struct.pack(">BBH4sIHHI", {answer}, 0, 20, os.urandom(4), 65536, 1, 1, 1)
            server.sendto(_packet(port, source, data[16:20], body), peer)
threading.Thread(target=answer, daemon=True).start()
print(check({{"type": "SCTP", "timeout": 0.5}}, "127.0.0.1", int(sys.argv[1])))
"""


def listener(**given: Any) -> dict[str, Any]:
    return {"id": "l", "protocol": "UDP", "port": 53, "vips": ["10.0.0.9", "fd00::9"], **given}


def member(name: str, **given: Any) -> dict[str, Any]:
    return {"id": name, "address": "10.1.0.1", "port": 53, "weight": 1, "enabled": True, **given}


@pytest.mark.kernel
@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
def test_this_kernel_takes_the_rules(protocol: str) -> None:
    command = ["unshare", "--net", "nft", "-f", "-"]
    full = {
        "algorithm": "SOURCE_IP",
        "persistence": {"timeout": 60, "granularity": "255.255.0.0"},
        "members": [
            member("a", weight=3),
            member("b", address="fd00::1", backup=True),
            member("c", weight=0),
        ],
    }
    cidrs = ["10.0.0.0/8", "fd00::/8"]
    one = listener(protocol=protocol, pool=full, allowed_cidrs=cidrs, connection_limit=5)
    other = {**listener(protocol=protocol, pool=None), "id": "k"}
    numbers = {"l": 1, "k": 2, "a": 1, "b": 2, "c": 3}
    whole = render(
        [one, other], numbers.__getitem__, lambda _, name: numbers[name], lambda *_: True, lambda _: ()
    )
    for text in (probe(protocol), whole, "add table inet samovar_lb\nflush table inet samovar_lb\n" + whole):
        ran = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr + text


def test_spare_members_wait_until_no_other_is_left() -> None:
    first, spare, off = member("a"), member("b", backup=True), member("c", enabled=False)
    pool = {"members": [first, spare, off, member("d", weight=0), member("e", address="fd00::1")]}
    assert eligible(pool, 4, lambda _: True) == [first]
    assert eligible(pool, 4, lambda one: one is not first) == [spare]
    assert eligible(pool, 4, lambda _: False) == []


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 256)), min_size=1, max_size=12))
def test_each_new_flow_goes_to_who_has_fewest_for_its_weight(members: list[tuple[int, int]]) -> None:
    many, weights = [one for one, _ in members], [one for _, one in members]
    for at in turns(many, weights, 64):
        assert (
            many[at] / weights[at]
            <= min(each / weight for each, weight in zip(many, weights, strict=True)) + 1e-6
        )
        many[at] += 1


def test_turns_by_hand() -> None:
    assert turns([3, 0], [1, 1], 7) == [1, 1, 1, 0, 1, 0, 1]
    assert turns([0, 0], [3, 1], 8) == [0, 1, 0, 0, 0, 1, 0, 0]
    assert level([4, 5], [1, 1]) and level([0, 0, 1], [1, 1, 1]) and not level([3, 5], [1, 1])


def test_nothing_is_said_of_turns_while_the_flows_are_even() -> None:
    """New rules begin the round anew: what came while they were written would be counted by nobody."""
    members = (("a", 1), ("b", 1))
    first = turned(None, members, [3, 2])
    assert first.names == ()
    assert turned(first, members, [9, 10]) is first
    uneven = turned(first, members, [9, 12])
    assert uneven.names[:5] == ("a", "a", "a", "a", "b")
    assert turned(uneven, members, [9, 12]) is uneven
    even = turned(uneven, members, [12, 12])
    assert even.names[:4] == ("a", "b", "a", "b")
    assert turned(even, members, [20, 20]) is even
    more = (*members, ("c", 1))
    assert turned(even, more, [1, 0, 0]).names == ()


def test_weights_take_turns_well_mixed() -> None:
    pool = {"algorithm": "ROUND_ROBIN", "members": [member("a", weight=200), member("b", weight=100)]}
    numbers = {"l": 1, "a": 1, "b": 2}
    one = listener(pool=pool, vips=["10.0.0.9"])
    text = render([one], numbers.__getitem__, lambda _, name: numbers[name], lambda *_: True, lambda _: ())
    assert "numgen inc mod 3 map" in text


def test_the_checksum_is_the_one_of_the_rfc() -> None:
    assert checksum(b"123456789") == 0xE3069283


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("answer", "port", "expected"),
    [
        (2, 4000, "(True, 'it takes associations')"),
        (6, 4000, "(False, 'it refuses associations')"),
        (2, 4001, "(False, 'no answer within 0.5 s')"),
    ],
)
def test_sctp_is_checked_without_the_kernel_knowing_it(answer: int, port: int, expected: str) -> None:
    program = ASSOCIATION.format(source=str(SOURCE), answer=answer)
    command = ["unshare", "--net", sys.executable, "-c", program, str(port)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == expected, ran.stderr


def test_a_timeout_of_nothing_is_no_haste() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        good, words = check({"type": "TCP", "timeout": 0, "delay": 0}, *server.getsockname())
    assert good, words
