# SPDX-License-Identifier: Apache-2.0
"""samovar status --cluster: every process, what waits, who holds what, as the database and the broker
show it."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import Any

from .main import CommandError
from .serve import settings

GAP = "  "
SHOWN_AFTER_ITS_END = 60.0


def run(options: argparse.Namespace) -> int:
    """0: all is well; 1: something wants to be looked at."""
    from sqlalchemy.exc import DBAPIError

    from samovar.database import Database, DatabaseUnavailable
    from samovar.messaging import brokers_of, depths
    from samovar.runtime.overview import RUNG, look, queues, troubles

    loaded = settings(options)
    database = Database(loaded.database_url, loaded.database)
    try:
        found = database.migrate(look)
    except LookupError as error:
        raise CommandError(str(error)) from error
    except (DatabaseUnavailable, DBAPIError) as error:
        said = getattr(error, "orig", None) or error
        raise CommandError(f"the database does not answer: {said}") from error
    finally:
        database.close_now()
    if brokers_of(loaded.messaging):
        found["broker"] = queues(asyncio.run(depths(loaded.messaging, RUNG)))
    told = troubles(found)
    if options.json:
        print(json.dumps({**found, "troubles": told}))
    else:
        for line in _lines(found, told):
            print(line)
    return 1 if told else 0


def _lines(found: dict[str, Any], told: list[str]) -> list[str]:
    lines = [
        f"Database at revision {found['revision']} (this program's newest: {found['newest_revision']}); "
        f"versions running: {', '.join(found['versions']) or 'none'}",
        "",
        *_table(
            ("HOST", "PROCESS", "STATE", "SERVICES", "VERSION", "UP", "REPORTED", "LAG", "MEMORY", "AT WORK"),
            [_process(process) for process in found["processes"] if not _is_past(process)],
        ),
        *_past(found["processes"]),
    ]
    for work in found["work"]:
        lines += ["", f"Operations on {work['of']}: {work['waiting']} waiting, {work['running']} running"]
        if work["waiting"]:
            lines[-1] += f", the oldest waits for {_duration(work['oldest_waiting_seconds'])}"
        rows = [
            (
                held["what"],
                held["about"],
                _duration(held["age_seconds"]),
                held["holder"],
                str(held["epoch"]),
                f"{held['lease_seconds']:.0f} s",
            )
            for held in work["held"]
        ]
        if rows:
            lines += _table(("WHAT", "OF", "AGE", "HOLDER", "EPOCH", "LEASE"), rows)
    if found.get("broker"):
        queues = [
            (queue["queue"], str(queue["waiting"]), str(queue["listeners"]))
            for queue in found["broker"]["queues"]
        ]
        where = found["broker"]["broker"]
        lines += ["", f"Queues of the broker at {where}:" if where else "No broker answers."]
        lines += _table(("QUEUE", "MESSAGES", "LISTENERS"), queues) if queues else []
    if found["cloud_requests"]:
        asked = [
            f"{service} {counts['running']} of {counts['limit']}"
            + (f" ({counts['waiting']} wait)" if counts["waiting"] else "")
            for service, counts in found["cloud_requests"].items()
        ]
        lines += ["", f"Requests of all engines at the cloud, of those they may have: {', '.join(asked)}"]
    for group in found["groups"]:
        heard = ", ".join(f"{name} ({age:.0f} s ago)" for name, age in sorted(group["members"].items()))
        lines += ["", f"Group {group['name']}, epoch {group['epoch']}: {heard or 'nobody'}"]
    return [*lines, "", *([f"! {sentence}" for sentence in told] or ["Nothing wants to be looked at."])]


def _process(process: dict[str, Any]) -> tuple[str, ...]:
    figures = process["figures"]
    places = process["places"]
    services = [f"{name} {places[name]}" if name in places else name for name in process["services"]]
    figures_at = f" (figures at {places['metrics']})" if "metrics" in places else ""
    memory = figures.get("memory_bytes", 0) / 1_048_576
    return (
        process["host"],
        str(process["pid"]),
        process["state"],
        (", ".join(services) if len(services) < 8 else f"all {len(services)}") + figures_at,
        process["version"],
        _duration(process["up_seconds"]),
        f"{process['silent_seconds']:.0f} s ago",
        f"{figures.get('loop_lag_seconds', 0):.2f} s",
        f"{memory:.0f} MB",
        f"{figures.get('operations_running', 0)} operations, {figures.get('requests_running', 0)} requests, "
        f"{figures.get('writes_waiting', 0)} writes, {figures.get('messages_waiting', 0)} messages",
    )


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]


def _is_past(process: dict[str, Any]) -> bool:
    """Ended a while ago in order, or gone and another one has begun in its place."""
    if process["state"] == "gone":
        return bool(process["replaced"])
    return process["state"] == "stopped" and bool(process["silent_seconds"] > SHOWN_AFTER_ITS_END)


def _past(processes: Sequence[dict[str, Any]]) -> list[str]:
    count = sum(map(_is_past, processes))
    return [f"({count} that ended within the last day are left out; --json has them.)"] if count else []
