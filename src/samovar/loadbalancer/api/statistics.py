# SPDX-License-Identifier: Apache-2.0
"""What passed through listeners, and the tree of statuses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, select

from ..tables import (
    amphorae,
    health_monitors,
    l7policies,
    listeners,
    members,
    operations,
    pools,
    statistics,
)
from .change import Row
from .views import moment

COUNTERS = ("bytes_in", "bytes_out", "total_connections", "request_errors")
SHOWN_OPERATIONS = 20
DEAD = ("DELETED", "PENDING_DELETE", "ERROR", "FAILOVER_STOPPED")


def of_listener(connection: Connection, listener_id: str) -> dict[str, int]:
    return _sum(connection, statistics.c.listener_id == listener_id)


def of_load_balancer(connection: Connection, lb_id: str) -> dict[str, int]:
    return _sum(connection, statistics.c.load_balancer_id == lb_id)


def _sum(connection: Connection, which: ColumnElement[bool]) -> dict[str, int]:
    """Totals since the listeners were made; connections that are open on amphorae that live."""
    totals = select(*(func.coalesce(func.sum(statistics.c[name]), 0).label(name) for name in COUNTERS))
    row = connection.execute(totals.where(which)).mappings().one()
    dead = select(amphorae.c.id).where(amphorae.c.status.in_(DEAD))
    now = select(func.coalesce(func.sum(statistics.c.active_connections), 0))
    now = now.where(which, statistics.c.amphora_id.not_in(dead))
    active = connection.execute(now).scalar_one()
    return {**{name: int(row[name]) for name in COUNTERS}, "active_connections": int(active)}


def of_amphora(connection: Connection, amphora_id: str) -> list[dict[str, Any]]:
    """One entry for each listener that the amphora has told of."""
    query = select(statistics).where(statistics.c.amphora_id == amphora_id)
    return [
        {
            "id": row["amphora_id"],
            "loadbalancer_id": row["load_balancer_id"],
            "listener_id": row["listener_id"],
            "active_connections": row["active_connections"],
            **{name: row[name] for name in COUNTERS},
        }
        for row in connection.execute(query.order_by(statistics.c.listener_id)).mappings()
    ]


def status_tree(connection: Connection, lb: RowMapping) -> dict[str, Any]:
    """The statuses of a load balancer and of what its listeners reach."""

    def rows(table: Table) -> list[RowMapping]:
        query = select(table).where(table.c.load_balancer_id == lb["id"])
        return list(connection.execute(query.order_by(table.c.created_at, table.c.id)).mappings())

    monitors = {row["pool_id"]: {**_status(row), "type": row["type"]} for row in rows(health_monitors)}
    inside: dict[str, list[dict[str, Any]]] = {}
    for row in rows(members):
        shown = {**_status(row), "address": row["address"], "protocol_port": row["protocol_port"]}
        inside.setdefault(row["pool_id"], []).append(shown)
    behind: dict[str, dict[str, Any]] = {}
    for row in rows(pools):
        behind[row["id"]] = {**_status(row), "members": inside.get(row["id"], [])}
        if row["id"] in monitors:
            behind[row["id"]]["health_monitor"] = monitors[row["id"]]
    redirects: dict[str, list[str]] = {}
    for row in rows(l7policies):
        if row["redirect_pool_id"]:
            redirects.setdefault(row["listener_id"], []).append(row["redirect_pool_id"])
    heard = []
    for row in rows(listeners):
        reached = dict.fromkeys([row["default_pool_id"], *redirects.get(row["id"], ())])
        heard.append({**_status(row), "pools": [behind[pool] for pool in reached if pool in behind]})
    return {"loadbalancer": {**_status(lb), "listeners": heard}}


def progress(connection: Connection, lb: RowMapping) -> dict[str, Any]:
    """What was asked of workers, the newest first, and why the last one failed if it did."""
    query = select(operations).where(operations.c.load_balancer_id == lb["id"])
    query = query.order_by(operations.c.created_at.desc(), operations.c.id).limit(SHOWN_OPERATIONS)
    return {
        "provisioning_status": lb["provisioning_status"],
        "reason": lb["status_reason"],
        "generation": lb["generation"],
        "applied_generation": lb["applied_generation"],
        "operations": [
            {
                **{
                    name: row[name] for name in ("id", "kind", "status", "reason", "generation", "amphora_id")
                },
                "request_id": row["request_id"],
                "worker": row["lease_owner"],
                "created_at": moment(row["created_at"]),
                "finished_at": moment(row["finished_at"]),
            }
            for row in connection.execute(query).mappings()
        ],
    }


def _status(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "operating_status": row["operating_status"],
        "provisioning_status": row["provisioning_status"],
    }
