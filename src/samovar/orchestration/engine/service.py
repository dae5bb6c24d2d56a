# SPDX-License-Identifier: Apache-2.0
"""The engine: claims operations, holds their leases, runs them, and gives them up when told to stop.

    doorbell ─┐                       ┌─ renews every lease
    sweeper ──┴─▶ claim ─▶ Execution ─┴─ ends: rings for the stack's next operation

The doorbell only saves time: the sweeper finds what no bell told of, and what a dead engine held.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from samovar.database import DatabaseUnavailable, new_id, utcnow
from samovar.database.leases import LeaseLost, claim, release, renew
from samovar.messaging import Subscription
from samovar.observability import figures

from . import measuring
from .deferred import withdraw_left
from .execution import Execution
from .parts import Parts
from .patience import patient
from .requests import FINISHED_TOPIC, LEFT_TOPIC, OPERATIONS_TOPIC, SIGNALS_TOPIC, SUPERSEDED_TOPIC
from .retention import forget_leftovers, purge_deleted
from .rows import RUNNING, Operation
from .store import claimable_operations, get_operation, next_operation, waiting_in_turn
from .tables import engines, operations

log = logging.getLogger(__name__)
CLAIM_BATCH = 64  # operations
REMEMBERED_PROJECTS = 10_000
REPORT_SECONDS = 15
LEFT_SECONDS = 30
MISSED_REPORTS = 3
"""After which an engine is no longer counted as one of those that share a cloud's limits."""
_take = update(operations).where(operations.c.id == bindparam("operation"))


@dataclass(slots=True)
class _Held:
    execution: Execution
    task: asyncio.Task[None]
    epoch: int
    depth: int
    stack_id: str


