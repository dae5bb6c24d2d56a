# SPDX-License-Identifier: Apache-2.0
"""Redirects: a name, an id or an ARN in the path is answered by where the stack is."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call, NotFound, Reply

from .desk import PROJECT, Desk

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARTS_BY_GET = ("resources", "events", "template", "actions", "environment", "files", "why", "history")
PARTS_BY_POST = ("resources", "events", "template", "actions")


class Lookup:
    """The handlers of ``/stacks/{name}``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        """Names and ids; added before the routes that they would hide behind."""
        for part in PARTS_BY_GET:
            for method in ("GET", "POST") if part in PARTS_BY_POST else ("GET",):
                path = f"{PROJECT}/stacks/{{name}}/{part}"
                self.desk.add(api, method, path, self._lookup_part(part), "stacks:lookup")
        for method in METHODS:
            self.desk.add(api, method, f"{PROJECT}/stacks/{{name}}", self.lookup, "stacks:lookup")

    def arn_routes(self, api: Api) -> None:
        """ARNs hold slashes: they are looked for after every other route."""
        for method in METHODS:
            self.desk.add(api, method, f"{PROJECT}/stacks/{{name:path}}", self.lookup, "stacks:lookup")

    async def lookup(self, call: Call) -> Reply:
        name = call.path["name"]
        if "/" in name and not name.startswith("arn:"):
            raise NotFound("There is no such route.")
        stack = await self.desk.find_by(call, name)
        return self.desk.redirect(call, stack)

    def _lookup_part(self, part: str) -> Any:
        async def look(call: Call) -> Reply:
            stack = await self.desk.find_by(call, call.path["name"])
            return self.desk.redirect(call, stack, f"/{part}")

        return look
