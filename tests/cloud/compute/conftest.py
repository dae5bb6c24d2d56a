# SPDX-License-Identifier: Apache-2.0
import asyncio

import msgspec
import pytest

from samovar.clients import Cloud, InProcess, TokenCredentials
from samovar.cloud.compute import Clouds, Service
from samovar.config import ApiSettings, Settings
from samovar.database import Database
from samovar.messaging import LocalBus
from samovar.web import Prefixes
from servers import databases

from . import doubles


async def eventually(condition):
    """Wait until `condition` (a function, perhaps async) gives something true, and return that."""
    async with asyncio.timeout(5):
        while True:
            found = condition()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.005)


class Compute:
    eventually = staticmethod(eventually)
    """The service with its neighbours' twins, and a client's view of it."""

    def __init__(self, directory, cut=0):
        self.directory = directory
        self.bus = LocalBus()
        self.neighbours = doubles.Neighbours(self.bus)
        self.host = doubles.HostTwin()
        self.cut = doubles.Cut(self.neighbours, self.host, cut)
        self.database = Database(databases.url(directory))
        self.database.create_tables()
        self.service = self.make()

    def make(self):
        transport = InProcess(self.neighbours.asgi)

        def cloud(token):
            return Cloud("http://h:1/identity/v3", TokenCredentials(token), transport=transport)

        settings = Settings(state_dir=self.directory, api=ApiSettings())
        service = Service(
            self.database, self.bus, settings, doubles.Tokens(), Clouds(cloud("admin"), cloud), self.host
        )
        self.transport = InProcess(Prefixes({"compute": service.asgi()}, service.asgi()))
        return service

    async def again(self):
        """The process ends and another begins."""
        await self.service.stop()
        self.service = self.make()
        await self.service.start()

    async def ask(self, method, path, body=None, *, token="member", version="2.96", status=None):
        headers = {"x-auth-token": token, "openstack-api-version": f"compute {version}"}
        payload = None if body is None else msgspec.json.encode(body)
        raw = await self.transport.send(method, f"http://h:1/compute/v2.1{path}", headers, payload, 10)
        self.headers = raw.headers
        text = raw.body
        answer = msgspec.json.decode(text) if text[:1] in (b"{", b"[") else text
        if status is not None:
            assert raw.status == status, (raw.status, answer)
        return answer if status is not None else (raw.status, answer)

    async def boot(self, name="one", *, wait="ACTIVE", token="member", top=None, **more):
        server = {
            "name": name,
            "imageRef": doubles.IMAGE,
            "flavorRef": "1",
            "networks": [{"uuid": doubles.NETWORK}],
            **more,
        }
        body = await self.ask("POST", "/servers", {"server": server, **(top or {})}, token=token, status=202)
        server_id = body["server"]["id"]
        if wait:
            await self.until(server_id, wait)
        return server_id

    async def show(self, server_id, **options):
        return (await self.ask("GET", f"/servers/{server_id}", status=200, **options))["server"]

    async def until(self, server_id, wanted, *, idle=True):
        async with asyncio.timeout(5):
            while True:
                server = await self.show(server_id, token="admin")
                if server["status"] == wanted and (not idle or server["OS-EXT-STS:task_state"] is None):
                    return server
                assert server["status"] != "ERROR" or wanted == "ERROR", server["fault"]
                await asyncio.sleep(0.005)

    async def gone(self, server_id):
        async def missing():
            return (await self.ask("GET", f"/servers/{server_id}"))[0] == 404

        await eventually(missing)

    async def act(self, server_id, action, arguments=None, *, status=202, **options):
        return await self.ask(
            "POST", f"/servers/{server_id}/action", {action: arguments}, status=status, **options
        )


@pytest.fixture
async def compute(tmp_path):
    made = Compute(tmp_path)
    await made.service.bootstrap()
    await made.service.start()
    yield made
    await made.service.stop()
    await made.database.close()
