# SPDX-License-Identifier: Apache-2.0
"""A network service in process: requests without a socket, a host that only remembers what it was told."""

import asyncio

import msgspec
import pytest

from samovar.auth import Context, InvalidToken
from samovar.clients import InProcess
from samovar.cloud.host.reports import InterfaceReport, Inventory, NetworkReport
from samovar.cloud.network import Service
from samovar.config import Settings
from samovar.database import Database
from samovar.messaging import LocalBus
from samovar.web import Prefixes

ROLES = {"admin": "admin", "member": "member", "other": "member", "reader": "reader", "none": "guest"}
PROJECTS = {"admin": "root", "member": "red", "other": "blue", "reader": "red", "none": "red"}


class Tokens:
    """The token is the user's name; the project is its colour."""

    async def validate(self, token):
        if token not in ROLES:
            raise InvalidToken("This token is not known.")
        return Context(user_id=token, project_id=PROJECTS[token], roles=frozenset({ROLES[token]}))


class RememberingHost:
    """Stands in for the host agent: keeps the specs; `refusal` makes it refuse once."""

    def __init__(self):
        self.networks, self.routers, self.externals, self.strays = {}, {}, {}, []
        self.refusal = None
        self.calls = []

    def _refuse(self, what):
        self.calls.append(what)
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal

    async def hello(self):
        return 1

    async def inventory(self):
        names = [f"sv-net-{i}" for i in self.networks] + [f"sv-rtr-{i}" for i in self.routers]
        return Inventory(namespaces=(*names, *self.strays))

    async def ensure_network(self, spec, *, verify=False):
        await asyncio.sleep(0)
        self._refuse(("ensure_network", spec.id))
        self.networks[spec.id] = spec
        wired = tuple(
            InterfaceReport(port.id, f"sv-srv-{port.device_id}", port.interface) for port in spec.ports
        )
        return NetworkReport(wired, tuple(port.id for port in spec.ports))

    async def remove_network(self, network_id):
        self.networks.pop(network_id, None)
        self.strays = [name for name in self.strays if name != f"sv-net-{network_id}"]

    async def ensure_router(self, spec, *, verify=False):
        self._refuse(("ensure_router", spec.id))
        assert all(leg.network_id in self.networks for leg in spec.interfaces)
        assert spec.gateway is None or spec.gateway.network_id in self.externals
        self.routers[spec.id] = spec

    async def remove_router(self, router_id):
        self.routers.pop(router_id, None)

    async def ensure_external(self, spec):
        self.externals[spec.id] = spec

    async def remove_external(self, network_id):
        self.externals.pop(network_id, None)


class User:
    """Someone who asks the API."""

    def __init__(self, transport, name):
        self.transport, self.name = transport, name

    async def ask(self, method, path, body=None, headers=None):
        """Status and decoded body."""
        sent = {"x-auth-token": self.name, **(headers or {})}
        payload = None if body is None else msgspec.json.encode(body)
        raw = await self.transport.send(method, f"http://h:1/network/v2.0{path}", sent, payload, 10)
        return raw.status, msgspec.json.decode(raw.body) if raw.body else None

    async def create(self, path, **values):
        """The new thing."""
        name = KEYS[path]
        status, body = await self.ask("POST", f"/{path}", {name: values})
        assert status == 201, body
        return body[name]

    async def get(self, path):
        """What is under the one key of the answer."""
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return next(value for key, value in body.items() if not key.endswith("_links"))

    async def put(self, path, status=200, **body):
        answered, shown = await self.ask("PUT", path, body)
        assert answered == status, shown
        return shown

    async def delete(self, path, status=204):
        answered, shown = await self.ask("DELETE", path)
        assert answered == status, shown
        return shown

    async def refused(self, method, path, body=None, headers=None):
        """Status and Neutron's type of the refusal."""
        status, shown = await self.ask(method, path, body, headers)
        assert status >= 400, shown
        assert set(shown["NeutronError"]) == {"type", "message", "detail"}
        return status, shown["NeutronError"]["type"]


KEYS = {
    "networks": "network",
    "subnets": "subnet",
    "subnetpools": "subnetpool",
    "address-scopes": "address_scope",
    "ports": "port",
    "routers": "router",
    "floatingips": "floatingip",
    "security-groups": "security_group",
    "security-group-rules": "security_group_rule",
    "rbac-policies": "rbac_policy",
}


@pytest.fixture
def host():
    return RememberingHost()


@pytest.fixture
async def database(database_url):
    database = Database(database_url)
    database.create_tables()
    yield database
    await database.close()


@pytest.fixture
async def service(database, host, tmp_path):
    return Service(database, LocalBus(), Settings(state_dir=tmp_path), Tokens(), host)


@pytest.fixture
async def public(service):
    """The id of the external network."""
    return await service.bootstrap("root")


@pytest.fixture
def users(service):
    application = service.api().asgi()
    transport = InProcess(Prefixes({"network": application}, application))
    return {name: User(transport, name) for name in (*ROLES, "nobody")}


@pytest.fixture
def admin(users):
    return users["admin"]


@pytest.fixture
def member(users):
    return users["member"]


@pytest.fixture
def other(users):
    return users["other"]
