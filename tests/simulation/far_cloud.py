# SPDX-License-Identifier: Apache-2.0
"""A cloud in memory, at the end of a bad line: it loses requests and replies, is late, busy, down, and fails.

What a request does is done at the far end whether or not the one who asked still lives.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from surroundings import NETWORK

from samovar.clients import CloudError, CloudUnreachable
from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceGone,
    ResourceInError,
    Waiting,
)

T = TypeVar("T")
PATIENCE = 60.0  # of a client
LATEST = 8.0  # the longest that the cloud takes over a request


class Thing:
    """An object: is being built, is there, is broken, is going."""

    def __init__(
        self, identity: str, name: str, values: Mapping[str, Any], ready_at: float, broken: bool
    ) -> None:
        self.id, self.name, self.values = identity, name, dict(values)
        self.ready_at, self.broken = ready_at, broken
        self.going_at: float | None = None


class SimulatedCloud:
    """Things by id. `mood`: chances of troubles; `outages`: (from, until, kind)."""

    def __init__(self, chance: random.Random, mood: Mapping[str, float]) -> None:
        self._chance, self.mood = chance, dict(mood)
        self.outages: list[tuple[float, float, str]] = []
        self._things: dict[str, Thing] = {}
        self._made = 0
        self.duplicates: list[str] = []
        self.breaks = 0.0  # chance that a new thing ends in error

    @property
    def things(self) -> dict[str, Thing]:
        """What exists now; what was to be gone is gone."""
        moment = asyncio.get_running_loop().time()
        for thing in [each for each in self._things.values() if each.going_at is not None]:
            if thing.going_at is not None and thing.going_at <= moment:
                del self._things[thing.id]
        return self._things

    def calm_down(self) -> None:
        """From now on all goes well."""
        self.mood = {}
        self.breaks = 0.0
        self.outages.clear()

    def _fate(self) -> str:
        moment = asyncio.get_running_loop().time()
        for begin, end, kind in self.outages:
            if begin <= moment < end:
                return kind
        drawn = self._chance.random()
        for kind, share in self.mood.items():
            drawn -= share
            if drawn < 0:
                return kind
        return "well"

    async def ask(self, work: Callable[[], T]) -> T:
        """Have the cloud do something. Raises CloudError, CloudUnreachable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        fate = self._fate()
        there = self._chance.random() * 0.05
        if fate == "late":
            there = self._chance.random() * LATEST
        reaches = fate in ("well", "late", "reply lost", "reset", "error after", "gateway timeout")
        outcome: list[T | Exception] = []

        def arrive() -> None:
            try:
                outcome.append(work())
            except Exception as error:
                outcome.append(error)
            if fate in ("well", "late"):
                reply(outcome[0])

        def reply(found: Any) -> None:
            if answer.cancelled() or answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
                answer.exception()
            else:
                answer.set_result(found)

        if reaches:
            if fate in ("reset", "gateway timeout"):
                there = self._chance.random() * LATEST  # the far end goes on with it after the line broke
            loop.call_later(there, arrive, context=NETWORK)
        match fate:
            case "reply lost" | "request lost":
                loop.call_later(
                    PATIENCE, reply, CloudUnreachable(f"no answer within {PATIENCE:g} s"), context=NETWORK
                )
            case "reset":
                loop.call_later(0.1, reply, CloudUnreachable("the connection was reset"), context=NETWORK)
            case "refused":
                refused = CloudUnreachable("connection refused", sent=False)
                loop.call_later(0.001, reply, refused, context=NETWORK)
            case "gateway timeout":
                loop.call_later(0.5, reply, trouble(504), context=NETWORK)
            case "busy":
                loop.call_later(0.01, reply, trouble(429), context=NETWORK)
            case "down":
                loop.call_later(0.01, reply, trouble(503), context=NETWORK)
            case "error" | "error after":
                loop.call_later(there + 0.01, reply, trouble(500), context=NETWORK)
        return await answer

    # What requests do at the far end

    def make(self, name: str, values: Mapping[str, Any]) -> str:
        for referred in _ids(values):
            if referred not in self.things:
                raise trouble(400)
        if any(thing.name == name and thing.going_at is None for thing in self.things.values()):
            self.duplicates.append(name)
        self._made += 1
        moment = asyncio.get_running_loop().time()
        broken = self._chance.random() < self.breaks
        ready_at = moment + self._chance.choice([0.0, 0.0, 0.3, 3.0])
        thing = Thing(f"thing-{self._made}", name, values, ready_at, broken)
        self._things[thing.id] = thing
        return thing.id

    def find(self, name: str) -> str | None:
        for thing in self.things.values():
            if thing.name == name and thing.going_at is None:
                return thing.id
        return None

    def change(self, identity: str, values: Mapping[str, Any]) -> None:
        for referred in _ids(values):
            if referred not in self.things:
                raise trouble(400)
        self._there(identity).values = dict(values)

    def remove(self, identity: str) -> None:
        thing = self._there(identity)
        if any(identity in _ids(other.values) for other in self.things.values()):
            raise trouble(409)
        if thing.going_at is None:
            thing.going_at = asyncio.get_running_loop().time() + self._chance.choice([0.0, 0.0, 1.0])
            thing.values = {}

    def lose(self, identity: str) -> None:
        """It is there no more, whoever refers to it."""
        del self._things[identity]

    def look(self, identity: str) -> Thing:
        return self._there(identity)

    def _there(self, identity: str) -> Thing:
        if identity not in self.things:
            raise trouble(404)
        return self._things[identity]


