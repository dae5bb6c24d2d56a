# SPDX-License-Identifier: Apache-2.0
import asyncio

import msgspec
import pytest

from samovar.auth import Context, InvalidToken
from samovar.clients import InProcess
from samovar.cloud.image import Service
from samovar.config import Settings
from samovar.database import Database
from samovar.web import Prefixes
from servers import databases

ORIGIN = "http://cloud.test:9090"
PEOPLE = {
    "admin": ("boss", "root", {"admin", "member", "reader"}),
    "ann": ("ann", "tea", {"member", "reader"}),
    "bob": ("bob", "coffee", {"member", "reader"}),
    "eve": ("eve", "tea", {"reader"}),
}


class Tokens:
    async def validate(self, token):
        if token not in PEOPLE:
            raise InvalidToken("The token is not known.")
        user, project, roles = PEOPLE[token]
        return Context(user_id=user, user_name=user, project_id=project, roles=frozenset(roles), token=token)


class Answered:
    def __init__(self, raw):
        self.status, self.headers, self.raw = raw.status, raw.headers, raw.body
        self.body = (
            msgspec.json.decode(raw.body)
            if "json" in raw.headers.get("content-type", "") and raw.body
            else None
        )

    def __getitem__(self, key):
        return self.body[key]


class Images:
    """An image service, asked in process by one of PEOPLE."""

    def __init__(self, state_dir, **options):
        self.database = Database(databases.url(state_dir))
        self.database.create_tables()
        self.service = Service(self.database, Settings(state_dir=state_dir), Tokens(), **options)
        self.transport = InProcess(Prefixes({"image": self.service.api().asgi()}, None))
        self.state_dir = state_dir

    async def ask(self, method, path, body=None, *, who="ann", headers=None, status=None):
        sent = {"x-auth-token": who, "accept": "application/json", **(headers or {})}
        payload = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        if isinstance(body, bytes):
            sent.setdefault("content-type", "application/octet-stream")
        answer = Answered(await self.transport.send(method, f"{ORIGIN}/image{path}", sent, payload, 10))
        assert status is None or answer.status == status, (method, path, answer.status, answer.raw)
        return answer

    async def create(self, who="ann", **attributes):
        body = {"name": "tea", "disk_format": "raw", "container_format": "bare", **attributes}
        return (await self.ask("POST", "/v2/images", body, who=who, status=201)).body

    async def patch(self, image_id, *operations, who="ann", status=None):
        kind = {"content-type": "application/openstack-images-v2.1-json-patch"}
        return await self.ask(
            "PATCH", f"/v2/images/{image_id}", operations, who=who, headers=kind, status=status
        )

    async def until(self, image_id, wanted):
        async with asyncio.timeout(10):
            while True:
                image = (await self.ask("GET", f"/v2/images/{image_id}", who="admin", status=200)).body
                tasks = (await self.ask("GET", f"/v2/images/{image_id}/tasks", who="admin"))["tasks"]
                if image["status"] == wanted and all(task["status"] != "processing" for task in tasks):
                    return image
                await asyncio.sleep(0.01)


@pytest.fixture
async def images(tmp_path):
    made = Images(tmp_path, largest=3_000_000, allowed_hosts=["127.0.0.1"])
    await made.service.bootstrap("root")
    await made.service.start()
    yield made
    await made.service.stop()
    await made.database.close()
