# SPDX-License-Identifier: Apache-2.0
"""The scribe of one operation: gathers what its running resources want written into few commits.

    resource a  done  ─┐
    resource b  start ─┼─ one change: guard(epoch) · insert · update · delete · events ─▶ journal
    resource c  start ─┘

Every change is fenced by the lease's epoch. A change also looks whether a newer operation of the
stack has come; `on_superseded` is then called once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import DataError

from samovar.database import Database, DatabaseUnavailable, delete_rows, insert_rows, update_rows
from samovar.database.leases import LeaseLost, guard

from .achievements import Done
from .events import insert_events, prune_events
from .rows import Resource
from .tables import events, operations, resources, stacks
from .vault import Vault

log = logging.getLogger(__name__)
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 5.0

Extra = Callable[[Connection], None]

_COLUMNS = (
    "type",
    "action",
    "status",
    "status_reason",
    "physical_id",
    "operation_id",
    "fingerprint",
    "definition",
    "properties",
    "data",
    "secrets",
    "metadata",
    "requires",
    "replaces",
    "replaced_by",
    "waiting",
    "failure",
    "updated_at",
)
_STATE_COLUMNS = (
    "action",
    "status",
    "status_reason",
    "operation_id",
    "physical_id",
    "waiting",
    "failure",
    "updated_at",
)
_update_done = (
    update(operations).where(operations.c.id == bindparam("operation")).values(done=bindparam("new_done"))
)
_newest_operation = select(stacks.c.operation_id).where(stacks.c.id == bindparam("stack"))


class Durable:
    """Awaited, it ends when a batch is committed. A waiter that is cancelled does not disturb others."""

    __slots__ = ("_done",)

    def __init__(self, done: asyncio.Future[None]) -> None:
        self._done = done

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.shield(self._done).__await__()

    def when_over(self, call: Callable[[], None]) -> None:
        """Call this when the batch is committed, or given up."""
        self._done.add_done_callback(lambda _done: call())


@dataclass(slots=True)
class _Batch:
    done: asyncio.Future[None]
    durable: Durable
    inserts: dict[str, dict[str, Any]] = field(default_factory=dict)
    whole: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    deletes: dict[str, None] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)

    def forget_rows(self) -> None:
        """Leave what is new of rows, and the events that tell of it; what goes and all else stays."""
        for content in (self.inserts, self.whole, self.state, self.events):
            content.clear()


class Scribe:
    """Writes for one claimed operation. Every method that records returns what to await for durability."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        stack_id: str,
        operation_id: str,
        epoch: int,
        max_events: int,
        event_batch: int = 200,
        on_superseded: Callable[[], None] = lambda: None,
        on_lost: Callable[[BaseException], None] = lambda _error: None,
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._vault = database, vault
        self.stack_id, self.operation_id, self.epoch = stack_id, operation_id, epoch
        self._max_events, self._event_batch = max_events, max(event_batch, 1)
        self._on_superseded, self._on_lost, self._on_written = on_superseded, on_lost, on_written
        self.done = Done()
        self._batch: _Batch | None = None
        self._task: asyncio.Task[None] | None = None
        self._since_prune = 0
        self._refused = False  # the database does not take these rows: only the end is written down any more

    def insert(self, row: Resource) -> Durable:
        batch = self._open()
        batch.inserts[row.id] = self._values(row) | {
            "id": row.id,
            "stack_id": row.stack_id,
            "name": row.name,
            "created_at": row.created_at,
        }
        return batch.durable

    def save(self, row: Resource) -> Durable:
        """Write everything about a row."""
        batch = self._open()
        values = self._values(row)
        if row.id in batch.inserts:
            batch.inserts[row.id].update(values)
        else:
            batch.state.pop(row.id, None)
            batch.whole[row.id] = {"id": row.id, **values}
        return batch.durable

    def save_state(self, row: Resource) -> Durable:
        """Write only the state of a row: its action, status, reason, physical id and wait."""
        batch = self._open()
        values = {name: getattr(row, name) for name in _STATE_COLUMNS}
        if row.id in batch.inserts:
            batch.inserts[row.id].update(values)
        elif row.id in batch.whole:
            batch.whole[row.id].update(values)
        else:
            batch.state[row.id] = {"id": row.id, **values}
        return batch.durable

    def delete(self, row: Resource) -> Durable:
        batch = self._open()
        batch.deletes[row.id] = None
        return batch.durable

    def event(self, values: dict[str, Any]) -> Durable:
        batch = self._open()
        batch.events.append(values)
        return batch.durable

    def change(self, extra: Extra) -> Durable:
        """Write something else in the same commit, after the rows."""
        batch = self._open()
        batch.extras.append(extra)
        return batch.durable

    async def flush(self) -> None:
        """Wait until everything recorded so far is durable."""
        while self._task is not None:
            await asyncio.shield(self._task)

    def _open(self) -> _Batch:
        if self._batch is None:
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            self._batch = _Batch(done, Durable(done))
            self._batch.done.add_done_callback(_looked_at)
            if self._task is None:
                self._task = loop.create_task(self._run(), name=f"scribe {self.operation_id}")
        return self._batch

    async def _run(self) -> None:
        try:
            while self._batch is not None:
                # What became free by this batch's news gets to say its intent in the same commit.
                for _ in range(3):
                    await asyncio.sleep(0)
                batch, self._batch = self._batch, None
                if self._refused:
                    batch.forget_rows()
                try:
                    newest = await self._write(batch)
                except Exception as error:
                    self._refused = self._refused or isinstance(error, DataError)
                    batch.done.set_exception(error)
                    self._on_lost(error)
                else:
                    batch.done.set_result(None)
                    if batch.events or batch.extras:
                        self._on_written()
                    if newest != self.operation_id:
                        self._on_superseded()
        finally:
            self._task = None

    async def _write(self, batch: _Batch) -> str | None:
        self._since_prune += len(batch.events)
        prune = self._since_prune >= self._event_batch
        if prune:
            self._since_prune = 0

        done, runs = self.done.news(), 0

        def apply(connection: Connection) -> str | None:
            nonlocal runs
            runs += 1
            guard(connection, operations, self.operation_id, self.epoch)
            if runs > 1 and _is_written(connection, batch):  # only the answer to its COMMIT was lost
                return _newest(connection, self.stack_id)
            if done is not None:
                connection.execute(_update_done, {"operation": self.operation_id, "new_done": done})
            insert_rows(connection, resources, list(batch.inserts.values()))
            update_rows(connection, resources, _COLUMNS, list(batch.whole.values()))
            update_rows(connection, resources, _STATE_COLUMNS, list(batch.state.values()))
            delete_rows(connection, resources, batch.deletes)
            insert_events(connection, batch.events)
            if prune:
                prune_events(connection, self.stack_id, self._max_events)
            for extra in batch.extras:
                extra(connection)
            return _newest(connection, self.stack_id)

        pause = RETRY_SECONDS
        while True:
            try:
                return await self._database.write(apply)
            except DatabaseUnavailable as error:
                # Nothing is lost while we wait: the work is described in `batch`. When another engine has
                # taken over meanwhile, the guard refuses this write.
                log.warning("operation %s waits for the database: %s", self.operation_id, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    def _values(self, row: Resource) -> dict[str, Any]:
        values = {name: getattr(row, name) for name in _COLUMNS}
        values["secrets"] = self._vault.seal(row.secrets) if row.secrets else None
        return values


def _newest(connection: Connection, stack_id: str) -> str | None:
    found: str | None = connection.execute(_newest_operation, {"stack": stack_id}).scalar()
    return found


def _is_written(connection: Connection, batch: _Batch) -> bool:
    """Whether what this batch adds is there; what else it does may be done twice."""
    added = [(events, event["id"]) for event in batch.events[:1]]
    added += [(resources, identity) for identity in list(batch.inserts)[:1]]
    found = (connection.execute(select(table.c.id).where(table.c.id == one)).first() for table, one in added)
    return any(row is not None for row in found)


def _looked_at(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


__all__ = ["LeaseLost", "Scribe"]
