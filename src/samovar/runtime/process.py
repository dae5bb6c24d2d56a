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
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from sqlalchemy import make_url

from samovar.cloud.host import HostError, launch
from samovar.config import Settings
from samovar.database import Database, DatabaseUnavailable
from samovar.database.migrate import MigrationError, upgrade

from .confinement import confine
from .embedded import ON_THE_HOST, Embedded, StartError

log = logging.getLogger(__name__)
DRAIN_SECONDS = 10


def serve(settings: Settings, wanted: set[str], *, ready: Callable[[str], None], agent_socket: Path) -> None:
    """Run these services until SIGTERM or SIGINT. `ready` is told the origin once they answer.

    Raises StartError when they cannot start, with what to do about it.
    """
    import uvloop

    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for name in ("alembic", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
    listening = _bind(settings)
    if wanted & ON_THE_HOST:
        try:
            asyncio.run(launch(settings.state_dir, agent_socket))
        except HostError as error:
            raise StartError(f"{error} 'samovar doctor' tells what this machine needs.") from error
    if os.geteuid() == 0:
        for lacking in confine(_written(settings)):
            log.warning("%s", lacking)
    uvloop.run(_serve(settings, wanted, listening, ready, agent_socket))


async def _serve(
    settings: Settings,
    wanted: set[str],
    listening: socket.socket,
    ready: Callable[[str], None],
    agent_socket: Path,
) -> None:
    port = listening.getsockname()[1]
    host = settings.api.public_host or settings.api.bind_host
    origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    database = Database(settings.database_url, settings.database)
    try:
        upgrade(database)
    except (MigrationError, DatabaseUnavailable) as error:
        raise StartError(str(error)) from error
    services = Embedded(settings, wanted, database, origin=origin, agent_socket=agent_socket)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await services.prepare()
    config = uvicorn.Config(
        services.application,
        interface="asgi3",
        lifespan="off",
        proxy_headers=False,
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        backlog=2048,
        timeout_keep_alive=75,  # clients that poll every 5 s keep their connection
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await services.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        ready(origin)
        log.info("ready at %s: %s", origin, ", ".join(sorted(wanted)))
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
    finally:
        log.info("stopping")
        services.draining = True
        await services.stop()
        server.should_exit = True
        await serving
        await services.close()
        await database.close()
        log.info("stopped")


def _written(settings: Settings) -> list[Path]:
    """The folders that the program writes to."""
    url = make_url(settings.database_url)
    files = [Path(url.database).parent] if url.get_backend_name() == "sqlite" and url.database else []
    return [settings.state_dir, *files]


class _Server(uvicorn.Server):
    """uvicorn without signal handling of its own: the process decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bind(settings: Settings) -> socket.socket:
    host, port = settings.api.bind_host, settings.api.bind_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise StartError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another port with --port"
        ) from error
    listening.listen(2048)
    listening.setblocking(False)
    return listening
