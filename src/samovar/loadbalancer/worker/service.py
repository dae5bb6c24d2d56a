# SPDX-License-Identifier: Apache-2.0
"""The worker: takes operations under leases, makes them true, settles them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from samovar.clients import Cloud, CloudError, CloudUnreachable, ServiceNotInCatalog, is_down
from samovar.config import AmphoraSettings, Settings
from samovar.database import Database, DatabaseUnavailable, new_id
from samovar.database.leases import LeaseLost
from samovar.messaging import Bus, Subscription
from samovar.observability import about, figures, span

from .. import operations
from ..authorities import AuthorityError
from ..deployment import Deployment
from ..operations import Operation
from ..tree import Tree
from ..tree_loading import load_tree
from .agent import AgentRefused, AgentUnreachable
from .converge import Converger
from .draining import drain
from .parts import Parts
from .rows import GOING, Amphora, amphora, amphorae_of, note, restore
from .surroundings import Lacking

__all__ = ["Service"]

log = logging.getLogger(__name__)
LEASE_SECONDS = 10.0
SWEEP_SECONDS = 2.0
AT_ONCE = 16
PASSING = (CloudUnreachable, AgentUnreachable, TimeoutError)
ATTEMPTS = 6
LONGEST_PAUSE = 8.0
CARRYING = ("ALLOCATED", "BOOTING")


class Service:
    """loadbalancer-worker. Any number of them may run; each operation has one at a time."""

    def __init__(self, database: Database, bus: Bus, settings: Settings, own: Cloud) -> None:
        database = database.in_turn("loadbalancer")
        self._database, self._bus = database, bus
        self._settings: AmphoraSettings = settings.amphora
        self._parts = Parts.of(settings, own, Deployment(database))
        self._cloud = own
        self._converger = Converger(database, own, settings.amphora, self._parts.amphorae)
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{new_id()[:8]}"
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self._rung = asyncio.Event()

    async def start(self) -> None:
        self._subscription = self._bus.listen(operations.TOPIC, self._ring)
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Give back what is being worked on; another worker goes on where it stands."""
        if self._subscription is not None:
            self._subscription.close()
        tasks = [*self._running.values(), *([self._sweeper] if self._sweeper is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._parts.close()

    async def _ring(self, ids: Sequence[str]) -> None:
        self._rung.set()

    async def _sweep(self) -> None:
        """Whenever it rings, and now and then without: a lost bell delays, and loses nothing."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), SWEEP_SECONDS)
            self._rung.clear()
            try:
                for operation_id in await self._database.read(operations.waiting):
                    if len(self._running) >= AT_ONCE:
                        break
                    await self._take(operation_id)
            except DatabaseUnavailable as error:
                log.warning("the worker waits for the database: %s", error)
            except Exception:
                log.exception("looking for work failed")

    async def _take(self, operation_id: str) -> None:
        if operation_id in self._running:
            return
        operation = await self._database.write(
            lambda c: operations.claim(c, operation_id, self._owner, LEASE_SECONDS)
        )
        if operation is not None:
            task = asyncio.create_task(self._run(operation))
            self._running[operation_id] = task
            task.add_done_callback(lambda _: self._done(operation_id))

    def _done(self, operation_id: str) -> None:
        self._running.pop(operation_id, None)
        self._rung.set()

    async def _run(self, operation: Operation) -> None:
        names = {"operation_id": operation.id, "load_balancer_id": operation.load_balancer_id}
        action = f"{operation.kind} load balancer"
        running = figures.OPERATIONS_RUNNING.labels("loadbalancer-worker")
        running.inc()
        try:
            with (
                about(request_id=operation.request_id, **names),
                span(action, epoch=operation.epoch, **names),
                figures.OPERATION_SECONDS.labels("loadbalancer-worker", operation.kind).time(),
            ):
                outcome = await self._work(operation)
                figures.OPERATIONS.labels("loadbalancer-worker", operation.kind, outcome).inc()
        finally:
            running.dec()

    async def _work(self, operation: Operation) -> str:
        """Work under the lease; how it ended: done, failed, or left (to another worker)."""
        working = asyncio.current_task()
        assert working is not None
        renewing = asyncio.create_task(self._renew(operation, working))
        try:
            return "done" if await self._attempt(operation) else "failed"
        except asyncio.CancelledError:
            figures.OPERATIONS.labels("loadbalancer-worker", operation.kind, "left").inc()
            with contextlib.suppress(Exception):
                await asyncio.shield(self._database.write(lambda c: operations.give_back(c, operation)))
            raise
        except LeaseLost:
            log.info("operation %s is another worker's now", operation.id)
            figures.LEASES_LOST.labels("loadbalancer-worker").inc()
            return "left"
        except DatabaseUnavailable as error:
            log.warning("operation %s is taken up again when its lease has run out: %s", operation.id, error)
            return "left"
        except Exception as error:
            log.exception("operation %s failed", operation.id)
            await self._failed(operation, f"The worker failed: {type(error).__name__}: {error}")
            return "failed"
        finally:
            renewing.cancel()

    async def _renew(self, operation: Operation, working: asyncio.Task[Any]) -> None:
        """Hold on to the lease; whoever has lost it must not go on."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                await self._database.write(lambda c: operations.renew(c, operation, LEASE_SECONDS))
            except LeaseLost:
                log.warning("operation %s was taken over by another worker", operation.id)
                figures.LEASES_LOST.labels("loadbalancer-worker").inc()
                working.cancel()
                return
            except DatabaseUnavailable as error:
                log.warning("the lease of operation %s could not be renewed: %s", operation.id, error)

    async def _attempt(self, operation: Operation) -> bool:
        """Do it; what may pass by itself is tried again a few times. False: it failed, and is told so."""
        act = self._actions()[operation.kind]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await act(operation)
                return True
            except (
                CloudError,
                ServiceNotInCatalog,
                Lacking,
                AgentRefused,
                AuthorityError,
                *PASSING,
            ) as error:
                self._parts.surroundings.forget()
                self._converger.forget(operation.load_balancer_id)
                passing = isinstance(error, PASSING) or is_down(error)
                if not passing or attempt == ATTEMPTS:
                    await self._failed(operation, str(error) or type(error).__name__)
                    return False
                log.warning("operation %s, attempt %d: %s", operation.id, attempt, error)
                await asyncio.sleep(min(2.0 ** (attempt - 1), LONGEST_PAUSE))
        return False

    def _actions(self) -> dict[str, Callable[[Operation], Awaitable[None]]]:
        return {
            operations.CONVERGE: self._converge,
            operations.DELETE: self._delete,
            operations.FAILOVER: self._failover,
            operations.FAILOVER_AMPHORA: self._failover,
            operations.CONFIGURE_AMPHORA: self._configure,
            operations.DELETE_AMPHORA: self._delete_amphora,
        }

    async def _failed(self, operation: Operation, reason: str) -> None:
        """A load balancer that carries traffic is not broken because a change of it failed."""
        log.error("load balancer %s: %s failed: %s", operation.load_balancer_id, operation.kind, reason)
        alive: set[str] = set()
        for row in await self._rows(operation):
            if row.status == GOING and row.vrrp_interface and not await self._is_lost(row):
                alive.add(row.id)

        def write(connection: Connection) -> None:
            carries = operation.kind != operations.DELETE and restore(connection, operation, alive)
            operations.fail(connection, operation, reason, status="ACTIVE" if carries else "ERROR")

        await self._database.write(write)

    async def _is_lost(self, row: Amphora) -> bool:
        try:
            return await self._parts.amphorae.lost(row)
        except (CloudError, CloudUnreachable, ServiceNotInCatalog):
            return False

    async def _tree(self, operation: Operation) -> Tree | None:
        return await self._database.read(lambda c: load_tree(c, operation.load_balancer_id))

    async def _converge(self, operation: Operation) -> None:
        """Until what was asked for last is true."""
        while True:
            tree = await self._tree(operation)
            if tree is None:
                await self._finish(operation)
                return
            broken = await self._converger.converge(operation, tree)
            generation = tree.generation
            if await self._database.write(
                lambda c, generation=generation, broken=broken: operations.settle(  # type: ignore[misc]
                    c, operation, generation, broken=broken
                )
            ):
                return

    async def _failover(self, operation: Operation) -> None:
        """Replace one amphora, or all of them one after the other: the standby first."""
        rows = await self._rows(operation)
        wanted = [row for row in rows if operation.amphora_id in (None, row.id)]
        for row in sorted(wanted, key=lambda one: one.role != "BACKUP"):
            if row.created_at < operation.created_at and not row.going:
                await self._database.write(lambda c, row=row: note(c, row.id, status=GOING))  # type: ignore[misc]
                tree = await self._tree(operation)
                if tree is not None:
                    await self._converger.converge(operation, tree)
        await self._converge(operation)

    async def _delete(self, operation: Operation) -> None:
        tree = await self._tree(operation)
        rows = await self._rows(operation)
        if tree is not None:
            told = [row for row in rows if row.status == "ALLOCATED" and row.lb_network_ip]
            agents = [self._parts.amphorae.agent(row.id, row.lb_network_ip or "") for row in told]
            await drain(agents, tree, self._settings.delete_drain_seconds)
        for row in rows:
            await self._converger.remove(row)
        await self._parts.amphorae.affinity.remove(operation.load_balancer_id)
        if tree is not None:
            await self._remove_vips(tree)
        await self._converger.groups.remove(operation.load_balancer_id)
        await self._database.write(lambda c: operations.bury(c, operation))

    async def _remove_vips(self, tree: Tree) -> None:
        for vip in tree.vips:
            if vip.owned:
                try:
                    await self._cloud.request("network", "DELETE", f"/v2.0/ports/{vip.port_id}")
                except CloudError as error:
                    if error.status != 404:
                        raise

    async def _configure(self, operation: Operation) -> None:
        """Tell the agent anew where its controllers are."""
        row = await self._amphora(operation)
        if row is not None and row.lb_network_ip:
            agent = self._parts.amphorae.agent(row.id, row.lb_network_ip)
            wanted = {
                "controllers": list(await self._parts.amphorae.controllers()),
                "heartbeat_interval": self._settings.heartbeat_interval,
            }
            await agent.put("/1/agent", wanted)
        await self._finish(operation)

    async def _delete_amphora(self, operation: Operation) -> None:
        row = await self._amphora(operation)
        if row is not None:
            await self._converger.remove(row)
        await self._finish(operation)

    async def _rows(self, operation: Operation) -> list[Amphora]:
        return await self._database.read(lambda c: amphorae_of(c, operation.load_balancer_id))

    async def _amphora(self, operation: Operation) -> Amphora | None:
        return await self._database.read(lambda c: amphora(c, operation.amphora_id or ""))

    async def _finish(self, operation: Operation) -> None:
        await self._database.write(lambda c: operations.finish(c, operation, "COMPLETE"))
