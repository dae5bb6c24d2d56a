# SPDX-License-Identifier: Apache-2.0
"""The wiring: makes the kernel follow the database, and tells the database how far it got.

    commit ─ doorbell ─▶ key pending ─▶ blueprint ─▶ host agent ─▶ ports, routers, floating IPs ACTIVE
                 ▲                                      │ refused
                 └── every minute, and at the start     └─▶ again later

A key is one network or one router. Rings gather while their key is being worked on; nothing is remembered
but what can be read again, so that this process may be killed anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection, delete, select, update

from samovar.cloud.host import HostError
from samovar.cloud.host.reports import Inventory, NetworkReport
from samovar.cloud.host.specs import ExternalSpec, NetworkSpec, RouterSpec
from samovar.config import NetworkSettings
from samovar.database import Database, DatabaseUnavailable, utcnow
from samovar.messaging import Bus, Subscription

from . import blueprint
from .backend import WIRE_TOPIC
from .tables import floating_ips, networks, ports, removals, routers

log = logging.getLogger(__name__)

ACTIVE_TOPIC = "network.ports.active"
AT_ONCE = 8
FULL_EVERY = 60.0
VERIFY_EVERY = 10
HEARTBEAT = 20.0
RETRY_FIRST, RETRY_LONGEST = 0.2, 30.0
PATIENCE_AT_STOP = 5.0
PASSING = ("unreachable", "missing")


class Host(Protocol):
    """The part of the host agent's client that the wiring uses."""

    async def ensure_network(self, spec: NetworkSpec, *, verify: bool = False) -> NetworkReport: ...

    async def remove_network(self, network_id: str) -> None: ...

    async def ensure_router(self, spec: RouterSpec, *, verify: bool = False) -> None: ...

    async def remove_router(self, router_id: str) -> None: ...

    async def ensure_external(self, spec: ExternalSpec) -> None: ...

    async def remove_external(self, network_id: str) -> None: ...

    async def inventory(self) -> Inventory: ...

    async def hello(self) -> int: ...


