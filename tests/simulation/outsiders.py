# SPDX-License-Identifier: Apache-2.0
"""Who else has a hand in stacks: hooks are cleared, conditions signalled, groups scaled, and things lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from random_templates import GROUP, HANDLE
from sqlalchemy import Connection

from samovar.database import DatabaseUnavailable
from samovar.orchestration.engine.definitions import load_definition
from samovar.orchestration.engine.requests import ActionNotAllowed
from samovar.orchestration.engine.rows import IN_PROGRESS, Resource, Stack
from samovar.orchestration.engine.scaling import scale_group
from samovar.orchestration.engine.signals import SignalledStack, take_signal
from samovar.orchestration.engine.store import get_stack, list_resources
from samovar.orchestration.resources.behaviour import Adjustment, ResourceFailed

if TYPE_CHECKING:
    from schedule import Schedule

T = TypeVar("T")


class Desk:
    """The database as an API has it, which does not die in between here."""

    def __init__(self, world: Schedule) -> None:
        self._world = world

    def _available(self) -> None:
        if self._world.loop.time() < self._world.store.away_until:
            raise DatabaseUnavailable("the database did not answer: it is away")

    async def read(self, query: Callable[[Connection], T]) -> T:
        self._available()
        return self._world.store.read(query)

    async def write(self, change: Callable[[Connection], T]) -> T:
        self._available()
        return self._world.store.write(change)


class Outsiders:
    """They come by now and then."""

    def __init__(self, world: Schedule) -> None:
        self.world, self.chance = world, world.chance
        self.parts = world.engines.parts(Desk(world))
        self.pace = self.chance.choice([0.5, 3.0, 30.0])
        self.careless = 0.0 if self.chance.random() < 0.8 else 0.3
        self.harmed = False  # things were lost, or groups scaled, with what that brings

    async def come_by(self) -> None:
        """For ever; after the troubles they only help."""
        users = self.world.users
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / self.pace))
            if self.careless and not self.world.calm and self.chance.random() < self.careless:
                self._lose_something()
            if users.hooked or users.gated:
                for identity in list(users.wanted):
                    await self.help(identity)

    async def help(self, identity: str) -> None:
        """Do what a stack waits for."""
        with contextlib.suppress(ActionNotAllowed, DatabaseUnavailable):
            await self._help(identity)

    def _lose_something(self) -> None:
        """Somebody removes a thing in the cloud itself."""
        things = sorted(each for each, thing in self.world.cloud.things.items() if thing.going_at is None)
        if things:
            lost = self.chance.choice(things)
            self.harmed = True
            self.world.tell(f"{lost} is removed behind our back")
            self.world.cloud.lose(lost)

    async def _help(self, identity: str) -> None:
        store, vault = self.world.store, self.world.vault
        stack = store.read(lambda c: get_stack(c, identity))
        if stack is None or stack.deleted_at is not None:
            return
        for row in store.read(lambda c: list_resources(c, vault, identity)):
            for hook, noted in row.data.get("hooks", {}).items():
                if not noted["cleared"]:
                    self.world.tell(f"{hook} of {row.name} is cleared")
                    await take_signal(self._loaded(stack), row, {"unset_hook": hook})
            if row.type == HANDLE and self._wants_signal(stack, row):
                await self._signal(stack, row)
            if row.type == GROUP and not self.world.calm and self.chance.random() < 0.3:
                await self._scale(stack, row)

    def _wants_signal(self, stack: Stack, row: Resource) -> bool:
        failed = any(each.get("status") == "FAILURE" for each in row.metadata.values())
        return (
            failed if self.world.calm and row.metadata else stack.status == IN_PROGRESS and not row.metadata
        )

    async def _signal(self, stack: Stack, row: Resource) -> None:
        failure = not self.world.calm and self.chance.random() < 0.1
        status = "FAILURE" if failure else "SUCCESS"
        loaded = self._loaded(stack)
        if row.id in loaded.rows and stack.action not in ("SUSPEND", "DELETE"):
            self.world.tell(f"{row.name} is signalled: {status}")
            await take_signal(loaded, loaded.rows[row.id], {"id": "1", "status": status})

    async def _scale(self, stack: Stack, row: Resource) -> None:
        by = self.chance.choice([-1, 1, 2])
        try:
            done = await scale_group(
                self._loaded(stack), row.physical_id or row.name, Adjustment("change", by)
            )
        except ResourceFailed:
            return
        if done:
            self.harmed = True
            self.world.tell(f"scaled: {done}")

    def _loaded(self, stack: Stack) -> SignalledStack:
        store, vault = self.world.store, self.world.vault
        definition = store.read(lambda c: load_definition(c, vault, stack.definition_id))
        rows = store.read(lambda c: list_resources(c, vault, stack.id))
        if definition is None:
            raise ActionNotAllowed("it was changed just now")
        return SignalledStack(self.parts, stack, definition, rows)
