# SPDX-License-Identifier: Apache-2.0
"""One random schedule: users ask, engines die, freeze and wake, the cloud and the database are in trouble.

Afterwards all goes well again, everything must come to its end, and what is stored must be what there is.
Everything that is random is drawn from one seed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from pathlib import Path
from typing import Any

from far_cloud import SimulatedCloud, ThingType
from random_templates import FILES, THING, random_template
from sqlalchemy.exc import IntegrityError
from surroundings import NETWORK, Bus, Handle, Store, now, take_over_time
from verdict import Untrue, Verdict
from virtual_loop import NothingHappens, NoTimePasses, Process, VirtualLoop

from samovar.config import Settings
from samovar.config.settings import EngineSettings
from samovar.database import new_id
from samovar.orchestration.engine import Parts, Service, Vault
from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.engine.requests import (
    OPERATIONS_TOPIC,
    SUPERSEDED_TOPIC,
    ActionNotAllowed,
    Request,
    StackGone,
    act_on_stack,
    cancel_update,
    create_stack,
    update_stack,
)
from samovar.orchestration.engine.retrying import retry_stack
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
_random = random.Random()
TIMEOUT = 3600.0
LONGEST = 4 * TIMEOUT


class Words(logging.Handler):
    """Gathers what engines could not explain."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told = self.format(record)
        if "DatabaseUnavailable" not in told:
            self.found.append(told)


class Engine:
    """An engine as a process."""

    def __init__(self, service: Service, process: Process, handle: Handle) -> None:
        self.service, self.process, self.handle = service, process, handle


