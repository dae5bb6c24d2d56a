# SPDX-License-Identifier: Apache-2.0
"""An engine dies before or after any of its writes; another one ends the work, with nothing lost or twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fake_cloud import FakeCloud, Thing, trouble
from sqlalchemy import Connection, update
from stand import Stand

from samovar.database import Database
from samovar.database.leases import LeaseLost, claim
from samovar.orchestration.engine import Service
from samovar.orchestration.engine.scribe import Scribe
from samovar.orchestration.engine.tables import operations

T = TypeVar("T")
THING = "OS::Heat::TestResource"
AT_ONCE = 5


class Mortal:
    """A database handle whose holder dies at its n-th write: just before it, or just after."""

    def __init__(self, database: Database, dies_at: int, after: bool) -> None:
        self._database, self._dies_at, self._after = database, dies_at, after
        self._writes = 0
        self.survives = False
        self.dead = asyncio.Event()

    async def read(self, query: Callable[[Connection], T]) -> T:
        await self._only_alive()
        return await self._database.read(query)

    async def write(self, change: Callable[[Connection], T]) -> T:
        await self._only_alive()
        self._writes += 1
        if self._writes == self._dies_at and not self.survives:
            self.dead.set()
            if self._after:
                await self._database.write(change)
            await asyncio.Event().wait()
        return await self._database.write(change)

    async def _only_alive(self) -> None:
        if self.dead.is_set():
            await asyncio.Event().wait()


async def kill(engine: Service) -> None:
    """What is left of an engine whose process is gone: nothing."""
    for subscription in engine._subscriptions:
        subscription.close()
    tasks = [*engine._tasks, *(held.task for held in engine._held.values())]
    tasks += [held.execution.scribe._task for held in engine._held.values() if held.execution.scribe._task]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tuple(engine._finishing):
        task.cancel()


def template(word: str, count: int = 2) -> dict[str, Any]:
    def thing(value: Any, depends_on: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {"type": THING, "properties": {"value": value}}
        return found | ({"depends_on": depends_on} if depends_on else {})

    member = {"type": THING, "properties": {"value": word}}
    return {
        "heat_template_version": "2021-04-16",
        "resources": {
            "a": thing(word),
            "b": thing({"get_attr": ["a", "output"]}),
            "r": {"type": THING, "properties": {"update_replace_value": word}},
            "d": thing({"get_resource": "r"}, "b"),
            "g": {"type": "OS::Heat::ResourceGroup", "properties": {"count": count, "resource_def": member}},
        },
    }


async def survive(
    stand: Stand, start: Callable[[], Any], settled: Callable[[], Any], n: int, after: bool
) -> bool:
    """Run an action under an engine that dies at write n; then let another one end it. False: it lived."""
    mortal = Mortal(stand.database, n, after)
    first = await stand.engine(mortal)  # type: ignore[arg-type]
    await start()
    done = asyncio.ensure_future(settled())
    died = asyncio.ensure_future(mortal.dead.wait())
    await asyncio.wait({done, died}, return_when=asyncio.FIRST_COMPLETED)
    if not mortal.dead.is_set():
        died.cancel()
        mortal.survives = True
        await done
        stand.engines.remove(first)
        await first.stop()
        return False
    stand.engines.remove(first)
    await kill(first)
    second = await stand.engine()
    await done
    stand.engines.remove(second)
    await second.stop()
    return True


async def one_life(stand: Stand, n: int, after: bool) -> list[str]:
    """Create, update and delete a stack, each begun under an engine that dies at write n; who died where."""
    cloud = FakeCloud()
    stand.behaviours[THING] = Thing(cloud)
    identity = ""
    deaths: list[str] = []

    async def settled() -> None:
        stack = await stand.settled(identity)
        assert stack.status == "COMPLETE", stack.status_reason

    async def create() -> None:
        nonlocal identity
        identity = await stand.create(template("one"))

    async def change() -> None:
        await stand.update(identity, template("two", 3))

    async def delete() -> None:
        await stand.act(identity, "DELETE")

    for action, start, things in (("CREATE", create, 6), ("UPDATE", change, 7), ("DELETE", delete, 0)):
        if await survive(stand, start, settled, n, after):
            deaths.append(action)
        assert cloud.twice == [], (action, n)
        assert len(cloud.things) == things, (action, n, cloud.things)
        if things:
            values = {thing["values"].get("value") for thing in cloud.things.values()}
            assert ("one" in values) == (action == "CREATE")
    return deaths


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
async def test_death_at_every_write_of_a_life(tmp_path: Path, after: bool) -> None:
    counts = {"CREATE": 0, "UPDATE": 0, "DELETE": 0}

    async def life(n: int) -> list[str]:
        stand = Stand(tmp_path / str(n), lease_seconds=0.4)
        deaths = await one_life(stand, n, after)
        await stand.close()
        return deaths

    for first in range(3, 40, AT_ONCE):  # most of a life is waiting for a dead engine's lease to end
        lives = await asyncio.gather(*map(life, range(first, first + AT_ONCE)), return_exceptions=True)
        assert [found for found in lives if isinstance(found, BaseException)] == []
        found = [deaths for deaths in lives if isinstance(deaths, list)]
        for action in (action for deaths in found for action in deaths):
            counts[action] += 1
        if not all(found):
            break
    assert all(count >= 4 for count in counts.values()), counts


async def test_a_lost_reply_is_followed_by_a_search(tmp_path: Path) -> None:
    stand, cloud = Stand(tmp_path), FakeCloud()
    stand.behaviours[THING] = Thing(cloud)
    cloud.lose_replies = 3
    cloud.troubles = [trouble(503), trouble(429), trouble(500)]
    await stand.engine()
    identity = await stand.create(template("one"))
    stack = await stand.settled(identity)
    assert stack.status == "COMPLETE", stack.status_reason
    assert cloud.twice == [] and len(cloud.things) == 6
    await stand.close()


async def test_a_wait_is_visible_while_the_cloud_is_in_trouble(tmp_path: Path) -> None:
    stand, cloud = Stand(tmp_path), FakeCloud()
    stand.behaviours[THING] = Thing(cloud)
    cloud.troubles = [trouble(503) for _ in range(1000)]
    await stand.engine()
    identity = await stand.create(
        {"heat_template_version": "2021-04-16", "resources": {"a": {"type": THING}}}
    )

    async def waits() -> bool:
        row = (await stand.current(identity)).get("a")
        return row is not None and row.waiting is not None and "recover" in row.waiting["for"]

    await stand.until(waits)
    await stand.act(identity, "DELETE")  # a stack can always be deleted
    assert (await stand.settled(identity)).action == "DELETE"
    await stand.close()


async def test_an_engine_that_was_overtaken_changes_nothing(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    identity = await stand.create(template("one"))
    operation = (await stand.stack(identity)).operation_id or ""
    epoch = await stand.database.write(lambda c: claim(c, operations, operation, "frozen", 0.0))
    newer = await stand.database.write(lambda c: claim(c, operations, operation, "newer", 30.0))
    assert epoch is not None and newer is not None and newer > epoch
    lost: list[BaseException] = []
    scribe = Scribe(
        stand.database, stand.vault, stack_id=identity, operation_id=operation, epoch=epoch, max_events=100,
        on_lost=lost.append,
    )  # fmt: skip
    with pytest.raises(LeaseLost):
        await scribe.change(lambda c: c.execute(update(operations).values(status="DONE")))
    assert len(lost) == 1 and isinstance(lost[0], LeaseLost)
    statuses = await stand.database.read(lambda c: c.execute(operations.select()).mappings().all())
    assert [row["status"] for row in statuses] == ["WAITING"]
    await stand.close()


async def test_an_engine_that_stops_hands_its_work_on(tmp_path: Path) -> None:
    stand, cloud = Stand(tmp_path), FakeCloud()
    stand.behaviours[THING] = Thing(cloud)
    cloud.polls = 8
    first = await stand.engine()
    identity = await stand.create(template("one"))
    await stand.until(lambda: stand.is_in(identity, "a", "CREATE_IN_PROGRESS"))
    stand.engines.remove(first)
    await first.stop()
    assert (await stand.stack(identity)).status == "IN_PROGRESS"
    await stand.engine()
    stack = await stand.settled(identity)
    assert stack.status == "COMPLETE", stack.status_reason
    assert cloud.twice == [] and len(cloud.things) == 6
    await stand.close()
