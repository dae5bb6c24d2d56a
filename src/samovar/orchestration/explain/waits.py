# SPDX-License-Identifier: Apache-2.0
"""Waits: what a stack in progress waits for, since when, until when; the leaves, not what waits for them."""

from __future__ import annotations

import datetime
from typing import Any

from samovar.orchestration.engine.rows import IN_PROGRESS, WAITING, Operation, Resource
from samovar.orchestration.engine.stack_run import second

from .facts import Facts, Level

Wait = dict[str, Any]
SILENT_SECONDS = 150  # engines report for duty each minute


def waits_of(facts: Facts) -> list[Wait]:
    """Everything that is waited for, oldest first."""
    found: list[Wait] = []
    for level in facts.root.walk():
        if level.stack.status != IN_PROGRESS:
            continue
        wait = _for_engine(facts, level)
        if wait is not None:
            found.append(wait)
            continue
        for row in level.rows:
            if row.status == IN_PROGRESS or row.waiting is not None:
                child = level.below.get(row.physical_id or "")
                if child is None or child.stack.status != IN_PROGRESS:
                    found.append(_of_row(level, row))
    found.sort(key=lambda each: each["since"] or "")
    return found


def _of_row(level: Level, row: Resource) -> Wait:
    wait = row.waiting or {}
    operation = level.operation
    return {
        "path": level.path_of(row.name),
        "type": row.type,
        "state": f"{row.action}_{row.status}",
        "for": wait.get("for"),
        "since": wait.get("since") or second(row.updated_at or row.created_at),
        "until": wait.get("until") or (second(operation.deadline_at) if operation else None),
    }


def _for_engine(facts: Facts, level: Level) -> Wait | None:
    """The wait of a stack that no engine works on; None when one does."""
    operation = level.operation
    if operation is None:
        return None
    if level is facts.root and facts.older is not None and facts.older.id != operation.id:
        older = facts.older
        return _of_stack(
            level, f"the {older.action} before it to give way ({_holder(facts, older)})", operation.created_at
        )
    if operation.status == WAITING:
        return _of_stack(level, f"an engine to take it ({_duty(facts)})", operation.created_at)
    expires = operation.lease_expires_at
    if operation.lease_owner is not None and expires is not None and expires <= facts.now:
        told = f"another engine to go on with it; {_holder(facts, operation)} has been silent too long"
        return _of_stack(level, told, expires)
    return None


def _of_stack(level: Level, for_what: str, since: datetime.datetime) -> Wait:
    operation = level.operation
    return {
        "path": level.path,
        "type": "OS::Heat::Stack",
        "state": f"{level.stack.action}_{level.stack.status}",
        "for": for_what,
        "since": second(since),
        "until": second(operation.deadline_at) if operation else None,
    }


def _holder(facts: Facts, operation: Operation) -> str:
    for engine in facts.engines:
        if engine["id"] == operation.lease_owner:
            return f"the engine on {engine['host']}"
    return "no engine has it" if operation.lease_owner is None else f"the engine {operation.lease_owner}"


def _duty(facts: Facts) -> str:
    late = facts.now - datetime.timedelta(seconds=SILENT_SECONDS)
    alive = [engine for engine in facts.engines if engine["reported_at"] > late]
    if not alive:
        return "no engine reports for duty: start one with 'samovar serve engine'"
    return f"{len(alive)} engine{'s' if len(alive) != 1 else ''} on duty"


__all__ = ["waits_of"]