class Wiring:
    """One host's wiring. `seen`: since when it runs and when the host agent answered last."""

    def __init__(self, database: Database, bus: Bus, settings: NetworkSettings, host: Host) -> None:
        self._database, self._bus, self._settings, self._host = database, bus, settings, host
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._verify: set[str] = set()
        self._woken: dict[str, asyncio.Event] = {}
        self._made: dict[str, type] = {}
        self._announced: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._subscription: Subscription | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.seen: tuple[datetime.datetime, datetime.datetime] | None = None

    async def start(self) -> None:
        self._subscription = self._bus.listen(WIRE_TOPIC, self._rung)
        self._keeper = asyncio.create_task(self._keep(), name="network-wiring")

    async def stop(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_AT_STOP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ── what has to be looked at ──

    async def _rung(self, ids: Sequence[str]) -> None:
        def resolve(connection: Connection) -> list[str]:
            keys: dict[str, None] = {}
            for item in ids:
                kind, _, identity = item.partition(":")
                found: Iterable[str] = ()
                if kind == "rules":
                    found = blueprint.networks_with_rules_of(connection, identity)
                elif kind == "members":
                    found = blueprint.networks_that_trust(connection, identity)
                else:
                    keys[item] = None
                keys.update(dict.fromkeys(f"network:{network_id}" for network_id in found))
            return list(keys)

        for key in await self._database.read(resolve):
            self._mark(key)

    async def _keep(self) -> None:
        """Look at everything at the start and from time to time; know whether the agent is there."""
        started = utcnow()
        due, passes = 0.0, 0
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._host.hello()
                self.seen = (started, utcnow())
                if loop.time() >= due:
                    await self._everything(verify=passes % VERIFY_EVERY == 0)
                    passes += 1
                    due = loop.time() + FULL_EVERY
            except (HostError, DatabaseUnavailable) as error:
                log.warning("The networks could not be compared with the kernel: %s", error)
            await asyncio.sleep(HEARTBEAT if due else RETRY_FIRST)

    async def _everything(self, *, verify: bool) -> None:
        """Mark all there is, and all that the kernel has and the database does not.

        `verify`: the agent looks at the kernel instead of trusting what it remembers.
        """
        inventory = await self._host.inventory()

        def known(connection: Connection) -> list[str]:
            keys = [f"network:{i}" for i in connection.execute(select(networks.c.id)).scalars()]
            keys += [f"router:{i}" for i in connection.execute(select(routers.c.id)).scalars()]
            return [*keys, *connection.execute(select(removals.c.key)).scalars()]

        keys = dict.fromkeys(await self._database.read(known))
        for namespace in inventory.namespaces:
            for start, kind in (("sv-net-", "network"), ("sv-rtr-", "router")):
                if namespace.startswith(start):
                    keys[f"{kind}:{namespace.removeprefix(start)}"] = None
        for key in keys:
            self._mark(key, verify=verify)

    def _mark(self, key: str, *, verify: bool = False) -> None:
        if verify:
            self._verify.add(key)
        if key in self._tasks:
            self._again.add(key)
            if key in self._woken:
                self._woken[key].set()
            return
        self._tasks[key] = asyncio.create_task(self._work(key), name=f"wire-{key}")

    async def _work(self, key: str) -> None:
        """Wire one key until it is as it should be and nobody has rung for it since."""
        delay = RETRY_FIRST
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._again.discard(key)
                began = loop.time()
                try:
                    async with self._turns:
                        await self._wire(key)
                    delay = RETRY_FIRST
                except (HostError, DatabaseUnavailable) as error:
                    log.warning("%s is not wired yet: %s", key, error)
                    await self._wait(key, delay)
                    delay = min(delay * 2, RETRY_LONGEST)
                    continue
                if key not in self._again:
                    return
                await asyncio.sleep(loop.time() - began)  # what is large takes half of the time at most
        except Exception:
            log.exception("wiring of %s failed", key)
        finally:
            del self._tasks[key]

    async def _wait(self, key: str, seconds: float) -> None:
        event = self._woken[key] = asyncio.Event()
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            pass
        finally:
            del self._woken[key]

    # ── the work ──

    async def _wire(self, key: str) -> None:
        kind, _, identity = key.partition(":")
        verify = key in self._verify
        self._verify.discard(key)
        try:
            if kind == "network":
                await self._network(identity, verify)
            else:
                await self._router(identity, verify)
        except BaseException:
            if verify:
                self._verify.add(key)
            raise

    async def _network(self, identity: str, verify: bool) -> None:
        async with self._locks.setdefault(identity, asyncio.Lock()):
            plan = await self._database.read(
                lambda connection: blueprint.network_plan(connection, identity, self._settings)
            )
            if plan is None:
                await self._host.remove_network(identity)
                await self._host.remove_external(identity)
                self._made.pop(identity, None)
                await self._forget(f"network:{identity}")
                return
            await self._clear_other(identity, type(plan.spec))
            if isinstance(plan.spec, ExternalSpec):
                await self._host.ensure_external(plan.spec)
                self._made[identity] = ExternalSpec
                return
            try:
                report = await self._host.ensure_network(plan.spec, verify=verify)
            except HostError as error:
                if error.code not in PASSING:
                    await self._ports_failed(plan.believed)
                raise
            self._made[identity] = NetworkSpec
            wired = {item.port_id for item in report.interfaces}
            await self._ports_wired(plan, wired)

    async def _clear_other(self, identity: str, wanted: type) -> None:
        """A network that became external, or ceases to be, leaves its other form behind."""
        if self._made.get(identity) is wanted:
            return
        if wanted is ExternalSpec:
            await self._host.remove_network(identity)
        else:
            await self._host.remove_external(identity)

    async def _router(self, identity: str, verify: bool) -> None:
        plan = await self._database.read(lambda connection: blueprint.router_plan(connection, identity))
        if plan is None:
            await self._host.remove_router(identity)
            await self._forget(f"router:{identity}")
            return
        for network_id in plan.networks:
            if network_id not in self._made:
                await self._network(network_id, verify=False)
        try:
            await self._host.ensure_router(plan.spec, verify=verify)
        except HostError as error:
            if error.code not in PASSING and plan.status != "ERROR":
                await self._database.write(lambda connection: _status(connection, identity, "ERROR"))
            raise
        if plan.status == "ACTIVE" and not plan.ports and not plan.floating:
            return

        def done(connection: Connection) -> None:
            _status(connection, identity, "ACTIVE")
            for port_id in plan.ports:
                own = (ports.c.id == port_id, ports.c.device_id == identity)
                connection.execute(update(ports).where(*own).values(status="ACTIVE"))
            for floating_id, (port_id, fixed) in plan.floating.items():
                connection.execute(
                    update(floating_ips)
                    .where(
                        floating_ips.c.id == floating_id,
                        floating_ips.c.router_id == identity,
                        floating_ips.c.port_id == port_id,
                        floating_ips.c.fixed_ip_address == fixed,
                    )
                    .values(status="ACTIVE")
                )

        await self._database.write(done)

    async def _ports_wired(self, plan: blueprint.NetworkPlan, wired: set[str]) -> None:
        """Show as ACTIVE what is, and tell so; a port whose device changed meanwhile has a turn to come."""
        assert isinstance(plan.spec, NetworkSpec)
        up = {port.id for port in plan.spec.ports if port.admin_up and port.id in wired}
        wanted = {port_id: "ACTIVE" if port_id in up else "DOWN" for port_id in plan.believed}
        changed = [i for i, (_, status) in plan.believed.items() if status != wanted[i]]

        def done(connection: Connection) -> None:
            for port_id in changed:
                device, _ = plan.believed[port_id]
                own = (ports.c.id == port_id, ports.c.device_id == device)
                connection.execute(update(ports).where(*own).values(status=wanted[port_id]))

        if changed:
            await self._database.write(done)
        news = [port_id for port_id in up if port_id in changed or port_id not in self._announced]
        self._announced = (self._announced - set(plan.believed)) | (self._announced & up) | set(news)
        if news:
            await self._bus.announce(ACTIVE_TOPIC, *news)

    async def _ports_failed(self, believed: Mapping[str, tuple[str, str]]) -> None:
        """The host refused the network as it should be: what was not active yet will not be soon."""
        waiting = [port_id for port_id, (_, status) in believed.items() if status in ("DOWN", "BUILD")]

        def failed(connection: Connection) -> None:
            for port_id in waiting:
                connection.execute(update(ports).where(ports.c.id == port_id).values(status="ERROR"))

        if waiting:
            await self._database.write(failed)

    async def _forget(self, key: str) -> None:
        """The kernel has let it go."""
        buried = select(removals.c.key).where(removals.c.key == key)
        if await self._database.read(lambda connection: connection.execute(buried).first()) is not None:
            await self._database.write(
                lambda connection: connection.execute(delete(removals).where(removals.c.key == key)) and None
            )


def _status(connection: Connection, router_id: str, status: str) -> None:
    connection.execute(update(routers).where(routers.c.id == router_id).values(status=status))
