# SPDX-License-Identifier: Apache-2.0
"""``GET …/why``, a route of our own: root causes of what failed, or what is waited for and until when."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from samovar.clients import Cloud, CloudError, CloudUnreachable, ServiceNotInCatalog, segment
from samovar.database import utcnow
from samovar.orchestration.engine.rows import Resource
from samovar.orchestration.explain import Facts, Level, explain, read_facts
from samovar.orchestration.templates import TemplateError
from samovar.web import Api, Call

from .desk import STACK, Desk
from .faults import not_found

log = logging.getLogger(__name__)
SERVER = "OS::Nova::Server"
CONDITIONS = ("OS::Heat::WaitCondition", "AWS::CloudFormation::WaitCondition")
CONSOLE_LINES, MOST_CONSOLES, CONSOLE_SECONDS = 20, 3, 5.0


class Why:
    """The handler of ``…/why``. The query `resource` (a name or a path) leaves out what is not in it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "GET", f"{STACK}/why", self.show, "stacks:show")

    async def show(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call)
        parts = self.desk.parts
        facts = await parts.database.read(lambda c: read_facts(c, parts.vault, stack, utcnow()))
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
        await self._add_consoles(self.desk.cloud(call), facts, document)
        return document

    async def _add_consoles(self, cloud: Cloud, facts: Facts, document: dict[str, Any]) -> None:
        """What the servers say that have to do with a failure, as far as the caller may hear it."""
        asked: dict[str, list[str]] = {}
        levels = {level.stack.id: level for level in facts.root.walk()}
        for cause in document["causes"]:
            level = levels.get(cause["stack"]["id"], facts.root)
            if cause["type"] == SERVER and cause["physical_id"]:
                await self._add_request(cloud, cause)
            for server in _servers_of(level, cause):
                if server not in asked and len(asked) < MOST_CONSOLES:
                    asked[server] = await self._console(cloud, server)
                    if asked[server]:
                        what = f"the console of server {server}"
                        cause["evidence"].append({"what": what, "lines": asked[server]})

    @staticmethod
    async def _console(cloud: Cloud, server: str) -> list[str]:
        body = {"os-getConsoleOutput": {"length": CONSOLE_LINES}}
        path = f"/servers/{segment(server)}/action"
        try:
            answer = await cloud.request("compute", "POST", path, json=body, timeout=CONSOLE_SECONDS)
        except (CloudError, CloudUnreachable, ServiceNotInCatalog) as error:
            log.info("the console of server %s is not to be had: %s", server, error)
            return []
        return str(answer.body.get("output") or "").rstrip().splitlines()[-CONSOLE_LINES:]

    @staticmethod
    async def _add_request(cloud: Cloud, cause: dict[str, Any]) -> None:
        """The request under which the compute service's own log tells of a server that is in error."""
        if cause["cloud"] is not None:
            return
        path = f"/servers/{segment(cause['physical_id'])}"
        try:
            found = await cloud.get("compute", f"{path}/os-instance-actions", timeout=CONSOLE_SECONDS)
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
    path = wanted if wanted.startswith("resources.") else facts.root.path_of(wanted)
    names = {level.path_of(row.name) for level in facts.root.walk() for row in level.rows}
    return path in names or path in {facts.root.path_of(name) for name in requirements}


def _servers_of(level: Level, cause: dict[str, Any]) -> list[str]:
    """The servers whose consoles may tell more."""
    row = level.current.get(cause["resource"])
    if cause["type"] == SERVER:
        return [cause["physical_id"]] if cause["physical_id"] else []
    if row is None:
        return []
    if "Deployment" in row.type:
        server = (row.properties or {}).get("server")
        return [server] if isinstance(server, str) else []
    if row.type in CONDITIONS:
        return [each.physical_id for each in _signallers(level, row) if each.physical_id]
    return []


def _signallers(level: Level, condition: Resource) -> list[Resource]:
    """The servers that know a handle of the condition, by themselves or by what they were made with."""
    knows = set(condition.requires)
    servers = []
    for _ in range(4):  # handle ◀ config ◀ multipart ◀ server
        more = {row.id for row in level.rows if knows & set(row.requires)} - knows - {condition.id}
        if not more:
            break
        knows |= more
    for row in level.rows:
        if row.type == SERVER and row.id in knows and row.id not in condition.requires:
            servers.append(row)
    return servers or [row for row in level.rows if row.type == SERVER and row.id in condition.requires]


__all__ = ["Why"]
