# SPDX-License-Identifier: Apache-2.0
"""Engines as processes: they start, are killed, freeze and wake, are asked to stop, lose the database."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from random_templates import HANDLE, THING
from sqlalchemy.exc import IntegrityError
from surroundings import Handle
from virtual_loop import Process

from samovar.database import DatabaseUnavailable, new_id
from samovar.orchestration.engine import Parts, Service
from samovar.orchestration.resources.behaviour import ResourceContext
from samovar.orchestration.resources.behaviours import behaviour_of
from samovar.orchestration.resources.behaviours.waiting import WaitConditionHandle

if TYPE_CHECKING:
    from schedule import Schedule

CLOUD_TROUBLES = ("refused", "down", "busy", "error", "request lost", "reset", "late")


class SimpleHandle(WaitConditionHandle):
    """A handle that is signalled without a user of its own."""

    async def create(self, context: ResourceContext) -> str | None:
        return context.physical_name


class Engine:
    """An engine as a process."""

    def __init__(self, service: Service, process: Process, handle: Handle) -> None:
        self.service, self.process, self.handle = service, process, handle


class Engines:
    """Those of a schedule, and what befalls them."""

    def __init__(self, world: Schedule) -> None:
        self.world, self.loop = world, world.loop
        self.chance = chance = world.chance
        self.slow = chance.random() < 0.5
        self.reruns = chance.choice([0.0, 0.0, 0.02])
        self.running: list[Engine] = []
        self.born = 0

    def parts(self, database: Any) -> Parts:
        """What an engine, or an API, is made of."""
        world = self.world
        special = {THING: world.thing, HANDLE: SimpleHandle()}
        return Parts(
            database,
            world.bus,  # type: ignore[arg-type]
            world.settings,
            world.vault,
            _no_cloud,
            behaviour_of=lambda name: special.get(name) or behaviour_of(name),
        )

    def start(self) -> None:
        self.born += 1
        process = Process(f"engine{self.born}", skew=self.chance.uniform(-0.5, 0.5))
        seeded = random.Random(self.world.seed * 31 + self.born)
        handle = Handle(self.world.store, seeded, slow=self.slow, reruns=self.reruns)
        service = Service(self.parts(handle), host=process.name)
        self.running.append(Engine(service, process, handle))
        self.world.tell(f"{process.name} starts")
        self.loop.create_task(_start(service), context=process.context())

    def kill(self, engine: Engine) -> None:
        self.world.tell(f"{engine.process.name} is killed")
        engine.process.state = "dead"
        engine.process.kept_back.clear()
        self.running.remove(engine)
        self.world.bus.forget(engine.process)

    async def harm(self, until: float) -> None:
        """Harm engines, the database, and the cloud now and then."""
        pace = self.chance.choice([2.0, 10.0, 40.0])
        while self.loop.time() < until:
            await asyncio.sleep(self.chance.expovariate(1 / pace))
            self._harm()

    def _harm(self) -> None:
        chance, world, moment = self.chance, self.world, self.loop.time()
        engine = chance.choice(self.running) if self.running else None
        kind = chance.choice(
            ["kill", "kill", "freeze", "freeze", "stop", "database", "cut", "cloud", "start"]
        )
        if kind == "start" or engine is None:
            if len(self.running) < 3:
                self.start()
        elif kind == "kill":
            self.kill(engine)
        elif kind == "freeze" and engine.process.state == "running":
            seconds = chance.choice([1.0, 5.0, 12.0, 60.0])
            world.tell(f"{engine.process.name} freezes for {seconds} s")
            engine.process.state = "frozen"
            self.loop.call_later(seconds, self._wake, engine)
        elif kind == "stop" and engine.process.state == "running":
            world.tell(f"{engine.process.name} is asked to stop")
            self.running.remove(engine)
            self.loop.create_task(self._stop(engine), context=engine.process.context())
        elif kind == "database":
            world.store.away_until = moment + chance.choice([0.5, 5.0, 30.0])
            world.tell(f"the database is away until {world.store.away_until:.3f}")
        elif kind == "cut":
            engine.handle.cut_until = moment + chance.choice([1.0, 15.0, 60.0])
            world.tell(f"{engine.process.name} has no database until {engine.handle.cut_until:.3f}")
        elif kind == "cloud":
            trouble = chance.choice(CLOUD_TROUBLES)
            end = moment + chance.choice([1.0, 20.0, 200.0, 900.0])
            world.cloud.outages.append((moment, end, trouble))
            world.tell(f"the cloud's fate until {end:.3f}: {trouble}")

    def _wake(self, engine: Engine) -> None:
        if engine.process.state == "frozen":
            self.world.tell(f"{engine.process.name} wakes")
            self.loop.wake(engine.process)

    async def _stop(self, engine: Engine) -> None:
        await engine.service.stop(grace=self.chance.choice([0.0, 5.0]))
        engine.process.state = "dead"

    def recover(self) -> None:
        """From now on nothing befalls them."""
        for engine in self.running:
            engine.handle.cut_until = 0.0
            engine.handle.reruns = 0.0
        if not self.running:
            self.start()


def _no_cloud(_credentials: Any) -> Any:
    raise AssertionError("no cloud is asked with credentials here")


async def _start(service: Service) -> None:
    while True:
        try:
            await service.start()
            return
        except (DatabaseUnavailable, IntegrityError):
            service.id = new_id()
            await asyncio.sleep(1.0)
