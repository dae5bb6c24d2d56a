# SPDX-License-Identifier: Apache-2.0
"""Comparing what should run with what does: at the start, when the agent returns, and from time to time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from samovar.cloud.compute.hosts import Host, HostError
from samovar.cloud.compute.images import HostImages
from samovar.cloud.compute.metadata.listeners import Listeners
from samovar.cloud.compute.operations import ENDED_TOPIC, TOPIC, Asker, begin_restore, record_action
from samovar.cloud.compute.server import CRASHED, SHUTDOWN
from samovar.cloud.compute.tables import nodes, servers
from samovar.cloud.host.reports import MACHINE_RESTARTED, AgentReturned, ServerExited, ServerStatus
from samovar.database import Database, new_id, utcnow
from samovar.messaging import Bus

log = logging.getLogger(__name__)
LOOK_SECONDS = 30.0
FROZEN = frozenset({"paused", "suspended"})


class Reconciler:
    """The watch over this host's servers. `node`: the host's name."""

    def __init__(
        self, database: Database, bus: Bus, host: Host, listeners: Listeners, images: HostImages, node: str
    ) -> None:
        self._database = database
        self._bus = bus
        self._host = host
        self._listeners = listeners
        self._images = images
        self._node = node
        self._tasks: list[asyncio.Task[None]] = []
        self._watched = False
        self._ended_meanwhile: set[str] = set()

    async def start(self) -> None:
        await self._database.write(lambda c: _seen(c, self._node))
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._warm())]
        with contextlib.suppress(HostError):
            await self.compare()
        self._tasks += [loop.create_task(self._listen()), loop.create_task(self._look())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def compare(self) -> None:
        """Give servers that should run their process back, and remove unknown ones. Raises HostError.

        What ended while nobody watched (the first comparison, or the agent was away) is started again,
        unless it switched itself off.
        """
        before = await self._database.read(_expected)
        found = {status.id: status for status in await self._host.server_status()}
        rows = await self._database.read(_expected)
        for server_id in set(found) - set(rows):
            log.warning("server %s is on the host and in no database: it is removed", server_id)
            await self._host.remove_server(server_id)
        for server_id, row in rows.items():
            if not row.busy and row == before.get(server_id):  # what the host said is about this very state
                await self._agree(server_id, row.state, found.get(server_id))
        self._watched = True
        await self._listeners.open_all()

    async def _agree(self, server_id: str, state: str, status: ServerStatus | None) -> None:
        runs = status is not None and status.state in ("running", "paused")
        if state == "active" and not runs:
            if status is not None and self._by_itself(status):
                await self._ended(server_id, status.exit_status, status.error)
            else:
                await self._restore(server_id)
        elif state in FROZEN and not runs:
            await self._ended(server_id, None, "The machine was restarted while the server was frozen.")
        elif state == "stopped" and runs and not self._watched:
            await self._host.stop_server(server_id)

    def _by_itself(self, status: ServerStatus) -> bool:
        """Whether the server ended because it wanted to, or was watched while it ended."""
        if status.exit_status is None or status.error == MACHINE_RESTARTED:
            return False
        return self._watched or status.exit_status == 0

    async def _warm(self) -> None:
        """Have the built-in image ready before the first server needs it."""
        with contextlib.suppress(HostError):
            await self._images.warm()

    async def _restore(self, server_id: str) -> None:
        asker = Asker("", "", f"req-{new_id()}", is_admin=True)
        if await self._database.write(lambda c: begin_restore(c, server_id, asker)):
            await self._bus.ring(TOPIC, server_id)

    async def _ended(self, server_id: str, exit_status: int | None, reason: str) -> None:
        """A server ended by itself: it is SHUTOFF now, and its list of actions says why."""
        if not await self._database.write(lambda c: _shut_off(c, server_id, exit_status, reason)):
            self._ended_meanwhile.add(server_id)
        await self._bus.announce(ENDED_TOPIC, server_id)

    async def idle(self, server_id: str) -> None:
        """An operation is over: see to a server that ended while it went on."""
        if server_id in self._ended_meanwhile:
            self._ended_meanwhile.discard(server_id)
            with contextlib.suppress(HostError):
                await self._see_to(server_id)

    async def _see_to(self, server_id: str) -> None:
        found = {status.id: status for status in await self._host.server_status()}
        row = (await self._database.read(_expected)).get(server_id)
        if row is not None and not row.busy:
            await self._agree(server_id, row.state, found.get(server_id))

    async def _listen(self) -> None:
        while True:
            try:
                async for event in self._host.events():
                    await self._handle(event)
            except HostError as error:
                log.warning("the host agent is away: %s", error.message)
            await asyncio.sleep(1.0)

    async def _handle(self, event: ServerExited | AgentReturned) -> None:
        try:
            if isinstance(event, ServerExited) and event.reason == MACHINE_RESTARTED:
                await self._restore(event.id)
            elif isinstance(event, ServerExited):
                await self._ended(event.id, event.exit_status, event.reason)
            else:
                self._images.forget()
                self._watched = False
                await self._listeners.reopen()
                await self.compare()
        except HostError as error:
            log.warning("%s", error.message)
        except Exception:
            log.exception("what the host told could not be noted; the next comparison will see it")

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._database.write(lambda c: _seen(c, self._node))
                await self.compare()
            except HostError as error:
                log.warning("the host agent does not answer: %s", error.message)
            except Exception:
                log.exception("comparing servers with the host failed; it is tried again")


class _Expected(NamedTuple):
    """A server as the database has it: its state, whether an operation is under way, and the last one."""

    state: str
    busy: bool
    number: int


def _expected(connection: Connection) -> Mapping[str, _Expected]:
    columns = (servers.c.id, servers.c.vm_state, servers.c.operation, servers.c.operation_number)
    rows = connection.execute(select(*columns).where(servers.c.deleted.is_(False))).all()
    return {row.id: _Expected(row.vm_state, row.operation is not None, row.operation_number) for row in rows}


def _shut_off(connection: Connection, server_id: str, exit_status: int | None, reason: str) -> bool:
    """Note that a server ended by itself; False while an operation is under way."""
    where = (servers.c.id == server_id, servers.c.deleted.is_(False), servers.c.operation.is_(None))
    running = servers.c.vm_state.in_(("active", "paused", "suspended"))
    power = SHUTDOWN if exit_status in (0, None) else CRASHED
    changed = connection.execute(
        update(servers)
        .where(*where, running)
        .values(vm_state="stopped", power_state=power, task_state=None, updated_at=utcnow())
    )
    if changed.rowcount:
        asker = Asker("", "", f"req-{new_id()}", is_admin=True)
        record_action(connection, server_id, "stop", asker, finished=True, message=reason or None)
        return True
    busy = (servers.c.id == server_id, servers.c.operation.is_not(None))
    return connection.execute(select(servers.c.id).where(*busy)).first() is None


def _seen(connection: Connection, node: str) -> None:
    """Note that this machine's compute service is alive."""
    now = utcnow()
    known = connection.execute(update(nodes).where(nodes.c.host == node).values(seen_at=now))
    if not known.rowcount:
        connection.execute(
            nodes.insert().values(
                uuid=new_id(), host=node, disabled=False, disabled_reason=None, created_at=now, seen_at=now
            )
        )
