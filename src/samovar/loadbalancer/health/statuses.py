# SPDX-License-Identifier: Apache-2.0
"""Pure: from a tree and a heartbeat to the operating status of every object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..tree import Listener, Member, Pool, Tree
from .heartbeats import Heartbeat, MemberReport, PoolReport

__all__ = ["Statuses", "operating_statuses"]

Statuses = Mapping[str, dict[str, str]]
"""Table's short name → object id → operating status."""

WORST = ("ERROR", "DEGRADED", "DRAINING", "OFFLINE", "NO_MONITOR", "ONLINE")
MEMBER = (
    ("UP", "ONLINE"),
    ("DOWN", "ERROR"),
    ("DRAIN", "DRAINING"),
    ("MAINT", "OFFLINE"),
    ("NOLB", "DRAINING"),
)


def operating_statuses(tree: Tree, heartbeat: Heartbeat) -> Statuses:
    """What `heartbeat` says of the objects of `tree`."""
    listeners = {one.id: _listener(tree, one, heartbeat) for one in tree.listeners}
    reports: dict[str, list[PoolReport]] = {}
    for name, report in heartbeat.pools.items():
        reports.setdefault(name.partition(":")[0], []).append(report)
    pools: dict[str, str] = {}
    members: dict[str, str] = {}
    monitors: dict[str, str] = {}
    for pool in tree.pools:
        seen = reports.get(pool.id, ())
        inside = {member.id: _member(tree, pool, member, seen) for member in pool.members}
        members |= inside
        pools[pool.id] = _pool(tree, pool, seen, inside)
        if pool.monitor is not None:
            monitors[pool.monitor.id] = _enabled(pool.monitor.enabled)
    policies = {one.id: _enabled(one.enabled) for each in tree.listeners for one in each.policies}
    rules = {
        one.id: _enabled(one.enabled)
        for each in tree.listeners
        for policy in each.policies
        for one in policy.rules
    }
    whole = _whole(tree, listeners.values(), (pools[name] for name in reports if name in pools))
    return {
        "load_balancers": {tree.id: whole},
        "listeners": listeners,
        "pools": pools,
        "members": members,
        "health_monitors": monitors,
        "l7policies": policies,
        "l7rules": rules,
    }


def _enabled(enabled: bool) -> str:
    return "ONLINE" if enabled else "OFFLINE"


def _listener(tree: Tree, listener: Listener, heartbeat: Heartbeat) -> str:
    report = heartbeat.listeners.get(listener.id)
    if report is None:
        return "ERROR" if listener.enabled and tree.enabled and listener.status == "ACTIVE" else "OFFLINE"
    return "DEGRADED" if report.status == "FULL" else "ONLINE"


def _member(tree: Tree, pool: Pool, member: Member, seen: Iterable[PoolReport]) -> str:
    if not (member.enabled and pool.enabled and tree.enabled):
        return "OFFLINE"
    states = [_of_member(report.members[member.id]) for report in seen if member.id in report.members]
    monitored = pool.monitor is not None and pool.monitor.enabled
    if not states:
        return "OFFLINE" if monitored else "NO_MONITOR"
    worst = min(states, key=WORST.index)
    if worst in ("ONLINE", "NO_MONITOR") and member.weight == 0:
        return "DRAINING"
    return worst


def _of_member(report: MemberReport) -> str:
    if report.status.startswith("no check"):
        return "NO_MONITOR"
    return next((status for word, status in MEMBER if report.status.startswith(word)), "OFFLINE")


def _pool(tree: Tree, pool: Pool, seen: Iterable[PoolReport], inside: Mapping[str, str]) -> str:
    seen = list(seen)
    if not seen or not (pool.enabled and tree.enabled):
        return "OFFLINE"
    enabled = [inside[member.id] for member in pool.members if member.enabled]
    if enabled and all(report.status.startswith("DOWN") for report in seen) and "ERROR" in enabled:
        return "ERROR"
    return "DEGRADED" if "ERROR" in enabled else "ONLINE"


def _whole(tree: Tree, listeners: Iterable[str], pools: Iterable[str]) -> str:
    if not tree.enabled:
        return "OFFLINE"
    found = {*listeners, *pools}
    return next((status for status in ("ERROR", "DEGRADED") if status in found), "ONLINE")
