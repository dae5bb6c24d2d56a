# SPDX-License-Identifier: Apache-2.0
"""Presence: each process writes down that it is there, what it serves, and a few figures of its health."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from samovar import __version__
from samovar.database import Database, DatabaseUnavailable, new_id, now
from samovar.observability import figures

from .tables import processes

log = logging.getLogger(__name__)
INTERVAL = 5
FORGOTTEN = datetime.timedelta(days=1)
UP, DRAINING, STOPPED = "up", "draining", "stopped"
PULSE = 0.25
PARTING_SECONDS = 1.0


class Presence:
    """The row of this process. `places`: service → address:port, where it listens on one of its own."""

    def __init__(self, database: Database, services: list[str], places: dict[str, str]) -> None:
        self.id = new_id()
        self._database, self._services, self._places = database, services, places
        self._state = UP
        self._tasks: list[asyncio.Task[None]] = []
        self._lag = 0.0

    async def start(self) -> None:
        """Appear, and go on reporting; where the database is away just now, appear later."""
        await self._note(self._appear)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._report()), loop.create_task(self._pulse())]

    async def draining(self) -> None:
        """Tell that the process takes no new work."""
        await self._tell(DRAINING)

    async def stop(self) -> None:
        """Tell that the process has ended in order."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tell(STOPPED)

    async def _tell(self, state: str) -> None:
        self._state = state
        try:
            async with asyncio.timeout(PARTING_SECONDS):
                await self._database.write(self._refresh)
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("the database was not told that this process is %s: %s", state, error)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            await self._note(self._refresh)

    async def _note(self, change: Callable[[Connection], None]) -> None:
        try:
            await self._database.write(change)
        except DatabaseUnavailable as error:
            log.warning("the process could not report: %s", error)

    async def _pulse(self) -> None:
        """How late the loop comes to what is due: the first sign of too much work."""
        while True:
            due = time.monotonic() + PULSE
            await asyncio.sleep(PULSE)
            late = max(time.monotonic() - due, 0.0)
            self._lag = max(self._lag, late)
            figures.LOOP_LAG_SECONDS.observe(late)

    def _figures(self) -> dict[str, Any]:
        lag, self._lag = self._lag, 0.0
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "loop_lag_seconds": round(lag, 3),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
            "memory_bytes": _memory(),
            "operations_running": figures.total(figures.OPERATIONS_RUNNING),
            "requests_running": figures.total(figures.REQUESTS_RUNNING),
            "writes_waiting": figures.total(figures.WRITES_WAITING),
            "messages_waiting": figures.total(figures.BUS_WAITING),
            "cloud_requests": self._at_the_cloud(),
        }

    @staticmethod
    def _at_the_cloud() -> dict[str, dict[str, int]]:
        """Service of the cloud → requests that run, that wait for a place, and this engine's places."""
        running, waiting = figures.by_label(figures.CLOUD_RUNNING), figures.by_label(figures.CLOUD_WAITING)
        return {
            service: {"running": running[service], "waiting": waiting[service], "limit": limit}
            for service, limit in figures.by_label(figures.CLOUD_LIMIT).items()
        }

    def _appear(self, connection: Connection) -> None:
        moment = now(connection)
        connection.execute(delete(processes).where(processes.c.reported_at < moment - FORGOTTEN))
        connection.execute(
            insert(processes).values(
                id=self.id,
                host=socket.gethostname(),
                pid=os.getpid(),
                services=self._services,
                places=self._places,
                version=__version__,
                interval=INTERVAL,
                state=self._state,
                figures={},
                started_at=moment,
                reported_at=moment,
            )
        )

    def _refresh(self, connection: Connection) -> None:
        values = {"state": self._state, "figures": self._figures(), "reported_at": now(connection)}
        mine = update(processes).where(processes.c.id == self.id)
        if not connection.execute(mine.values(**values)).rowcount:
            self._appear(connection)


def _memory() -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
