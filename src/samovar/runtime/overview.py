# SPDX-License-Identifier: Apache-2.0
"""The cluster as its database shows it: processes, work that waits or runs, leases, how far behind it is.

Whoever can read the database can look; no service has to answer.
"""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Table, func, inspect, select

from samovar.coordination.table import groups, members
from samovar.database import now
from samovar.database.migrate import newest
from samovar.loadbalancer.operations import TOPIC
from samovar.loadbalancer.tables import operations as loadbalancer_operations
from samovar.messaging import Depths
from samovar.orchestration.engine.requests import OPERATIONS_TOPIC
from samovar.orchestration.engine.rows import OPEN
from samovar.orchestration.engine.tables import engines
from samovar.orchestration.engine.tables import operations as stack_operations

from .presence import STOPPED
from .tables import processes

SILENT_AFTER = 3
"""Intervals without a report after which a process counts as gone."""
SHOWN = 20
RUNG = (OPERATIONS_TOPIC, TOPIC, "compute.servers", "network.wire")
"""Topics whose messages go to one listener: their queues are the cluster's, whoever listens."""
BEHIND_SECONDS = 15.0
"""Work that nobody holds for longer than this is late: a sweeper should have found it."""


def look(connection: Connection) -> dict[str, Any]:
    """Everything `samovar status --cluster` shows, as plain data."""
    moment = now(connection)
    if not inspect(connection).has_table(processes.name):
        raise LookupError("no service of this version has used the database yet")
    running = _processes(connection, moment)
    work = [
        _work(connection, moment, "stacks", stack_operations, OPEN, "stack_id", "action"),
        _work(
            connection,
            moment,
            "load balancers",
            loadbalancer_operations,
            ("OPEN",),
            "load_balancer_id",
            "kind",
        ),
    ]
    names = _owners(connection)
    for kind in work:
        for item in kind["held"]:
            item["holder"] = names.get(item["holder"], item["holder"])
    versions = sorted(
        {process["version"] for process in running if process["state"] not in ("gone", STOPPED)}
    )
    return {
        "time": moment.isoformat(),
        "processes": running,
        "versions": versions,
        "revision": connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar(),
        "newest_revision": newest(),
        "work": work,
        "groups": _groups(connection, moment),
        "cloud_requests": _at_the_cloud(running),
    }


def queues(seen: Depths) -> dict[str, Any]:
    """What the broker told, as plain data."""
    return {"broker": seen.broker, "queues": [asdict(queue) for queue in seen.queues], "silent": seen.silent}


def troubles(found: dict[str, Any]) -> list[str]:
    """What an operator should look at, in sentences; empty: nothing."""
    told = []
    for process in found["processes"]:
        where = f"{','.join(process['services'])} on {process['host']} (process {process['pid']})"
        if process["state"] == "gone" and not process["replaced"]:
            told.append(
                f"{where} has not reported for {process['silent_seconds']:.0f} s and did not sign off."
            )
        elif process["figures"].get("loop_lag_seconds", 0) > 1:
            told.append(f"{where} comes {process['figures']['loop_lag_seconds']:.1f} s late to its work.")
    for work in found["work"]:
        if work["oldest_waiting_seconds"] > BEHIND_SECONDS:
            age = work["oldest_waiting_seconds"]
            told.append(f"Work on {work['of']} waits for {age:.0f} s and nobody has taken it.")
        told += [
            f"The lease of {held['what']} {held['about']} has run out; nobody has taken it over yet."
            for held in work["held"]
            if held["lease_seconds"] < 0
        ]
    broker = found.get("broker")
    if broker is not None:
        told += [f"The broker at {where} does not answer: {why}." for where, why in broker["silent"].items()]
        told += [
            f"{queue['waiting']} messages wait in {queue['queue']} and nobody listens."
            for queue in broker["queues"]
            if queue["waiting"] and not queue["listeners"]
        ]
    if len(found["versions"]) > 1:
        told.append(f"Versions {' and '.join(found['versions'])} run side by side: an upgrade is under way.")
    return told