def _ids(values: Mapping[str, Any]) -> list[str]:
    value = values.get("value")
    return [value] if isinstance(value, str) and value.startswith("thing-") else []


def trouble(status: int) -> CloudError:
    words = {404: "there is no such thing", 409: "it is in use", 400: "it refers to nothing that is"}
    return CloudError(
        status, words.get(status, "not now"), service="compute", method="POST", path="/things",
        request_id="req-x", body=None,
    )  # fmt: skip


class ThingType(Behaviour):
    """A type whose objects live in the simulated cloud."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud = cloud

    async def create(self, context: ResourceContext) -> str | None:
        return await self.cloud.ask(lambda: self.cloud.make(context.physical_name, context.properties))

    async def find(self, context: ResourceContext) -> str | None:
        return await self.cloud.ask(lambda: self.cloud.find(context.physical_name))

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        identity = context.physical_id or ""
        await self.cloud.ask(lambda: self.cloud.change(identity, changes.after))

    async def delete(self, context: ResourceContext) -> None:
        identity = context.physical_id or ""
        try:
            await self.cloud.ask(lambda: self.cloud.remove(identity))
        except CloudError as error:
            if not error.not_found:
                raise

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        identity = context.physical_id or ""
        try:
            thing = await self.cloud.ask(lambda: self.cloud.look(identity))
        except CloudError as error:
            if not error.not_found:
                raise
            if action == "DELETE":
                return None
            raise ResourceGone("The thing is gone.") from None
        if action == "DELETE":
            return Waiting("the thing to go", 0.2)
        if thing.broken:
            raise ResourceInError("The thing went to status ERROR.")
        moment = asyncio.get_running_loop().time()
        return Waiting("the thing to be ready", 0.2) if moment < thing.ready_at else None

    async def check(self, context: ResourceContext) -> None:
        identity = context.physical_id or ""
        await self.cloud.ask(lambda: self.cloud.look(identity))

    async def suspend(self, context: ResourceContext) -> None:
        await self.check(context)

    async def resume(self, context: ResourceContext) -> None:
        await self.check(context)

    async def snapshot(self, context: ResourceContext) -> Mapping[str, str]:
        await self.check(context)
        return {"of": context.physical_id or ""}

    async def delete_snapshot(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        if notes["of"] != context.physical_id:
            raise ResourceInError("These are the notes of another thing.")
        await self.cloud.ask(lambda: None)

    async def restore(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        await self.check(context)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        identity = context.physical_id or ""
        thing = await self.cloud.ask(lambda: self.cloud.look(identity))
        return {name: thing.values.get("value") if name == "output" else None for name in names}
