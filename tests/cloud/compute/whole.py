# SPDX-License-Identifier: Apache-2.0
"""A whole small cloud for tests: identity, network, image, compute and a host agent, in one process."""

import asyncio
import os
import random
import signal

from samovar.clients import Cloud, InProcess, PasswordCredentials, TokenCredentials
from samovar.cloud.compute import Clouds, Service
from samovar.cloud.host import HostClient, launch
from samovar.cloud.identity import CatalogEntry
from samovar.cloud.identity import Service as Identity
from samovar.cloud.image import Service as Image
from samovar.cloud.network import Service as Network
from samovar.config import ApiSettings, NetworkSettings, Settings
from samovar.database import Database
from samovar.messaging import LocalBus
from samovar.web import Prefixes
from servers import databases

ENTRIES = (
    CatalogEntry("network", "neutron", "/network"),
    CatalogEntry("compute", "nova", "/compute/v2.1"),
    CatalogEntry("image", "glance", "/image"),
)


class Whole:
    """Started with `start`, ended with `stop`; `begin` and `end` are those of the services alone."""

    def __init__(self, directory, port=9):
        self.directory = directory
        self.host = HostClient(directory / "host.sock")
        self.pid = 0
        self.range = f"198.{random.choice((18, 19))}.{random.randrange(256)}"
        self.port = port

    async def start(self):
        self.pid = await launch(self.directory / "host", self.directory / "host.sock")
        await self.begin()

    async def begin(self):
        network_settings = NetworkSettings(external_cidr=f"{self.range}.0/24")
        settings = Settings(
            state_dir=self.directory, api=ApiSettings(bind_port=self.port), network=network_settings
        )
        self.bus = LocalBus()
        self.database = Database(databases.url(self.directory))
        self.database.create_tables()
        identity = Identity(self.database, settings)
        self.first = await identity.bootstrap(ENTRIES)
        validator = identity.validator()
        self.image = Image(self.database, settings, validator)
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
            "image": self.image.api().asgi(),
        }
        self.root = Prefixes(applications, identity.api().asgi())
        self.image_id = await self.image.bootstrap(self.first.admin_project_id)
        await self.image.start()
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
        await self.image.stop()
        await self.network.stop()
        await self.database.close()

    async def stop(self):
        await self.end()
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
