# SPDX-License-Identifier: Apache-2.0
"""Types that live in the stack alone: values, random strings, placeholders, and a type for tests."""

from __future__ import annotations

import asyncio
import os
import string
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceFailed,
    Waiting,
)

CLASSES: Mapping[str, str] = {
    "lettersdigits": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "lowercase": string.ascii_lowercase,
    "uppercase": string.ascii_uppercase,
    "digits": string.digits,
    "hexdigits": string.digits + "ABCDEF",
    "octdigits": string.octdigits,
}


def random_string(length: int, classes: list[Mapping[str, Any]], sequences: list[Mapping[str, Any]]) -> str:
    """Characters of all the classes and sequences, at least `min` of each, in random order.

    Raises ResourceFailed when the minima add up to more than the length.
    """
    sources = [(CLASSES[each["class"]], int(each["min"])) for each in classes]
    sources += [(str(each["sequence"]), int(each["min"])) for each in sequences]
    if not sources:
        sources = [(CLASSES["lettersdigits"], 1)]
    least = sum(minimum for _, minimum in sources)
    if least > length:
        raise ResourceFailed(
            f"The string has {length} characters, and its classes and sequences need at least {least}.",
            kind="StackValidationFailed",
        )
    everything = "".join(characters for characters, _ in sources)
    chosen = [everything[number] for number in _below(len(everything), length - least)]
    # What is drawn from everything is in no order; each of the minima goes to a place drawn for it.
    for characters, minimum in sources:
        for number in _below(len(characters), minimum):
            (place,) = _below(len(chosen) + 1, 1)
            chosen.insert(place, characters[number])
    return "".join(chosen)


def _below(limit: int, many: int) -> list[int]:
    """So many random numbers less than the limit, fit for secrets; none is likelier than another."""
    fair = 2**32 - 2**32 % limit
    found: list[int] = []
    while len(found) < many:
        drawn = memoryview(os.urandom(4 * (many - len(found)))).cast("I")
        found += [number % limit for number in drawn if number < fair]
    return found


class RandomString(Behaviour):
    """The string is drawn with the intent to create: one durable write, and the same string after a crash."""

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        values = context.properties
        drawn = random_string(
            int(values["length"]),
            values.get("character_classes") or [],
            values.get("character_sequences") or [],
        )
        return {"value": drawn}

    async def create(self, context: ResourceContext) -> str | None:
        return context.physical_name

    async def find(self, context: ResourceContext) -> str | None:
        return context.physical_name if "value" in context.data else None

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        return {name: context.data.get("value") if name == "value" else None for name in names}

    def reference(self, context: ResourceContext) -> str | None:
        return context.data.get("value") or context.name


class Value(Behaviour):
    """Gives back its property, as it was given."""

    async def create(self, context: ResourceContext) -> str | None:
        return context.physical_name

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        """Nothing but the property, which was checked."""

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        return {name: context.properties.get("value") if name == "value" else None for name in names}


class Placeholder(Behaviour):
    """Accepts anything, makes nothing: OS::Heat::None and the retired types."""


class TestResource(Behaviour):
    """Waits, fails and answers as its properties say."""

    __test__ = False

    async def create(self, context: ResourceContext) -> str | None:
        if context.properties.get("fail") and not self._is_slow(context):
            self._fail(context)
        await self._begin(context)
        return context.physical_name

    @staticmethod
    def _fail(context: ResourceContext) -> NoReturn:
        raise ResourceFailed(f"Test Resource failed {context.name}", kind="ValueError")

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        await self._begin(context)

    async def delete(self, context: ResourceContext) -> None:
        await self._begin(context)

    async def _begin(self, context: ResourceContext) -> None:
        if self._is_slow(context):
            await context.set_data("begun", repr(time.time()))

    @staticmethod
    def _is_slow(context: ResourceContext) -> bool:
        return bool(context.properties.get("wait_secs") or context.properties.get("action_wait_secs"))

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        values = context.properties
        if self._is_slow(context):
            by_action = values.get("action_wait_secs") or {}
            seconds = by_action.get(action.lower()) or values.get("wait_secs") or 0
            left = float(context.data.get("begun", "0")) + float(seconds) - time.time()
            if left > 0:
                return Waiting(f"its {float(seconds):g} seconds to pass", min(left, 1.0))
        if action in ("CREATE", "UPDATE") and values.get("fail"):
            self._fail(context)
        return None

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        if context.properties.get("attr_wait_secs"):
            await asyncio.sleep(float(context.properties["attr_wait_secs"]))
        said = None if context.properties.get("fail") else context.properties.get("value")
        return {name: said if name == "output" else None for name in names}
