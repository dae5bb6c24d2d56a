# SPDX-License-Identifier: Apache-2.0
"""One random schedule: users ask, engines die, freeze and wake, the cloud and the database are in trouble.

Afterwards all goes well again, everything must come to its end, and what is stored must be what there is.
Everything that is random is drawn from one seed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import random
import types
from pathlib import Path
from typing import Any

from engines import Engines
from far_cloud import SimulatedCloud, ThingType
from outsiders import Outsiders
from random_templates import THING
from surroundings import NETWORK, Bus, Store, now, take_over_time
from users import TIMEOUT, Users
from verdict import Untrue, Verdict
from virtual_loop import NothingHappens, NoTimePasses, VirtualLoop

from samovar.config import Settings
from samovar.config.settings import EngineSettings
from samovar.orchestration.engine import Vault
from samovar.orchestration.engine.requests import Request
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.engine.store import get_stack
from samovar.orchestration.engine.tables import operations, stacks

TROUBLES = (
    "late",
    "reply lost",
    "request lost",
    "reset",
    "refused",
    "busy",
    "down",
    "error",
    "gateway timeout",
)
LONGEST = 4 * TIMEOUT
FULFILLED = ("CREATE", "UPDATE", "RESTORE")  # the stack is what was asked for, when one of these is complete
SETTINGS = Settings(
    Path("/nowhere"),
    engine=dataclasses.replace(EngineSettings(), lease_seconds=10.0, max_resources_per_stack=-1),
)
VAULT = Vault("a key for the simulation")
_random = random.Random()


class Words(logging.Handler):
    """Gathers what engines could not explain."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told = self.format(record)
        if "DatabaseUnavailable" not in told:
            self.found.append(told)


class Schedule:
    """The world of one seed."""

    def __init__(self, seed: int, store: Store, loop: VirtualLoop, story: list[str] | None = None) -> None:
        self.seed, self.loop, self.story, self.store = seed, loop, story, store
        self.chance = chance = random.Random(seed)
        _random.seed(seed)
        self.vault, self.settings = VAULT, SETTINGS
        self.small = chance.random() < 0.8
        self.calm = False  # the troubles are over
        harsh = chance.choice([0.0, 0.05, 0.2])
        mood = {kind: harsh * chance.random() for kind in chance.sample(TROUBLES, chance.randint(0, 4))}
        self.cloud = SimulatedCloud(random.Random(seed + 1), mood)
        self.cloud.breaks = chance.choice([0.0, 0.0, 0.1])
        self.thing = ThingType(self.cloud)
        self.bus = Bus(random.Random(seed + 2), loses=chance.choice([0.0, 0.3, 1.0]), repeats=0.1)
        self.verdict = Verdict(store, self.vault, self.cloud)
        self.engines, self.users = Engines(self), Users(self)
        self.outsiders = Outsiders(self)

    def tell(self, what: str) -> None:
        if self.story is not None:
            self.story.append(f"{self.loop.time():9.3f} {what}")

    async def run(self) -> None:
        chance = self.chance
        for _ in range(chance.choice([1, 2] if self.small else [1, 2, 3])):
            self.engines.start()
        until = self.loop.time() + chance.choice([5.0, 60.0] if self.small else [5.0, 60.0, 300.0])
        helping = asyncio.ensure_future(self.outsiders.come_by())
        await asyncio.gather(self.users.live(until), self.engines.harm(until))
        self.recover()
        await self.quiet(LONGEST, "after the troubles")
        self.verdict.nothing_under_way()
        self.verdict.no_duplicates()
        self.verdict.no_orphans()
        for identity in self.users.wanted:
            await self.finish(identity)
        for identity in self.users.wanted:
            if identity not in self.users.deleted:
                await self.users.act(identity, "DELETE", Request("u", "r", TIMEOUT))
        await self.quiet(600.0, "of the deletions")
        helping.cancel()
        self.nothing_is_left()

    def nothing_is_left(self) -> None:
        for identity in self.users.wanted:
            stack = self.stack(identity)
            if stack.state != ("DELETE", "COMPLETE"):
                raise Untrue(f"{stack.name} cannot be deleted: {stack.state} {stack.status_reason}")
        self.verdict.nothing_under_way()
        self.verdict.no_orphans()
        self.verdict.no_duplicates()
        query = stacks.select().where(stacks.c.deleted_at.is_(None))
        left = self.store.read(lambda c: c.execute(query).all())
        if self.cloud.things or left:
            raise Untrue(f"left over: {list(self.cloud.things)} {[row.name for row in left]}")

    def recover(self) -> None:
        self.tell("all goes well from now on")
        self.calm = True
        self.cloud.calm_down()
        self.store.away_until = 0.0
        self.bus.loses = 0.0
        self.engines.recover()

    async def finish(self, identity: str) -> None:
        """What succeeded is true; what failed can be brought to its end by one more update."""
        users, stack = self.users, self.stack(identity)
        if identity in users.deleted:
            if stack.deleted_at is None and stack.state != ("DELETE", "FAILED"):
                raise Untrue(f"{stack.name} was deleted and is {stack.state}")
            if stack.deleted_at is None:
                users.deleted.discard(identity)
            return
        await self.outsiders.help(identity)
        harmed = self.outsiders.harmed
        doubtful = harmed or identity in users.sick
        if stack.status == "COMPLETE" and stack.action in (*FULFILLED, "ROLLBACK") and not doubtful:
            accepted = users.wanted[identity].template if stack.action != "ROLLBACK" else None
            self.verdict.complete(identity, accepted)
        if stack.action == "SUSPEND":
            await users.act(identity, "RESUME", Request("u", "r", TIMEOUT))
            await self.quiet(600.0, "of the resumption")
        if stack.status == "FAILED" and stack.action in FULFILLED and not harmed:
            await users.retry(identity, Request("u", "r", TIMEOUT))
            await self.quiet(600.0, "of the retry")
            again = self.stack(identity)
            if again.state != (stack.action, "COMPLETE"):
                raise Untrue(f"the retry of {stack.name} ended as {again.state}: {again.status_reason}")
            self.verdict.complete(identity, users.wanted[identity].template)
        if harmed:  # what is gone is noticed, and made again
            await users.act(identity, "CHECK", Request("u", "r", TIMEOUT))
            await self.quiet(600.0, "of the check")
        await self.outsiders.help(identity)
        await users.update(identity, users.wanted[identity], Request("u", "r", TIMEOUT))
        await self.quiet(600.0, "of the last update")
        stack = self.stack(identity)
        if stack.state != ("UPDATE", "COMPLETE"):
            raise Untrue(f"the last update of {stack.name} ended as {stack.state}: {stack.status_reason}")
        self.verdict.complete(identity, users.wanted[identity].template)
        self.verdict.no_orphans()

    def stack(self, identity: str) -> Stack:
        found = self.store.read(lambda c: get_stack(c, identity))
        assert found is not None
        return found

    async def quiet(self, seconds: float, what: str) -> None:
        """Wait until no operation is open. Raises Untrue when that takes longer than `seconds`."""
        deadline, pause = self.loop.time() + seconds, 0.1
        while (row := self.store.read(lambda c: c.execute(_under_way).mappings().first())) is not None:
            if self.loop.time() > deadline:
                raise Untrue(
                    f"stuck {what}: {row['action']} of {self.stack(row['stack_id']).name} is {row['status']}"
                )
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 1.5)


