# SPDX-License-Identifier: Apache-2.0
"""Requests: how an action on a stack is written down, so that any engine can do it.

Each function runs inside one change: the stack's new state, its event and the operation are committed
together, or none of them. Whoever calls rings the bus afterwards.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from samovar.database import new_id, utcnow

from .definitions import Definition, store_definition
from .events import cut, insert_events, stack_cancelled, stack_event, stack_started
from .revisions import add_revision
from .rows import COMPLETE, FAILED, IN_PROGRESS, WAITING, Stack
from .store import find_live_stack, lock_stack
from .tables import operations, stack_tags, stacks
from .vault import Vault

OPERATIONS_TOPIC = "orchestration.operations"
LEFT_TOPIC = "orchestration.left"
SUPERSEDED_TOPIC = "orchestration.superseded"
FINISHED_TOPIC = "orchestration.finished"
SIGNALS_TOPIC = "orchestration.signals"

_last_turn = select(func.coalesce(func.max(operations.c.turn), 0)).where(
    operations.c.stack_id == bindparam("stack")
)
_add_operation = insert(operations)
_add_stack = insert(stacks)
_save_stack = update(stacks).where(stacks.c.id == bindparam("stack"))
_forget_tags = delete(stack_tags).where(stack_tags.c.stack_id == bindparam("stack"))
_add_tags = insert(stack_tags)


class StackExists(Exception):
    """Another undeleted stack of the project has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The Stack ({name}) already exists.")


class ActionNotAllowed(Exception):
    """The stack is in a state in which this cannot be asked for; `type` is the API's name of the error."""

    def __init__(self, message: str, type: str = "NotSupported") -> None:
        super().__init__(message)
        self.type = type


class StackGone(Exception):
    """The stack does not exist, or not any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, and what a new operation carries along."""

    user_id: str = ""
    request_id: str = ""
    timeout_seconds: float = 3600.0
    deadline: datetime.datetime | None = None
    user_name: str = ""
    revisions: int = 10  # that a stack keeps
    details: Mapping[str, Any] = field(default_factory=dict)


def add_operation(
    connection: Connection,
    stack: Stack,
    action: str,
    request: Request,
    definition_id: str | None = None,
    *,
    newest: bool = True,
) -> str:
    """Write an operation, as the newest of its stack unless it leaves the stack as it is; return its id."""
    now = utcnow()
    turn = connection.execute(_last_turn, {"stack": stack.id}).scalar_one()
    identity = new_id()
    connection.execute(
        _add_operation,
        {
            "id": identity,
            "stack_id": stack.id,
            "turn": turn + 1,
            "depth": stack.depth,
            "action": action,
            "status": WAITING,
            "status_reason": "",
            "definition_id": definition_id,
            "details": {**request.details, "user": request.user_name},
            "done": None,
            "failures": None,
            "requested_by": request.user_id,
            "request_id": request.request_id,
            "deadline_at": request.deadline or now + datetime.timedelta(seconds=request.timeout_seconds),
            "created_at": now,
            "started_at": None,
            "finished_at": None,
            "lease_owner": None,
            "lease_epoch": 0,
            "lease_expires_at": None,
        },
    )
    if newest:
        stack.operation_id = identity
    return identity


def save_stack(connection: Connection, stack: Stack) -> None:
    """Write everything about a stack that can change."""
    connection.execute(
        _save_stack,
        {
            "stack": stack.id,
            "live_name": stack.live_name,
            "action": stack.action,
            "status": stack.status,
            "status_reason": cut(stack.status_reason),
            "definition_id": stack.definition_id,
            "previous_definition_id": stack.previous_definition_id,
            "operation_id": stack.operation_id,
            "credentials_id": stack.credentials_id,
            "user_project_id": stack.user_project_id,
            "description": stack.description,
            "tags": stack.tags,
            "timeout_mins": stack.timeout_mins,
            "disable_rollback": stack.disable_rollback,
            "updated_at": stack.updated_at,
            "deleted_at": stack.deleted_at,
        },
    )


def enter_state(connection: Connection, stack: Stack, action: str, status: str, reason: str) -> None:
    """Put the stack into a state in memory and write its event; the caller saves the stack."""
    stack.action, stack.status, stack.status_reason = action, status, reason
    insert_events(connection, [stack_event(stack)])


def create_stack(
    connection: Connection,
    vault: Vault,
    stack: Stack,
    definition: Definition,
    request: Request,
    action: str = "CREATE",
) -> str:
    """Write a new stack and its first operation. Raises StackExists."""
    if find_live_stack(connection, stack.project_id, stack.name) is not None:
        raise StackExists(stack.name)
    store_definition(connection, vault, stack.id, definition)
    stack.definition_id = definition.id
    stack.live_name = stack.name
    stack.action, stack.status, stack.status_reason = action, IN_PROGRESS, stack_started(action)
    operation = add_operation(connection, stack, action, request, definition.id)
    if stack.owner_id is None:
        add_revision(connection, stack.id, definition.id, request.revisions)
    values = {column.name: getattr(stack, column.name) for column in stacks.columns}
    try:
        connection.execute(_add_stack, values)
    except IntegrityError:
        raise StackExists(stack.name) from None
    if stack.tags:
        _write_tags(connection, stack)
    insert_events(connection, [stack_event(stack)])
    return operation


