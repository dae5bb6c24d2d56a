# SPDX-License-Identifier: Apache-2.0
"""``GET …/why``, a route of our own: root causes of what failed, or what is waited for and until when."""

from __future__ import annotations

import asyncio
from typing import Any

from samovar.clients import Cloud, CloudError, CloudUnreachable, ServiceNotInCatalog, segment
from samovar.database import utcnow
from samovar.orchestration.engine.witnesses import (
    ANSWER_SECONDS,
    SERVER,
    balancer_problems,
    balancers_of,
    console,
    servers_of,
)
from samovar.orchestration.explain import Facts, explain, path_named, read_facts
from samovar.orchestration.templates import TemplateError
from samovar.web import Api, Call

from .desk import STACK, Desk
from .faults import not_found

MOST_WITNESSES = 3


class Why:
    """The handler of ``…/why``. The query `resource` (a name or a path) leaves out what is not in it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "GET", f"{STACK}/why", self.show, "stacks:show")

    async def show(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call)
        parts = self.desk.parts
        facts = await parts.database.read_much(lambda c: read_facts(c, parts.vault, stack, utcnow()))
        loaded = await self.desk.load(call, stack)
        requirements: dict[str, set[str]] = {}
        notes = []
        try:
            requirements = await asyncio.to_thread(lambda: loaded.requirements)
        except TemplateError as error:
            notes.append(f"The template cannot be read any more: {error.message}")
        wanted = call.query.get("resource")
        if wanted is not None and not _known(facts, requirements, wanted):
            raise not_found("Resource", f"{wanted} in Stack {stack.name}")
        document = await asyncio.to_thread(explain, facts, requirements, wanted)
        document["notes"] += notes
        await self._ask_witnesses(self.desk.cloud(call), facts, document)
        return document

    async def _ask_witnesses(self, cloud: Cloud, facts: Facts, document: dict[str, Any]) -> None:
        """What servers and load balancers say that have to do with a failure, asked as the caller."""
        asked: set[str] = set()
        levels = {level.stack.id: level for level in facts.root.walk()}
        for cause in document["causes"]:
            level = levels.get(cause["stack"]["id"])
            row = level.current.get(cause["resource"]) if level is not None else None
            if level is None or row is None or row.physical_id != cause["physical_id"]:
                continue
            if row.type == SERVER and row.physical_id:
                await self._add_request(cloud, cause)
            for server in servers_of(level.rows, row):
                if server not in asked and len(asked) < MOST_WITNESSES:
                    asked.add(server)
                    _add(cause, f"the console of server {server}", await console(cloud, server))
            for balancer in balancers_of(level.rows, row):
                if balancer not in asked and len(asked) < MOST_WITNESSES:
                    asked.add(balancer)
                    _add(cause, f"load balancer {balancer}", await balancer_problems(cloud, balancer))

    @staticmethod
    async def _add_request(cloud: Cloud, cause: dict[str, Any]) -> None:
        """The request under which the compute service's own log tells of a server that is in error."""
        if cause["cloud"] is not None:
            return
        path = f"/servers/{segment(cause['physical_id'])}"
        try:
            found = await cloud.get("compute", f"{path}/os-instance-actions", timeout=ANSWER_SECONDS)
        except (CloudError, CloudUnreachable, ServiceNotInCatalog):
            return
        newest = max(found.get("instanceActions", ()), key=lambda each: each["start_time"], default=None)
        if newest is not None:
            cause["cloud"] = {
                "service": "compute",
                "method": newest["action"],
                "path": path,
                "status": None,
                "message": cause["says"],
                "request_id": newest["request_id"],
            }


def _known(facts: Facts, requirements: dict[str, set[str]], wanted: str) -> bool:
    path = path_named(wanted)
    names = {level.path_of(row.name) for level in facts.root.walk() for row in level.rows}
    return path in names or path in {facts.root.path_of(name) for name in requirements}


def _add(cause: dict[str, Any], what: str, lines: list[str]) -> None:
    """Add evidence, if there is any."""
    if lines and all(each["what"] != what for each in cause["evidence"]):
        cause["evidence"].append({"what": what, "lines": lines})


__all__ = ["Why"]
