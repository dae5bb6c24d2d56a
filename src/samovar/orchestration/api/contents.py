# SPDX-License-Identifier: Apache-2.0
"""What a stack is and was made of: its attributes and outputs, its template, environment and files."""

from __future__ import annotations

import asyncio
from typing import Any

from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.templates import load, load_environment
from samovar.web import Api, Call

from .desk import STACK, Desk
from .render import outputs_shown, stack_shown
from .values import flag


class Contents:
    """The handlers that show one stack."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        add = self.desk.add
        add(api, "GET", STACK, self.show, "stacks:show")
        add(api, "GET", f"{STACK}/template", self.template, "stacks:template")
        add(api, "GET", f"{STACK}/environment", self.environment, "stacks:environment")
        add(api, "GET", f"{STACK}/files", self.files, "stacks:files")

    async def show(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call)
        wanted = flag(call, "resolve_outputs", True)
        loaded = await self.desk.describe(call, stack)
        outputs: list[dict[str, Any]] | None = [] if wanted else None
        if wanted and stack.deleted_at is None and loaded.template.outputs:
            loaded = await self.desk.load(call, stack)
            outputs = await outputs_shown(loaded)
        return {"stack": stack_shown(self.desk, call, loaded, outputs)}

    async def _definition(self, call: Call) -> Definition:
        return await self.desk.definition(await self.desk.find(call))

    async def template(self, call: Call) -> Any:
        template = (await self._definition(call)).template
        return template if isinstance(template, dict) else (await asyncio.to_thread(load, template)).raw

    async def environment(self, call: Call) -> Any:
        definition = await self._definition(call)
        environment = load_environment(definition.environment)
        return environment.as_dict(definition.hidden)

    async def files(self, call: Call) -> Any:
        return (await self._definition(call)).files
