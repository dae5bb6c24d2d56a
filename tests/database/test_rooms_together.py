# SPDX-License-Identifier: Apache-2.0
"""Two processes of a service on one database server: what one alone guarantees, both together do."""

import asyncio
import dataclasses

import msgspec
import pytest
from sqlalchemy import select, text

from samovar.auth import Context
from samovar.clients import InProcess
from samovar.cloud.identity import Service as Identity
from samovar.cloud.network import Service as Network
from samovar.cloud.network.tables import addresses
from samovar.config import EngineSettings, Settings
from samovar.database import Database
from samovar.messaging import LocalBus
from samovar.orchestration.api import Service as Orchestration
from samovar.orchestration.engine import Parts, Vault
from samovar.web import Prefixes
from servers import databases

ORIGIN = "http://h:1"


class Anybody:
    """Every token is a member's; `admin` an administrator's."""

    async def validate(self, token):
        roles = frozenset({"admin", "member"} if token == "admin" else {"member"})
        return Context("u", "u", "default", "p", "p", "default", roles=roles, token=token)


class Processes:
    """The same application twice, each over a database connection of its own."""

    def __init__(self, applications, prefix):
        self._transports = [InProcess(Prefixes({prefix: each}, None)) for each in applications]
        self._prefix, self._turn = prefix, 0

    async def ask(self, method, path, body=None, token="t"):
        self._turn += 1
        transport = self._transports[self._turn % 2]
        sent = {"x-auth-token": token, "content-type": "application/json"}
        payload = None if body is None else msgspec.json.encode(body)
        raw = await transport.send(method, f"{ORIGIN}/{self._prefix}{path}", sent, payload, 60)
        return raw.status, msgspec.json.decode(raw.body) if raw.body[:1] == b"{" else None


@pytest.fixture(params=["postgresql", "mariadb"])
async def two(request, tmp_path):
    url = databases.url(tmp_path, request.param)
    opened = [Database(url), Database(url)]
    opened[0].create_tables()
    yield opened
    for database in opened:
        await database.close()


def statuses(answers):
    return sorted(status for status, _ in answers)


async def test_no_address_is_given_twice_and_quotas_hold(two, tmp_path):
    services = [Network(each, LocalBus(), Settings(state_dir=tmp_path), Anybody()) for each in two]
    network = Processes([service.api().asgi() for service in services], "network")
    status, made = await network.ask("POST", "/v2.0/networks", {"network": {"name": "n"}})
    assert status == 201
    net = made["network"]["id"]
    subnet = {"network_id": net, "ip_version": 4, "cidr": "10.0.0.0/26"}
    assert (await network.ask("POST", "/v2.0/subnets", {"subnet": subnet}))[0] == 201
    await network.ask("PUT", "/v2.0/quotas/p", {"quota": {"port": 40}}, "admin")
    port = {"port": {"network_id": net}}
    answers = await asyncio.gather(*(network.ask("POST", "/v2.0/ports", port) for _ in range(50)))
    assert statuses(answers) == [201] * 40 + [409] * 10
    given = await two[0].read(lambda c: c.execute(select(addresses.c.address)).scalars().all())
    assert len(given) == len(set(given)) == 40
    groups = [{"security_group": {"name": f"g{n}"}} for n in range(20)]
    answers = await asyncio.gather(*(network.ask("POST", "/v2.0/security-groups", one) for one in groups))
    assert statuses(answers) == [201] * 9 + [409] * 11  # with `default`, ten


async def test_a_name_is_one_users(two, tmp_path):
    services = [Identity(each, Settings(state_dir=tmp_path)) for each in two]
    first = await services[0].bootstrap()
    identity = Processes([service.api().asgi() for service in services], "identity")
    login = {"user": {"name": "admin", "domain": {"id": "default"}, "password": first.passwords["admin"]}}
    body = {
        "auth": {"identity": {"methods": ["password"], "password": login}, "scope": {"system": {"all": True}}}
    }
    transport = InProcess(Prefixes({"identity": services[0].api().asgi()}, None))
    raw = await transport.send(
        "POST",
        f"{ORIGIN}/identity/v3/auth/tokens",
        {"content-type": "application/json"},
        msgspec.json.encode(body),
        30,
    )
    token = raw.headers["x-subject-token"]
    user = {"user": {"name": "ann", "domain_id": "default"}}
    answers = await asyncio.gather(*(identity.ask("POST", "/v3/users", user, token) for _ in range(10)))
    assert statuses(answers) == [201] + [409] * 9


async def test_a_project_gets_as_many_stacks_as_it_may_each_name_once(two, tmp_path):
    limits = dataclasses.replace(EngineSettings(), max_stacks_per_tenant=5)
    settings = Settings(state_dir=tmp_path, engine=limits)
    applications = []
    for database in two:
        parts = Parts(database, LocalBus(), settings, Vault("k"), lambda credentials: None)
        applications.append(Orchestration(parts, Anybody()).asgi())
    heat = Processes(applications, "heat-api")
    template = {"heat_template_version": "2021-04-16", "resources": {"r": {"type": "OS::Heat::RandomString"}}}

    def create(name):
        return heat.ask("POST", "/v1/p/stacks", {"stack_name": name, "template": template})

    assert statuses(await asyncio.gather(*(create("same") for _ in range(6)))) == [201] + [409] * 5
    answers = await asyncio.gather(*(create(f"s{n}") for n in range(12)))
    assert statuses(answers).count(201) == 4
    count = text("SELECT COUNT(*) FROM orchestration_stacks")
    assert await two[0].read(lambda c: c.execute(count).scalar()) == 5
    _, listed = await heat.ask("GET", "/v1/p/stacks")
    stack = listed["stacks"][0]
    url = f"/v1/p/stacks/{stack['stack_name']}/{stack['id']}"
    answers = await asyncio.gather(*(heat.ask("PUT", url, {"template": template}) for _ in range(10)))
    assert statuses(answers) == [202] * 10
    turns = text("SELECT turn FROM orchestration_operations WHERE stack_id = :stack ORDER BY turn")
    found = await two[0].read(lambda c: c.execute(turns, {"stack": stack["id"]}).scalars().all())
    assert found == list(range(1, 12))