_under_way = operations.select().where(operations.c.status.in_(("WAITING", "RUNNING")))


def prepare() -> Store:
    """Once per program: the clock, the ids, the store, and the type of the things."""
    from samovar.orchestration.resources import registry
    from samovar.orchestration.resources.behaviours import waiting
    from samovar.orchestration.resources.types import heat_value

    take_over_time(lambda: _random)
    waiting.time = types.SimpleNamespace(time=lambda: now().timestamp())  # type: ignore[assignment]
    more = {"suspend", "resume", "snapshot", "delete_snapshot", "restore"}
    heat_value.TYPES = tuple(
        dataclasses.replace(each, service="nova", handlers=each.handlers | more)
        if each.name == THING
        else each
        for each in heat_value.TYPES
    )  # type: ignore[assignment]
    registry._family.cache_clear()
    store = Store()
    gc.collect()
    gc.freeze()
    return store


def simulate(seed: int, store: Store, story: list[str] | None = None) -> tuple[float, int]:
    """Run one schedule; (virtual seconds, accepted requests). Raises Untrue."""
    loop = VirtualLoop()
    words = Words()
    loud = logging.getLogger("samovar")
    loud.addHandler(words)
    odd: list[str] = []

    def note(_loop: Any, context: dict[str, Any]) -> None:
        if "destroyed" not in context["message"]:  # as the tasks of killed engines are
            task = context.get("task") or context.get("future")
            odd.append(f"{context['message']}: {context.get('exception')!r} {task!r}")

    loop.set_exception_handler(note)
    store.clear()
    gc.disable()  # what a killed process leaves behind is swept up when all is over
    schedule = Schedule(seed, store, loop, story)
    try:
        loop.run_until_complete(loop.create_task(schedule.run(), context=NETWORK.copy()))
        if words.found:
            raise Untrue("an engine stumbled: " + words.found[0])
        if odd:
            raise Untrue("an exception that nobody took: " + odd[0])
    except NothingHappens:
        raise Untrue("nothing happens any more") from None
    except NoTimePasses as error:
        raise Untrue(f"much happens and no time passes: {error}") from None
    finally:
        gc.enable()
        loud.removeHandler(words)
        loop.set_exception_handler(lambda _loop, _context: None)
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        elapsed = loop.time()
        loop.close()
    return elapsed, schedule.users.accepted
