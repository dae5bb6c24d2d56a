# SPDX-License-Identifier: Apache-2.0
"""A cloud in process: the real network service over a host that only remembers, and a small compute twin."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from samovar.auth import Context
from samovar.clients import Cloud, InProcess, TokenCredentials
from samovar.cloud.host.reports import InterfaceReport, Inventory, NetworkReport
from samovar.cloud.network import Service
from samovar.config import Settings
from samovar.database import Database
from samovar.messaging import LocalBus
from samovar.orchestration.resources.behaviour import Changes, SignalAddress, StackIdentity
from samovar.orchestration.resources.behaviours import Lookup, behaviour_of, resolve_names
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.validation import validate_properties
from samovar.web import Prefixes

from .compute_twin import ComputeTwin

ROOT = "http://cloud:1"
SERVICES = {
    "network": "/network",
    "compute": "/compute/v2.1",
    "image": "/image",
    "identity": "/identity/v3",
}


class QuietHost:
    """A host agent that does as it is told, at once."""

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


class Tokens:
    async def validate(self, token):
        return Context(user_id=token, project_id="red", roles=frozenset({"admin"}))


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


@pytest.fixture
def compute():
    return ComputeTwin()


@pytest.fixture
async def network(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'network.db'}")
    database.create_tables()
    service = Service(database, LocalBus(), Settings(state_dir=tmp_path), Tokens(), QuietHost())
    public = await service.bootstrap("root")
    await service.start()
    yield SimpleNamespace(app=service.api().asgi(), public=public)
    await service.stop()
    await database.close()


@pytest.fixture
async def cloud(network, compute):
    apps = {
        "network": network.app,
        "identity": identity(),
        "compute": compute.compute_app(),
        "image": compute.image_app(),
    }
    transport = InProcess(Prefixes(apps, network.app))
    cloud = Cloud(f"{ROOT}/identity/v3", TokenCredentials("me"), transport=transport)
    compute.cloud = cloud
    return cloud


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

    async def clear_metadata_of(self, reference):
        if reference in self.others:
            self.others[reference].metadata = {}

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
