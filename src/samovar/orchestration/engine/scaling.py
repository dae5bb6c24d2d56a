# SPDX-License-Identifier: Apache-2.0
"""Scaling: a policy's signal becomes an update of the nested stack of the group.

The group's row and the update are written in one commit, and only if the row is as it was read: of two
signals at once one scales, and the other finds the group scaling or in its cooldown.
"""

from __future__ import annotations

import datetime
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, update

from samovar.database import utcnow
from samovar.orchestration.resources.behaviour import Adjustment, ResourceFailed
from samovar.orchestration.resources.registry import canonical_name

from .child_template import child_definition
from .children import load_child
from .definitions import Definition
from .requests import OPERATIONS_TOPIC, SUPERSEDED_TOPIC, ActionNotAllowed, Request, StackGone, update_stack
from .rows import COMPLETE, IN_PROGRESS, Resource
from .scaling_groups import INSTANCE_GROUP, SCALING_GROUPS, Shape, members_of, resized, shape_of
from .tables import resources
from .wanted import Wanted

if TYPE_CHECKING:
    from .loaded import LoadedStack

log = logging.getLogger(__name__)
COOLDOWN, REASON = "cooldown_until", "cooldown_reason"  # in the row's data


def adjusted(current: int, adjustment: Adjustment) -> int:
    """The size that the adjustment asks for, before the group's bounds."""
    amount = adjustment.amount
    match adjustment.kind:
        case "exact":
            return int(amount)
        case "percent":
            delta = current * amount / 100
            step = (1 if delta > 0 else -1) if 0 < abs(delta) < 1 else int(delta)
            if adjustment.minimum_step and step and abs(step) < adjustment.minimum_step:
                step = adjustment.minimum_step if step > 0 else -adjustment.minimum_step
            return current + step
        case _:
            return current + int(amount)


async def scale_group(loaded: LoadedStack, reference: str, adjustment: Adjustment) -> str | None:
    """Scale the group of that reference; what was done, or None where there was nothing to do now.

    Raises ResourceFailed when the stack has no such group.
    """
    row = await loaded.fresh_row_by_reference(reference) or loaded.current.get(reference)
    if row is None or canonical_name(row.definition.get("implementation") or row.type) not in SCALING_GROUPS:
        raise ResourceFailed(f'The stack has no group "{reference}" to scale.', kind="NotFound")
    child = await load_child(loaded, row) if row.physical_id else None
    if child is None or row.status != COMPLETE or child.stack.status == IN_PROGRESS:
        log.info("%s of stack %s is busy; it is not scaled", row.name, loaded.stack.name)
        return None
    now = utcnow()
    wanted = _as_applied(loaded, row)
    shape = shape_of(loaded, wanted)
    until, _ = cooldown_of(shape, row)
    if until is not None and until > now:
        log.info("%s of stack %s cools down until %s", row.name, loaded.stack.name, until)
        return None
    size = len(members_of(child))
    new = shape.clipped(adjusted(size, adjustment))
    if new == size:
        return None
    phase, notes = resized(shape, row.name, row.data, child, new)
    definition = child_definition(loaded, wanted, phase)
    told = f"{adjustment.told or adjustment.kind} : {adjustment.amount:g}"
    notes = {**notes, COOLDOWN: _cooled(now, shape, adjustment).isoformat(), REASON: told}
    data = {**row.data, **notes}
    written = await loaded.parts.database.write(
        partial(_write, loaded=loaded, row=row, data=data, definition=definition)
    )
    if written is None:
        return None
    row.data = data
    await loaded.parts.bus.announce(SUPERSEDED_TOPIC, child.stack.id)
    await loaded.parts.bus.ring(OPERATIONS_TOPIC, written)
    return f"{row.name} from {size} to {new}"


def cooldown_of(shape: Shape, row: Resource) -> tuple[datetime.datetime | None, str]:
    """Until when the group is not scaled again, and what began that: its last scaling, else its creation."""
    noted = row.data.get(COOLDOWN)
    if noted:
        return datetime.datetime.fromisoformat(str(noted)), str(row.data.get(REASON) or "")
    if row.updated_at is None:
        return None, ""
    size = shape.clipped(shape.minimum if shape.desired is None else shape.desired)
    made = row.updated_at if row.action == "CREATE" else row.created_at
    return made + datetime.timedelta(seconds=shape.cooldown), f"ExactCapacity : {size}"


def scaling_metadata(loaded: LoadedStack, row: Resource) -> dict[str, Any]:
    """What a group that scales shows in its metadata; empty for others."""
    name = canonical_name(row.definition.get("implementation") or row.type)
    if name not in SCALING_GROUPS - {INSTANCE_GROUP} or row.status != COMPLETE:
        return {}
    until, told = cooldown_of(shape_of(loaded, _as_applied(loaded, row)), row)
    if until is None:
        return {}
    ended = until.astimezone(datetime.UTC).replace(tzinfo=None).isoformat()
    return {"cooldown_end": {ended: told}, "scaling_in_progress": False}


def _cooled(now: datetime.datetime, shape: Shape, adjustment: Adjustment) -> datetime.datetime:
    seconds = shape.cooldown if adjustment.cooldown is None else adjustment.cooldown
    return now + datetime.timedelta(seconds=seconds)


def _as_applied(loaded: LoadedStack, row: Resource) -> Wanted:
    """The group as its last update wanted it."""
    return Wanted(
        row.name,
        loaded.kind_of_row(row),
        {},
        metadata=row.metadata,
        update_policy=row.definition.get("update_policy") or {},
        values=dict(row.properties or {}),
    )


def _write(
    connection: Connection, loaded: LoadedStack, row: Resource, data: dict[str, Any], definition: Definition
) -> str | None:
    """Note the scaling at the group and write the update; None when somebody else was faster."""
    unchanged = (resources.c.id == row.id, resources.c.data == row.data, resources.c.status == COMPLETE)
    noted = connection.execute(update(resources).where(*unchanged).values(data=data, updated_at=utcnow()))
    if noted.rowcount != 1:
        return None
    parts, stack = loaded.parts, loaded.stack
    minutes = stack.timeout_mins
    seconds = minutes * 60.0 if minutes else float(parts.settings.engine.stack_action_timeout)
    request = Request(stack.user_id, timeout_seconds=seconds)
    try:
        return update_stack(connection, parts.vault, row.physical_id or "", definition, request)[1]
    except (StackGone, ActionNotAllowed) as error:
        raise ResourceFailed(str(error)) from error
