# SPDX-License-Identifier: Apache-2.0
"""A whole small cloud for tests: identity, network, image, compute and a host agent, in one process."""

import asyncio
import os
import random
import signal
import socket

import uvicorn

from samovar.clients import Cloud, InProcess, PasswordCredentials, TokenCredentials
from samovar.cloud.compute import Clouds, Service
from samovar.cloud.host import HostClient, launch
from samovar.cloud.identity import CatalogEntry
from samovar.cloud.identity import Service as Identity
from samovar.cloud.network import Service as Network
from samovar.config import ApiSettings, NetworkSettings, Settings
from samovar.database import Database
from samovar.messaging import LocalBus
from samovar.web import Api, NotFound, Prefixes

IMAGE = "11111111-1111-4111-8111-111111111111"
ENTRIES = (
    CatalogEntry("network", "neutron", "/network"),
    CatalogEntry("compute", "nova", "/compute/v2.1"),
    CatalogEntry("image", "glance", "/image"),
)


class Images:
    """The built-in image, as the image service shows it."""

    IMAGE = {
        "id": IMAGE, "name": "host", "status": "active", "visibility": "public", "direct_url": "host:",
        "min_ram": 0, "min_disk": 0, "disk_format": "raw", "container_format": "bare", "size": 0, "tags": [],
    }  # fmt: skip

    def asgi(self):
        api = Api("image", render_fault=lambda fault, call: (fault.message, {}))
        version = {"id": "v2.9", "status": "CURRENT", "links": []}

        async def versions(call):
            links = [{"rel": "self", "href": f"{call.base_url}/v2/"}]
            return {"versions": [{**version, "links": links}]}

        async def index(call):
            wanted = call.query.get("name")
            return {"images": [self.IMAGE] if wanted in (None, self.IMAGE["name"]) else []}

        async def show(call):
            if call.path["id"] != IMAGE:
                raise NotFound("No image found.")
            return self.IMAGE

        api.route("GET", "/", versions)
        api.route("GET", "/v2/images", index)
        api.route("GET", "/v2/images/{id}", show)
        return api.asgi()


class Whole:
    """Started with `start`, ended with `stop`; `begin` and `end` are those of the services alone."""

    def __init__(self, directory):
        self.directory = directory
        self.host = HostClient(directory / "host.sock")
        self.pid = 0
        self.range = f"198.{random.choice((18, 19))}.{random.randrange(256)}"
        self.port = 0

    async def start(self):
        self.pid = await launch(self.directory / "host", self.directory / "host.sock")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        await self.begin()

    async def begin(self):
        network_settings = NetworkSettings(external_cidr=f"{self.range}.0/24")
        settings = Settings(
            state_dir=self.directory, api=ApiSettings(bind_port=self.port), network=network_settings
        )
        self.bus = LocalBus()
        self.database = Database(f"sqlite:///{self.directory / 'cloud.db'}")
        self.database.create_tables()
        identity = Identity(self.database, settings)
        self.first = await identity.bootstrap(ENTRIES)
        validator = identity.validator()
        self.network = Network(self.database, self.bus, settings, validator, self.host)

        async def root(scope, receive, send):
            await self.root(scope, receive, send)

        self.transport = InProcess(root)
        self.url = f"http://127.0.0.1:{self.port}"

        def cloud(credentials):
            return Cloud(f"{self.url}/identity/v3", credentials, transport=self.transport)

        own = PasswordCredentials(self.first.passwords["nova"], username="nova", project_name="service")
        clouds = Clouds(cloud(own), lambda token: cloud(TokenCredentials(token)))
        self.compute = Service(self.database, self.bus, settings, validator, clouds, self.host, root)
        applications = {
            "identity": identity.api().asgi(),
            "network": self.network.api().asgi(),
            "compute": self.compute.asgi(),
            "image": Images().asgi(),
        }
        self.root = Prefixes(applications, identity.api().asgi())
        await self.network.bootstrap(self.first.admin_project_id)
        await self.compute.bootstrap()
        await self.network.start()
        await self.compute.start()
        member = PasswordCredentials(
            self.first.passwords["samovar"], username="samovar", project_name="samovar"
        )
        self.member = cloud(member)

    async def end(self):
        await self.compute.stop()
        await self.network.stop()
        await self.database.close()

    async def stop(self):
        await self.end()
        self.socket.close()
        await self.host.purge()
        await self.host.close()
        os.kill(self.pid, signal.SIGTERM)
        await asyncio.to_thread(os.waitpid, self.pid, 0)

    async def restart_agent(self):
        await self.host.close()
        os.kill(self.pid, signal.SIGTERM)
        await asyncio.to_thread(os.waitpid, self.pid, 0)
        self.host = HostClient(self.directory / "host.sock")
        self.pid = await launch(self.directory / "host", self.directory / "host.sock")

    async def serve(self):
        """Answer on the port, for programs; returns the task."""
        config = uvicorn.Config(self.root, log_level="warning", lifespan="off", access_log=False)
        self.http = uvicorn.Server(config)
        self.http.install_signal_handlers = lambda: None
        return asyncio.create_task(self.http.serve(sockets=[self.socket]))
