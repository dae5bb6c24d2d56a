# SPDX-License-Identifier: Apache-2.0
"""A cloud in memory: it makes things, loses replies when told to, and counts what was made twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError, CloudUnreachable
from samovar.orchestration.resources.behaviour import Behaviour, Changes, ResourceContext, Waiting


class FakeCloud:
    """`things` by id; `made` counts how often each name was made."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.made: Counter[str] = Counter()
        self.lose_replies = 0
        self.troubles: list[CloudError] = []
        self.polls = 1
        self.latency = 0.0

    @property
    def twice(self) -> list[str]:
        """Names of which more than one thing exists."""
        names = Counter(thing["name"] for thing in self.things.values())
        return [name for name, count in names.items() if count > 1]

    async def make(self, name: str, values: Mapping[str, Any]) -> str:
        await asyncio.sleep(self.latency)
        if self.troubles:
            raise self.troubles.pop()
        self.made[name] += 1
        identity = f"thing-{sum(self.made.values())}"
        self.things[identity] = {"name": name, "values": dict(values), "polls": 0}
        if self.lose_replies:
            self.lose_replies -= 1
            raise CloudUnreachable("no answer within 60 s")
        return identity


def trouble(status: int) -> CloudError:
    return CloudError(
        status, "not now", service="compute", method="POST", path="/things", request_id="req-x", body=None
    )


class Thing(Behaviour):
    """A type whose objects live in the fake cloud."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud

    async def create(self, context: ResourceContext) -> str | None:
        return await self.cloud.make(context.physical_name, context.properties)

    async def find(self, context: ResourceContext) -> str | None:
        for identity, thing in self.cloud.things.items():
            if thing["name"] == context.physical_name:
                return identity
        return None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        await asyncio.sleep(self.cloud.latency)
        self.cloud.things[context.physical_id or ""]["values"] = dict(changes.after)

    async def delete(self, context: ResourceContext) -> None:
        await asyncio.sleep(self.cloud.latency)
        self.cloud.things.pop(context.physical_id or "", None)

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        thing = self.cloud.things.get(context.physical_id or "")
        if thing is None or action == "DELETE":
            return None
        thing["polls"] += 1
        return Waiting("the thing to be ready", 0.02) if thing["polls"] <= self.cloud.polls else None

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        thing = self.cloud.things.get(context.physical_id or "", {"values": {}})
        return {name: thing["values"].get("value") if name == "output" else None for name in names}
