# SPDX-License-Identifier: Apache-2.0
"""A Heat that knows nothing of our routes: the same document, of what its resources and reasons tell."""

from __future__ import annotations

import re
from typing import Any

from .session import Orchestration

NOTE = (
    "This cloud's orchestration service keeps no more than its reasons: no lines of the template, no times "
    "until which it waits."
)
REQUEST = re.compile(r"\(HTTP (?P<status>\d{3})\) \(Request-ID: (?P<id>req-[0-9a-f-]+)\)")
KIND = re.compile(r"^(?P<kind>[A-Za-z][A-Za-z0-9]*): (?:resources\.\S+: )?(?P<text>.*)$", re.DOTALL)
DEPTH = 20


async def why_of_plain_heat(
    api: Orchestration, stack: dict[str, Any], identity: str, resource: str | None
) -> dict[str, Any]:
    """Why the stack is as it is, as far as a plain Heat tells."""
    query = {"nested_depth": DEPTH}
    rows = (await api.ask("GET", f"/stacks/{identity}/resources", query=query))["resources"]
    paths = _paths(rows, stack["id"])
    failed = [row for row in rows if row["resource_status"].endswith("_FAILED")]
    holders = {_owner(row) for row in failed}
    causes = [row for row in failed if row["physical_resource_id"] not in holders]
    waits = [
        row for row in rows if row["resource_status"].endswith("_IN_PROGRESS") and not _link(row, "nested")
    ]
    begun = [row for row in rows if not row["resource_status"].startswith("INIT")]
    told = {
        "causes": [_cause(row, paths[id(row)]) for row in causes],
        "consequences": [
            {"path": paths[id(row)], "type": row["resource_type"], "state": row["resource_status"]}
            for row in failed
            if row not in causes
        ],
        "waits": [_wait(row, paths[id(row)]) for row in waits],
    }
    wanted = None
    if resource is not None:
        from samovar.orchestration.explain import path_named

        wanted = path_named(resource)
        for key, found in told.items():
            told[key] = [each for each in found if each["path"].startswith(wanted)]
    state = stack["stack_status"]
    if state.endswith("_FAILED") and not told["causes"] and resource is None:
        told["causes"] = [_stack_cause(stack)]
    progressing = state.endswith("_IN_PROGRESS")
    return {
        "stack": {
            "id": stack["id"],
            "name": stack["stack_name"],
            "state": state,
            "reason": stack["stack_status_reason"],
            "since": stack.get("updated_time") or stack["creation_time"],
        },
        "resource": wanted,
        "verdict": "waiting" if progressing else "failed" if told["causes"] else "healthy",
        **told,
        "pending": [],
        "counts": {
            "complete": sum(row["resource_status"].endswith("_COMPLETE") for row in begun),
            "failed": len(failed),
            "in_progress": len(waits),
            "not_begun": len(rows) - len(begun),
        },
        "rolled_back": None,
        "notes": [NOTE],
    }


def _link(row: dict[str, Any], rel: str) -> str:
    return next((str(link["href"]) for link in row["links"] if link["rel"] == rel), "")


def _owner(row: dict[str, Any]) -> str:
    return _link(row, "stack").rpartition("/")[2]


def _paths(rows: list[dict[str, Any]], root: str) -> dict[int, str]:
    """The path of each row, by its identity here."""
    holders = {row["physical_resource_id"]: row for row in rows if row["physical_resource_id"]}
    found = {}
    for row in rows:
        steps, owner = [row["resource_name"]], _owner(row)
        while owner != root and owner in holders and len(steps) <= DEPTH:
            steps.append(holders[owner]["resource_name"])
            owner = _owner(holders[owner])
        found[id(row)] = ".".join(f"resources.{step}" for step in reversed(steps))
    return found


def _cause(row: dict[str, Any], path: str) -> dict[str, Any]:
    from samovar.orchestration.explain.obstacles import obstacle_of

    reason = row["resource_status_reason"]
    known, request = KIND.match(reason), REQUEST.search(reason)
    kind, text = (known["kind"], known["text"]) if known else ("", reason)
    cloud = None
    if request is not None:
        text = text.replace(f" {request[0]}", "")
        service = row["resource_type"].split("::")[1].lower()
        cloud = {"service": service, "method": "", "path": "the request", "status": int(request["status"])}
        cloud |= {"message": text, "request_id": request["id"]}
    obstacle = obstacle_of({"kind": kind, "text": text, "cloud": cloud})
    return {
        "path": path,
        "resource": row["resource_name"],
        "stack": {"id": _owner(row), "name": ""},
        "type": row["resource_type"],
        "state": row["resource_status"],
        "at": row["updated_time"],
        "kind": kind or None,
        "says": text,
        "cloud": cloud,
        "in_the_way": {"kind": obstacle.kind, "advice": obstacle.advice} if obstacle else None,
        "waited": None,
        "findings": [],
        "place": None,
        "evidence": [],
        "physical_id": row["physical_resource_id"],
    }


def _stack_cause(stack: dict[str, Any]) -> dict[str, Any]:
    row = {
        "resource_name": "",
        "resource_type": "OS::Heat::Stack",
        "resource_status": stack["stack_status"],
        "resource_status_reason": stack["stack_status_reason"],
        "updated_time": stack.get("updated_time"),
        "physical_resource_id": stack["id"],
        "links": [],
    }
    return _cause(row, "")


def _wait(row: dict[str, Any], path: str) -> dict[str, Any]:
    reason = row["resource_status_reason"]
    wait = row.get("waiting") or {}
    return {
        "path": path,
        "type": row["resource_type"],
        "state": row["resource_status"],
        "for": wait.get("for") or (reason if reason and reason != "state changed" else None),
        "since": wait.get("since") or row["updated_time"],
        "until": wait.get("until"),
    }


__all__ = ["why_of_plain_heat"]