class Schedule:
    """The world of one seed."""

    def __init__(self, seed: int, store: Store, loop: VirtualLoop, story: list[str] | None = None) -> None:
        self.seed, self.loop, self.story = seed, loop, story
        self.chance = chance = random.Random(seed)
        _random.seed(seed)
        self.store = store
        self.vault = Vault("a key for the simulation")
        self.small = chance.random() < 0.75
        harsh = chance.choice([0.0, 0.05, 0.2])
        mood = {kind: harsh * chance.random() for kind in chance.sample(TROUBLES, chance.randint(0, 4))}
        self.cloud = SimulatedCloud(random.Random(seed + 1), mood)
        self.cloud.breaks = chance.choice([0.0, 0.0, 0.1])
        self.bus = Bus(random.Random(seed + 2), loses=chance.choice([0.0, 0.3, 1.0]), repeats=0.1)
        self.slow = chance.random() < 0.5
        self.reruns = chance.choice([0.0, 0.0, 0.02])
        self.engines: list[Engine] = []
        self.born = 0
        options: dict[str, Any] = {"lease_seconds": 10.0, "max_resources_per_stack": -1}
        self.settings = Settings(Path("/nowhere"), engine=dataclasses.replace(EngineSettings(), **options))
        self.verdict = Verdict(store, self.vault, self.cloud)
        self.wanted: dict[str, dict[str, Any]] = {}  # the template last accepted, by stack
        self.deleted: set[str] = set()
        self.accepted = 0

    def tell(self, what: str) -> None:
        if self.story is not None:
            self.story.append(f"{self.loop.time():9.3f} {what}")

    # Engines

    async def engine(self) -> Engine:
        self.born += 1
        process = Process(f"engine{self.born}", skew=self.chance.uniform(-0.5, 0.5))
        handle = Handle(
            self.store, random.Random(self.seed * 31 + self.born), slow=self.slow, reruns=self.reruns
        )
        thing = ThingType(self.cloud)
        parts = Parts(
            handle,  # type: ignore[arg-type]
            self.bus,  # type: ignore[arg-type]
            self.settings,
            self.vault,
            _no_cloud,
            behaviour_of=lambda name: thing if name == THING else _behaviour(name),
        )
        service = Service(parts, host=process.name)
        engine = Engine(service, process, handle)
        self.engines.append(engine)
        self.tell(f"{process.name} starts")
        self.loop.create_task(_start(service), context=process.context())
        return engine

    def kill(self, engine: Engine) -> None:
        self.tell(f"{engine.process.name} is killed")
        engine.process.state = "dead"
        engine.process.kept_back.clear()
        self.engines.remove(engine)
        self.bus.listeners = [each for each in self.bus.listeners if each.process is not engine.process]

    async def faults(self, until: float) -> None:
        """Harm engines, the database, and the cloud now and then."""
        chance = self.chance
        pace = chance.choice([2.0, 10.0, 40.0])
        while self.loop.time() < until:
            await asyncio.sleep(chance.expovariate(1 / pace))
            engine = chance.choice(self.engines) if self.engines else None
            kind = chance.choice(
                ["kill", "kill", "freeze", "freeze", "stop", "database", "cut", "cloud", "start"]
            )
            if kind == "start" or engine is None:
                if len(self.engines) < 3:
                    await self.engine()
            elif kind == "kill":
                self.kill(engine)
            elif kind == "freeze" and engine.process.state == "running":
                seconds = chance.choice([1.0, 5.0, 12.0, 60.0])
                self.tell(f"{engine.process.name} freezes for {seconds} s")
                engine.process.state = "frozen"
                self.loop.call_later(seconds, self._wake, engine)
            elif kind == "stop" and engine.process.state == "running":
                self.tell(f"{engine.process.name} is asked to stop")
                self.engines.remove(engine)
                self.loop.create_task(self._stop(engine), context=engine.process.context())
            elif kind == "database":
                self.store.away_until = self.loop.time() + chance.choice([0.5, 5.0, 30.0])
                self.tell(f"the database is away until {self.store.away_until:.3f}")
            elif kind == "cut":
                engine.handle.cut_until = self.loop.time() + chance.choice([1.0, 15.0, 60.0])
                self.tell(f"{engine.process.name} has no database until {engine.handle.cut_until:.3f}")
            elif kind == "cloud":
                trouble = chance.choice(["refused", "down", "busy", "error", "request lost", "reset", "late"])
                end = self.loop.time() + chance.choice([1.0, 20.0, 200.0])
                self.cloud.outages.append((self.loop.time(), end, trouble))
                self.tell(f"the cloud's fate until {end:.3f}: {trouble}")

    def _wake(self, engine: Engine) -> None:
        if engine.process.state == "frozen":
            self.tell(f"{engine.process.name} wakes")
            self.loop.wake(engine.process)

    async def _stop(self, engine: Engine) -> None:
        await engine.service.stop(grace=self.chance.choice([0.0, 5.0]))
        engine.process.state = "dead"

    # Users

    async def users(self, until: float) -> None:
        chance = self.chance
        count = 1 if self.small else chance.choice([1, 2, 3])
        pace = chance.choice([0.05, 0.5, 5.0, 20.0])
        for number in range(count):
            await self.create(f"stack{number}")
        for _ in range(chance.randint(0, 3 if self.small else 6)):
            await asyncio.sleep(chance.expovariate(1 / pace))
            if self.loop.time() > until:
                break
            identity = chance.choice(list(self.wanted))
            await self.something(identity)

    def _template(self) -> dict[str, Any]:
        return random_template(self.chance, 2 if self.small else 6)

    def _request(self) -> Request:
        short = self.chance.random() < 0.05
        return Request("u", "req", 30.0 if short else TIMEOUT)

    async def create(self, name: str) -> None:
        chance = self.chance
        identity = new_id()
        stack = Stack(
            id=identity, name=name, project_id="p", user_id="u", user_name="user", owner_id=None,
            root_id=identity, parent_resource=None, depth=0, action="CREATE", status="IN_PROGRESS",
            status_reason="", definition_id="", previous_definition_id=None, operation_id=None,
            credentials_id=None, user_project_id=None, description="", tags=[], timeout_mins=None,
            disable_rollback=chance.random() < 0.6, created_at=now(), updated_at=None, deleted_at=None,
        )  # fmt: skip
        template = self._template()
        definition = Definition(template, {}, FILES)
        request = self._request()
        operation = self.store.write(lambda c: create_stack(c, self.vault, stack, definition, request))
        self.wanted[identity] = template
        self.accepted += 1
        self.tell(f"create {name} {identity} {sorted(template['resources'])}")
        await self.bus.ring(OPERATIONS_TOPIC, operation)

    async def update(self, identity: str, template: dict[str, Any], request: Request) -> None:
        definition = Definition(template, {}, FILES)
        stack, operation = self.store.write(
            lambda c: update_stack(c, self.vault, identity, definition, request)
        )
        self.wanted[identity] = template
        self.tell(f"update {stack.name} {sorted(template['resources'])}")
        await self._ring(identity, operation)

    async def act(self, identity: str, action: str, request: Request) -> None:
        stack, operation = self.store.write(lambda c: act_on_stack(c, identity, action, request))
        self.tell(f"{action} {stack.name}")
        if operation is not None:
            await self._ring(identity, operation)

    async def retry(self, identity: str, request: Request) -> None:
        stack, operation = self.store.write(lambda c: retry_stack(c, identity, request))
        self.tell(f"retry {stack.name}, {stack.action}")
        await self._ring(identity, operation)

    async def cancel(self, identity: str, *, rollback: bool, request: Request) -> None:
        stack, operation = self.store.write(lambda c: cancel_update(c, identity, request, rollback=rollback))
        self.tell(f"cancel {stack.name}, rollback {rollback}")
        await self._ring(identity, operation)

    async def _ring(self, identity: str, operation: str) -> None:
        await self.bus.announce(SUPERSEDED_TOPIC, identity)
        await self.bus.ring(OPERATIONS_TOPIC, operation)

    async def something(self, identity: str) -> None:
        chance, request = self.chance, self._request()
        try:
            match chance.choice(
                ["update"] * 5
                + ["same", "retry", "retry", "check", "suspend", "resume", "cancel", "cancel", "delete"]
            ):
                case "update":
                    await self.update(identity, self._template(), request)
                case "same":
                    await self.update(identity, self.wanted[identity], request)
                case "retry":
                    await self.retry(identity, request)
                case "check":
                    await self.act(identity, "CHECK", request)
                case "suspend":
                    await self.act(identity, "SUSPEND", request)
                case "resume":
                    await self.act(identity, "RESUME", request)
                case "cancel":
                    await self.cancel(identity, rollback=chance.random() < 0.5, request=request)
                case "delete":
                    await self.act(identity, "DELETE", request)
                    self.deleted.add(identity)
            self.accepted += 1
        except (ActionNotAllowed, StackGone):
            pass

    # The whole

    async def run(self) -> None:
        chance = self.chance
        for _ in range(chance.choice([1, 2] if self.small else [1, 2, 3])):
            await self.engine()
        until = self.loop.time() + chance.choice([5.0, 60.0] if self.small else [5.0, 60.0, 300.0])
        await asyncio.gather(self.users(until), self.faults(until))
        self.recover()
        if not self.engines:
            await self.engine()
        await self.quiet(LONGEST, "after the troubles")
        self.verdict.nothing_under_way()
        self.verdict.no_duplicates()
        self.verdict.no_orphans()
        for identity in self.wanted:
            await self.finish(identity)
        for identity in self.wanted:
            if identity not in self.deleted:
                await self.act(identity, "DELETE", Request("u", "r", TIMEOUT))
        await self.quiet(600.0, "of the deletions")
        for identity in self.wanted:
            stack = self.stack(identity)
            if stack.state != ("DELETE", "COMPLETE"):
                raise Untrue(f"{stack.name} cannot be deleted: {stack.state} {stack.status_reason}")
        self.verdict.nothing_under_way()
        self.verdict.no_orphans()
        self.verdict.no_duplicates()
        left = self.store.read(
            lambda c: c.execute(stacks.select().where(stacks.c.deleted_at.is_(None))).all()
        )
        if self.cloud.things or left:
            raise Untrue(f"left over: {list(self.cloud.things)} {[row.name for row in left]}")

    def recover(self) -> None:
        self.tell("all goes well from now on")
        self.cloud.calm_down()
        self.store.away_until = 0.0
        self.bus._loses = 0.0
        for engine in self.engines:
            engine.handle.cut_until = 0.0
            engine.handle._reruns = 0.0

    async def finish(self, identity: str) -> None:
        """What succeeded is true; what failed can be brought to its end by one more update."""
        stack = self.stack(identity)
        if identity in self.deleted:
            if stack.deleted_at is None and stack.state != ("DELETE", "FAILED"):
                raise Untrue(f"{stack.name} was deleted and is {stack.state}")
            if stack.deleted_at is None:
                self.deleted.discard(identity)
            return
        if stack.status == "COMPLETE" and stack.action in ("CREATE", "UPDATE", "ROLLBACK"):
            accepted = self.wanted[identity] if stack.action != "ROLLBACK" else None
            self.verdict.complete(identity, accepted)
        if stack.action == "SUSPEND":
            await self.act(identity, "RESUME", Request("u", "r", TIMEOUT))
            await self.quiet(600.0, "of the resumption")
        if stack.status == "FAILED" and stack.action in ("CREATE", "UPDATE"):
            await self.retry(identity, Request("u", "r", TIMEOUT))
            await self.quiet(600.0, "of the retry")
            again = self.stack(identity)
            if again.state != (stack.action, "COMPLETE"):
                raise Untrue(f"the retry of {stack.name} ended as {again.state}: {again.status_reason}")
            self.verdict.complete(identity, self.wanted[identity])
        await self.update(identity, self.wanted[identity], Request("u", "r", TIMEOUT))
        await self.quiet(600.0, "of the last update")
        stack = self.stack(identity)
        if stack.state != ("UPDATE", "COMPLETE"):
            raise Untrue(f"the last update of {stack.name} ended as {stack.state}: {stack.status_reason}")
        self.verdict.complete(identity, self.wanted[identity])
        self.verdict.no_orphans()

    def stack(self, identity: str) -> Stack:
        found = self.store.read(lambda c: get_stack(c, identity))
        assert found is not None
        return found

    async def quiet(self, seconds: float, what: str) -> None:
        """Wait until no operation is open. Raises Untrue when that takes longer than `seconds`."""
        query = operations.select().where(operations.c.status.in_(("WAITING", "RUNNING")))
        deadline, pause = self.loop.time() + seconds, 0.1
        while (row := self.store.read(lambda c: c.execute(query).mappings().first())) is not None:
            if self.loop.time() > deadline:
                raise Untrue(
                    f"stuck {what}: {row['action']} of {self.stack(row['stack_id']).name} is {row['status']}"
                )
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 1.5)


