# SPDX-License-Identifier: Apache-2.0
"""Membership and locks in the product's own database: one store less to run.

A member is a row with the moment of its last heartbeat, by the database's clock. One that has been
silent for `timeout` seconds is no member any more; whoever writes next removes its row. Each change of
a group's members raises the group's epoch in the same transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import time
from collections.abc import AsyncIterator

from sqlalchemy import Connection, Integer, String, Table, delete, insert, select, update
from sqlalchemy.schema import Column

from samovar.database import Database, DatabaseUnavailable, Timestamp, metadata, new_id, now
from samovar.database.leases import LeaseLost, claim, lease_columns, release, renew

from .coordinator import CoordinationUnavailable, Membership

log = logging.getLogger(__name__)
TURN = "coordination"
LOOK_AGAIN_SECONDS = 0.25

groups = Table(
    "coordination_groups",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("epoch", Integer, nullable=False),
)
members = Table(
    "coordination_members",
    metadata,
    Column("group_name", String(255), primary_key=True),
    Column("member", String(255), primary_key=True),
    Column("heard_at", Timestamp, nullable=False),
)
locks = Table("coordination_locks", metadata, Column("id", String(255), primary_key=True), *lease_columns())


class TableCoordinator:
    """A samovar.coordination.Coordinator over the tables above."""

    def __init__(
        self, database: Database, member: str | None = None, *, heartbeat: float = 3.0, timeout: float = 10.0
    ) -> None:
        self.member = member or new_id()
        self._database = database
        self._heartbeat, self._timeout = heartbeat, datetime.timedelta(seconds=timeout)
        self._joined: set[str] = set()
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._beating = asyncio.create_task(self._beat(), name="coordination heartbeat")

    async def stop(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None
        for group in tuple(self._joined):
            with contextlib.suppress(CoordinationUnavailable):
                await self.leave(group)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            if not self._joined:
                continue
            joined = sorted(self._joined)
            try:
                await self._database.write(lambda c, joined=joined: self._heard(c, joined), TURN)  # type: ignore[misc]
            except DatabaseUnavailable as error:
                log.warning("a heartbeat was not heard: %s", error)
            except Exception:
                log.exception("a heartbeat failed; the next one follows")

    async def join(self, group: str) -> None:
        self._joined.add(group)
        await self._write([group])

    async def leave(self, group: str) -> None:
        self._joined.discard(group)

        def change(connection: Connection) -> None:
            mine = (members.c.group_name == group, members.c.member == self.member)
            if connection.execute(delete(members).where(*mine)).rowcount:
                _changed(connection, group)

        try:
            await self._database.write(change, TURN)
        except DatabaseUnavailable as error:
            raise CoordinationUnavailable(str(error)) from error

    async def _write(self, joined: list[str]) -> None:
        try:
            await self._database.write(lambda c: self._heard(c, joined), TURN)
        except DatabaseUnavailable as error:
            raise CoordinationUnavailable(str(error)) from error

    def _heard(self, connection: Connection, joined: list[str]) -> None:
        """Write this member's heartbeat in these groups; remove who has been silent too long."""
        moment = now(connection)
        for group in joined:
            mine = (members.c.group_name == group, members.c.member == self.member)
            came = False
            if connection.execute(update(members).where(*mine).values(heard_at=moment)).rowcount == 0:
                connection.execute(
                    insert(members).values(group_name=group, member=self.member, heard_at=moment)
                )
                came = True
            silent = (members.c.group_name == group, members.c.heard_at <= moment - self._timeout)
            if connection.execute(delete(members).where(*silent)).rowcount or came:
                _changed(connection, group)

    async def membership(self, group: str) -> Membership:
        def query(connection: Connection) -> Membership:
            since = now(connection) - self._timeout
            heard = select(members.c.member).where(members.c.group_name == group, members.c.heard_at > since)
            epoch = connection.execute(select(groups.c.epoch).where(groups.c.name == group)).scalar()
            return Membership(frozenset(connection.execute(heard).scalars()), epoch or 0)

        try:
            return await self._database.read(query)
        except DatabaseUnavailable as error:
            raise CoordinationUnavailable(str(error)) from error

    @contextlib.asynccontextmanager
    async def lock(self, name: str, *, wait: float = 0.0) -> AsyncIterator[bool]:
        until = time.monotonic() + wait
        epoch = await self._claim(name)
        while epoch is None and time.monotonic() < until:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            epoch = await self._claim(name)
        if epoch is None:
            yield False
            return
        renewing = asyncio.create_task(self._renew(name, epoch), name=f"lock {name}")
        try:
            yield True
        finally:
            renewing.cancel()
            await self._database.write(lambda c: release(c, locks, name, epoch))

    async def _claim(self, name: str) -> int | None:
        seconds = self._timeout.total_seconds()

        def change(connection: Connection) -> int | None:
            known = connection.execute(select(locks.c.id).where(locks.c.id == name)).first()
            if known is None:
                connection.execute(insert(locks).values(id=name, lease_epoch=0))
            return claim(connection, locks, name, f"{self.member} {new_id()}", seconds)

        try:
            return await self._database.write(change, TURN)
        except DatabaseUnavailable as error:
            raise CoordinationUnavailable(str(error)) from error

    async def _renew(self, name: str, epoch: int) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            try:
                await self._database.write(
                    lambda c: renew(c, locks, name, epoch, self._timeout.total_seconds())
                )
            except DatabaseUnavailable as error:
                log.warning("the lock %s could not be renewed: %s", name, error)
            except LeaseLost as error:
                log.error("the lock %s was lost: %s", name, error)
                return


def _changed(connection: Connection, group: str) -> None:
    if (
        connection.execute(
            update(groups).where(groups.c.name == group).values(epoch=groups.c.epoch + 1)
        ).rowcount
        == 0
    ):
        connection.execute(insert(groups).values(name=group, epoch=1))
