# SPDX-License-Identifier: Apache-2.0
"""Snapshots keep what a stack was, nested stacks too; restoring brings it back, whatever dies on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_cloud import FakeCloud, Thing
from sqlalchemy import func, select
from stand import Stand
from test_crashes import survive

from samovar.orchestration.engine.requests import (
    OPERATIONS_TOPIC,
    SUPERSEDED_TOPIC,
    ActionNotAllowed,
    Request,
)
from samovar.orchestration.engine.signals import mark_unhealthy
from samovar.orchestration.engine.snapshots import (
    Snapshot,
    load_snapshot,
    remove_snapshot,
    restore_stack,
    take_snapshot,
)
from samovar.orchestration.engine.tables import definitions, snapshots
from samovar.orchestration.resources.behaviour import ResourceContext

VOLUME = "OS::Cinder::Volume"
REQUEST = Request("u", "req-9", 60)


class Volume(Thing):
    """A thing with content, which can be saved and brought back."""

    async def snapshot(self, context: ResourceContext) -> Mapping[str, str]:
        await asyncio.sleep(0)
        identity = f"saved-{context.uuid}"
        content = self.cloud.things[context.physical_id or ""].get("content")
        self.cloud.things[identity] = {"name": identity, "values": {}, "polls": 0, "content": content}
        return {"backup": identity}

    async def restore(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        saved = self.cloud.things[notes["backup"]]
        self.cloud.things[context.physical_id or ""]["content"] = saved["content"]

    async def delete_snapshot(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        self.cloud.things.pop(notes["backup"], None)


def template(length: int, count: int) -> dict[str, Any]:
    volume = {"type": VOLUME, "properties": {"size": 1}}
    group = {"type": "OS::Heat::ResourceGroup", "properties": {"count": count, "resource_def": volume}}
    word = {"type": "OS::Heat::RandomString", "properties": {"length": length}}
    resources = {"v": volume, "word": word, "g": group}
    if count == 1:
        resources["extra"] = volume
    return {"heat_template_version": "2021-04-16", "resources": resources}


class Kept:
    """A stand with volumes, and what a user does with snapshots."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.stand, self.cloud = Stand(directory, **options), FakeCloud()
        self.stand.behaviours[VOLUME] = Volume(self.cloud)
        self.stack = ""

    async def write(self, content: str) -> None:
        for identity, thing in self.cloud.things.items():
            if not identity.startswith("saved"):
                thing["content"] = content

    def contents(self) -> list[str | None]:
        return sorted(
            str(thing.get("content")) for key, thing in self.cloud.things.items() if key.startswith("thing")
        )

    async def take(self) -> str:
        database = self.stand.database
        identity, operation = await database.write(lambda c: take_snapshot(c, self.stack, "one", REQUEST))
        await self._ring(operation)
        return identity

    async def restore(self, identity: str) -> None:
        change = lambda c: restore_stack(c, self.stand.vault, self.stack, identity, REQUEST)  # noqa: E731
        await self._ring((await self.stand.database.write(change))[1])

    async def remove(self, identity: str) -> None:
        stack = await self.stand.stack(self.stack)
        await self._ring(
            await self.stand.database.write(lambda c: remove_snapshot(c, stack, identity, REQUEST))
        )

    async def _ring(self, operation: str | None) -> None:
        await self.stand.bus.announce(SUPERSEDED_TOPIC, self.stack)
        if operation is not None:
            await self.stand.bus.ring(OPERATIONS_TOPIC, operation)

    async def snapshot(self, identity: str) -> Snapshot | None:
        return await self.stand.database.read(lambda c: load_snapshot(c, self.stand.vault, identity))

    async def word(self) -> str:
        return str((await self.stand.current(self.stack))["word"].data["value"])

    async def count(self, table: Any) -> int:
        query = select(func.count()).select_from(table)
        return int(await self.stand.database.read(lambda c: c.execute(query).scalar_one()))


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
async def test_death_at_every_write_of_snapshot_restore_and_removal(tmp_path: Path, after: bool) -> None:
    few = asyncio.Semaphore(3)

    async def life(n: int) -> list[str]:
        async with few:
            kept = Kept(tmp_path / str(n), lease_seconds=0.7)
            deaths = await one_life(kept, n, after)
            await kept.stand.close()
            return deaths

    lives = await asyncio.gather(*(life(n) for n in (3, 4, 6, 8, 10, 12, 14)), return_exceptions=True)
    assert [found for found in lives if isinstance(found, BaseException)] == []
    deaths = Counter(action for found in lives if isinstance(found, list) for action in found)
    assert deaths["take"] >= 3 and deaths["restore"] >= 5 and deaths["remove"] >= 1, deaths


