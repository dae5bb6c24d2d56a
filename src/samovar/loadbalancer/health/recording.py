# SPDX-License-Identifier: Apache-2.0
"""Writing down what heartbeats say: statuses where they changed, counters where they moved."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from .. import tables
from .heartbeats import Heartbeat
from .statuses import Statuses

__all__ = ["insert_unless_there", "write_counters", "write_report", "write_statuses"]

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
        insert_unless_there(connection, table, [{"amphora_id": heartbeat.id, **values}])


def write_counters(connection: Connection, told: Sequence[tuple[str, Heartbeat]]) -> None:
    """What passed through each listener on these amphorae, as absolute numbers: repeating it is harmless.
    `told`: load balancer and heartbeat."""
    table, listeners = tables.statistics, tables.listeners.c
    of_amphorae = table.c.amphora_id.in_([heartbeat.id for _, heartbeat in told])
    known = {
        (row["amphora_id"], row["listener_id"]): row
        for row in connection.execute(select(table).where(of_amphorae)).mappings()
    }
    of_balancers = listeners.load_balancer_id.in_([lb_id for lb_id, _ in told])
    alive = set(connection.execute(select(listeners.id).where(of_balancers)).scalars())
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for lb_id, heartbeat in told:
        for listener_id, report in heartbeat.listeners.items():
            if listener_id not in alive:
                continue
            values: dict[str, Any] = {name: int(report.stats.get(name, 0)) for name in COUNTED}
            row = known.get((heartbeat.id, listener_id))
            if row is None:
                key = {"listener_id": listener_id, "amphora_id": heartbeat.id, "load_balancer_id": lb_id}
                fresh.append({**key, **values})
            elif any(row[name] != value for name, value in values.items()):
                changed.append({"its_listener": listener_id, "its_amphora": heartbeat.id, **values})
    if fresh:
        insert_unless_there(connection, table, fresh)
    if changed:
        mine = (
            table.c.listener_id == bindparam("its_listener"),
            table.c.amphora_id == bindparam("its_amphora"),
        )
        values = {name: bindparam(name) for name in COUNTED}
        connection.execute(update(table).where(*mine).values(values), changed)


def insert_unless_there(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each amphora tells all health managers, and may go while it is written of: where another one was
    quicker, or nobody is left to write of, the next heartbeat says what there is to say."""
    with contextlib.suppress(IntegrityError), connection.begin_nested():
        connection.execute(insert(table), rows)