class Service:
    """One engine. Several, in one process or in many, share the work through the database."""

    def __init__(self, parts: Parts, *, host: str = "", workers: int | None = None) -> None:
        self.parts, self._patient = parts, patient(parts)
        self.id = new_id()
        self.host = host or socket.gethostname()
        self._workers = workers or parts.settings.engine.num_engine_workers
        self._lease = parts.settings.engine.lease_seconds
        self._held: dict[str, _Held] = {}
        self._claiming = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriptions: list[Subscription] = []
        self._finishing: set[asyncio.Task[None]] = set()
        self._draining = False
        self._served: dict[str, float] = {}  # when a project last got a place here
        self._left = False  # work was seen for which there was no place here

    async def start(self) -> None:
        """Report for duty, listen for the bell, and look for work that is there already."""
        await self.parts.database.write(self._report_for_duty)
        self.parts.limits.share(await self.parts.database.read(count_on_duty))
        bus = self.parts.bus
        self._subscriptions = [
            bus.listen(OPERATIONS_TOPIC, self._called),
            bus.listen(LEFT_TOPIC, self._left_by_others),
            bus.listen(SUPERSEDED_TOPIC, self._superseded),
            bus.listen(FINISHED_TOPIC, self._child_finished),
            bus.listen(SIGNALS_TOPIC, self._signalled),
        ]
        loop = asyncio.get_running_loop()
        work = (self._sweep(), self._renew(), self._forget(), self._withdraw_left())
        self._tasks = [loop.create_task(each) for each in work]

    async def stop(self, grace: float = 0.0) -> None:
        """Take no new work; let what runs go on for `grace` seconds; give the rest back for others."""
        self._draining = True
        for subscription in self._subscriptions:
            subscription.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        running = [held.task for held in self._held.values()]
        if running and grace > 0:
            await asyncio.wait(running, timeout=grace)
        for held in tuple(self._held.values()):
            held.task.cancel()
        await asyncio.gather(*(held.task for held in tuple(self._held.values())), return_exceptions=True)
        if self._finishing:
            await asyncio.gather(*self._finishing, return_exceptions=True)
        try:
            await self.parts.database.write(
                lambda connection: connection.execute(
                    update(engines).where(engines.c.id == self.id).values(stopped_at=utcnow())
                )
            )
        except DatabaseUnavailable as error:
            log.warning("the engine stops without signing off: %s", error)

    @property
    def busy(self) -> int:
        """How many operations it holds."""
        return len(self._held)

    async def _called(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), CLAIM_BATCH):  # what rang together may be more than one claim takes
            left = await self._claim_rung(ids[start : start + CLAIM_BATCH])
            if left:
                await self.parts.bus.announce(LEFT_TOPIC, *left)

    async def _left_by_others(self, ids: Sequence[str]) -> None:
        """What an engine had no place for, whoever has one takes."""
        for start in range(0, len(ids), CLAIM_BATCH):
            if self._places() > 0:
                await self._claim_rung(ids[start : start + CLAIM_BATCH])

    async def _claim_rung(self, ids: Sequence[str]) -> list[str]:
        try:
            return await self._claim(ids)
        except DatabaseUnavailable as error:
            log.warning("what was rung for is found by the sweeper, when the database answers: %s", error)
            return []

    def _places(self) -> int:
        return self._workers - sum(1 for held in self._held.values() if held.depth == 0)

    async def _superseded(self, stack_ids: Sequence[str]) -> None:
        for held in tuple(self._held.values()):
            if held.stack_id in stack_ids:
                held.execution.superseded()

    async def _child_finished(self, stack_ids: Sequence[str]) -> None:
        for held in tuple(self._held.values()):
            held.execution.child_finished(stack_ids)

    async def _signalled(self, resource_ids: Sequence[str]) -> None:
        for held in tuple(self._held.values()):
            await held.execution.signalled(resource_ids)

    async def _sweep(self) -> None:
        pause = max(0.05, self._lease / 3)
        reported = utcnow()
        while True:
            try:
                await self._claim(None)
                for held in tuple(self._held.values()):
                    held.execution.look_around()
                self.parts.limits.share(await self.parts.database.read(count_on_duty))
                if utcnow() - reported > datetime.timedelta(seconds=REPORT_SECONDS):
                    reported = utcnow()
                    await self.parts.database.write(self._report)
            except DatabaseUnavailable as error:
                log.warning("the engine waits for the database: %s", error)
            except Exception:
                log.exception("the sweeper stumbled and goes on")
            await asyncio.sleep(pause)

    async def _forget(self) -> None:
        """Now and then forget what was deleted long ago."""
        settings = self.parts.settings.engine
        age = datetime.timedelta(seconds=settings.purge_deleted_after)
        while True:
            await asyncio.sleep(settings.purge_interval)
            before = utcnow() - age
            try:
                if settings.purge_deleted_after >= 0:
                    purge = partial(purge_deleted, before=before)
                    while await self.parts.database.write(purge):
                        log.info("some stacks that were deleted before %s are forgotten", before)
                await self.parts.database.write(forget_leftovers)
            except DatabaseUnavailable as error:
                log.warning("deleted stacks are not forgotten yet: %s", error)
            except Exception:
                log.exception("deleted stacks are not forgotten")

    async def _withdraw_left(self) -> None:
        """What Identity could not be asked to take back when a stack went is taken back later."""
        parts = self.parts
        while True:
            await asyncio.sleep(LEFT_SECONDS)
            try:
                await withdraw_left(parts.database, parts.vault, parts.cloud_for, parts.trustee)
            except DatabaseUnavailable as error:
                log.warning("what stacks left behind stays for now: %s", error)
            except Exception:
                log.exception("what stacks left behind stays for now")

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 4)
            held = {
                identity: item.epoch for identity, item in self._held.items() if not item.execution.ending
            }
            if not held:
                continue
            try:
                asked = asyncio.get_running_loop().time()
                lost = await self.parts.database.write(partial(self._renew_all, held=held))
            except DatabaseUnavailable as error:
                log.warning("leases could not be renewed: %s", error)
                continue
            for identity in held.keys() - set(lost):
                if identity in self._held:
                    self._held[identity].execution.lease_until = asked + self._lease
            for identity in lost:
                item = self._held.get(identity)
                if item is not None and not item.execution.ending:
                    log.warning("operation %s was taken over by another engine", identity)
                    figures.LEASES_LOST.labels("engine").inc()
                    item.task.cancel()

    def _renew_all(self, connection: Connection, held: dict[str, int]) -> list[str]:
        lost = []
        for identity, epoch in held.items():
            try:
                renew(connection, operations, identity, epoch, self._lease)
            except LeaseLost:
                lost.append(identity)
        return lost

    async def _claim(self, ids: Sequence[str] | None) -> list[str]:
        """Take these operations, or whatever there is; return those for which there was no place."""
        left: list[str] = []
        if self._draining:
            return left
        async with self._claiming:
            now = utcnow()
            projects: dict[str, str] = {}
            if ids is None:
                served = dict(self._served)
                waiting = await self.parts.database.read(
                    lambda c: waiting_in_turn(c, now, CLAIM_BATCH, served)
                )
                found = [(identity, depth) for identity, depth, _ in waiting]
                projects = {identity: project for identity, _, project in waiting}
            else:
                found = await self.parts.database.read(
                    lambda c: claimable_operations(c, now, CLAIM_BATCH, ids)
                )
            # Nested operations are always taken: their parents, who hold a place, wait for them.
            places = self._places()
            wanted = []
            for identity, depth in found:
                if identity in self._held:
                    continue
                if depth == 0:
                    if places <= 0:
                        left.append(identity)
                        continue
                    places -= 1
                wanted.append(identity)
            more = ids is None and len(found) >= CLAIM_BATCH
            self._left = bool(left) or more or (ids is not None and self._left)
            if not wanted:
                return left
            until = asyncio.get_running_loop().time() + self._lease
            claimed = await self.parts.database.write(lambda c: self._claim_all(c, wanted))
            for operation, epoch in claimed:
                measuring.claimed(operation, swept=ids is None)
                self._run(operation, epoch, until)
                if operation.id in projects:
                    self._served[projects[operation.id]] = asyncio.get_running_loop().time()
            if len(self._served) > REMEMBERED_PROJECTS:
                self._served.clear()
        return left

    def _claim_all(self, connection: Connection, wanted: Sequence[str]) -> list[tuple[Operation, int]]:
        """The operations that could be claimed, as they were before, each with its new epoch."""
        claimed = []
        now = utcnow()
        for identity in [i for i, _ in claimable_operations(connection, now, len(wanted), wanted)]:
            operation = get_operation(connection, identity)
            epoch = claim(connection, operations, identity, self.id, self._lease)
            if epoch is None or operation is None:
                continue
            started = operation.started_at or now
            connection.execute(_take, {"operation": identity, "status": RUNNING, "started_at": started})
            claimed.append((operation, epoch))
        return claimed

    def _run(self, operation: Operation, epoch: int, until: float) -> None:
        identity, stack_id = operation.id, operation.stack_id
        execution = Execution(self._patient, identity, stack_id, epoch, until)
        work = measuring.measured(execution, operation)
        task = asyncio.get_running_loop().create_task(work, name=f"operation {identity}")
        self._held[identity] = _Held(execution, task, epoch, operation.depth, stack_id)
        task.add_done_callback(partial(self._ended, identity))

    def _ended(self, identity: str, task: asyncio.Task[None]) -> None:
        held = self._held.pop(identity)
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            if isinstance(error, LeaseLost):
                log.warning("operation %s goes on in another engine: %s", identity, error)
            else:
                log.error(
                    "operation %s stopped unexpectedly and will be tried again", identity, exc_info=error
                )
        self._finish(self._afterwards(identity, held))
        if self._left and held.depth == 0 and not self._draining:
            self._left = False  # until the look shows that there is more
            self._finish(self._take_what_waits())

    def _finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        work = asyncio.get_running_loop().create_task(coroutine)
        self._finishing.add(work)
        work.add_done_callback(self._finishing.discard)

    async def _take_what_waits(self) -> None:
        try:
            await self._claim(None)
        except DatabaseUnavailable as error:
            log.warning("the engine waits for the database: %s", error)

    async def _afterwards(self, identity: str, held: _Held) -> None:
        finished = held.execution.finished
        try:
            if not finished:
                pause = 0.0 if self._draining else self._lease
                await self.parts.database.write(lambda c: self._give_back(c, identity, held.epoch, pause))
                if self._draining:
                    await self.parts.bus.ring(OPERATIONS_TOPIC, identity)
                return
            await self.parts.bus.announce(FINISHED_TOPIC, held.stack_id)
            following = await self.parts.database.read(lambda c: next_operation(c, held.stack_id))
            if following is not None:
                await self.parts.bus.ring(OPERATIONS_TOPIC, following)
        except DatabaseUnavailable as error:
            log.warning("after operation %s: %s", identity, error)

    def _give_back(self, connection: Connection, identity: str, epoch: int, pause: float) -> None:
        """Let another engine have it: at once when draining, after a pause when it failed here."""
        if pause <= 0:
            release(connection, operations, identity, epoch)

    def _report_for_duty(self, connection: Connection) -> None:
        now = utcnow()
        connection.execute(
            insert(engines).values(
                id=self.id, host=self.host, interval=REPORT_SECONDS, created_at=now, reported_at=now
            )
        )

    def _report(self, connection: Connection) -> None:
        connection.execute(update(engines).where(engines.c.id == self.id).values(reported_at=utcnow()))


def count_on_duty(connection: Connection) -> int:
    """How many engines work on this database now."""
    now = utcnow()
    lately = now - datetime.timedelta(hours=1)
    reported = select(engines.c.reported_at, engines.c.interval).where(
        engines.c.stopped_at.is_(None), engines.c.reported_at > lately
    )
    return sum(
        now - at < datetime.timedelta(seconds=MISSED_REPORTS * interval)
        for at, interval in connection.execute(reported)
    )


def engines_on_duty(connection: Connection) -> list[dict[str, object]]:
    """Every engine that ever reported and has not been forgotten, newest first."""
    rows = connection.execute(select(engines).order_by(engines.c.created_at.desc())).mappings()
    return [dict(row) for row in rows]
