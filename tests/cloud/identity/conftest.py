# SPDX-License-Identifier: Apache-2.0
import dataclasses

import msgspec
import pytest

from samovar.cloud.identity import CatalogEntry, Service
from samovar.config import Settings
from samovar.database import Database
from samovar.web import Prefixes

ORIGIN = "http://cloud.test:9090"


@dataclasses.dataclass
class Answered:
    status: int
    body: object
    headers: dict

    def __getitem__(self, key):
        return self.body[key]


class Cloud:
    """An identity service with its first cloud, asked in process."""

    def __init__(self, service, first, transport):
        self.service, self.first, self.transport = service, first, transport
        self.tokens = {}

    async def ask(self, method, path, body=None, *, token=None, headers=None, status=None):
        sent = {**({"x-auth-token": token} if token else {}), **(headers or {})}
        payload = None if body is None else msgspec.json.encode(body)
        raw = await self.transport.send(method, f"{ORIGIN}/identity{path}", sent, payload, 10)
        decoded = msgspec.json.decode(raw.body) if raw.body else None
        assert status is None or raw.status == status, (method, path, raw.status, decoded)
        return Answered(raw.status, decoded, raw.headers)

    async def login(self, name, scope=None, *, domain="Default", password=None):
        password = password or self.first.passwords[name]
        user = {"name": name, "domain": {"name": domain}, "password": password}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if scope is not None:
            auth["scope"] = scope
        return await self.ask("POST", "/v3/auth/tokens", {"auth": auth})

    async def token(self, name, project=None):
        scope = {"project": {"name": project, "domain": {"name": "Default"}}} if project else None
        answer = await self.login(name, scope)
        assert answer.status == 201, answer.body
        return answer.headers["x-subject-token"]

    async def admin(self, method, path, body=None, **options):
        if "admin" not in self.tokens:
            self.tokens["admin"] = await self.token("admin", "admin")
        return await self.ask(method, path, body, token=self.tokens["admin"], **options)


@pytest.fixture
async def cloud(tmp_path, database_url):
    from samovar.clients import InProcess

    database = Database(database_url)
    database.create_tables()
    service = Service(database, Settings(state_dir=tmp_path))
    first = await service.bootstrap(
        [
            CatalogEntry("compute", "nova", "/compute/v2.1"),
            CatalogEntry("orchestration", "heat", "/heat-api/v1/%(project_id)s"),
        ]
    )
    yield Cloud(service, first, InProcess(Prefixes({"identity": service.api().asgi()}, service.api().asgi())))
    await database.close()
