# SPDX-License-Identifier: Apache-2.0
"""What the agent says to the kernel for UDP and SCTP, and how it checks members there."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samovar_amphora.checks import checksum
from samovar_amphora.datagrams import shares
from samovar_amphora.rules import eligible, probe, render

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
        [one, other], numbers.__getitem__, lambda _, name: numbers[name], lambda *_: True, lambda *_: 2
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


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 256)), min_size=1, max_size=12))
def test_who_has_fewest_for_its_weight_is_never_left_out(members: list[tuple[int, int]]) -> None:
    found = shares([many for many, _ in members], [weight for _, weight in members])
    assert 90 <= sum(found) <= 110 and min(found) >= 0
    fewest = min(range(len(members)), key=lambda at: members[at][0] / members[at][1])
    weights = sum(weight for _, weight in members)
    assert found[fewest] >= round(100 * members[fewest][1] / weights) - 1


def test_least_connections_by_hand() -> None:
    assert shares([40, 0], [1, 1]) == [0, 100]
    assert shares([10, 10], [1, 1]) == [50, 50]
    assert shares([30, 10], [3, 1]) == [75, 25]


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
