# SPDX-License-Identifier: Apache-2.0
"""Questions about stacks, operations and resources, asked on a connection. Statements are compiled once."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, or_, select

from .rows import OPEN, RUNNING, Operation, Resource, Stack
from .tables import operations, resources, stacks
from .vault import Vault

MANY = 500
"""More resources than these are read beside the event loop."""

_stack = select(stacks).where(stacks.c.id == bindparam("wanted"))
_locked_stack = _stack.with_for_update(key_share=True)
_live_stack = select(stacks).where(
    stacks.c.project_id == bindparam("project"), stacks.c.live_name == bindparam("name")
)
_operation = select(operations).where(operations.c.id == bindparam("wanted"))
_resources = (
    select(resources)
    .where(resources.c.stack_id == bindparam("stack"))
    .order_by(resources.c.created_at, resources.c.id)
)
_resources_of_status = _resources.where(resources.c.status == bindparam("status"))
_some_resource = (
    select(resources.c.id)
    .where(resources.c.stack_id == bindparam("stack"))
    .offset(bindparam("many"))
    .limit(1)
)
_children = select(stacks).where(stacks.c.owner_id == bindparam("owner"), stacks.c.deleted_at.is_(None))
_count_tree = (
    select(func.count())
    .select_from(resources.join(stacks, stacks.c.id == resources.c.stack_id))
    .where(stacks.c.root_id == bindparam("root"), stacks.c.deleted_at.is_(None))
)
_older = operations.alias("older")
_older_open = exists().where(
    _older.c.stack_id == operations.c.stack_id,
    _older.c.turn < operations.c.turn,
    _older.c.status.in_(OPEN),
)
_claimable = (
    select(operations.c.id, operations.c.depth)
    .where(
        operations.c.status.in_(OPEN),
        or_(operations.c.lease_owner.is_(None), operations.c.lease_expires_at <= bindparam("now")),
        ~_older_open,
    )
    .order_by(operations.c.depth.desc(), operations.c.created_at)
    .limit(bindparam("most"))
)
# In turn: a project's first waiting operation comes before another's second, and what already runs of a
# project counts as if it stood before.
_running = operations.alias("running")
_running_stacks = stacks.alias("running_stacks")
_busy = (
    select(_running_stacks.c.project_id, func.count().label("runs"))
    .select_from(_running.join(_running_stacks, _running_stacks.c.id == _running.c.stack_id))
    .where(
        _running.c.status == RUNNING, _running.c.depth == 0, _running.c.lease_expires_at > bindparam("now")
    )
    .group_by(_running_stacks.c.project_id)
    .subquery("busy")
)
_place = func.row_number().over(
    partition_by=(stacks.c.project_id, operations.c.depth),
    order_by=(operations.c.created_at, operations.c.id),
)
_claimable_in_turn = (
    _claimable.add_columns(stacks.c.project_id, (_place + func.coalesce(_busy.c.runs, 0)).label("turn"))
    .join(stacks, stacks.c.id == operations.c.stack_id)
    .join(_busy, _busy.c.project_id == stacks.c.project_id, isouter=True)
    .order_by(None)
    .order_by(operations.c.depth.desc(), _place + func.coalesce(_busy.c.runs, 0), operations.c.created_at)
)
_next_operation = (
    select(operations.c.id)
    .where(operations.c.stack_id == bindparam("stack"), operations.c.status.in_(OPEN))
    .order_by(operations.c.turn)
    .limit(1)
)
_claimable_of = _claimable.where(operations.c.id.in_(bindparam("only", expanding=True)))


def get_stack(connection: Connection, identity: str) -> Stack | None:
    """The stack with this id, deleted ones included."""
    row = connection.execute(_stack, {"wanted": identity}).mappings().first()
    return None if row is None else Stack.of(row)


def lock_stack(connection: Connection, identity: str) -> Stack | None:
    """The same, for a change that will save it: nobody else changes it until the transaction ends."""
    row = connection.execute(_locked_stack, {"wanted": identity}).mappings().first()
    return None if row is None else Stack.of(row)


def find_live_stack(connection: Connection, project_id: str, name: str) -> Stack | None:
    """The undeleted stack of this name in the project."""
    row = connection.execute(_live_stack, {"project": project_id, "name": name}).mappings().first()
    return None if row is None else Stack.of(row)


def find_stacks_named(connection: Connection, name: str) -> list[Stack]:
    """The undeleted stacks of this name in all projects."""
    query = select(stacks).where(stacks.c.live_name == name)
    return [Stack.of(row) for row in connection.execute(query).mappings()]


def get_operation(connection: Connection, identity: str) -> Operation | None:
    row = connection.execute(_operation, {"wanted": identity}).mappings().first()
    return None if row is None else Operation.of(row)


def list_resources(
    connection: Connection, vault: Vault, stack_id: str, *, status: str | None = None
) -> list[Resource]:
    """All rows of a stack (of this status), replaced ones included, oldest first."""
    if status is not None:
        rows = connection.execute(_resources_of_status, {"stack": stack_id, "status": status})
    else:
        rows = connection.execute(_resources, {"stack": stack_id})
    return [resource_of(row, vault) for row in rows.mappings()]


def has_more_resources(connection: Connection, stack_id: str, many: int) -> bool:
    """Whether a stack has more rows than so many."""
    return connection.execute(_some_resource, {"stack": stack_id, "many": many}).first() is not None


def resource_of(row: Any, vault: Vault) -> Resource:
    values = dict(row)
    values["secrets"] = vault.open(values["secrets"]) if values["secrets"] else {}
    return Resource(**values)


def current_rows(rows: Iterable[Resource]) -> dict[str, Resource]:
    """The row that stands for each name: not replaced, and the newest of those."""
    current: dict[str, Resource] = {}
    for row in rows:
        other = current.get(row.name)
        if other is None or other.replaced_by is not None or row.replaced_by is None:
            current[row.name] = row
    return current


def children(connection: Connection, stack_id: str) -> list[Stack]:
    """The undeleted stacks whose owner is this one."""
    return [Stack.of(row) for row in connection.execute(_children, {"owner": stack_id}).mappings()]


def count_resources_of_tree(connection: Connection, root_id: str) -> int:
    return int(connection.execute(_count_tree, {"root": root_id}).scalar_one())


def count_root_stacks(connection: Connection, project_id: str) -> int:
    return int(
        connection.execute(
            select(func.count())
            .select_from(stacks)
            .where(
                stacks.c.project_id == project_id,
                stacks.c.owner_id.is_(None),
                stacks.c.deleted_at.is_(None),
            )
        ).scalar_one()
    )


def claimable_operations(
    connection: Connection, now: datetime.datetime, limit: int, only: Sequence[str] | None = None
) -> list[tuple[str, int]]:
    """(id, depth) of open operations that nobody holds and that are the oldest open one of their stack."""
    given: dict[str, Any] = {"now": now, "most": limit}
    query = _claimable
    if only is not None:
        query, given["only"] = _claimable_of, list(only)
    return [(identity, depth) for identity, depth in connection.execute(query, given)]


def waiting_in_turn(
    connection: Connection, now: datetime.datetime, limit: int, served: Mapping[str, float]
) -> list[tuple[str, int, str]]:
    """The same, and each one's project: nested ones first, then each project in turn.

    Of projects whose turn it is alike, the one that was `served` longest ago comes first.
    """
    rows = connection.execute(_claimable_in_turn, {"now": now, "most": limit}).all()
    # Rows that are alike stay as they come: the oldest first.
    rows = sorted(rows, key=lambda row: (-row.depth, row.turn, served.get(row.project_id, 0.0)))
    return [(row.id, row.depth, row.project_id) for row in rows]


def next_operation(connection: Connection, stack_id: str) -> str | None:
    """The oldest open operation of a stack."""
    return connection.execute(_next_operation, {"stack": stack_id}).scalar()
