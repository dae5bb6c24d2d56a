# SPDX-License-Identifier: Apache-2.0
"""The sockets of the metadata service: one in each network that has servers, all served from this loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from samovar.cloud.compute.hosts import Host, HostError
from samovar.cloud.compute.tables import interfaces
from samovar.database import Database

from .application import MetadataService

log = logging.getLogger(__name__)
ADDRESS = "169.254.169.254"
PORT = 80
RETRY_SECONDS = 0.1


@dataclass(slots=True)
class _Listener:
    server: asyncio.Server
    state: ServerState

    def close(self) -> None:
        self.server.close()
        for connection in tuple(self.state.connections):
            connection.shutdown()


class Listeners:
    """Opened when a network gets its first server, closed when it loses its last."""

    def __init__(self, database: Database, host: Host, service: MetadataService) -> None:
        self._database = database
        self._host = host
        self._service = service
        self._open: dict[str, _Listener] = {}
        self._opening: dict[str, asyncio.Lock] = {}

    async def open(self, network_id: str, patience: float = 0.0) -> None:
        """Listen in the network, if nobody does yet; one that is not wired yet is waited for.

        Raises HostError.
        """
        async with self._opening.setdefault(network_id, asyncio.Lock()):
            if network_id in self._open:
                return
            sock = await self._socket(network_id, patience)
            config, state = _config(self._service.application(network_id)), ServerState()
            loop = asyncio.get_running_loop()

            def protocol() -> HttpToolsProtocol:
                return HttpToolsProtocol(config=config, server_state=state, app_state={}, _loop=loop)

            self._open[network_id] = _Listener(await loop.create_server(protocol, sock=sock), state)

    async def _socket(self, network_id: str, patience: float) -> socket.socket:
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                return await self._host.open_listener(network_id, ADDRESS, PORT)
            except HostError as error:
                if error.code != "missing" or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def open_all(self) -> None:
        """Listen in every network that has servers; a network that cannot be listened in is logged."""
        for network_id in await self._used():
            try:
                await self.open(network_id)
            except HostError as error:
                log.warning("no metadata service in network %s: %s", network_id, error.message)

    async def reopen(self) -> None:
        """The namespaces may be new ones: listen anew everywhere."""
        self.close()
        await self.open_all()

    async def close_unused(self, network_ids: Iterable[str]) -> None:
        """Stop listening where no server is left."""
        used = await self._used()
        for network_id in set(network_ids) - used:
            listener = self._open.pop(network_id, None)
            self._opening.pop(network_id, None)
            if listener is not None:
                listener.close()

    def close(self) -> None:
        for listener in self._open.values():
            listener.close()
        self._open.clear()

    async def _used(self) -> set[str]:
        query = select(interfaces.c.network_id).distinct()
        return set(await self._database.read(lambda c: list(c.execute(query).scalars())))


def _config(application: ASGIApp) -> Config:
    config = Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
    )
    config.load()
    return config
