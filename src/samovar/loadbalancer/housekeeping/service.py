# SPDX-License-Identifier: Apache-2.0
"""Housekeeping: certificates are renewed before they end; what nothing names any more is removed."""

from __future__ import annotations

import asyncio
import datetime
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, or_, select, update

from samovar.clients import Cloud, CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.config import Settings
from samovar.coordination import Alone, Partition
from samovar.database import Database, DatabaseUnavailable, utcnow
from samovar.messaging import Bus

from .. import operations
from ..authorities import AuthorityError
from ..deployment import MARK, Deployment
from ..strays import remove_strays
from ..tables import amphorae, heard, load_balancers, statistics
from ..tables import operations as operation_table
from ..worker.agent import AgentRefused, AgentUnreachable
from ..worker.parts import Parts
from ..worker.rows import amphora
from .unfinished import unfinished

__all__ = ["GROUP", "Rotated", "Service"]

log = logging.getLogger(__name__)
GROUP = "loadbalancer-housekeeping"
SERVER = re.compile(r"amphora-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
EXPECTED = (CloudError, CloudUnreachable, ServiceNotInCatalog, AgentRefused, AgentUnreachable, AuthorityError)
STRAY_SECONDS = 300
REMIND_SECONDS = 5.0
BUSY_SECONDS = 600


class Rotated(NamedTuple):
    """How many amphorae got another certificate, and why others did not."""

    renewed: int
    failed: dict[str, str]


class Service:
    """loadbalancer-housekeeping. Several share the work: each does what of `share` is its own."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        settings: Settings,
        own: Cloud,
        share: Partition | None = None,
    ) -> None:
        self._share = share or Partition(Alone(), GROUP)
        self._database, self._bus, self._cloud = database.in_turn("loadbalancer"), bus, own
        self._settings = settings.amphora
        self._deployment = Deployment(self._database)
        self._parts = Parts.of(settings, own, self._deployment)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(_every(REMIND_SECONDS, self.remind)),
            asyncio.create_task(_every(self._settings.cleanup_interval, self.clean)),
            asyncio.create_task(_every(self._settings.cert_interval, self.rotate)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._share.leave()
        await self._parts.close()

    async def remind(self) -> int:
        """Have changes that could not be brought to the amphorae tried again; of how many load balancers."""
        asked = await self._database.write(unfinished)
        if asked:
            log.info("what failed is tried again for %d load balancers", len(asked))
            await self._bus.ring(operations.TOPIC, *asked)
        return len(asked)

    async def clean(self) -> None:
        """Forget old operations; remove servers and VIP ports of load balancers that nobody knows.

        One housekeeper of all does it in each round.
        """
        await self._share.refresh()
        if not self._share.mine("clean"):
            return
        age = datetime.timedelta(seconds=self._settings.operation_expiry_age)
        await self._database.write(lambda c: _forget(c, utcnow() - age))
        known = await self._database.read(lambda c: set(c.execute(select(amphorae.c.id)).scalars()))
        found = await self._cloud.get("compute", "/servers/detail", query={"name": "amphora-"})
        mark = await self._deployment.id()
        for server in found["servers"]:
            if server.get("metadata", {}).get(MARK) != mark:
                continue  # another load balancing's, over the same cloud
            match = SERVER.fullmatch(server["name"])
            if match and match[1] not in known and _older(server["created"], STRAY_SECONDS):
                log.warning("the server %s belongs to no load balancer and is removed", server["name"])
                await self._cloud.request("compute", "DELETE", f"/servers/{server['id']}")
        for port in await remove_strays(self._database, self._cloud, self._deployment):
            log.warning("the VIP port %s belonged to no load balancer and is removed", port)

    async def rotate(self, *, everything: bool = False) -> Rotated:
        """Give amphorae whose certificate ends soon (or all) another one, and tell them who controllers are
        believed by."""
        self._parts.store.client_certificate()  # renewed when that is due
        soon = utcnow() + datetime.timedelta(seconds=self._settings.cert_expiry_buffer)
        before = None if everything else soon
        renewed, failed = 0, {}
        await self._share.refresh()
        for amphora_id in await self._database.read(lambda c: _ending(c, before)):
            if not everything and not self._share.mine(amphora_id):
                continue
            if not await self._database.write(lambda c, one=amphora_id: _take(c, one)):  # type: ignore[misc]
                continue
            values: dict[str, Any] = {"cert_busy": False}
            try:
                row = await self._database.read(lambda c, one=amphora_id: amphora(c, one))  # type: ignore[misc]
                if row is not None and row.lb_network_ip is not None:
                    pem, ends = await self._parts.amphorae.issue(row)
                    agent = self._parts.amphorae.agent(row.id, row.lb_network_ip)
                    await agent.put("/1/agent/certificate", {"pem": pem})
                    await agent.put("/1/agent/authority", {"pem": self._parts.store.client_ca_pem()})
                    values["cert_expiration"] = ends
                    renewed += 1
            except EXPECTED as error:
                failed[amphora_id] = str(error)
                log.warning("the certificate of amphora %s was not renewed: %s", amphora_id, error)
            finally:
                await self._database.write(
                    lambda c, one=amphora_id, values=values: c.execute(  # type: ignore[misc]
                        update(amphorae).where(amphorae.c.id == one).values(**values, updated_at=utcnow())
                    )
                )
        return Rotated(renewed, failed)


async def _every(seconds: float, act: Callable[[], Awaitable[Any]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await act()
        except (*EXPECTED, DatabaseUnavailable) as error:
            log.warning("housekeeping is tried again later: %s", error)
        except Exception:
            log.exception("housekeeping failed; it is tried again later")


def _forget(connection: Connection, before: datetime.datetime) -> None:
    old = (operation_table.c.status != operations.OPEN, operation_table.c.finished_at < before)
    connection.execute(delete(operation_table).where(*old))
    alive = select(load_balancers.c.id)
    connection.execute(delete(statistics).where(statistics.c.load_balancer_id.not_in(alive)))
    connection.execute(delete(heard).where(heard.c.amphora_id.not_in(select(amphorae.c.id))))


def _ending(connection: Connection, before: datetime.datetime | None) -> list[str]:
    """Amphorae whose certificate ends before that (or all); one left busy by a killed housekeeper is free."""
    stale = utcnow() - datetime.timedelta(seconds=BUSY_SECONDS)
    free = or_(amphorae.c.cert_busy.is_(False), amphorae.c.updated_at < stale)
    query = select(amphorae.c.id).where(amphorae.c.status == "ALLOCATED", free)
    query = query if before is None else query.where(amphorae.c.cert_expiration < before)
    return list(connection.execute(query).scalars())


def _take(connection: Connection, amphora_id: str) -> bool:
    stale = utcnow() - datetime.timedelta(seconds=BUSY_SECONDS)
    free = or_(amphorae.c.cert_busy.is_(False), amphorae.c.updated_at < stale)
    change = update(amphorae).where(amphorae.c.id == amphora_id, free)
    return connection.execute(change.values(cert_busy=True, updated_at=utcnow())).rowcount == 1


def _older(created: str, seconds: float) -> bool:
    made = datetime.datetime.fromisoformat(created.replace("Z", "+00:00"))
    return utcnow() - made > datetime.timedelta(seconds=seconds)
