# SPDX-License-Identifier: Apache-2.0
"""Export and abandon a stack; what a request to adopt one says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from samovar.config.settings import EngineSettings
from samovar.diagnostics import Diagnostics
from samovar.orchestration.engine.adoption import abandon, exported
from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.templates import raise_errors
from samovar.orchestration.templates.limits import Limits
from samovar.orchestration.templates.source import read
from samovar.web import Api, BadRequest, Call

from .desk import STACK, Desk, no_body


class Leaving:
    """The handlers of ``…/export`` and ``…/abandon``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "DELETE", f"{STACK}/abandon", self.abandon, "stacks:abandon")
        self.desk.add(api, "GET", f"{STACK}/export", self.export, "stacks:export")

    async def export(self, call: Call) -> dict[str, Any]:
        stack = await self._find(call)
        parts = self.desk.parts
        return await parts.database.read(lambda c: exported(c, parts.vault, stack))

    async def abandon(self, call: Call) -> dict[str, Any]:
        stack = await self._find(call)
        no_body(call)
        request = self.desk.request(call, stack.timeout_mins, abandon=True)
        parts = self.desk.parts
        data, operation = await parts.database.write(lambda c: abandon(c, parts.vault, stack, request))
        await self.desk.ring(stack.id, operation)
        return data

    async def _find(self, call: Call) -> Stack:
        stack = await self.desk.find(call, live=True)
        if not self.desk.parts.settings.engine.enable_stack_abandon:
            raise BadRequest(
                "Stack Abandon is not supported: it is not enabled on this server (enable_stack_abandon).",
                type="NotSupported",
            )
        if stack.owner_id is not None:
            raise BadRequest(
                f"{stack.name} is a nested stack; abandon the stack that it belongs to.", type="NotSupported"
            )
        return stack


async def adoption(
    settings: EngineSettings, body: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The exported stack of a request, and the request completed from it. Raises BadRequest."""
    if not settings.enable_stack_adopt:
        raise BadRequest(
            "Stack Adopt is not supported: it is not enabled on this server (enable_stack_adopt).",
            type="NotSupported",
        )
    data = await _data(body["adopt_stack_data"])
    environment = data.get("environment") or {}
    files = data.get("files") or {}
    if not isinstance(environment, dict) or not isinstance(files, dict):
        raise BadRequest("environment and files of adopt_stack_data must be objects.", type="HTTPBadRequest")
    given = body.get("parameters") or {}
    if not isinstance(given, dict):
        raise BadRequest("parameters must be an object.", type="HTTPBadRequest")
    kept = {key: value for key, value in environment.items() if key != "parameters"}
    whole = {
        **body,
        "template": data["template"],
        "environment": body.get("environment") or kept,
        "files": {**files, **(body.get("files") or {})},
        "parameters": {**(environment.get("parameters") or {}), **given},
    }
    return data, whole


async def _data(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        findings = Diagnostics()
        limits = Limits(characters=len(given))  # the request is not longer than it may be
        tree = await asyncio.to_thread(read, given, "adopt_stack_data", findings, limits, "stack")
        raise_errors(findings)
        given = tree.data if tree is not None else None
    if not isinstance(given, dict) or not isinstance(given.get("template"), dict):
        raise BadRequest(
            "adopt_stack_data must be what was exported of a stack, with its template.", type="HTTPBadRequest"
        )
    if not isinstance(given.get("resources") or {}, dict):
        raise BadRequest("The resources of adopt_stack_data must be an object.", type="HTTPBadRequest")
    return given


async def users_project(
    parts: Parts, stack: Stack, definition: Definition, data: Mapping[str, Any]
) -> str | None:
    """The project of the adopted stack's users, if it is one of this project's stacks indeed."""
    project = data.get("stack_user_project_id")
    users = LoadedStack(parts, stack, definition).signal_users
    if not isinstance(project, str) or not project or users is None:
        return None
    return project if await users.is_for(project, stack.project_id) else None