def _processes(connection: Connection, moment: datetime.datetime) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(processes).order_by(processes.c.host, processes.c.started_at.desc())
    ).mappings()
    found = []
    successors: dict[tuple[Any, ...], list[datetime.datetime]] = {}  # since when, the latest first
    for row in rows:
        place = {name: where for name, where in row["places"].items() if name != "metrics"}
        later = successors.setdefault((row["host"], *row["services"], *sorted(place.items())), [])
        following = [since for since in later if since >= row["reported_at"]]
        if following:  # each takes the place of one
            later.remove(following[-1])
        later.append(row["started_at"])
        silent = (moment - row["reported_at"]).total_seconds()
        state = row["state"]
        if state != STOPPED and silent > SILENT_AFTER * row["interval"]:
            state = "gone"
        found.append(
            {
                "id": row["id"],
                "host": row["host"],
                "pid": row["pid"],
                "services": row["services"],
                "places": row["places"],
                "version": row["version"],
                "state": state,
                "replaced": bool(following),
                "since": row["started_at"].isoformat(),
                "up_seconds": (row["reported_at"] - row["started_at"]).total_seconds(),
                "silent_seconds": max(silent, 0.0),
                "figures": row["figures"],
            }
        )
    return found


def _at_the_cloud(running: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Service of the cloud → what all engines together ask of it, and may ask at once."""
    found: dict[str, dict[str, int]] = {}
    for process in running:
        if process["state"] in ("gone", STOPPED):
            continue
        for service, counts in process["figures"].get("cloud_requests", {}).items():
            sums = found.setdefault(service, dict.fromkeys(counts, 0))
            for name, count in counts.items():
                sums[name] += count
    return dict(sorted(found.items()))


def _work(
    connection: Connection,
    moment: datetime.datetime,
    of: str,
    table: Table,
    open_states: tuple[str, ...],
    about: str,
    what: str,
) -> dict[str, Any]:
    """Open operations: how many wait and since when; who holds the oldest ones."""
    columns = table.c
    is_open = columns.status.in_(open_states)
    count, oldest = connection.execute(
        select(func.count(), func.min(columns.created_at)).where(is_open, columns.lease_owner.is_(None))
    ).one()
    held = connection.execute(
        select(columns.id, columns[about], columns[what], columns.created_at, columns.lease_owner)
        .add_columns(columns.lease_epoch, columns.lease_expires_at)
        .where(is_open, columns.lease_owner.is_not(None))
        .order_by(columns.created_at)
    ).all()
    return {
        "of": of,
        "waiting": count,
        "oldest_waiting_seconds": (moment - oldest).total_seconds() if oldest else 0.0,
        "running": len(held),
        "held": [
            {
                "id": row[0],
                "about": row[1],
                "what": row[2],
                "age_seconds": (moment - row[3]).total_seconds(),
                "holder": row[4],
                "epoch": row[5],
                "lease_seconds": (row[6] - moment).total_seconds(),
            }
            for row in held[:SHOWN]
        ],
    }


def _owners(connection: Connection) -> dict[str, str]:
    """Lease owner → what people call it: an engine's id is its host."""
    return {row.id: row.host for row in connection.execute(select(engines.c.id, engines.c.host))}


def _groups(connection: Connection, moment: datetime.datetime) -> list[dict[str, Any]]:
    found = []
    for group in connection.execute(select(groups).order_by(groups.c.name)).all():
        rows = connection.execute(
            select(members.c.member, members.c.heard_at).where(members.c.group_name == group.name)
        ).all()
        found.append(
            {
                "name": group.name,
                "epoch": group.epoch,
                "members": {row.member: (moment - row.heard_at).total_seconds() for row in rows},
            }
        )
    return found
