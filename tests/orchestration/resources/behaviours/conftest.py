# SPDX-License-Identifier: Apache-2.0
"""The local cloud in process: the real network, compute and image services over a host that only remembers."""

import asyncio
import socket
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from samovar.auth import Context
from samovar.clients import Cloud, InProcess, TokenCredentials
from samovar.cloud.compute import Clouds
from samovar.cloud.compute import Service as Compute
from samovar.cloud.host.reports import ImageReport, InterfaceReport, Inventory, NetworkReport, ServerStatus
from samovar.cloud.image import Service as Image
from samovar.cloud.network import Service as Network
from samovar.config import Settings
from samovar.database import Database
from samovar.messaging import LocalBus
from samovar.orchestration.resources.behaviour import Changes, SignalAddress, SignedAccess, StackIdentity
from samovar.orchestration.resources.behaviours import Lookup, behaviour_of, resolve_names
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.validation import validate_properties
from samovar.web import Prefixes

ROOT = "http://cloud:1"
SERVICES = {
    "network": "/network",
    "compute": "/compute/v2.1",
    "image": "/image",
    "identity": "/identity/v3",
}


class QuietHost:
    """A host agent that does as it is told, at once; servers that `fails` names do not start."""

    def __init__(self):
        self.servers, self.specs, self.did = {}, {}, []

    async def hello(self):
        return 1

    async def inventory(self):
        return Inventory(namespaces=())

    async def ensure_network(self, spec, *, verify=False):
        wired = (InterfaceReport(port.id, f"sv-srv-{port.device_id}", port.interface) for port in spec.ports)
        return NetworkReport(tuple(wired), tuple(port.id for port in spec.ports))

    async def ensure_router(self, spec, *, verify=False): ...

    async def ensure_external(self, spec): ...

    async def remove_network(self, network_id): ...

    async def remove_router(self, router_id): ...

    async def remove_external(self, network_id): ...

    def _state(self, server_id, state):
        self.servers[server_id] = ServerStatus(id=server_id, state=state, started_at=datetime.now(UTC))
        return self.servers[server_id]

    async def _make(self, verb, spec):
        self.did.append(verb)
        self.specs[spec.id] = spec
        return self._state(spec.id, "running" if spec.running else "stopped")

    async def ensure_server(self, spec):
        return await self._make("ensure", spec)

    async def rebuild_server(self, spec):
        return await self._make("rebuild", spec)

    async def resize_server(self, spec):
        return await self._make("resize", spec)

    async def stop_server(self, server_id, timeout=10.0):
        return self._state(server_id, "stopped")

    async def pause_server(self, server_id):
        return self._state(server_id, "paused")

    async def unpause_server(self, server_id):
        return self._state(server_id, "running")

    async def save_server(self, server_id, image_id):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"the files of the server")
        return file.name

    async def remove_server(self, server_id):
        self.servers.pop(server_id, None)

    async def server_status(self):
        return list(self.servers.values())

    async def unpack_image(self, spec):
        return ImageReport(id=spec.id, path="/somewhere", size=0)

    async def open_listener(self, network_id, address="169.254.169.254", port=80):
        opened = socket.create_server(("127.0.0.1", 0))
        opened.setblocking(False)
        return opened

    async def events(self):
        await asyncio.Event().wait()
        yield


class Tokens:
    """Everybody is in one project; only the boss is an administrator."""

    async def validate(self, token):
        roles = frozenset({"admin"} if token == "boss" else {"member"})
        return Context(user_id=token, project_id="red", roles=roles, token=token)


def identity():
    catalog = [
        {
            "type": name,
            "name": name,
            "endpoints": [{"interface": "public", "url": ROOT + path, "region": "R", "region_id": "R"}],
        }
        for name, path in SERVICES.items()
    ]

    async def token(_request):
        return JSONResponse({"token": {"project": {"id": "red"}, "user": {"id": "me"}, "catalog": catalog}})

    return Starlette(routes=[Route("/v3/auth/tokens", token)])


class Lazy:
    """An application that is set later."""

    async def __call__(self, scope, receive, send):
        await self.application(scope, receive, send)


