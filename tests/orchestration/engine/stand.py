# SPDX-License-Identifier: Apache-2.0
"""An engine on a database of its own, for tests: stacks are asked for as the API asks for them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from samovar.clients import Cloud, Credentials, InProcess
from samovar.config import Settings
from samovar.config.settings import EngineSettings
from samovar.database import Database, new_id, utcnow
from samovar.messaging import LocalBus
from samovar.orchestration.engine import Parts, Service, Vault
from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.engine.requests import (
    OPERATIONS_TOPIC,
    SUPERSEDED_TOPIC,
    Request,
    act_on_stack,
    create_stack,
    update_stack,
)
from samovar.orchestration.engine.rows import Resource, Stack
from samovar.orchestration.engine.store import current_rows, get_stack, list_resources
from samovar.orchestration.engine.tables import events, operations
from servers import databases

IDENTITY = {"type": "identity", "endpoints": [{"interface": "public", "url": "http://nowhere/identity"}]}
TOKEN = {
    "token": {
        "user": {"id": "u"}, "project": {"id": "p"}, "catalog": [IDENTITY],
        "expires_at": "2999-01-01T00:00:00.000000Z",
    }
}  # fmt: skip
CREDENTIAL = {"application_credential": {"id": "c", "secret": "s"}}


async def only_identity(scope: Any, _receive: Any, send: Any) -> None:
    """An Identity that says yes to whoever asks; there is nothing else in this cloud."""
    path = scope["path"]
    answers = {"/identity/v3/auth/tokens": TOKEN, "/identity/v3/users/u/application_credentials": CREDENTIAL}
    status = 204 if scope["method"] == "DELETE" else 200
    assert status == 204 or path in answers, f"no cloud is asked for {path} in this test"
    headers = [(b"content-type", b"application/json"), (b"x-subject-token", b"t")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if status == 204 else json.dumps(answers[path]).encode()
    await send({"type": "http.response.body", "body": body})


def no_cloud(credentials: Credentials) -> Cloud:
    return Cloud("http://nowhere/identity/v3", credentials, transport=InProcess(only_identity))


class Stand:
    """A database, a bus, and engines that come and go."""

    def __init__(self, directory: Path, **engine: Any) -> None:
        options: dict[str, Any] = {"lease_seconds": 1.0, "max_resources_per_stack": -1, **engine}
        self.settings = Settings(directory, engine=dataclasses.replace(EngineSettings(), **options))
        self.database = Database(databases.url(directory))
        self.database.create_tables()
        self.bus = LocalBus()
        self.vault = Vault("a key for tests")
        self.engines: list[Service] = []
        self.behaviours: dict[str, Any] = {}

    def enlarge_bodies(self) -> None:
        """Accept requests as large as benchmarks send."""
        api = dataclasses.replace(self.settings.api, max_json_body_size=50_000_000)
        self.settings = dataclasses.replace(self.settings, api=api)

    def parts(self, database: Database | None = None) -> Parts:
        from samovar.orchestration.resources.behaviours import behaviour_of

        return Parts(
            database or self.database,
            self.bus,
            self.settings,
            self.vault,
            no_cloud,
            behaviour_of=lambda name: self.behaviours.get(name) or behaviour_of(name),
        )

    async def engine(self, database: Database | None = None) -> Service:
        service = Service(self.parts(database), host="test")
        await service.start()
        self.engines.append(service)
        return service

    async def close(self) -> None:
        for service in self.engines:
            await service.stop()
        await self.database.close()

    async def create(
        self, template: Any, name: str = "s", *, rollback: bool = False, files: dict[str, str] | None = None,
        timeout: float = 60.0, project_id: str = "p", **parameters: Any,
    ) -> str:  # fmt: skip
        identity = new_id()
        stack = Stack(
            id=identity, name=name, project_id=project_id, user_id="u", user_name="user", owner_id=None,
            root_id=identity, parent_resource=None, depth=0, action="CREATE", status="IN_PROGRESS",
            status_reason="", definition_id="", previous_definition_id=None, operation_id=None,
            credentials_id=None, user_project_id=None, description="", tags=[], timeout_mins=None,
            disable_rollback=not rollback, created_at=utcnow(), updated_at=None, deleted_at=None,
        )  # fmt: skip
        definition = Definition(template, {"parameters": parameters}, files or {})
        request = Request("u", "req-1", timeout)
        operation = await self.database.write(
            lambda c: create_stack(c, self.vault, stack, definition, request)
        )
        await self.bus.ring(OPERATIONS_TOPIC, operation)
        return identity

    async def update(
        self, identity: str, template: Any, *, files: dict[str, str] | None = None, **parameters: Any
    ) -> None:
        definition = Definition(template, {"parameters": parameters}, files or {})
        _, operation = await self.database.write(
            lambda c: update_stack(c, self.vault, identity, definition, Request("u", "req-2", 60))
        )
        await self.bus.announce(SUPERSEDED_TOPIC, identity)
        await self.bus.ring(OPERATIONS_TOPIC, operation)

    async def act(self, identity: str, action: str) -> None:
        _, operation = await self.database.write(
            lambda c: act_on_stack(c, identity, action, Request("u", "req-3", 60))
        )
        await self.bus.announce(SUPERSEDED_TOPIC, identity)
        if operation:
            await self.bus.ring(OPERATIONS_TOPIC, operation)

    async def stack(self, identity: str) -> Stack:
        found = await self.database.read(lambda c: get_stack(c, identity))
        assert found is not None
        return found

    async def settled(self, identity: str, seconds: float = 20.0) -> Stack:
        """The stack when nothing is in progress any more."""
        deadline = time.monotonic() + seconds
        while True:
            stack = await self.stack(identity)
            if stack.status != "IN_PROGRESS":
                return stack
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"the stack is still {stack.action}_{stack.status}: {stack.status_reason}"
                )
            await asyncio.sleep(0.01)

    async def quiet(self, identity: str, seconds: float = 20.0) -> Stack:
        """The stack when it has no open operation any more."""
        query = operations.select().where(
            operations.c.stack_id == identity, operations.c.status.in_(("WAITING", "RUNNING"))
        )
        deadline = time.monotonic() + seconds
        while await self.database.read(lambda c: c.execute(query).first()) is not None:
            assert time.monotonic() < deadline, "an operation stays open"
            await asyncio.sleep(0.01)
        return await self.stack(identity)

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
        """Look again and again until the condition holds."""
        deadline = time.monotonic() + seconds
        while not await condition():
            assert time.monotonic() < deadline, "it did not come to pass"
            await asyncio.sleep(0.005)

    async def is_in(self, identity: str, name: str, state: str) -> bool:
        """Whether a resource is in a state such as CREATE_IN_PROGRESS."""
        row = (await self.current(identity)).get(name)
        return row is not None and f"{row.action}_{row.status}" == state

    async def rows(self, identity: str) -> list[Resource]:
        return await self.database.read(lambda c: list_resources(c, self.vault, identity))

    async def current(self, identity: str) -> dict[str, Resource]:
        return current_rows(await self.rows(identity))

    async def events(self, identity: str) -> list[tuple[str, str, str]]:
        query = events.select().where(events.c.stack_id == identity).order_by(events.c.sequence)
        found = await self.database.read(lambda c: c.execute(query).all())
        return [(row.resource_name, f"{row.action}_{row.status}", row.status_reason) for row in found]
