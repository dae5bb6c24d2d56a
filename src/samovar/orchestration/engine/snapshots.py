# SPDX-License-Identifier: Apache-2.0
"""Snapshots of stacks: the definition a stack had, and what each of its resources kept.

A snapshot of a stack with nested stacks is a tree: each nested stack has one of its own, with the same
`root_id`. The user sees the root; it is restored and removed as a whole.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from samovar.database import new_id, utcnow

from .definitions import Definition, drop_unused_definitions, load_definition
from .events import cut, stack_completed
from .requests import ActionNotAllowed, Request, StackGone, act_on_stack, add_operation, update_stack
from .rows import COMPLETE, FAILED, IN_PROGRESS, Resource, Stack
from .store import lock_stack
from .tables import snapshots, stacks
from .vault import Vault

NOTES = "snapshot"
# What the engine notes in a row's data for its own work, and what says nothing of the object.
PASSING = frozenset({NOTES, "hooks", "phase_of", "restored", "restoring", "creation_unknown"})
"""Where a row's data holds the notes of the snapshot being taken: {"id": …, "notes": …, "child": …}."""
BROKEN_OFF = "A newer action of the stack broke this off."


@dataclass(slots=True)
class Kept:
    """One resource as a snapshot keeps it. `notes` are the behaviour's; `child` is the nested snapshot."""

    name: str
    row_id: str
    type: str
    physical_id: str | None
    fingerprint: str | None
    definition: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] | None = None
    child: str | None = None

    @property
    def implementation(self) -> str:
        """The declared type that made the resource."""
        return str(self.definition.get("implementation") or self.type)

    def row(self, stack_id: str) -> Resource:
        """The resource as it was, for a behaviour that is to remove what it kept."""
        return Resource(
            id=self.row_id,
            stack_id=stack_id,
            name=self.name,
            type=self.type,
            physical_id=self.physical_id,
            definition=self.definition,
            properties=self.properties,
            data=self.data,
        )


@dataclass(slots=True)
class Snapshot:
    """One snapshot of one stack, as stored."""

    id: str
    root_id: str
    stack_id: str
    name: str | None
    action: str
    status: str
    status_reason: str
    definition_id: str
    data: dict[str, Any] | None
    created_at: datetime.datetime
    kept: dict[str, Kept] = field(default_factory=dict)


_snapshots_of = (
    select(snapshots)
    .where(snapshots.c.stack_id == bindparam("stack"), snapshots.c.root_id == snapshots.c.id)
    .order_by(snapshots.c.created_at.desc(), snapshots.c.id)
)


def snapshots_of(connection: Connection, vault: Vault, stack_id: str) -> list[Snapshot]:
    """Those that were asked for of this stack, newest first."""
    rows = connection.execute(_snapshots_of, {"stack": stack_id}).mappings()
    return [_snapshot(row, vault) for row in rows]


def load_snapshot(connection: Connection, vault: Vault, identity: str) -> Snapshot | None:
    row = connection.execute(select(snapshots).where(snapshots.c.id == identity)).mappings().first()
    return None if row is None else _snapshot(row, vault)


def snapshot_tree(connection: Connection, vault: Vault, root_ids: Iterable[str]) -> list[Snapshot]:
    """These snapshots and those of the nested stacks that belong to them."""
    wanted = list(root_ids)
    if not wanted:
        return []
    query = select(snapshots).where(snapshots.c.root_id.in_(wanted))
    return [_snapshot(row, vault) for row in connection.execute(query).mappings()]


def count_snapshots(connection: Connection, stack_id: str) -> int:
    query = select(func.count()).where(
        snapshots.c.stack_id == stack_id, snapshots.c.root_id == snapshots.c.id
    )
    return int(connection.execute(query).scalar_one())


# Taking


def take_snapshot(
    connection: Connection,
    stack_id: str,
    name: str | None,
    request: Request,
    *,
    identity: str | None = None,
    root_id: str | None = None,
) -> tuple[str, str | None]:
    """Write a snapshot and the operation that takes it; (its id, the operation's id).

    A nested stack's snapshot has a given identity, so that it is asked for once. Raises StackGone,
    ActionNotAllowed.
    """
    identity = identity or new_id()
    if connection.execute(select(snapshots.c.id).where(snapshots.c.id == identity)).first():
        return identity, None
    stack = lock_stack(connection, stack_id)
    if stack is None or stack.deleted_at is not None:
        raise StackGone(stack_id)
    if stack.status == IN_PROGRESS:
        raise ActionNotAllowed(
            f"Stack {stack.name} already has an action ({stack.action}) in progress.", "ActionInProgress"
        )
    request = _with(request, snapshot_id=identity)
    _, operation = act_on_stack(connection, stack_id, "SNAPSHOT", request)
    connection.execute(
        insert(snapshots).values(
            id=identity,
            root_id=root_id or identity,
            stack_id=stack_id,
            name=name,
            action="CREATE",
            status=IN_PROGRESS,
            status_reason="Stack SNAPSHOT started",
            definition_id=stack.definition_id,
            data=None,
            sealed=None,
            created_at=utcnow(),
        )
    )
    return identity, operation


def child_snapshot_id(snapshot_id: str, row_id: str) -> str:
    """The id of a nested stack's snapshot: the same however often it is asked for."""
    return str(uuid5(UUID(snapshot_id), row_id))


