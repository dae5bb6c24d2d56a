# SPDX-License-Identifier: Apache-2.0
"""Hooks (breakpoints): a resource's work stops before or after an action until somebody clears the hook.

    set:     row.data["hooks"] = {hook: {"operation": id, "cleared": False}}, event `… paused until …`
    cleared: by a signal {"unset_hook": hook}; event `Hook … is cleared`; whoever waits goes on

A hook that was cleared stays so for its operation, whichever engine goes on with it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, update

from samovar.database import utcnow
from samovar.orchestration.templates.registry import HOOKS

from .events import insert_events, resource_event
from .requests import ActionNotAllowed
from .rows import Resource
from .stack_run import StackRun
from .store import resource_of
from .tables import resources
from .vault import Vault

LONGEST_LOOK = 5.0


async def pause_at_hook(run: StackRun, row: Resource, hook: str) -> None:
    """Wait until the hook is cleared, if the environment sets it on this resource. Raises TimedOut."""
    if not run.texts.environment.registry.has_hook(row.name, hook):
        return
    if not _belongs(row, hook, run.operation.id):
        action = hook.partition("-")[2].upper()
        noted = {"operation": run.operation.id, "cleared": False}
        row.data["hooks"] = {**row.data.get("hooks", {}), hook: noted}
        told = f"{action} paused until Hook {hook} is cleared"
        run.scribe.event(resource_event(row, reason=told))
        await run.scribe.save(row)
    run.paused.add(row.id)
    try:
        while not row.data["hooks"][hook]["cleared"]:
            run.note_wait(row, f"the hook {hook} to be cleared")
            await run.pause(row, LONGEST_LOOK)
            await run.reload(row)
    finally:
        run.paused.discard(row.id)
        row.waiting = None


def _belongs(row: Resource, hook: str, operation_id: str) -> bool:
    noted = row.data.get("hooks", {}).get(hook)
    return noted is not None and noted["operation"] == operation_id


def clear_hook(connection: Connection, vault: Vault, row_id: str, hook: Any) -> None:
    """Clear a hook that is set on a resource. Raises ActionNotAllowed when it is unknown or not set."""
    query = resources.select().where(resources.c.id == row_id).with_for_update()
    found = connection.execute(query).mappings().first()
    row = resource_of(found, vault) if found is not None else None
    if hook not in HOOKS:
        raise ActionNotAllowed(
            f'There is no hook "{hook}"; there are {", ".join(HOOKS)}.', "InvalidBreakPointHook"
        )
    noted = row.data.get("hooks", {}).get(hook) if row is not None else None
    if row is None or noted is None or noted["cleared"]:
        name = row.name if row is not None else row_id
        raise ActionNotAllowed(f'The hook "{hook}" is not set on {name}.', "InvalidBreakPointHook")
    data = {**row.data, "hooks": {**row.data["hooks"], hook: {**noted, "cleared": True}}}
    connection.execute(
        update(resources).where(resources.c.id == row_id).values(data=data, updated_at=utcnow())
    )
    insert_events(connection, [resource_event(row, reason=f"Hook {hook} is cleared")])
