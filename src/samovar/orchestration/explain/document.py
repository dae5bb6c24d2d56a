# SPDX-License-Identifier: Apache-2.0
"""The answer to "why": one document for people's printers and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.engine.rows import COMPLETE, FAILED, IN_PROGRESS, Resource
from samovar.orchestration.engine.stack_run import second

from .causes import causes_of
from .facts import Facts, Level, path_named
from .waits import waits_of

FAILING, WAITS, HEALTHY = "failed", "waiting", "healthy"
MOST_WAITS, MOST_PENDING = 50, 20


def explain(
    facts: Facts, requirements: Mapping[str, set[str]], resource: str | None = None
) -> dict[str, Any]:
    """Why the stack is as it is. `requirements`: of the root's template, by resource.

    `resource` (see `path_named`) leaves out what is not in it.
    """
    root = facts.root
    causes, consequences = causes_of(facts)
    waits = waits_of(facts)
    pending = _pending(root, requirements)
    if resource is not None:
        path = path_named(resource)
        causes, consequences, waits, pending = (
            [each for each in found if _within(each["path"], path)]
            for found in (causes, consequences, waits, pending)
        )
    stack = root.stack
    progressing = stack.status == IN_PROGRESS
    verdict = WAITS if progressing else FAILING if causes else HEALTHY
    return {
        "stack": {
            "id": stack.id,
            "name": stack.name,
            "state": f"{stack.action}_{stack.status}",
            "reason": stack.status_reason,
            "since": second(_since(root)),
        },
        "resource": path_named(resource) if resource is not None else None,
        "verdict": verdict,
        "causes": causes,
        "consequences": consequences,
        "waits": waits[:MOST_WAITS],
        "pending": pending[:MOST_PENDING],
        "counts": _counts(root, pending),
        "rolled_back": facts.failed.action if facts.failed is not None else None,
        "notes": [],
    }


def _since(level: Level) -> Any:
    stack, operation = level.stack, level.operation
    if operation is not None:
        if stack.status == IN_PROGRESS:
            return operation.created_at
        if operation.finished_at is not None:
            return operation.finished_at
    return stack.updated_at or stack.created_at


def _pending(level: Level, requirements: Mapping[str, set[str]]) -> list[dict[str, Any]]:
    """Resources of the root whose turn has not come, with what has to be there before."""
    if level.stack.status == COMPLETE or level.stack.action in ("DELETE", "ROLLBACK"):
        return []
    found = []
    for name in requirements:
        row = level.current.get(name)
        if row is not None and not (row.never_made and row.status == COMPLETE):
            continue
        after = [
            {"resource": other, "state": _state(level.current.get(other))}
            for other in sorted(requirements[name])
            if not _made(level.current.get(other))
        ]
        found.append({"path": level.path_of(name), "after": after})
    return found


def _made(row: Resource | None) -> bool:
    return row is not None and row.status == COMPLETE and not row.never_made


def _state(row: Resource | None) -> str:
    return "not begun" if row is None or row.never_made else f"{row.action}_{row.status}"


def _counts(root: Level, pending: list[dict[str, Any]]) -> dict[str, int]:
    """Resources of the whole tree, those that are stacks themselves left out."""
    kept = failed = active = waiting = 0
    for level in root.walk():
        for row in level.current.values():
            if row.physical_id in level.below:
                continue
            kept += _made(row)
            failed += row.status == FAILED
            active += row.status == IN_PROGRESS
            waiting += level is not root and row.never_made and row.status == COMPLETE
    return {"complete": kept, "failed": failed, "in_progress": active, "not_begun": len(pending) + waiting}


def _within(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith(f"{wanted}.") or wanted.startswith(f"{path}.") or not path


__all__ = ["explain"]
