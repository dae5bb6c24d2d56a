# SPDX-License-Identifier: Apache-2.0
"""Pure: the listeners of a tree that are not HAProxy's, as an amphora's agent is told of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from .tree import HealthMonitor, Listener, Member, Pool, Tree

__all__ = ["PROTOCOLS", "datagrams"]

PROTOCOLS = frozenset({"UDP", "SCTP"})
ALGORITHMS = frozenset({"ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"})


def datagrams(tree: Tree) -> tuple[Mapping[str, Any], dict[str, str]]:
    """What the agent shall pass on, and what it cannot: object id → why."""
    broken: dict[str, str] = {}
    listeners = [
        _listener(tree, listener, broken)
        for listener in tree.listeners
        if tree.enabled and listener.enabled and listener.protocol in PROTOCOLS
    ]
    return {"listeners": listeners}, broken


def _listener(tree: Tree, listener: Listener, broken: dict[str, str]) -> dict[str, Any]:
    pool = tree.pool(listener.default_pool_id)
    if pool is not None and pool.algorithm not in ALGORITHMS:
        broken[pool.id] = f"Pool {pool.name or pool.id}: datagrams cannot be balanced by {pool.algorithm}."
        pool = None
    versions: set[int] = {ipaddress.ip_address(vip.address).version for vip in tree.vips}
    return {
        "id": listener.id,
        "protocol": listener.protocol,
        "port": listener.port,
        "vips": [vip.address for vip in tree.vips],
        "allowed_cidrs": [str(ipaddress.ip_network(one, strict=False)) for one in listener.allowed_cidrs],
        "connection_limit": listener.connection_limit,
        "pool": None if pool is None or not pool.enabled else _pool(pool, versions, broken),
    }


def _pool(pool: Pool, versions: set[int], broken: dict[str, str]) -> dict[str, Any]:
    members = []
    for member in pool.members:
        if ipaddress.ip_address(member.address).version in versions:
            members.append(_member(member))
        else:
            broken[member.id] = f"Member {member.name or member.id}: datagrams stay within one version of IP."
    kept = pool.persistence
    return {
        "id": pool.id,
        "algorithm": pool.algorithm,
        "persistence": None
        if kept is None
        else {"timeout": kept.timeout or 360, "granularity": kept.granularity or ""},
        "members": members,
        "monitor": _monitor(pool.monitor) if pool.monitor is not None and pool.monitor.enabled else None,
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "address": str(ipaddress.ip_address(member.address)),
        "port": member.port,
        "weight": member.weight,
        "enabled": member.enabled,
        "backup": member.backup,
        "monitor_address": member.monitor_address and str(ipaddress.ip_address(member.monitor_address)),
        "monitor_port": member.monitor_port,
    }


def _monitor(monitor: HealthMonitor) -> dict[str, Any]:
    return {
        "type": monitor.type,
        "delay": monitor.delay,
        "timeout": monitor.timeout,
        "rise": monitor.rise,
        "fall": monitor.fall,
        "http_method": monitor.http_method,
        "url_path": monitor.url_path,
        "expected_codes": monitor.expected_codes,
        "domain_name": monitor.domain_name,
    }
