# SPDX-License-Identifier: Apache-2.0
"""History: the newest definitions of a root stack, numbered, and what was done to the stack."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from samovar.database import utcnow

from .rows import Operation
from .tables import operations, revisions, stacks

_newest = select(func.coalesce(func.max(revisions.c.number), 0)).where(
    revisions.c.stack_id == bindparam("stack")
)
_insert = insert(revisions)
_forget = delete(revisions).where(
    revisions.c.stack_id == bindparam("stack"), revisions.c.number <= bindparam("oldest")
)


@dataclass(slots=True)
class Revision:
    """One definition of a stack and its number."""

    stack_id: str
    number: int
    definition_id: str
    created_at: datetime.datetime


def add_revision(connection: Connection, stack_id: str, definition_id: str, keep: int) -> None:
    """Number a new definition; the oldest ones beyond `keep` are forgotten (-1: none is)."""
    newest: int = connection.execute(_newest, {"stack": stack_id}).scalar_one()
    values = {"stack_id": stack_id, "number": newest + 1, "definition_id": definition_id}
    connection.execute(_insert, {**values, "created_at": utcnow()})
    if keep >= 0 and (oldest := newest + 1 - max(keep, 1)) > 0:
        connection.execute(_forget, {"stack": stack_id, "oldest": oldest})


def list_revisions(connection: Connection, stack_id: str) -> list[Revision]:
    """The revisions of a stack that are kept, oldest first."""
    query = select(revisions).where(revisions.c.stack_id == stack_id).order_by(revisions.c.number)
    return [Revision(**row) for row in connection.execute(query).mappings()]


def list_operations(connection: Connection, stack_id: str, most: int) -> list[Operation]:
    """The newest operations of a stack, newest first."""
    query = (
        select(operations)
        .where(operations.c.stack_id == stack_id)
        .order_by(operations.c.turn.desc())
        .limit(most)
    )
    return [Operation.of(row) for row in connection.execute(query).mappings()]


def achievements(
    connection: Connection, root_id: str, request_ids: Iterable[str]
) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """What was done in the whole tree for each request and action: by verb, counts and the first names."""
    query = (
        select(operations.c.request_id, operations.c.action, operations.c.done)
        .add_columns(stacks.c.parent_resource, stacks.c.depth)
        .select_from(operations.join(stacks, stacks.c.id == operations.c.stack_id))
        .where(stacks.c.root_id == root_id, operations.c.request_id.in_(list(request_ids)))
        .order_by(stacks.c.depth, operations.c.created_at)
    )
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for request_id, action, done, parent, depth in connection.execute(query):
        rollback = "ROLLBACK" if action == "ROLLBACK" else ""
        for verb, what in (done or {}).items():
            total = found.setdefault((request_id, rollback), {}).setdefault(verb, {"count": 0, "names": []})
            total["count"] += what["count"]
            total["names"] += [f"{parent}/{name}" if depth else name for name in what["names"]]
    return found


__all__ = ["Revision", "achievements", "add_revision", "list_operations", "list_revisions"]