def _behaviour(name: str) -> Any:
    from samovar.orchestration.resources.behaviours import behaviour_of

    return behaviour_of(name)


def _no_cloud(_credentials: Any) -> Any:
    raise AssertionError("no cloud is asked with credentials here")


async def _start(service: Service) -> None:
    from samovar.database import DatabaseUnavailable

    while True:
        try:
            await service.start()
            return
        except (DatabaseUnavailable, IntegrityError):
            service.id = new_id()
            await asyncio.sleep(1.0)


def prepare() -> Store:
    """Once per program: the clock, the ids, the store, and the type of the things."""
    from samovar.orchestration.resources import registry
    from samovar.orchestration.resources.types import heat_value

    take_over_time(lambda: _random)
    heat_value.TYPES = tuple(
        dataclasses.replace(each, service="nova") if each.name == THING else each for each in heat_value.TYPES
    )  # type: ignore[assignment]
    registry._family.cache_clear()
    return Store()


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
    schedule = Schedule(seed, store, loop, story)
    try:
        loop.run_until_complete(loop.create_task(schedule.run(), context=NETWORK.copy()))
        if words.found and not schedule.reruns:
            raise Untrue("an engine stumbled: " + words.found[0])
        if odd:
            raise Untrue("an exception that nobody took: " + odd[0])
    except NothingHappens:
        raise Untrue("nothing happens any more") from None
    except NoTimePasses as error:
        raise Untrue(f"much happens and no time passes: {error}") from None
    finally:
        loud.removeHandler(words)
        loop.set_exception_handler(lambda _loop, _context: None)
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        elapsed = loop.time()
        loop.close()
    return elapsed, schedule.accepted