def update_stack(
    connection: Connection,
    vault: Vault,
    stack_id: str,
    definition: Definition,
    request: Request,
    changes: Mapping[str, Any] | None = None,
    action: str = "UPDATE",
) -> tuple[Stack, str]:
    """Write an update; one that runs already is superseded. Raises StackGone, ActionNotAllowed."""
    stack = _live(connection, stack_id)
    if stack.action == "SUSPEND" and action == "UPDATE" and stack.owner_id is None:
        raise ActionNotAllowed(f"Updating a suspended stack is not supported; resume {stack.name} first.")
    if stack.action == "DELETE":
        raise ActionNotAllowed(f"Updating the stack {stack.name} is not supported while it is being deleted.")
    store_definition(connection, vault, stack.id, definition)
    if stack.status == COMPLETE:
        stack.previous_definition_id = stack.definition_id
    stack.definition_id = definition.id
    for name, value in (changes or {}).items():
        setattr(stack, name, value)
    stack.updated_at = utcnow()
    operation = add_operation(connection, stack, action, request, definition.id)
    if stack.owner_id is None:
        add_revision(connection, stack.id, definition.id, request.revisions)
    enter_state(connection, stack, action, IN_PROGRESS, stack_started(action))
    save_stack(connection, stack)
    _write_tags(connection, stack)
    return stack, operation


def act_on_stack(
    connection: Connection, stack_id: str, action: str, request: Request
) -> tuple[Stack, str | None]:
    """Write SUSPEND, RESUME, CHECK, SNAPSHOT or DELETE of a stack. None: there is nothing to do."""
    stack = _live(connection, stack_id)
    if stack.state == (action, COMPLETE) and action in ("SUSPEND", "RESUME"):
        return stack, None
    if stack.action == "DELETE" and action != "DELETE":
        raise ActionNotAllowed(
            f"{action} of the stack {stack.name} is not supported while it is being deleted."
        )
    if stack.state == ("DELETE", IN_PROGRESS) and action == "DELETE":
        return stack, stack.operation_id
    if action == "DELETE" and stack.status == IN_PROGRESS:
        enter_state(connection, stack, stack.action, FAILED, stack_cancelled(stack.action))
    operation = add_operation(connection, stack, action, request, stack.definition_id)
    enter_state(connection, stack, action, IN_PROGRESS, stack_started(action))
    stack.updated_at = utcnow()
    save_stack(connection, stack)
    return stack, operation


def clear_stack(connection: Connection, stack_id: str, request: Request) -> tuple[Stack, str]:
    """Write an update of a nested stack to what it is: what it could not remove goes. Raises StackGone,
    ActionNotAllowed."""
    stack = _live(connection, stack_id)
    if stack.action == "DELETE":
        raise ActionNotAllowed(f"Updating the stack {stack.name} is not supported while it is being deleted.")
    if stack.status == COMPLETE:
        stack.previous_definition_id = stack.definition_id
    operation = add_operation(connection, stack, "UPDATE", request, stack.definition_id)
    enter_state(connection, stack, "UPDATE", IN_PROGRESS, stack_started("UPDATE"))
    save_stack(connection, stack)
    return stack, operation


def cancel_update(
    connection: Connection, stack_id: str, request: Request, *, rollback: bool
) -> tuple[Stack, str]:
    """Stop an update that runs, going back (`rollback`) or staying where it got to."""
    stack = _live(connection, stack_id)
    allowed = [("UPDATE", IN_PROGRESS)] if rollback else [("UPDATE", IN_PROGRESS), ("CREATE", IN_PROGRESS)]
    if stack.state not in allowed:
        states = " or ".join("_".join(state) for state in allowed)
        raise ActionNotAllowed(
            f"Cancelling needs the state {states}; the stack is in {stack.action}_{stack.status}."
        )
    if rollback:
        return stack, roll_back(connection, stack, request)
    operation = add_operation(connection, stack, "CANCEL", request)
    enter_state(connection, stack, stack.action, FAILED, stack_cancelled(stack.action))
    save_stack(connection, stack)
    return stack, operation


def roll_back(connection: Connection, stack: Stack, request: Request) -> str:
    """Write a rollback to the definition that last was complete (none: to an empty template)."""
    operation = add_operation(connection, stack, "ROLLBACK", request, stack.previous_definition_id)
    enter_state(connection, stack, "ROLLBACK", IN_PROGRESS, stack_started("ROLLBACK"))
    stack.updated_at = utcnow()
    save_stack(connection, stack)
    return operation


def _live(connection: Connection, stack_id: str) -> Stack:
    stack = lock_stack(connection, stack_id)
    if stack is None or stack.deleted_at is not None:
        raise StackGone(stack_id)
    return stack


def _write_tags(connection: Connection, stack: Stack) -> None:
    connection.execute(_forget_tags, {"stack": stack.id})
    if stack.tags:
        rows = [{"stack_id": stack.id, "tag": tag} for tag in dict.fromkeys(stack.tags)]
        connection.execute(_add_tags, rows)
