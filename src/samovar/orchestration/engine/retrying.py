# SPDX-License-Identifier: Apache-2.0
"""Retry: the action that failed once more, with the same definition. What succeeded is left as it is."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from samovar.database import utcnow

from .events import stack_started
from .requests import ActionNotAllowed, Request, StackGone, add_operation, enter_state, save_stack
from .rows import COMPLETE, FAILED, IN_PROGRESS, Operation, Stack
from .store import lock_stack
from .tables import definitions, operations

PURSUED = ("CREATE", "UPDATE", "ADOPT", "RESTORE")
ONCE = ("SNAPSHOT",)  # what failed leaves a record of itself: another one is made instead


def retry_stack(connection: Connection, stack_id: str, request: Request) -> tuple[Stack, str]:
    """Write the action that failed again. Raises StackGone, ActionNotAllowed.

    After a rollback it is the change that was rolled back.
    """
    stack = lock_stack(connection, stack_id)
    if stack is None or stack.deleted_at is not None:
        raise StackGone(stack_id)
    state = f"{stack.action}_{stack.status}"
    if stack.status == IN_PROGRESS:
        raise ActionNotAllowed(
            f"The stack {stack.name} is {state}; retry when that has ended.", "ActionInProgress"
        )
    rolled_back = stack.state == ("ROLLBACK", COMPLETE)
    if stack.status != FAILED and not rolled_back:
        raise ActionNotAllowed(f"Nothing of the stack {stack.name} failed: it is {state}.")
    if stack.action in ONCE:
        raise ActionNotAllowed(
            f"A {stack.action.lower()} that failed is not taken up again; make another one."
        )
    before = _newest(connection, stack, PURSUED if rolled_back else (stack.action,))
    details = dict(before.details) if before is not None else {}
    request = replace(request, details={**details, "retry": True})
    action, definition = stack.action, before.definition_id if before is not None else stack.definition_id
    if rolled_back:
        known = select(definitions.c.id).where(definitions.c.id == definition)
        if before is None or definition is None or connection.execute(known).scalar() is None:
            raise ActionNotAllowed(
                f"What was rolled back of the stack {stack.name} is not kept any more; update it instead."
            )
        action = "UPDATE"
        stack.previous_definition_id, stack.definition_id = stack.definition_id, definition
    operation = add_operation(connection, stack, action, request, definition)
    enter_state(connection, stack, action, IN_PROGRESS, stack_started(action))
    stack.updated_at = utcnow()
    save_stack(connection, stack)
    return stack, operation


def _newest(connection: Connection, stack: Stack, actions: tuple[str, ...]) -> Operation | None:
    row = (
        connection.execute(
            select(operations)
            .where(operations.c.stack_id == stack.id, operations.c.action.in_(actions))
            .order_by(operations.c.turn.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return None if row is None else Operation.of(row)


__all__ = ["retry_stack"]