@pytest.fixture
async def parts(tmp_path, database_url):
    """The services, the host, and the cloud as their clients see it."""
    database = Database(database_url)
    database.create_tables()
    settings, bus, host, world = Settings(state_dir=tmp_path), LocalBus(), QuietHost(), Lazy()
    transport = InProcess(world)

    def cloud_of(token):
        return Cloud(f"{ROOT}/identity/v3", TokenCredentials(token), transport=transport)

    network = Network(database, bus, settings, Tokens(), host)
    compute = Compute(database, bus, settings, Tokens(), Clouds(cloud_of("boss"), cloud_of), host)
    image = Image(database, settings, Tokens(), allowed_hosts={"127.0.0.1"})
    apps = {
        "network": network.api().asgi(),
        "compute": compute.asgi(),
        "image": image.api().asgi(),
        "identity": identity(),
    }
    world.application = Prefixes(apps, apps["identity"])
    public = await network.bootstrap("root")
    services = (network, image, compute)
    await compute.bootstrap()
    await image.bootstrap("red")
    for service in services:
        await service.start()
    yield SimpleNamespace(cloud=cloud_of("me"), admin=cloud_of("boss"), host=host, public=public)
    for service in reversed(services):
        await service.stop()
    await database.close()


@pytest.fixture
def cloud(parts):
    return parts.cloud


@pytest.fixture
async def picture():
    """The URL of a disk image."""

    async def answer(_request):
        return web.Response(body=b"\0" * 4096)

    application = web.Application()
    application.router.add_get("/disk.raw", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/disk.raw"
    await runner.cleanup()


@dataclass
class Held:
    """A resource as the engine would hold it; every note is kept."""

    cloud: Cloud
    type_name: str
    given: dict
    name: str = "res"
    uuid: str = field(default_factory=lambda: str(uuid4()))
    physical_id: str | None = None
    data: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    properties: dict = field(default_factory=dict)
    others: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)

    @property
    def type(self):
        return find_type(self.type_name)

    @property
    def behaviour(self):
        return behaviour_of(self.type_name)

    @property
    def physical_name(self):
        return f"demo-{self.name}-{self.uuid[:12]}"

    @property
    def stack(self):
        return StackIdentity("s", "demo", "red", "s")

    async def set_data(self, key, value, *, secret=False):
        self.data = {k: v for k, v in self.data.items() if k != key}
        if value is not None:
            self.data[key] = value

    async def set_physical_id(self, physical_id):
        self.physical_id = physical_id

    async def set_metadata(self, metadata):
        self.metadata = dict(metadata)

    async def metadata_of(self, reference):
        return self.others[reference].metadata if reference in self.others else None

    async def properties_of(self, reference):
        return self.others[reference].properties if reference in self.others else None

    async def clear_metadata_of(self, reference):
        if reference in self.others:
            self.others[reference].metadata = {}

    async def refresh(self): ...

    async def signed_access(self, *, outside=False):
        where = "http://out" if outside else "http://in"
        return SignedAccess("access", "secret", f"{where}/signal", "http://p", f"{where}/metadata")

    def seen_from_servers(self, url):
        return url.replace("//out", "//in")

    async def signal_address(self):
        return SignalAddress("http://e", "http://p", "uid", "uname", "pw", "tok", "red", "http://auth")

    # What the engine does with it.

    async def take(self, given):
        validated = validate_properties(self.type, given)
        assert not validated.diagnostics.errors, validated.diagnostics.errors
        self.properties = await resolve_names(self.type, validated.values, Lookup(self.cloud))
        return self.properties

    async def wait(self, action):
        async with asyncio.timeout(5):
            while True:
                if await self.behaviour.progress(self, action) is None:
                    return
                await asyncio.sleep(0.01)

    async def create(self):
        await self.take(self.given)
        self.data |= await self.behaviour.prepare(self)
        self.physical_id = await self.behaviour.create(self)
        await self.wait("CREATE")
        return self.behaviour.reference(self)

    async def update(self, **given):
        before = dict(self.properties)
        after = await self.take(self.given | given)
        names = frozenset(name for name in after if before.get(name) != after[name])
        await self.behaviour.update(self, Changes(before, after, names))
        await self.wait("UPDATE")

    async def delete(self):
        await self.behaviour.delete(self)
        await self.wait("DELETE")

    async def attribute(self, name):
        return (await self.behaviour.attributes(self, frozenset({name})))[name]


@pytest.fixture
def held(cloud):
    return lambda type_name, **given: Held(cloud, type_name, given)


@pytest.fixture
def boss(parts):
    """Resources of an administrator."""
    return lambda type_name, **given: Held(parts.admin, type_name, given)


@pytest.fixture
def alone():
    """Resources in a cloud that has nothing but identity."""
    transport = InProcess(Prefixes({"identity": identity()}, identity()))
    cloud = Cloud(f"{ROOT}/identity/v3", TokenCredentials("me"), transport=transport)
    return lambda type_name, **given: Held(cloud, type_name, given)
