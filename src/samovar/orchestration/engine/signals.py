# SPDX-License-Identifier: Apache-2.0
"""Signals: what comes from outside to one resource, taken by whoever hears it.

A signal needs no lease. Its effect on the row is written only if the row is still as it was read;
else it is read and worked out again, so that of two signals at once none is lost.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping, update

from samovar.database import utcnow
from samovar.orchestration.resources.behaviour import ResourceFailed

from .event_bell import EVENTS_TOPIC
from .events import insert_events, prune_events, resource_event
from .hooks import clear_hook
from .loaded import LoadedStack
from .requests import SIGNALS_TOPIC, ActionNotAllowed
from .rows import CHECK, COMPLETE, FAILED, IN_PROGRESS, INIT, Resource
from .store import resource_of
from .tables import resources

log = logging.getLogger(__name__)
TRIES = 20


class Changed(Exception):
    """The row is not any more what it was when it was read."""


class SignalledStack(LoadedStack):
    """A stack in whose rows a signal may write, each only as long as it is unchanged."""

    def remember(self, row: Resource) -> None:
        """Note how the row is stored now."""
        self._as_read = {row.id: dict(row.metadata)}

    async def keep(self, row: Resource) -> None:
        before = self._as_read.get(row.id, row.metadata)
        sealed = self.parts.vault.seal(row.secrets) if row.secrets else None
        change = (
            update(resources)
            .where(resources.c.id == row.id, resources.c.metadata == before)
            .values(metadata=row.metadata, data=row.data, secrets=sealed, updated_at=utcnow())
        )
        written = await self.parts.database.write(lambda c: c.execute(change).rowcount)
        if written != 1:
            raise Changed
        self._as_read[row.id] = dict(row.metadata)


def refuse_signal(loaded: LoadedStack, row: Resource, details: Any) -> None:
    """Raise ActionNotAllowed for a resource that takes no signals, or not now."""
    if _hook_of(details) is not None:
        return
    declared = loaded.kind_of_row(row).declared
    if "signal" not in declared.handlers and not declared.signal_responder:
        raise ActionNotAllowed(
            f"The {row.type} resource does not support the action signal.", "ResourceActionNotSupported"
        )
    if loaded.stack.action in declared.no_signal_actions or row.action in declared.no_signal_actions:
        raise ActionNotAllowed(
            f"Signal of {row.name} is not supported during {loaded.stack.action}.", "NotSupported"
        )


async def take_signal(loaded: SignalledStack, row: Resource, details: Any, *, answered: bool = False) -> None:
    """Let the resource's behaviour take the signal; write its event; wake what waits for it.

    A signal that the behaviour refuses is lost, as Heat's are, and the log tells; where the signaller gets an
    answer, ActionNotAllowed is raised. One that clears a hook is for the engine, whatever the type. Raises
    ActionNotAllowed for a hook that is not set.
    """
    hook = _hook_of(details)
    if hook is not None:
        await loaded.parts.database.write(lambda c: clear_hook(c, loaded.parts.vault, row.id, hook))
        await loaded.parts.bus.announce(SIGNALS_TOPIC, row.id)
        return
    declared = loaded.kind_of_row(row).declared
    behaviour = loaded.behaviour(declared)
    for _ in range(TRIES):
        loaded.remember(row)
        context = loaded.context(row, declared)
        try:
            reason = await behaviour.signal(context, details)
            break
        except Changed:
            found = await loaded.parts.database.read(partial(_stored, row_id=row.id))
            if found is None:
                return
            row = resource_of(found, loaded.parts.vault)
        except ResourceFailed as error:
            log.warning("a signal to %s of stack %s is refused: %s", row.name, loaded.stack.name, error)
            if answered:
                raise ActionNotAllowed(str(error), "InvalidParameterValue") from error
            return
    else:
        log.error("a signal to %s of stack %s could not be written", row.name, loaded.stack.name)
        return
    if reason is None:
        return  # it changed nothing
    event = resource_event(row, action="SIGNAL", status=row.status, reason=f"Signal: {reason}")
    keep = loaded.parts.settings.engine.max_events_per_stack

    def tell(connection: Connection) -> None:
        insert_events(connection, [event])
        prune_events(connection, row.stack_id, keep)

    await loaded.parts.database.write(tell)
    await loaded.parts.bus.announce(SIGNALS_TOPIC, row.id)
    await loaded.parts.bus.announce(EVENTS_TOPIC, loaded.stack.root_id)


def _hook_of(details: Any) -> Any:
    return details.get("unset_hook") if isinstance(details, dict) else None


def _stored(connection: Connection, row_id: str) -> RowMapping | None:
    return connection.execute(resources.select().where(resources.c.id == row_id)).mappings().first()


def mark_unhealthy(connection: Connection, row: Resource, unhealthy: bool, reason: str | None) -> None:
    """Say that a resource is sick (so that the next update replaces it), or take that back."""
    query = resources.select().where(resources.c.id == row.id).with_for_update()
    stored = connection.execute(query).mappings().first()
    if stored is None:
        return
    if stored["status"] == IN_PROGRESS:
        raise ActionNotAllowed(
            f"The resource {row.name} has an action in progress; mark it when that is over.",
            "ActionInProgress",
        )
    if stored["action"] == INIT:
        raise ActionNotAllowed(f"The resource {row.name} was not made yet.", "NotSupported")
    sick = (stored["action"], stored["status"]) == (CHECK, FAILED)
    if not unhealthy and not sick:
        return
    row.action, row.status = CHECK, FAILED if unhealthy else COMPLETE
    row.status_reason = reason or "state changed by resource_mark_unhealthy api"
    connection.execute(
        update(resources)
        .where(resources.c.id == row.id)
        .values(action=row.action, status=row.status, status_reason=row.status_reason, updated_at=utcnow())
    )
    insert_events(connection, [resource_event(row)])
