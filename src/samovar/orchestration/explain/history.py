# SPDX-License-Identifier: Apache-2.0
"""What was done to a stack: who, when, what was changed in its definition, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from samovar.orchestration.engine.definitions import Definition, load_definition
from samovar.orchestration.engine.revisions import achievements, list_operations, list_revisions
from samovar.orchestration.engine.rows import OPEN, SUPERSEDED, Operation, Stack
from samovar.orchestration.engine.stack_run import second
from samovar.orchestration.engine.vault import Vault

MOST = 50
SECTIONS = ("parameter_defaults", "resource_registry", "event_sinks")


@dataclass(slots=True)
class Past:
    """What is kept of a stack's past. `numbers` are those of revisions, by the definition's id."""

    stack: Stack
    operations: list[Operation]
    numbers: dict[str, int]
    definitions: dict[int, Definition]
    done: dict[tuple[str, str], dict[str, dict[str, Any]]]


def read_past(connection: Connection, vault: Vault, stack: Stack) -> Past:
    """Read operations, newest first, and the definitions of the revisions that are kept."""
    found = list_operations(connection, stack.id, MOST)
    revisions = list_revisions(connection, stack.id)
    known = {each.number: load_definition(connection, vault, each.definition_id) for each in revisions}
    return Past(
        stack,
        found,
        {each.definition_id: each.number for each in revisions},
        {number: each for number, each in known.items() if each is not None},
        achievements(connection, stack.root_id, {each.request_id for each in found}),
    )


def history(past: Past) -> list[dict[str, Any]]:
    """The operations as people and programs see them, newest first."""
    first_of: dict[int, str] = {}
    for operation in reversed(past.operations):
        number = past.numbers.get(operation.definition_id or "")
        if number is not None and operation.action != "ROLLBACK":
            first_of.setdefault(number, operation.id)
    return [_entry(past, each, first_of) for each in past.operations]


def _entry(past: Past, operation: Operation, first_of: Mapping[int, str]) -> dict[str, Any]:
    number = past.numbers.get(operation.definition_id or "")
    fresh = number is not None and first_of.get(number) == operation.id
    rollback = "ROLLBACK" if operation.action == "ROLLBACK" else ""
    return {
        "id": operation.id,
        "revision": number,
        "current": number is not None and operation.definition_id == past.stack.definition_id,
        "action": operation.action,
        "status": _status(operation),
        "reason": operation.status_reason,
        "retry": bool(operation.details.get("retry")),
        "user_name": operation.details.get("user", ""),
        "user_id": operation.requested_by,
        "request_id": operation.request_id,
        "created_at": second(operation.created_at),
        "finished_at": second(operation.finished_at) if operation.finished_at else None,
        "seconds": (
            round((operation.finished_at - operation.created_at).total_seconds(), 1)
            if operation.finished_at
            else None
        ),
        "changed": _changed(past, number) if fresh and number is not None else [],
        "done": past.done.get((operation.request_id, rollback), {}) if not _is_delete(operation) else {},
        "failures": [
            {"resource": each["resource"], "text": each["cause"].get("text", "")}
            for each in operation.failures or ()
        ],
    }


def _is_delete(operation: Operation) -> bool:
    return operation.action == "DELETE"


def _status(operation: Operation) -> str:
    if operation.status in OPEN:
        return "IN_PROGRESS"
    if operation.status == SUPERSEDED:
        return SUPERSEDED
    return "FAILED" if operation.status_reason else "COMPLETE"


def _changed(past: Past, number: int) -> list[str]:
    new, old = past.definitions.get(number), past.definitions.get(number - 1)
    return changes(old, new) if new is not None and old is not None else []


def changes(old: Definition, new: Definition) -> list[str]:
    """What differs between two definitions: names only, since values may be secrets."""
    found = []
    if old.template != new.template:
        found.append("template")
    parameters = _differing(old.parameters, new.parameters)
    if parameters:
        found.append(f"parameters {', '.join(parameters)}")
    environment = [
        name for name in SECTIONS if (old.environment.get(name) or {}) != (new.environment.get(name) or {})
    ]
    if environment:
        found.append(f"environment {', '.join(environment)}")
    files = _differing(old.files, new.files)
    if files:
        found.append(f"files {', '.join(files)}")
    return found


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


__all__ = ["Past", "changes", "history", "read_past"]
