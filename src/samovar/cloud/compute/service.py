# SPDX-License-Identifier: Apache-2.0
"""The service: compute put together from its parts."""

from __future__ import annotations

from starlette.types import ASGIApp

from samovar.auth import Policy, TokenValidator
from samovar.config import Settings
from samovar.database import Database
from samovar.messaging import Bus
from samovar.web import Api

from . import flavors
from .api import Parts, build_api
from .api.routes import without_project
from .clouds import Clouds
from .hosts import Host, node_name
from .images import HostImages
from .lifecycle import Reconciler, Steps, Wiring, Worker
from .metadata.application import MetadataService
from .metadata.listeners import Listeners
from .networks import Ports
from .rules import DEFAULTS


class Service:
    """Nova's role. The tables must exist before anything is asked of it.

    `clouds`: compute's way to the network and image services, as itself and as its callers. `host`: the
    host agent; without one this process serves the API only. `root`: the application that servers reach
    at 169.254.169.254 under every path that is not metadata.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        settings: Settings,
        validator: TokenValidator | None,
        clouds: Clouds,
        host: Host | None,
        root: ASGIApp | None = None,
    ) -> None:
        self._database = database = database.in_turn("compute")
        self._settings = settings
        self._validator = validator
        node = node_name()
        ports = Ports(clouds.own)
        self._wiring = Wiring(database, bus, ports, node)
        self._parts = Parts(
            database=database,
            bus=bus,
            clouds=clouds,
            ports=ports,
            wiring=self._wiring,
            host=host,
            node=node,
            address=settings.api.public_host or settings.api.bind_host,
            state_dir=settings.state_dir,
            max_body=settings.api.max_json_body_size,
        )
        self._listeners: Listeners | None = None
        self._worker: Worker | None = None
        self._reconciler: Reconciler | None = None
        if host is not None:
            metadata = MetadataService(database, ports, root)
            images = HostImages(clouds.own, host)
            self._listeners = Listeners(database, host, metadata)
            steps = Steps(database, ports, self._wiring, host, images, self._listeners, node)
            self._reconciler = Reconciler(database, bus, host, self._listeners, images, node)
            self._worker = Worker(database, bus, steps, f"compute@{node}", self._reconciler.idle)

    async def bootstrap(self) -> None:
        """Make the usual flavors where there are none."""
        await self._database.write(flavors.seed)

    async def start(self) -> None:
        """Take up the work on servers: what is unfinished, and what the host has lost meanwhile."""
        self._wiring.start()
        if self._worker is not None and self._reconciler is not None:
            await self._worker.start()
            await self._reconciler.start()

    async def stop(self) -> None:
        """Leave servers as they are; another start goes on with what is unfinished."""
        if self._reconciler is not None:
            await self._reconciler.stop()
        if self._worker is not None:
            await self._worker.stop()
        if self._listeners is not None:
            self._listeners.close()
        self._wiring.stop()

    def api(self) -> Api:
        """The HTTP API; `asgi` also knows the older form of its paths."""
        return build_api(self._parts, self._validator, Policy(DEFAULTS, self._settings.policy_file))

    def asgi(self) -> ASGIApp:
        """The API as an application, to be served under /compute."""
        return without_project(self.api().asgi())
