# SPDX-License-Identifier: Apache-2.0
"""The health manager: hears heartbeats, writes down what they say, has silent amphorae replaced."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import logging
import socket
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, or_, select, update

from samovar.clients import Cloud, CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.config import Settings
from samovar.database import Database, DatabaseUnavailable, utcnow
from samovar.messaging import Bus, Subscription
from samovar.observability import figures

from .. import operations
from ..deployment import Deployment
from ..tables import amphorae, load_balancers
from ..tables import operations as operation_table
from ..tree import Tree
from ..tree_loading import load_tree
from ..worker.parts import Parts
from ..worker.surroundings import Lacking
from .heartbeats import Heartbeat, Unbelievable, Verifier
from .recording import write_counters, write_report, write_statuses
from .statuses import operating_statuses
from .watch import Watch
from .window import recall, remember

__all__ = ["Service"]

log = logging.getLogger(__name__)
WRITE_SECONDS = 0.2
AGAIN_SECONDS = 10.0
STATUSES_AGAIN_SECONDS = 30.0
AT_ONCE = 500
BIND_SECONDS = 1.0
SETTLING = datetime.timedelta(seconds=2)
RECEIVE_BUFFER = 4 * 1024 * 1024
COMPLAIN_SECONDS = 60.0
PAUSE_AFTER_FAILURE = 20.0
ENDED_TOPIC = "compute.servers.ended"


class Service:
    """loadbalancer-health. Several may run; amphorae speak to one after the other."""

    def __init__(self, database: Database, bus: Bus, settings: Settings, own: Cloud) -> None:
        self._database, self._bus, self._cloud = database, bus, own
        self._settings = given = settings.amphora
        self._parts = Parts.of(settings, own, Deployment(database))
        self._verifier = Verifier(self._parts.store.heartbeat_key)
        managers = max(len(given.controller_ip_port_list), 1)
        self._watch = Watch(
            given.heartbeat_interval * managers, given.heartbeat_timeout, given.failover_threshold
        )
        self._newest: dict[str, Heartbeat] = {}
        self._written: dict[str, tuple[int, float]] = {}
        self._reported: dict[str, tuple[int, float]] = {}
        self._oldest = 0.0
        self._complained = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._socket: socket.socket | None = None
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        self._subscription = self._bus.listen(ENDED_TOPIC, self._ended)
        self._tasks = [asyncio.create_task(work()) for work in (self._receive, self._write, self._judge)]

    async def stop(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        await self._parts.close()

    @property
    def address(self) -> tuple[str, int] | None:
        """Where heartbeats are heard; None while there is no such address yet."""
        if self._socket is None:
            return None
        name: tuple[str, int] = self._socket.getsockname()[:2]
        return name

    async def _receive(self) -> None:
        """Take up what was believed before, then listen."""
        while self._verifier.expected is None:
            try:
                self._verifier.remember(await self._database.read(recall))
                self._verifier.expected = await self._database.read(_all_ids)
            except Exception:
                log.exception("what was heard before cannot be read; it is tried again")
                await asyncio.sleep(BIND_SECONDS)
        loop = asyncio.get_running_loop()
        self._socket = await self._bound()
        arrived = asyncio.Event()
        loop.add_reader(self._socket, arrived.set)
        try:
            while True:
                await arrived.wait()
                arrived.clear()
                if self._drain(self._socket):
                    arrived.set()
                    await asyncio.sleep(0)
        finally:
            loop.remove_reader(self._socket)

    def _drain(self, listening: socket.socket) -> bool:
        """Read what is there, many at once: what is forged must cost less than it takes to send. Whether more
        may be there."""
        for _ in range(AT_ONCE):
            try:
                datagram = listening.recv(65535)
            except BlockingIOError:
                return False
            try:
                self._hear(self._verifier.read(datagram))
            except Unbelievable as error:
                figures.HEARTBEATS.labels("no").inc()
                self._complain(f"a heartbeat is not believed: {error}")
        return True

    def _hear(self, heartbeat: Heartbeat) -> None:
        now = time.monotonic()
        figures.HEARTBEATS.labels("yes").inc()
        if heartbeat.id in self._watch.seen:
            figures.HEARTBEAT_GAP_SECONDS.observe(now - self._watch.seen[heartbeat.id])
        self._watch.heard(heartbeat.id, now)
        if not self._newest:
            self._oldest = now
        self._newest[heartbeat.id] = heartbeat

    async def _bound(self) -> socket.socket:
        """A socket at the health manager's address, as soon as this machine has it."""
        while True:
            try:
                address = self._settings.heartbeat_ip or (await self._parts.surroundings.external())[1]
                family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
                listening = socket.socket(family, socket.SOCK_DGRAM)
                try:
                    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                    listening.setblocking(False)
                    listening.bind((address, self._settings.heartbeat_port))
                    return listening
                except OSError as error:
                    listening.close()
                    where = f"{address}:{self._settings.heartbeat_port}"
                    self._complain(f"heartbeats cannot be heard at {where} yet: {error.strerror}")
            except (CloudError, CloudUnreachable, ServiceNotInCatalog, Lacking) as error:
                self._complain(f"heartbeats cannot be heard yet: {error}")
            await asyncio.sleep(BIND_SECONDS)

    async def _write(self) -> None:
        """Take what came in a moment together: the newest of each amphora."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            newest, self._newest = self._newest, {}
            oldest = self._oldest
            if newest:
                with self._guarded("writing down heartbeats"):
                    record = partial(self._record, newest=newest)
                    written, reported = await self._database.write(record)
                    self._written |= written
                    self._reported |= reported
                    figures.HEARTBEAT_WRITE_SECONDS.observe(time.monotonic() - oldest)

    def _record(
        self, connection: Connection, newest: dict[str, Heartbeat]
    ) -> tuple[dict[str, tuple[int, float]], dict[str, tuple[int, float]]]:
        """Write counters, and statuses and reports that are news; what was written of which amphora."""
        columns = amphorae.c
        query = select(columns.id, columns.load_balancer_id, columns.role).where(columns.id.in_(newest))
        now, heard_at, written, reported = time.monotonic(), utcnow(), {}, {}
        rows = [row for row in connection.execute(query).all() if row[1] is not None]
        remember(connection, newest.values())
        write_counters(connection, [(lb_id, newest[amphora_id]) for amphora_id, lb_id, _ in rows])
        for amphora_id, lb_id, role in rows:
            heartbeat = newest[amphora_id]
            said = hash(msgspec.json.encode((heartbeat.vrrp, _checks(heartbeat), _mark(heartbeat))))
            if _is_news(self._reported.get(amphora_id), said, now, AGAIN_SECONDS):
                write_report(connection, lb_id, heartbeat, heard_at)
                reported[amphora_id] = (said, now)
            if role != "STANDALONE" and heartbeat.vrrp != "MASTER":
                continue  # the one that has the VIP speaks for both
            mark = _mark(heartbeat)
            if not _is_news(self._written.get(amphora_id), mark, now, STATUSES_AGAIN_SECONDS):
                continue
            tree = load_tree(connection, lb_id)
            if tree is not None and not _behind(connection, tree, heartbeat):
                write_statuses(connection, lb_id, operating_statuses(tree, heartbeat))
                written[amphora_id] = (mark, now)
        return written, reported

    async def _judge(self) -> None:
        while True:
            await asyncio.sleep(self._settings.health_check_interval)
            with self._guarded("looking for silent amphorae"):
                await self._look()

    async def _look(self) -> None:
        rows = await self._database.read(_carrying)
        if self._verifier.expected is not None:
            self._verifier.expected = await self._database.read(_all_ids)
        if len(self._settings.controller_ip_port_list) > 1:  # others hear the same amphorae
            self._verifier.remember(await self._database.read(recall))
        verdict = self._watch.judge(rows, time.monotonic())
        figures.AMPHORAE_SILENT.labels("no").set(len(verdict.silent))
        figures.AMPHORAE_SILENT.labels("yes").set(len(verdict.held))
        for amphora_id in self._written.keys() - rows.keys():
            self._written.pop(amphora_id, None)
            self._reported.pop(amphora_id, None)
            self._verifier.forget(amphora_id)
        if verdict.held:
            self._complain(
                f"{len(verdict.held)} of {len(rows)} amphorae are silent at once; none is replaced, because "
                "the fault is more likely between them and here ([health_manager] failover_threshold)."
            )
        for amphora_id in verdict.silent:
            lb_id, _ = rows[amphora_id]
            log.warning("amphora %s of load balancer %s is silent and is replaced", amphora_id, lb_id)
            await self._ask(lb_id, operations.FAILOVER_AMPHORA, amphora_id)
        if len(verdict.suspects) < 10:
            for amphora_id in verdict.suspects:
                lb_id, server_id = rows[amphora_id]
                if server_id is not None and not await self._runs(server_id):
                    log.warning("the server of amphora %s does not run; mending it", amphora_id)
                    await self._ask(lb_id, operations.CONVERGE, None)

    async def _ended(self, server_ids: Sequence[str]) -> None:
        """The local cloud says so at once; elsewhere the silence of an amphora makes us ask."""
        for amphora_id, (lb_id, server_id) in (await self._database.read(_carrying)).items():
            if server_id in server_ids:
                log.warning("the server of amphora %s ended; mending it", amphora_id)
                await self._ask(lb_id, operations.CONVERGE, None)

    async def _runs(self, server_id: str) -> bool:
        try:
            server = (await self._cloud.get("compute", f"/servers/{server_id}"))["server"]
        except (CloudUnreachable, ServiceNotInCatalog):
            return True  # nothing is known of it; its silence goes on being counted
        except CloudError as error:
            return error.status != 404
        return bool(server["status"] in ("ACTIVE", "BUILD", "REBOOT"))

    async def _ask(self, lb_id: str, kind: str, amphora_id: str | None) -> None:
        change = self._database.in_turn("loadbalancer")
        asked = await change.write(lambda c: _request(c, lb_id, kind, amphora_id))
        if asked is not None:
            await self._bus.ring(operations.TOPIC, asked)

    def _complain(self, sentence: str) -> None:
        """Warn, but not all the time: anybody can send datagrams."""
        now = time.monotonic()
        if now - self._complained > COMPLAIN_SECONDS or not self._complained:
            self._complained = now
            log.warning("%s", sentence)

    @contextlib.contextmanager
    def _guarded(self, what: str) -> Any:
        try:
            yield
        except DatabaseUnavailable as error:
            log.warning("%s waits for the database: %s", what, error)
        except Exception:
            log.exception("%s failed; it is tried again", what)


def _is_news(before: tuple[int, float] | None, mark: int, now: float, again: float) -> bool:
    return before is None or before[0] != mark or now - before[1] >= again


def _mark(heartbeat: Heartbeat) -> int:
    """Another number when some status, or the configuration, is another."""
    listeners = tuple((name, one.status) for name, one in heartbeat.listeners.items())
    pools = tuple(
        (name, one.status, tuple((member, each.status) for member, each in one.members.items()))
        for name, one in heartbeat.pools.items()
    )
    return hash((heartbeat.configuration, listeners, pools))


def _checks(heartbeat: Heartbeat) -> list[tuple[str, str, str, str]]:
    """What the last check of each member came to."""
    return [
        (member, each.check, each.code, each.last)
        for one in heartbeat.pools.values()
        for member, each in one.members.items()
    ]


def _all_ids(connection: Connection) -> set[str]:
    return set(connection.execute(select(amphorae.c.id)).scalars())


def _carrying(connection: Connection) -> dict[str, tuple[str, str | None]]:
    """Amphorae that should be heard: id → (load balancer, server)."""
    columns = amphorae.c
    query = select(columns.id, columns.load_balancer_id, columns.compute_id).where(
        columns.status == "ALLOCATED", columns.load_balancer_id.is_not(None)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query).all()}


def _request(connection: Connection, lb_id: str, kind: str, amphora_id: str | None) -> str | None:
    """Ask for an operation unless one is open already, or one of the same kind failed just now; the load
    balancer shows that it is worked on."""
    theirs = operation_table.c
    failed = and_(
        theirs.status == "FAILED",
        theirs.kind == kind,
        theirs.finished_at > utcnow() - datetime.timedelta(seconds=PAUSE_AFTER_FAILURE),
    )
    open_ones = select(theirs.id).where(
        theirs.load_balancer_id == lb_id, or_(theirs.status == operations.OPEN, failed)
    )
    columns = load_balancers.c
    row = connection.execute(
        select(columns.generation, columns.provisioning_status).where(columns.id == lb_id)
    ).first()
    if row is None or row[1] == "PENDING_DELETE" or connection.execute(open_ones).first() is not None:
        return None
    connection.execute(
        update(load_balancers).where(columns.id == lb_id).values(provisioning_status="PENDING_UPDATE")
    )
    return operations.request(
        connection, lb_id, kind, generation=row[0], amphora_id=amphora_id, requested_by="health manager"
    )


def _behind(connection: Connection, tree: Tree, heartbeat: Heartbeat) -> bool:
    """Whether the heartbeat may be from before the last change: it lacks a listener that was just settled."""
    heard = heartbeat.listeners
    if not any(one.enabled and one.status == "ACTIVE" and one.id not in heard for one in tree.listeners):
        return False
    query = select(load_balancers.c.updated_at).where(load_balancers.c.id == tree.id)
    settled: datetime.datetime | None = connection.execute(query).scalar()
    return settled is not None and utcnow() - settled < SETTLING
