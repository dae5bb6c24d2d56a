# SPDX-License-Identifier: Apache-2.0
"""A client of the native API, in the same process, for tests."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from stand import Stand

from samovar.auth import Context, InvalidToken
from samovar.clients import InProcess
from samovar.orchestration.api import Service

PROJECT = "p1"
TEMPLATE: dict[str, Any] = {
    "heat_template_version": "2021-04-16",
    "description": "two things",
    "parameters": {
        "word": {"type": "string", "default": "hello"},
        "secret": {"type": "string", "hidden": True, "default": "x"},
    },
    "resources": {
        "a": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_param": "word"}}},
        "b": {"type": "OS::Heat::RandomString", "depends_on": "a"},
    },
    "outputs": {"said": {"description": "what a says", "value": {"get_attr": ["a", "output"]}}},
}


class Tokens:
    """Tokens that say who they are: user:project:role."""

    async def validate(self, token: str) -> Context:
        parts = token.split(":")
        if len(parts) != 3:
            raise InvalidToken("no such token")
        user, project, role = parts
        return Context(user_id=user, user_name=user, project_id=project, roles=frozenset({role}), token=token)


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.text = status, headers, body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    def __init__(self, stand: Stand, service: Service) -> None:
        self.stand, self.service = stand, service
        self._transport = InProcess(service.asgi())
        self.desk = service.desk
        self.token = f"ann:{PROJECT}:member"

    async def __call__(self, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
        url = path if path.startswith("http") else f"http://heat{path}"
        raw = await self._transport.send(
            method,
            url,
            {"x-auth-token": token or self.token, "content-type": "application/json"},
            None if body is None else json.dumps(body).encode(),
            10,
        )
        return Answer(raw.status, raw.headers, raw.body)

    async def create(self, name: str = "s", template: Any = TEMPLATE, **body: Any) -> str:
        answer = await self(
            "POST", f"/v1/{PROJECT}/stacks", {"stack_name": name, "template": template, **body}
        )
        assert answer.status == 201, answer.text
        location = answer.headers["location"]
        assert location == f"http://heat/v1/{PROJECT}/stacks/{name}/{answer.json['stack']['id']}"
        return str(location)

    async def until(self, url: str, status: str) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while True:
            stack = (await self("GET", url)).json["stack"]
            if stack["stack_status"] == status:
                return dict(stack)
            assert time.monotonic() < deadline, stack
            await asyncio.sleep(0.01)