async def one_life(kept: Kept, n: int, after: bool) -> list[str]:
    stand = kept.stand
    maker = await stand.engine()
    kept.stack = await stand.create(template(8, 2))
    await stand.settled(kept.stack)
    word = await kept.word()
    await kept.write("old")
    await stop(stand, maker)
    identity = ""
    deaths: list[str] = []

    async def settled() -> None:
        stack = await stand.quiet(kept.stack, 60)
        assert stack.status == "COMPLETE", stack.status_reason

    async def take() -> None:
        nonlocal identity
        identity = await kept.take()

    if await survive(stand, take, settled, n, after):
        deaths.append("take")
    found = await kept.snapshot(identity)
    assert found is not None and (found.action, found.status) == ("CREATE", "COMPLETE"), found
    assert sum(key.startswith("saved") for key in kept.cloud.things) == 3

    changer = await stand.engine()
    await stand.update(kept.stack, template(12, 1))
    await settled()
    await kept.write("new")
    assert kept.contents() == ["new"] * 3 and await kept.word() != word
    await stop(stand, changer)

    if await survive(stand, lambda: kept.restore(identity), settled, n, after):
        deaths.append("restore")
    assert (await stand.stack(kept.stack)).action == "RESTORE"
    # What was there goes back to its content; what was gone is made again, with the content it had.
    assert kept.contents() == ["old"] * 3, (n, kept.cloud.things)
    assert await kept.word() == word and "extra" not in await stand.current(kept.stack)
    assert kept.cloud.twice == []

    if await survive(stand, lambda: kept.remove(identity), settled, n, after):
        deaths.append("remove")
    assert await kept.snapshot(identity) is None and await kept.count(snapshots) == 0
    assert not any(key.startswith("saved") for key in kept.cloud.things)
    assert await kept.count(definitions) == 4  # three of the stack's history, and its group's
    assert (await stand.stack(kept.stack)).action == "RESTORE"
    return deaths


async def stop(stand: Stand, engine: Any) -> None:
    stand.engines.remove(engine)
    await engine.stop()


async def test_a_stack_takes_its_snapshots_along_when_it_is_deleted(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    await kept.stand.engine()
    kept.stack = await kept.stand.create(template(8, 2))
    await kept.stand.settled(kept.stack)
    for _ in range(2):
        await kept.take()
        await kept.stand.settled(kept.stack)
    await kept.stand.act(kept.stack, "DELETE")
    assert (await kept.stand.settled(kept.stack)).status == "COMPLETE"
    assert kept.cloud.things == {} and await kept.count(snapshots) == 0
    await kept.stand.close()


async def test_a_snapshot_that_is_overtaken_failed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    await kept.stand.engine()
    kept.cloud.polls = 12
    kept.stack = await kept.stand.create(template(8, 2))
    await kept.stand.settled(kept.stack)
    await kept.write("old")
    volume = (await kept.stand.current(kept.stack))["v"].physical_id
    for thing in kept.cloud.things.values():
        thing["polls"] = 0
    identity = await kept.take()
    await kept.stand.until(lambda: kept.stand.is_in(kept.stack, "v", "SNAPSHOT_IN_PROGRESS"))
    await kept.stand.update(kept.stack, template(12, 1))
    stack = await kept.stand.quiet(kept.stack)
    assert (stack.action, stack.status) == ("UPDATE", "COMPLETE"), stack.status_reason
    found = await kept.snapshot(identity)
    assert found is not None and found.status == "FAILED" and "newer action" in found.status_reason
    # What a snapshot was to be made of is as good as before, and stays.
    for _ in range(2):
        rows = await kept.stand.current(kept.stack)
        assert rows["v"].physical_id == volume and {row.status for row in rows.values()} == {"COMPLETE"}
        await kept.stand.update(kept.stack, template(12, 1))
        await kept.stand.quiet(kept.stack)
    await kept.remove(identity)
    await kept.stand.quiet(kept.stack)
    assert not any(key.startswith("saved") for key in kept.cloud.things)
    await kept.stand.close()


async def test_no_action_hides_what_failed_before(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    await stand.engine()
    broken = {"type": "OS::Heat::TestResource", "properties": {"fail": True}}
    later = {"type": "OS::Heat::RandomString", "depends_on": "broken"}
    stack = await stand.create(
        {"heat_template_version": "2021-04-16", "resources": {"broken": broken, "later": later}}
    )
    assert (await stand.settled(stack)).status == "FAILED"
    before = await stand.current(stack)
    identity, operation = await stand.database.write(lambda c: take_snapshot(c, stack, None, REQUEST))
    assert operation is not None
    await stand.bus.ring(OPERATIONS_TOPIC, operation)
    assert (await stand.quiet(stack)).state == ("SNAPSHOT", "FAILED")
    taken = await stand.database.read(lambda c: load_snapshot(c, stand.vault, identity))
    assert taken is not None and "State CREATE_FAILED invalid for snapshot" in taken.status_reason
    with pytest.raises(ActionNotAllowed, match="later was not made yet"):
        await stand.database.write(lambda c: mark_unhealthy(c, before["later"], True, None))
    assert {name: row.state for name, row in (await stand.current(stack)).items()} == {
        name: row.state for name, row in before.items()
    }
    await stand.close()
