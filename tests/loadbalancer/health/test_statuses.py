# SPDX-License-Identifier: Apache-2.0
"""What users are shown of what amphorae report."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from samovar.loadbalancer.health import Heartbeat, operating_statuses
from samovar.loadbalancer.health.heartbeats import ListenerReport, MemberReport, PoolReport
from samovar.loadbalancer.tree import Tree

from ..haproxy.trees import identity, listener, member, monitor, policy, pool, rule, tree, trees

WEB, FRONT, LB = identity("web"), identity("listener"), identity("lb")


def heartbeat(*members: str, listeners: str = "OPEN", backend: str = "UP") -> Heartbeat:
    reports = {identity(f"m{number}"): MemberReport(status) for number, status in enumerate(members, 1)}
    return Heartbeat(
        id="a",
        epoch=1,
        seq=1,
        listeners={FRONT: ListenerReport(listeners)} if listeners else {},
        pools={f"{WEB}:{FRONT}": PoolReport(backend, reports)},
    )


def site(**given: Any) -> Tree:
    first = member("m1", **given.pop("first", {}))
    web = pool("web", first, member("m2", "10.0.0.12"), **({"monitor": monitor()} | given))
    return tree(listener(default_pool_id=web.id), pools=(web,))


def test_all_is_well() -> None:
    found = operating_statuses(site(), heartbeat("UP", "UP 1/2"))
    assert {status for each in found.values() for status in each.values()} == {"ONLINE"}


def test_one_member_down_degrades_what_is_above() -> None:
    found = operating_statuses(site(), heartbeat("UP", "DOWN 1/2"))
    assert found["members"] == {identity("m1"): "ONLINE", identity("m2"): "ERROR"}
    assert found["pools"] == {WEB: "DEGRADED"} and found["load_balancers"] == {LB: "DEGRADED"}
    assert found["listeners"] == {FRONT: "ONLINE"}


def test_all_members_down_is_an_error() -> None:
    found = operating_statuses(site(), heartbeat("DOWN", "DOWN", backend="DOWN"))
    assert found["pools"] == {WEB: "ERROR"} and found["load_balancers"] == {LB: "ERROR"}


@pytest.mark.parametrize(
    ("report", "status"),
    [("MAINT", "OFFLINE"), ("DRAIN", "DRAINING"), ("no check", "NO_MONITOR"), ("NOLB 1/1", "DRAINING")],
)
def test_members_by_what_haproxy_says(report: str, status: str) -> None:
    assert operating_statuses(site(), heartbeat(report, "UP"))["members"][identity("m1")] == status


def test_weight_zero_is_draining_and_disabled_is_offline() -> None:
    assert (
        operating_statuses(site(first={"weight": 0}), heartbeat("UP", "UP"))["members"][identity("m1")]
        == "DRAINING"
    )
    off = operating_statuses(site(first={"enabled": False}), heartbeat("MAINT", "UP"))
    assert off["members"][identity("m1")] == "OFFLINE" and off["pools"] == {WEB: "ONLINE"}


def test_what_no_report_speaks_of() -> None:
    unused = tree(pools=(pool("web", member("m1")),))
    found = operating_statuses(unused, Heartbeat(id="a", epoch=1, seq=1))
    assert found["pools"] == {WEB: "OFFLINE"} and found["members"] == {identity("m1"): "NO_MONITOR"}
    assert found["load_balancers"] == {LB: "ONLINE"}
    assert operating_statuses(site(), heartbeat("UP", "UP", listeners=""))["listeners"] == {FRONT: "ERROR"}
    assert operating_statuses(site(), heartbeat("UP", "UP", listeners="FULL"))["listeners"] == {
        FRONT: "DEGRADED"
    }


def test_policies_and_rules_are_what_their_users_say() -> None:
    held = policy("policy", rule("rule", enabled=False))
    found = operating_statuses(tree(listener(policies=(held,))), Heartbeat(id="a", epoch=1, seq=1))
    assert found["l7policies"] == {held.id: "ONLINE"} and found["l7rules"] == {identity("rule"): "OFFLINE"}


@given(trees())
def test_every_object_gets_a_status(given_tree: Tree) -> None:
    found = operating_statuses(given_tree, Heartbeat(id="a", epoch=1, seq=1))
    assert found["listeners"].keys() == {one.id for one in given_tree.listeners}
    assert found["members"].keys() == {one.id for each in given_tree.pools for one in each.members}
