# SPDX-License-Identifier: Apache-2.0
"""A Hold: the lease on one server under which an operation may write, and nothing else may."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, select, update

from samovar.cloud.compute.operations import Operation, finish_action
from samovar.cloud.compute.server import Server, find_server
from samovar.cloud.compute.tables import servers
from samovar.database import Database, utcnow
from samovar.database.leases import claim, guard, release, renew

T = TypeVar("T")
LEASE_SECONDS = 15.0


class Superseded(Exception):
    """A newer operation (a delete) has taken this one's place."""


class Hold:
    """Made by `take`. Every write checks that lease and operation are still this hold's."""

    def __init__(self, database: Database, server_id: str, epoch: int) -> None:
        self._database = database
        self.server_id = server_id
        self.epoch = epoch
        self.number = 0
        self._renewing: asyncio.Task[None] | None = None

    @classmethod
    async def take(cls, database: Database, server_id: str, owner: str) -> Hold | None:
        """The hold, or None while another worker has it."""
        epoch = await database.write(lambda c: claim(c, servers, server_id, owner, LEASE_SECONDS))
        if epoch is None:
            return None
        hold = cls(database, server_id, epoch)
        hold._renewing = asyncio.get_running_loop().create_task(hold._renew())
        return hold

    async def next(self) -> tuple[Server, Operation] | None:
        """The server and what is to be done to it; None when nothing is."""
        server = await self._database.read(lambda c: find_server(c, self.server_id))
        if server is None or server.operation is None:
            return None
        self.number = server.operation_number
        return server, Operation.read(server.operation)

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run `change` under the lease. Raises LeaseLost, Superseded."""
        epoch, number, server_id = self.epoch, self.number, self.server_id

        def fenced(connection: Connection) -> T:
            guard(connection, servers, server_id, epoch)
            where = servers.c.id == server_id
            now = connection.execute(select(servers.c.operation_number).where(where)).scalar()
            if now != number:
                raise Superseded(server_id)
            return change(connection)

        return await self._database.write(fenced)

    async def set(self, **values: Any) -> None:
        """Change columns of the row."""
        await self.write(lambda c: _set(c, self.server_id, values))

    async def finish(
        self, operation: Operation, values: Mapping[str, Any], message: str | None = None
    ) -> None:
        """End the operation with these columns; `message` when it failed."""
        ended = {**values, "task_state": None, "operation": None, "updated_at": utcnow()}

        def change(connection: Connection) -> None:
            _set(connection, self.server_id, ended)
            finish_action(connection, operation.action_id, message)

        await self.write(change)

    async def give_back(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing
        await self._database.write(lambda c: release(c, servers, self.server_id, self.epoch))

    async def _renew(self) -> None:
        """Keep the lease while the work lasts. A lost lease shows at the next write."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            epoch = self.epoch
            with contextlib.suppress(Exception):
                await self._database.write(
                    lambda c, epoch=epoch: renew(c, servers, self.server_id, epoch, LEASE_SECONDS)  # type: ignore[misc]
                )


def _set(connection: Connection, server_id: str, values: Mapping[str, Any]) -> None:
    connection.execute(update(servers).where(servers.c.id == server_id).values(values))
