# SPDX-License-Identifier: Apache-2.0
"""Load balancing in process, beside the real network service; a worker that only settles what is asked."""

import datetime
import json

import msgspec
import pytest

from samovar.auth import Context, InvalidToken
from samovar.clients import Cloud, InProcess, TokenCredentials
from samovar.cloud import key_manager, network
from samovar.config import LoadBalancerSettings, Settings
from samovar.database import Database
from samovar.loadbalancer import load_tree, operations
from samovar.loadbalancer.api import Service
from samovar.messaging import LocalBus
from samovar.web import Api, Prefixes, Reply

BEARERS = {
    "admin": ("admin", "root"),
    "octavia": ("admin", "service"),
    "member": ("member", "red"),
    "other": ("member", "blue"),
    "reader": ("reader", "red"),
    "observer": ("load-balancer_global_observer", "green"),
    "telemetry": ("service", "service"),
    "none": ("guest", "red"),
    "lb-admin": ("load-balancer_admin", "green"),
    "lb-member": ("load-balancer_member", "red"),
    "lb-other": ("load-balancer_member", "blue"),
    "lb-observer": ("load-balancer_observer", "red"),
    "lb-quota": ("load-balancer_quota_admin", "green"),
}
"""Role and project of each token."""


class Tokens:
    async def validate(self, token):
        if token not in BEARERS:
            raise InvalidToken("This token is not known.")
        role, project = BEARERS[token]
        return Context(user_id=token, project_id=project, roles=frozenset({role}), token=token)


def identity():
    """Says of a token whose it is, and where the services are."""
    api = Api("identity", render_fault=lambda fault, _call: ({"error": {"message": fault.message}}, {}))

    async def show(call):
        name = call.request.headers["x-subject-token"]
        role, project = BEARERS[name]
        catalog = [
            {
                "type": kind,
                "name": kind,
                "endpoints": [{"interface": "public", "region_id": "R", "url": f"http://h:1/{kind}"}],
            }
            for kind in ("network", "load-balancer", "key-manager")
        ]
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        token = {
            "user": {"id": name, "name": name, "domain": {"id": "default"}},
            "project": {"id": project, "name": project, "domain": {"id": "default"}},
            "roles": [{"id": role, "name": role}],
            "catalog": catalog,
            "expires_at": expires.isoformat(),
        }
        return Reply(200, {"token": token}, {"x-subject-token": name})

    api.route("GET", "/v3/auth/tokens", show)
    return api.asgi()


class User:
    """Someone who asks the APIs."""

    def __init__(self, transport, name, prefix="/load-balancer/v2.0/lbaas"):
        self.transport, self.name, self.prefix = transport, name, prefix

    def at(self, prefix):
        return User(self.transport, self.name, prefix)

    async def raw(self, method, path, body=None, headers=None):
        sent = {"x-auth-token": self.name, **(headers or {})}
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return await self.transport.send(method, f"http://h:1{self.prefix}{path}", sent, payload, 10)

    async def ask(self, method, path, body=None):
        """Status and decoded body."""
        raw = await self.raw(method, path, body)
        return raw.status, msgspec.json.decode(raw.body) if raw.body else None

    async def create(self, path, **values):
        """The new object; the path's last step is its plural."""
        status, body = await self.ask("POST", f"/{path}", {WRAPPERS[path.split("/")[-1]]: values})
        assert status == 201, body
        return next(iter(body.values()))

    async def get(self, path, status=200):
        answered, body = await self.ask("GET", path)
        assert answered == status, body
        return next(value for key, value in body.items() if not key.endswith("_links"))

    async def put(self, path, status=200, **body):
        answered, shown = await self.ask("PUT", path, body or None)
        assert answered == status, shown
        return shown

    async def delete(self, path, status=204):
        answered, shown = await self.ask("DELETE", path)
        assert answered == status, shown

    async def refused(self, method, path, body=None):
        """Status and sentence of a handler's refusal."""
        status, shown = await self.ask(method, path, body)
        assert status >= 400, shown
        assert status != 500, shown
        assert set(shown) == {"faultcode", "faultstring", "debuginfo"}, shown
        assert shown["faultcode"] == ("Server" if status >= 500 else "Client")
        return status, shown["faultstring"]


WRAPPERS = {
    "loadbalancers": "loadbalancer",
    "listeners": "listener",
    "pools": "pool",
    "members": "member",
    "healthmonitors": "healthmonitor",
    "l7policies": "l7policy",
    "rules": "rule",
    "flavors": "flavor",
    "flavorprofiles": "flavorprofile",
    "availabilityzones": "availability_zone",
    "availabilityzoneprofiles": "availability_zone_profile",
}


class Worker:
    """Takes what is asked and says at once that it is done."""

    def __init__(self, database):
        self.database = database
        self.trees = []

    async def work(self):
        """Do everything that is open now."""

        def run(connection):
            for identity in operations.waiting(connection):
                operation = operations.claim(connection, identity, "worker", 30)
                if operation is None:
                    continue
                tree = load_tree(connection, operation.load_balancer_id)
                self.trees.append(tree)
                if operation.kind == operations.DELETE:
                    operations.bury(connection, operation)
                elif tree is None:
                    operations.finish(connection, operation, "COMPLETE")
                else:
                    assert operations.settle(connection, operation, tree.generation)
            return len(operations.waiting(connection))

        while await self.database.write(run):
            pass


@pytest.fixture
async def database(database_url):
    database = Database(database_url)
    database.create_tables()
    yield database
    await database.close()


@pytest.fixture
def options():
    """Overridden where a test needs other settings."""
    return {}


@pytest.fixture
def policy():
    """Overridden where a test needs other roles: settings of policy, and a file."""
    return {}


@pytest.fixture
async def cloud(database, tmp_path, options, policy):
    """The transport to identity, network and load balancing."""
    settings = Settings(state_dir=tmp_path, loadbalancer=LoadBalancerSettings(**options), **policy)
    bus, tokens = LocalBus(), Tokens()

    async def everything(scope, receive, send):
        await prefixes(scope, receive, send)

    transport = InProcess(everything)

    def bearer(token):
        return Cloud("http://h:1/identity/v3", TokenCredentials(token), transport=transport)

    service = Service(database, bus, settings, tokens, own=bearer("octavia"), caller=bearer)
    prefixes = Prefixes(
        {
            "identity": identity(),
            "network": network.Service(database, bus, settings, tokens).api().asgi(),
            "key-manager": key_manager.Service(database, settings, tokens).asgi(),
            "load-balancer": service.asgi(),
        },
        identity(),
    )
    return transport


@pytest.fixture
def worker(database):
    return Worker(database)


@pytest.fixture
def users(cloud):
    return {name: User(cloud, name) for name in (*BEARERS, "nobody")}


@pytest.fixture
def admin(users):
    return users["admin"]


@pytest.fixture
def member(users):
    return users["member"]


@pytest.fixture
def other(users):
    return users["other"]


@pytest.fixture
async def subnet(member):
    """A subnet of the project red."""
    networking = member.at("/network/v2.0")
    _, made = await networking.ask("POST", "/networks", {"network": {"name": "n"}})
    wanted = {"network_id": made["network"]["id"], "cidr": "10.1.0.0/24", "ip_version": 4}
    _, made = await networking.ask("POST", "/subnets", {"subnet": wanted})
    return made["subnet"]


@pytest.fixture
async def lb(member, subnet, worker):
    """An ACTIVE load balancer of the project red."""
    made = await member.create("loadbalancers", name="lb1", vip_subnet_id=subnet["id"])
    await worker.work()
    return await member.get(f"/loadbalancers/{made['id']}")
