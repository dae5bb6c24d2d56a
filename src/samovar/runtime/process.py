# SPDX-License-Identifier: Apache-2.0
"""A process of the program: a port, a loop, the services that were asked for, an orderly end.

bind ─▶ database ─▶ services start ─▶ serve ──SIGTERM──▶ stop accepting ─▶ services stop ─▶ close
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import uvicorn
from sqlalchemy import make_url
from starlette.types import ASGIApp

from samovar import __version__
from samovar.clients import is_down
from samovar.config import DOORS, OptionsError, Settings
from samovar.database import Database, DatabaseUnavailable, now
from samovar.database.migrate import MigrationError, upgrade
from samovar.database.servers import address, is_refused
from samovar.observability import begin_logging, begin_tracing, end_tracing, figures
from samovar.unix_sockets import named_for_the_kernel

from .addresses import Addresses, url
from .confinement import confine
from .connections import ClientConnection, raise_limit
from .embedded import ON_THE_HOST, SERVICES, Embedded, StartError
from .presence import Presence
from .rooms import import_rooms
from .secrets import SecretsDiffer
from .supervisor import sign_of_life, tell

T = TypeVar("T")
log = logging.getLogger(__name__)
DRAIN_SECONDS = 10
METRICS_PORTS = 32
"""Ports from [samovar] metrics_port on that the processes of a machine may take."""


def serve(
    settings: Settings,
    wanted: set[str],
    *,
    shared: bool,
    ready: Callable[[str], None],
    agent_socket: Path,
    health_socket: Path,
) -> None:
    """Run these services until SIGTERM or SIGINT.

    `shared`: all APIs on one port, [samovar] bind_port; else each on its own. `ready` is told the origin
    of the shared port once they answer. `health_socket` answers for the health of any process.
    Raises StartError when they cannot start, with what to do about it.
    """
    import uvloop

    services = "all" if wanted == set(SERVICES) else ",".join(sorted(wanted))
    try:
        address(settings.database_url)
    except ValueError as error:
        raise StartError(f"[database] connection: {error}") from error
    try:
        begin_logging(settings.observability, services)
        begin_tracing(settings.observability, services, __version__)
    except OptionsError as error:
        raise StartError(str(error)) from error
    for sentence in settings.misspelled:
        log.warning("the configuration's %s", sentence)
    if settings.not_known:
        log.info("the configuration's options that are not known here: %s", ", ".join(settings.not_known))
    figures.PROGRAM.info({"version": __version__, "services": services})
    raise_limit()
    listening, origin = _listen(settings, wanted, shared)
    watched = _watched(settings)
    with _agent(settings.state_dir, agent_socket) if wanted & ON_THE_HOST else contextlib.nullcontext():
        import_rooms(wanted)
    if os.geteuid() == 0:
        for lacking in confine(_written(settings)):
            log.warning("%s", lacking)
    uvloop.run(_serve(settings, wanted, listening, watched, origin, ready, agent_socket, health_socket))
    end_tracing()


@contextlib.contextmanager
def _agent(state_dir: Path, socket_path: Path) -> Iterator[None]:
    """Have the host agent started beside what is done in this context. Raises StartError."""
    from samovar.cloud.host import HostError, launch

    with ThreadPoolExecutor(1) as beside:  # its thread has ended when this process is confined
        launching = beside.submit(lambda: asyncio.run(launch(state_dir, socket_path)))
        yield
        try:
            launching.result()
        except HostError as error:
            raise StartError(f"{error} 'samovar doctor' tells what this machine needs.") from error


async def _serve(
    settings: Settings,
    wanted: set[str],
    listening: list[socket.socket],
    watched: socket.socket | None,
    origin: str,
    ready: Callable[[str], None],
    agent_socket: Path,
    health_socket: Path,
) -> None:
    stopping, at_once = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(
            number, lambda: (at_once if stopping.is_set() else stopping).set()
        )
    try:
        database = Database(settings.database_url, settings.database)
        if not await _upgraded(database, settings.database.patience, stopping):
            return
        services = await _prepared(
            lambda: Embedded(settings, wanted, database, origin=origin, agent_socket=agent_socket),
            database,
            stopping,
        )
    except (MigrationError, DatabaseUnavailable, SecretsDiffer, OptionsError, ValueError) as error:
        raise StartError(str(error)) from error
    if services is None:
        return
    servers, serving = [], []
    held_open = contextlib.ExitStack()
    name = held_open.enter_context(named_for_the_kernel(health_socket))
    servers.append(_Server(_config(services.front, uds=name)))
    serving.append(asyncio.create_task(servers[-1].serve()))
    if listening:
        servers.append(_Server(_config(services.application)))
        serving.append(asyncio.create_task(servers[-1].serve(sockets=listening)))
    if watched is not None:
        servers.append(_Server(_config(services.front)))
        serving.append(asyncio.create_task(servers[-1].serve(sockets=[watched])))
    background = asyncio.create_task(sign_of_life())
    places = {name: f"{host}:{port}" for name, (host, port) in services.addresses.own_places().items()}
    if watched is not None:
        places["metrics"] = "{}:{}".format(*watched.getsockname()[:2])
    presence = Presence(database, sorted(wanted), places or ({"all": origin} if origin else {}))
    try:
        await services.start()
        await presence.start()
        gc.freeze()  # what a process is made of stays; there is next to nothing among it to collect
        gc.enable()
        gc.set_threshold(50_000, 20, 20)
        ready(origin)
        tell("READY=1")
        told = [f"{name} at {place}" for name, place in places.items()]
        log.info("ready%s: %s", f" at {origin}" if origin else "", ", ".join([*sorted(wanted), *told]))
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({*serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
    except DatabaseUnavailable as error:  # lost just now: whoever looks after this process begins anew
        raise StartError(str(error)) from error
    finally:
        log.info("stopping")
        tell("STOPPING=1")
        services.draining = True
        await presence.draining()
        if services.addresses.apart and listening and settings.services.drain_seconds > 0:
            with contextlib.suppress(TimeoutError):  # proxies see 503 at /readyz, and ask others from then on
                await asyncio.wait_for(at_once.wait(), settings.services.drain_seconds)
        await services.stop()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
        background.cancel()
        await services.close()
        await presence.stop()
        await database.close()
        await asyncio.to_thread(health_socket.unlink, missing_ok=True)
        held_open.close()
        log.info("stopped")


async def _upgraded(database: Database, patience: float, stopping: asyncio.Event) -> bool:
    """Bring the database to this program's revision. False: told to end meanwhile.

    A server that cannot be reached is waited for without end: machines come up in any order. One that
    refuses us is given `patience` seconds. Raises DatabaseUnavailable, MigrationError.
    """
    deadline = time.monotonic() + patience

    async def upgrading() -> bool:
        upgrade(database)
        database.look(now)  # from here on by the database's clock, where this machine's is wrong
        return True

    def may_pass(error: BaseException) -> bool:
        early = isinstance(error, DatabaseUnavailable) and time.monotonic() <= deadline
        return early or _may_pass(database, error)

    return bool(await _in_time(upgrading, may_pass, stopping))


async def _prepared(
    make: Callable[[], Embedded], database: Database, stopping: asyncio.Event
) -> Embedded | None:
    """The services, built; a Keystone or a server of databases that cannot be reached is waited for.

    None: told to end meanwhile.
    """

    async def preparing() -> Embedded:
        services = make()
        try:
            await services.prepare()
        except BaseException:
            await services.close()
            raise
        return services

    return await _in_time(preparing, lambda error: _may_pass(database, error), stopping)


async def _in_time(
    begin: Callable[[], Awaitable[T]], may_pass: Callable[[BaseException], bool], stopping: asyncio.Event
) -> T | None:
    """What `begin` comes to when nothing that may pass is in its way; None: told to end meanwhile."""
    told = ""
    while not stopping.is_set():
        try:
            return await begin()
        except Exception as error:
            if not may_pass(error):
                raise
            if str(error) != told:
                told = str(error)
                what = "the database" if isinstance(error, DatabaseUnavailable) else "Keystone"
                log.warning("waiting for %s: %s", what, told)
        await _patient(stopping)
    return None


def _may_pass(database: Database, error: BaseException) -> bool:
    """Whether what is in the way of a start is that something else is not up yet."""
    if isinstance(error, DatabaseUnavailable):
        return database.url.get_backend_name() != "sqlite" and not is_refused(error)
    return is_down(error)


async def _patient(stopping: asyncio.Event) -> None:
    """A second's wait, which the supervisor is told of."""
    tell("EXTEND_TIMEOUT_USEC=60000000")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), 1)


