# SPDX-License-Identifier: Apache-2.0
"""The key manager in process, and those who ask it."""

import msgspec
import pytest

from samovar.auth import Context, InvalidToken
from samovar.clients import InProcess
from samovar.cloud.key_manager import Service
from samovar.config import Settings
from samovar.database import Database
from samovar.web import Prefixes

BEARERS = {
    "ann": ("member", "red"),
    "bob": ("member", "red"),
    "rita": ("reader", "red"),
    "eve": ("member", "blue"),
    "octavia": ("admin", "service"),
}


class Tokens:
    async def validate(self, token):
        if token not in BEARERS:
            raise InvalidToken("This token is not known.")
        role, project = BEARERS[token]
        return Context(user_id=token, project_id=project, roles=frozenset({role}), token=token)


class Caller:
    def __init__(self, transport):
        self.transport = transport

    async def __call__(self, name, method, path, body=None, status=200, **headers):
        sent = {"x-auth-token": name, "accept": "application/json"}
        sent.update({key.replace("_", "-"): value for key, value in headers.items()})
        payload = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        path = path.removeprefix("http://h:1/key-manager")
        raw = await self.transport.send(method, f"http://h:1/key-manager{path}", sent, payload, 10)
        assert raw.status == status, (raw.status, raw.body)
        if "json" in raw.headers.get("content-type", "") and raw.body:
            return msgspec.json.decode(raw.body)
        return raw.body


@pytest.fixture
async def database(database_url):
    database = Database(database_url)
    database.create_tables()
    yield database
    await database.close()


@pytest.fixture
def serve(database, tmp_path):
    """Gives the caller of a key manager with these settings."""

    def start(**settings):
        application = Service(database, Settings(state_dir=tmp_path, **settings), Tokens()).asgi()
        return Caller(InProcess(Prefixes({"key-manager": application}, application)))

    return start


@pytest.fixture
def ask(serve):
    return serve()
