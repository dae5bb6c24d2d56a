# SPDX-License-Identifier: Apache-2.0
"""``GET …/history``, a route of our own: who did what to a stack, and the definitions that are kept."""

from __future__ import annotations

from typing import Any

from samovar.orchestration.explain import history, read_past
from samovar.orchestration.templates import load, load_environment
from samovar.web import Api, Call

from .desk import STACK, Desk
from .faults import not_found


class History:
    """The handlers of ``…/history`` and ``…/history/{revision}``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "GET", f"{STACK}/history", self.index, "stacks:show")
        self.desk.add(api, "GET", f"{STACK}/history/{{revision}}", self.show, "stacks:template")

    async def index(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call)
        parts = self.desk.parts
        past = await parts.database.read(lambda c: read_past(c, parts.vault, stack))
        return {
            "stack": {"id": stack.id, "name": stack.name, "state": f"{stack.action}_{stack.status}"},
            "history": history(past),
            "revisions": sorted(past.definitions),
        }

    async def show(self, call: Call) -> dict[str, Any]:
        """A revision: template, environment (hidden parameters masked) and files."""
        stack = await self.desk.find(call)
        parts, wanted = self.desk.parts, call.path["revision"]
        past = await parts.database.read(lambda c: read_past(c, parts.vault, stack))
        definition = past.definitions.get(int(wanted)) if wanted.isdecimal() else None
        if definition is None:
            raise not_found("Revision", f"{wanted} of Stack {stack.name}")
        environment = load_environment(definition.environment)
        return {
            "revision": int(wanted),
            "template": load(definition.template).raw,
            "environment": environment.as_dict(definition.hidden),
            "files": definition.files,
        }


__all__ = ["History"]