def end_snapshot(
    connection: Connection, vault: Vault, identity: str, stack: Stack, rows: Iterable[Resource], failure: str
) -> None:
    """Write down what the rows kept, and how it ended. Rows in `rows` still hold their notes."""
    resources: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for row in rows:
        noted = row.data.get(NOTES) or {}
        mine = noted if noted.get("id") == identity else {}
        data = {key: value for key, value in row.data.items() if key != NOTES}
        told = {key: value for key, value in data.items() if key not in PASSING}
        resources[row.name] = resource_data(row, told, mine.get("notes"))
        kept[row.name] = asdict(
            Kept(
                row.name,
                row.id,
                row.type,
                row.physical_id,
                row.fingerprint,
                row.definition,
                row.properties or {},
                data,
                mine.get("notes"),
                mine.get("child"),
            )
        )
    shown = {**stack_data(stack), "status": FAILED if failure else COMPLETE, "resources": resources}
    connection.execute(
        update(snapshots)
        .where(snapshots.c.id == identity)
        .values(
            status=FAILED if failure else COMPLETE,
            status_reason=cut(failure or stack_completed("SNAPSHOT")),
            data=shown,
            sealed=vault.seal(kept),
        )
    )


def stack_data(stack: Stack) -> dict[str, Any]:
    """A stack as the data of its snapshots show it, before anything was kept of its resources."""
    return {
        "name": stack.name,
        "id": stack.id,
        "action": stack.action,
        "status": stack.status,
        "project_id": stack.project_id,
        "stack_user_project_id": stack.user_project_id,
        "tags": stack.tags,
        "resources": {},
    }


def resource_data(row: Resource, data: Mapping[str, Any], notes: Mapping[str, str] | None) -> dict[str, Any]:
    """A resource as the data of snapshots and of abandoned stacks show it."""
    return {
        "name": row.name,
        "resource_id": row.physical_id,
        "type": row.type,
        "action": row.action,
        "status": row.status,
        "metadata": row.metadata,
        "resource_data": {**data, **(notes or {})},
    }


# Going back


def restore_stack(
    connection: Connection,
    vault: Vault,
    stack_id: str,
    snapshot_id: str,
    request: Request,
    definition: Definition | None = None,
) -> tuple[Stack, str]:
    """Write an update to the definition that a snapshot keeps. Raises StackGone, ActionNotAllowed.

    A nested stack's `definition` is given: what it says of its parent's objects is so now.
    """
    definition = definition or kept_definition(connection, vault, snapshot_id)
    request = _with(request, snapshot_id=snapshot_id)
    return update_stack(connection, vault, stack_id, definition, request, action="RESTORE")


def kept_definition(connection: Connection, vault: Vault, snapshot_id: str) -> Definition:
    """A new definition like the one that a snapshot keeps. Raises ActionNotAllowed."""
    found = load_snapshot(connection, vault, snapshot_id)
    if found is None or (found.action, found.status) != ("CREATE", COMPLETE):
        state = "gone" if found is None else f"{found.action}_{found.status}"
        raise ActionNotAllowed(f"The snapshot {snapshot_id} is {state}; only a complete one can be restored.")
    definition = load_definition(connection, vault, found.definition_id)
    if definition is None:
        raise ActionNotAllowed(f"The definition that the snapshot {snapshot_id} kept is gone.")
    definition.id, definition.created_at = new_id(), utcnow()
    return definition


# Removing


def remove_snapshot(connection: Connection, stack: Stack, snapshot_id: str, request: Request) -> str | None:
    """Write the removal of a snapshot; the operation's id, or None when it is on its way already.

    The operation runs in its turn and leaves the stack's state alone. Raises ActionNotAllowed.
    """
    query = select(snapshots.c.action, snapshots.c.status).where(snapshots.c.id == snapshot_id)
    state = connection.execute(query).one()
    if tuple(state) == ("DELETE", IN_PROGRESS):
        return None
    if state.status == IN_PROGRESS:
        raise ActionNotAllowed("Deleting in-progress snapshot is not supported; wait until it is complete.")
    _enter(connection, snapshot_id, IN_PROGRESS, "state changed")
    return add_operation(
        connection, stack, "DELETE_SNAPSHOT", _with(request, snapshot_id=snapshot_id), newest=False
    )


def end_removal(connection: Connection, snapshot_id: str, failure: str | None) -> None:
    """Forget a snapshot whose things are gone, or say why they are not."""
    if failure:
        _enter(connection, snapshot_id, FAILED, failure)
    else:
        forget_snapshots(connection, [snapshot_id])


def forget_snapshots(connection: Connection, root_ids: Iterable[str]) -> None:
    """Drop the records of these snapshots with their nested ones, and the definitions only they kept."""
    gone = list(root_ids)
    if not gone:
        return
    there = snapshots.c.root_id.in_(gone)
    owners = connection.execute(select(snapshots.c.stack_id).where(there).distinct()).scalars().all()
    connection.execute(delete(snapshots).where(there))
    used = select(stacks.c.definition_id, stacks.c.previous_definition_id)
    for owner in owners:
        row = connection.execute(used.where(stacks.c.id == owner)).first()
        drop_unused_definitions(connection, owner, row or ())


def _enter(connection: Connection, identity: str, status: str, reason: str) -> None:
    connection.execute(
        update(snapshots)
        .where(snapshots.c.id == identity)
        .values(action="DELETE", status=status, status_reason=cut(reason))
    )


def _with(request: Request, **details: Any) -> Request:
    return replace(request, details={**request.details, **details})


def _snapshot(row: Any, vault: Vault) -> Snapshot:
    values = dict(row)
    sealed = values.pop("sealed")
    kept = {name: Kept(**each) for name, each in vault.open(sealed).items()} if sealed else {}
    return Snapshot(**values, kept=kept)
