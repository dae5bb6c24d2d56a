# SPDX-License-Identifier: Apache-2.0
"""The worker: takes servers that have an operation, one task each, until nothing is left to do.

    bell or sweep → claim the lease → steps → finished, failed (ERROR + fault), or tried again later

A worker that dies leaves the operation in the row: whoever sweeps next goes on with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import select, update

from samovar.clients import CloudError
from samovar.cloud.compute.hosts import HostError
from samovar.cloud.compute.operations import TOPIC, Operation, waiting
from samovar.cloud.compute.server import CRASHED, Server
from samovar.cloud.compute.tables import servers
from samovar.database import Database, DatabaseUnavailable, utcnow
from samovar.database.leases import LeaseLost
from samovar.messaging import Bus, Subscription

from .failures import Failure, failure_of, passing
from .hold import Hold, Superseded
from .steps import Steps

Idle = Callable[[str], Awaitable[None]]
log = logging.getLogger(__name__)
SWEEP_SECONDS = 5.0
PATIENCE_SECONDS = 120.0
AT_ONCE = 16
KEEPS_STATE = frozenset(
    {"pause", "unpause", "suspend", "resume", "stop", "resize", "confirm", "revert", "snapshot"}
)
"""Operations whose failure leaves the server what it was, with the failure in its list of actions."""


class Worker:
    """`owner`: the name of this process's leases; those of a former process of the name are free at once.

    `idle` is called with the id of each server that nothing is done to any more.
    """

    def __init__(self, database: Database, bus: Bus, steps: Steps, owner: str, idle: Idle) -> None:
        self._database = database
        self._idle = idle
        self._bus = bus
        self._steps = steps
        self._owner = owner
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._stopping = False
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._sweeper: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        owner = self._owner
        await self._database.write(
            lambda c: (
                c.execute(
                    update(servers)
                    .where(servers.c.lease_owner == owner)
                    .values(lease_owner=None, lease_expires_at=None)
                ).rowcount
            )
        )
        self._subscription = self._bus.listen(TOPIC, self._rung)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        self._stopping = True
        if self._subscription is not None:
            self._subscription.close()
        ending = [*self._tasks.values(), *([self._sweeper] if self._sweeper else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def busy(self, server_id: str) -> bool:
        """Whether this worker is at work on the server."""
        return server_id in self._tasks

    async def _rung(self, ids: Sequence[str]) -> None:
        for server_id in ids:
            await self.take(server_id)

    async def take(self, server_id: str) -> None:
        """Work on the server; work on an operation that a newer one has replaced is cut off."""
        running = self._tasks.get(server_id)
        if running is None:
            self._begin(server_id)
            return
        self._again.add(server_id)
        query = select(servers.c.operation).where(servers.c.id == server_id)
        operation = await self._database.read(lambda c: c.execute(query).scalar())
        if operation is not None and operation["name"] == "delete" and running.get_name() != "delete":
            running.cancel()

    def _begin(self, server_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._work(server_id))
        self._tasks[server_id] = task
        task.add_done_callback(lambda _: self._ended(server_id))

    def _ended(self, server_id: str) -> None:
        """A bell that rang while the task was at work, perhaps too late for it, is answered now."""
        self._tasks.pop(server_id, None)
        if server_id in self._again:
            self._again.discard(server_id)
            if not self._stopping:
                self._begin(server_id)

    async def _sweep(self) -> None:
        while True:
            try:
                now = utcnow()
                for server_id in await self._database.read(lambda c, now=now: waiting(c, now)):  # type: ignore[misc]
                    await self.take(server_id)
            except DatabaseUnavailable as error:
                log.warning("servers with work are looked for when the database answers: %s", error)
            except Exception:
                log.exception("looking for servers with work failed; it is tried again")
            await asyncio.sleep(SWEEP_SECONDS)

    async def _work(self, server_id: str) -> None:
        async with self._limit:
            hold = await Hold.take(self._database, server_id, self._owner)
            if hold is None:
                return
            try:
                while (found := await hold.next()) is not None:
                    task = asyncio.current_task()
                    if task is not None:
                        task.set_name(found[1].name)
                    if not await self._run(hold, *found):
                        return
            except LeaseLost as lost:
                log.warning("%s", lost)
                return
            finally:
                await asyncio.shield(hold.give_back())
            await self._idle(server_id)

    async def _run(self, hold: Hold, server: Server, operation: Operation) -> bool:
        """Do the operation; whether to look for a next one now."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        pause = 0.1
        while True:
            try:
                await self._steps.run(hold, server, operation)
                return True
            except Superseded:
                return True
            except LeaseLost:
                raise
            except Exception as error:
                if passing(error):
                    if asyncio.get_running_loop().time() < deadline:
                        log.warning("%s of server %s is tried again: %s", operation.name, server.id, error)
                        await asyncio.sleep(pause)
                        pause = min(pause * 2, 5.0)
                        continue
                    if operation.name == "delete":
                        return False  # a delete is never given up: the sweep takes it again
                try:
                    await self._fail(hold, server, operation, error)
                except Superseded:
                    return True
                return operation.name != "delete"

    async def _fail(self, hold: Hold, server: Server, operation: Operation, error: Exception) -> None:
        failure = failure_of(error)
        expected = isinstance(error, (Failure, CloudError, HostError))
        trace = None if expected else error
        log.warning("%s of server %s failed: %s", operation.name, server.id, failure.message, exc_info=trace)
        if operation.name in KEEPS_STATE:
            await hold.finish(operation, {}, failure.message)
            return
        fault = {
            "code": failure.code,
            "created": utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "message": failure.message[:255],
            "details": failure.details or failure.message,
        }
        values = {"vm_state": "error", "fault": fault, "power_state": server.power_state}
        if operation.name == "restore":
            values["power_state"] = CRASHED
        await hold.finish(operation, values, failure.message)
