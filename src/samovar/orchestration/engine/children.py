# SPDX-License-Identifier: Apache-2.0
"""What a stack asks of the stacks inside it: operations of their own, written with the parent's fence,
rung for, and waited for; and what it reads of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from samovar.messaging import Bus
from samovar.orchestration.templates.errors import TemplateError
from samovar.orchestration.templates.values import Value, select_path

from .definitions import Definition, load_definition
from .failures import nested_failed
from .groups import GROUPS, group_attribute
from .kinds import Kind
from .requests import (
    OPERATIONS_TOPIC,
    SUPERSEDED_TOPIC,
    ActionNotAllowed,
    Request,
    StackGone,
    act_on_stack,
    cancel_update,
)
from .rows import COMPLETE, IN_PROGRESS, Operation, Resource, Stack, short_id
from .scribe import Scribe
from .store import get_operation, get_stack, list_resources, lock_stack

if TYPE_CHECKING:
    from .loaded import LoadedStack
    from .stack_run import StackRun

POLL_SECONDS = 1.0


def child_name(parent: Stack, row: Resource) -> str:
    """The name of the nested stack of a row."""
    return f"{parent.name[:200]}-{row.name[:40]}-{short_id(row.id)}"


class Submitted:
    """A change on a child stack whose refusal must not undo what is written beside it."""

    def __init__(self, change: Any) -> None:
        self._change = change
        self.operation: str | None = None
        self.error: Exception | None = None

    def __call__(self, connection: Connection) -> None:
        if self.operation is not None and get_operation(connection, self.operation) is not None:
            return  # it was committed, and the answer was lost
        self.operation, self.error = None, None
        savepoint = connection.begin_nested()
        try:
            self.operation = self._change(connection)
            savepoint.commit()
        except (StackGone, ActionNotAllowed) as error:
            savepoint.rollback()
            self.error = error

    async def tell(self, run: StackRun, child_id: str) -> None:
        """Ring for the child's operation. Raises what refused it."""
        if self.error is not None:
            raise self.error
        if self.operation is not None:
            await _ring_for(run.parts.bus, child_id, self.operation)


async def _ring_for(bus: Bus, child_id: str, operation: str) -> None:
    """Whoever is at work on the child gives way, and somebody takes the new operation."""
    await bus.announce(SUPERSEDED_TOPIC, child_id)
    await bus.ring(OPERATIONS_TOPIC, operation)


async def wait_for_child(run: StackRun, row: Resource) -> None:
    """Wait until the nested stack does nothing any more. Raises StepFailed with its root cause."""
    identity = row.physical_id or ""
    while True:
        child = await run.parts.database.read(lambda c: get_stack(c, identity))
        if child is None or child.deleted_at is not None:
            return
        if child.status != IN_PROGRESS:
            if child.status == COMPLETE:
                row.waiting = None
                return
            raise nested_failed(row.name, child.status_reason, child.id)
        run.note_wait(row, f"the nested stack {child.name}")
        await run.pause(row, POLL_SECONDS)


async def act_on_child(run: StackRun, row: Resource, action: str) -> None:
    """Write an action of the nested stack, ring, wait. A child that is gone needs nothing."""
    identity, request = row.physical_id or "", request_for_child(run)
    await ask_child(run, row, lambda c: act_on_stack(c, identity, action, request)[1])


def request_for_child(run: StackRun, **details: Any) -> Request:
    """What a nested stack is asked on behalf of its parent's operation."""
    operation = run.operation
    return Request(
        operation.requested_by,
        operation.request_id,
        deadline=operation.deadline_at,
        user_name=operation.details.get("user", ""),
        details=details,
    )


async def ask_child(run: StackRun, row: Resource, ask: Callable[[Connection], str | None]) -> None:
    """Write an operation of the nested stack, ring, wait. A child that is gone needs nothing."""
    if row.physical_id is None:
        return
    change = Submitted(ask)
    await run.scribe.change(change)
    if isinstance(change.error, StackGone):
        return
    await change.tell(run, row.physical_id)
    await wait_for_child(run, row)


async def delete_child(run: StackRun, row: Resource) -> None:
    details = {"abandon": True} if run.retaining else {}
    identity, request = row.physical_id or "", request_for_child(run, **details)
    await ask_child(run, row, lambda c: act_on_stack(c, identity, "DELETE", request)[1])


async def cancel_children(bus: Bus, scribe: Scribe, operation: Operation, rows: Sequence[Resource]) -> None:
    """Let the nested stacks of these rows that are under way stop where they are."""
    request = Request(operation.requested_by, operation.request_id, deadline=operation.deadline_at)
    begun: list[tuple[str, str]] = []

    def cancel(connection: Connection) -> None:
        begun.clear()
        for row in rows:
            child = lock_stack(connection, row.physical_id or "") if row.status == IN_PROGRESS else None
            if child is None or child.owner_id != operation.stack_id or child.deleted_at is not None:
                continue
            if child.state in (("CREATE", IN_PROGRESS), ("UPDATE", IN_PROGRESS)):
                begun.append((child.id, cancel_update(connection, child.id, request, rollback=False)[1]))

    await scribe.change(cancel)
    for child_id, begun_operation in begun:
        await _ring_for(bus, child_id, begun_operation)


async def load_child(loaded: LoadedStack, row: Resource) -> LoadedStack | None:
    """The nested stack of a row, loaded with the same cloud; None when it is gone."""
    from .loaded import LoadedStack as Loaded

    parts, identity = loaded.parts, row.physical_id or ""

    def query(connection: Connection) -> tuple[Stack, Definition, list[Resource]] | None:
        stack = get_stack(connection, identity)
        if stack is None or stack.deleted_at is not None:
            return None
        definition = load_definition(connection, parts.vault, stack.definition_id)
        if definition is None:
            return None
        return stack, definition, list_resources(connection, parts.vault, identity)

    found = await parts.database.read(query)
    if found is None:
        return None
    stack, definition, rows = found
    return Loaded(parts, stack, definition, rows, loaded.known_cloud, (*loaded.identity.path, row.name))


async def nested_attribute(
    loaded: LoadedStack, row: Resource, kind: Kind, attribute: str, path: Sequence[Value]
) -> Value:
    """An attribute of a resource that is a stack: of a group's members, or an output."""
    child = await load_child(loaded, row)
    if child is None:
        return None
    if attribute == "show":
        return {
            "id": child.stack.id,
            "stack_name": child.stack.name,
            "stack_status": f"{child.stack.action}_{child.stack.status}",
            "stack_status_reason": child.stack.status_reason,
        }
    if kind.declared.name in GROUPS:
        return await group_attribute(child, row, attribute, path)
    if attribute.startswith("resource."):
        name = attribute.removeprefix("resource.")
        if name not in child.current:
            return None
        if path:
            return await child.read_attribute(name, str(path[0]), path[1:])
        return await child.read_reference(name)
    output = child.template.outputs.get(attribute)
    if output is None or child.scope.is_enabled(output) is False:
        return None
    try:
        return select_path(await child.resolve(output.value), path)
    except TemplateError as error:
        raise ValueError(f"Error in {row.name} output {attribute}: {error}") from error