def _config(application: ASGIApp, *, uds: str | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        uds=uds,
        interface="asgi3",
        lifespan="off",
        proxy_headers=False,
        http=ClientConnection,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        backlog=2048,
        timeout_keep_alive=75,  # clients that poll every 5 s keep their connection
    )


def _written(settings: Settings) -> list[Path]:
    """The folders that the program writes to."""
    place = make_url(settings.database_url)
    files = [Path(place.database).parent] if place.get_backend_name() == "sqlite" and place.database else []
    return [settings.state_dir, *files]


class _Server(uvicorn.Server):
    """uvicorn without signal handling of its own: the process decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(settings: Settings, wanted: set[str], shared: bool) -> tuple[list[socket.socket], str]:
    """The sockets of all APIs of this process, and the origin of the shared one."""
    listening, origin = [], ""
    if shared:
        place = (settings.api.bind_host, settings.api.bind_port)
        listening.append(_bind(*place, "choose another port with --port"))
        host = settings.api.public_host or settings.api.bind_host
        origin = url(host, listening[0].getsockname()[1])
    taken: dict[int, str] = {}
    for name, (host, port) in Addresses(settings, wanted, origin).own_places().items():
        section = DOORS[name].section
        if port in taken:
            raise StartError(
                f"{taken[port]} and {name} cannot both listen on port {port}; see [{section}] bind_port"
            )
        taken[port] = name
        listening.append(_bind(host, port, f"choose another address or port in [{section}]"))
    return listening, origin


def _watched(settings: Settings) -> socket.socket | None:
    """Where this process's figures are asked for: the first free port from [samovar] metrics_port on."""
    first = settings.observability.metrics_port
    if not first:
        return None
    for port in range(first, first + METRICS_PORTS - 1):
        with contextlib.suppress(StartError):
            return _bind(settings.api.bind_host, port, "")
    return _bind(settings.api.bind_host, first + METRICS_PORTS - 1, "choose another [samovar] metrics_port")


def _bind(host: str, port: int, advice: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        why = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise StartError(f"cannot listen on {host} port {port}: {why}; {advice}") from error
    listening.listen(2048)
    listening.setblocking(False)
    return listening
