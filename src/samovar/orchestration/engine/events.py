# SPDX-License-Identifier: Apache-2.0
"""Events: what happened to a stack and its resources, in order, bounded in number.

The texts are protocol: heatclient compares some of them literally.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from samovar.database import insert_rows, new_id, utcnow

from .rows import Resource, Stack
from .tables import events

STATE_CHANGED = "state changed"
MAX_REASON = 20_000
_first_too_many = (
    select(events.c.sequence)
    .where(events.c.stack_id == bindparam("stack"))
    .order_by(events.c.sequence.desc())
    .offset(bindparam("keep"))
    .limit(1)
)
_forget = delete(events).where(
    events.c.stack_id == bindparam("stack"), events.c.sequence <= bindparam("oldest")
)


def stack_started(action: str) -> str:
    return f"Stack {action} started"


def stack_completed(action: str) -> str:
    return f"Stack {action} completed successfully"


def stack_cancelled(action: str) -> str:
    return f"Stack {action} cancelled"


def resource_failed(action: str, reason: str) -> str:
    """The stack's reason when a resource's action failed for `reason`."""
    return f"Resource {action} failed: {reason}"


def cut(reason: str) -> str:
    """A reason that any database takes: very long texts lose their middle, NULs are replaced."""
    reason = reason.replace("\0", "\ufffd")
    if len(reason) <= MAX_REASON:
        return reason
    half = MAX_REASON // 2
    return f"{reason[:half]} … {reason[-half:]}"


def stack_event(stack: Stack) -> dict[str, Any]:
    """The event of a stack's present state."""
    return {
        "id": new_id(),
        "stack_id": stack.id,
        "resource_name": stack.name,
        "physical_id": stack.id,
        "resource_type": "OS::Heat::Stack",
        "action": stack.action,
        "status": stack.status,
        "status_reason": cut(stack.status_reason),
        "properties": None,
        "created_at": utcnow(),
    }


def resource_event(
    row: Resource,
    *,
    action: str = "",
    status: str = "",
    reason: str | None = None,
    properties: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The event of a resource's present state, or of the state given."""
    return {
        "id": new_id(),
        "stack_id": row.stack_id,
        "resource_name": row.name,
        "physical_id": row.physical_id,
        "resource_type": row.type,
        "action": action or row.action,
        "status": status or row.status,
        "status_reason": cut(row.status_reason if reason is None else reason),
        "properties": row.properties if properties is None else dict(properties),
        "created_at": utcnow(),
    }


def insert_events(connection: Connection, found: Sequence[Mapping[str, Any]]) -> None:
    """Write events in their order."""
    insert_rows(connection, events, found)


def prune_events(connection: Connection, stack_id: str, keep: int) -> None:
    """Drop all but the newest `keep` events of a stack (-1: keep all)."""
    if keep < 0:
        return
    oldest = connection.execute(_first_too_many, {"stack": stack_id, "keep": keep}).scalar()
    if oldest is not None:
        connection.execute(_forget, {"stack": stack_id, "oldest": oldest})
