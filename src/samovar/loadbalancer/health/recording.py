# SPDX-License-Identifier: Apache-2.0
"""Writing down what heartbeats say: statuses where they changed, counters where they moved."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, insert, select, update

from .. import tables
from .heartbeats import Heartbeat
from .statuses import Statuses

__all__ = ["write_counters", "write_report", "write_statuses"]

TABLES: Mapping[str, Table] = {
    "load_balancers": tables.load_balancers,
    "listeners": tables.listeners,
    "pools": tables.pools,
    "members": tables.members,
    "health_monitors": tables.health_monitors,
    "l7policies": tables.l7policies,
    "l7rules": tables.l7rules,
}
COUNTED = ("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors")


def write_statuses(connection: Connection, lb_id: str, statuses: Statuses) -> int:
    """Bring the operating statuses of a load balancer's objects up to date; how many were others."""
    changed = 0
    for name, wanted in statuses.items():
        table = TABLES[name]
        here = table.c.id == lb_id if table is tables.load_balancers else table.c.load_balancer_id == lb_id
        query = select(table.c.id, table.c.operating_status).where(here)
        known = {row[0]: row[1] for row in connection.execute(query).all()}
        for identity, status in wanted.items():
            if identity in known and known[identity] != status:
                change = update(table).where(table.c.id == identity)
                connection.execute(change.values(operating_status=status))
                changed += 1
    return changed


def write_report(
    connection: Connection, lb_id: str, heartbeat: Heartbeat, heard_at: datetime.datetime
) -> None:
    """Keep what the amphora said of itself, for whoever asks why."""
    table = tables.reports
    values = {
        "load_balancer_id": lb_id,
        "heard_at": heard_at,
        "epoch": heartbeat.epoch,
        "vrrp": heartbeat.vrrp[:16],
        "configuration": heartbeat.configuration[:128],
        "listeners": {name: one.status for name, one in heartbeat.listeners.items()},
        "pools": {name: msgspec.to_builtins(one.members) for name, one in heartbeat.pools.items()},
    }
    changed = connection.execute(
        update(table).where(table.c.amphora_id == heartbeat.id).values(**values)
    ).rowcount
    if not changed:
        connection.execute(insert(table).values(amphora_id=heartbeat.id, **values))


def write_counters(connection: Connection, lb_id: str, heartbeat: Heartbeat) -> None:
    """What passed through each listener on this amphora, as absolute numbers: repeating it is harmless."""
    table = tables.statistics
    known = {
        row["listener_id"]: row
        for row in connection.execute(select(table).where(table.c.amphora_id == heartbeat.id)).mappings()
    }
    listeners = tables.listeners.c
    query = select(listeners.id).where(listeners.load_balancer_id == lb_id)
    alive = set(connection.execute(query).scalars())
    for listener_id, report in heartbeat.listeners.items():
        if listener_id not in alive:
            continue
        values: dict[str, Any] = {name: int(report.stats.get(name, 0)) for name in COUNTED}
        row = known.get(listener_id)
        if row is None:
            key = {"listener_id": listener_id, "amphora_id": heartbeat.id, "load_balancer_id": lb_id}
            connection.execute(insert(table).values(**key, **values))
        elif any(row[name] != value for name, value in values.items()):
            mine = (table.c.listener_id == listener_id, table.c.amphora_id == heartbeat.id)
            connection.execute(update(table).where(*mine).values(**values))
