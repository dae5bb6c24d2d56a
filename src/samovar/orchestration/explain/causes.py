# SPDX-License-Identifier: Apache-2.0
"""Root causes: what failed by itself, and what failed only because of that."""

from __future__ import annotations

from typing import Any

from samovar.orchestration.engine.rows import FAILED, Operation, Resource

from .facts import Facts, Level
from .obstacles import obstacle_of

Cause = dict[str, Any]
MOST = 50


def causes_of(facts: Facts) -> tuple[list[Cause], list[Cause]]:
    """(causes, consequences), oldest first."""
    if facts.failed is not None:
        found = _of_operation(facts, facts.failed, facts.root, "")
    else:
        found = _of_level(facts.root)
        operation = facts.root.operation
        if not found and facts.root.stack.status == FAILED:
            found = _of_operation(facts, operation, facts.root, "") if operation else []
            found = found or [_of_stack(facts.root)]
    found.sort(key=lambda each: each["at"] or "")
    causes = [each for each in found if not each.pop("consequence")]
    consequences = [
        {key: each[key] for key in ("path", "type", "state")} for each in found if each not in causes
    ]
    return causes[:MOST], consequences[:MOST]


def _of_level(level: Level) -> list[Cause]:
    found: list[Cause] = []
    for row in level.rows:
        if row.status != FAILED or (row.replaced_by is not None and row.action != "DELETE"):
            continue  # another object stands for it already
        child = level.below.get(row.physical_id or "")
        below = _of_level(child) if child is not None else []
        found += below
        found.append(_of_row(level, row, consequence=any(not each["consequence"] for each in below)))
    return found


def _of_row(level: Level, row: Resource, *, consequence: bool) -> Cause:
    told = row.failure or {"kind": "", "text": row.status_reason}
    cause = _cause(level, row.name, row.type, f"{row.action}_{row.status}", told)
    cause["physical_id"] = row.physical_id
    cause["consequence"] = consequence
    return cause


def _of_operation(facts: Facts, operation: Operation | None, level: Level, path: str) -> list[Cause]:
    """What is remembered of an operation whose rows are gone or changed since."""
    found: list[Cause] = []
    for failure in operation.failures or () if operation is not None else ():
        told, name = failure["cause"], failure["resource"]
        below: list[Cause] = []
        here = f"{path}.resources.{name}" if path else f"resources.{name}"
        if told.get("nested") in facts.nested_operations:
            nested = facts.nested_operations[told["nested"]]
            under = level.below.get(told["nested"]) or level
            below = _of_operation(facts, nested, under, here)
        found += below
        cause = _cause(level, name or "", failure.get("type", ""), f"{failure['action']}_FAILED", told)
        cause["path"] = here if name else ""
        cause["physical_id"] = failure.get("physical_id")
        cause["consequence"] = bool(below)
        if path and level.stack.parent_resource is None:
            cause["place"] = None  # its stack is gone, and this is not its template
        found.append(cause)
    return found


def _of_stack(level: Level) -> Cause:
    stack = level.stack
    told = {"kind": "", "text": stack.status_reason}
    cause = _cause(level, "", "OS::Heat::Stack", f"{stack.action}_{stack.status}", told)
    cause |= {"path": "", "physical_id": stack.id, "consequence": False}
    return cause


def _cause(level: Level, name: str, kind: str, state: str, told: dict[str, Any]) -> Cause:
    obstacle = obstacle_of(told)
    where = level.place_of(name) if name else None
    cloud = told.get("cloud")
    return {
        "path": level.path_of(name),
        "resource": name,
        "stack": {"id": level.stack.id, "name": level.stack.name},
        "type": kind,
        "state": state,
        "at": told.get("at"),
        "kind": told.get("kind") or None,
        "says": cloud["message"] if cloud and told.get("kind") != "ResourceInError" else told.get("text", ""),
        "cloud": cloud,
        "in_the_way": {"kind": obstacle.kind, "advice": obstacle.advice} if obstacle else None,
        "waited": told.get("waited"),
        "findings": told.get("findings") or [],
        "place": {**where[0].as_dict(), "text": where[1]} if where else None,
        "evidence": [
            {"what": name, "lines": text.splitlines()[-20:]}
            for name, text in (told.get("evidence") or {}).items()
        ],
    }


__all__ = ["causes_of"]
