# SPDX-License-Identifier: Apache-2.0
"""A database stays of one size, however long stacks come, change and go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select
from stand import Stand

from samovar.database import metadata, utcnow
from samovar.orchestration.engine.retention import purge_deleted
from samovar.orchestration.engine.tables import events, files, operations, stacks

GROWING = ("orchestration_engines",)  # one for each engine that ever started, forgotten after a day


def template(word: str) -> dict[str, Any]:
    return {
        "heat_template_version": "2021-04-16",
        "resources": {
            "text": {"type": "OS::Heat::Value", "properties": {"value": {"get_file": "one.txt"}}},
            "nested": {"type": "inner.yaml", "properties": {"word": word}},
            "other": {"type": "OS::Heat::TestResource", "properties": {"update_replace_value": word}},
        },
    }


INNER = """
heat_template_version: 2018-08-31
parameters: {word: {type: string}}
resources:
  group:
    type: OS::Heat::ResourceGroup
    properties: {count: 2, resource_def: {type: OS::Heat::TestResource, properties: {value: {get_param: word}}}}
"""


def sizes(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
        if table.name.startswith("orchestration_") and table.name not in GROWING
    }


async def life(stand: Stand, n: int) -> None:
    contents = {"one.txt": f"text {n}", "inner.yaml": INNER, "both.txt": "the same in each"}
    identity = await stand.create(template(f"a{n}"), f"s{n}", files=contents)
    assert (await stand.settled(identity)).status == "COMPLETE"
    await stand.update(identity, template(f"b{n}"), files={**contents, "one.txt": f"changed {n}"})
    assert (await stand.settled(identity)).status == "COMPLETE"
    await stand.act(identity, "DELETE")
    assert (await stand.quiet(identity)).status == "COMPLETE"


async def purge(stand: Stand) -> int:
    now, total = utcnow(), 0
    while found := await stand.database.write(lambda c: purge_deleted(c, now, batch=3)):
        total += found
    return total


async def test_the_database_stays_flat_when_stacks_come_and_go(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    await stand.engine()
    stays = await stand.create(template("stays"), "stays", files={"one.txt": "kept", "inner.yaml": INNER})
    await stand.settled(stays)
    before = await stand.database.read(sizes)
    for n in range(4):
        await life(stand, n)
        assert await purge(stand) == 3  # the stack, and its nested ones at two levels
        assert await stand.database.read(sizes) == before
    kept = await stand.database.read(lambda c: set(c.execute(select(files.c.content)).scalars()))
    assert kept == {"kept", INNER}
    await stand.close()


async def test_an_engine_forgets_what_was_deleted_long_ago(tmp_path: Path) -> None:
    stand = Stand(tmp_path, purge_deleted_after=0.2, purge_interval=0.05)
    await stand.engine()
    before = await stand.database.read(sizes)
    await life(stand, 1)

    async def forgotten() -> bool:
        return await stand.database.read(sizes) == before

    await stand.until(forgotten)
    await stand.close()


async def test_a_stack_that_lives_keeps_its_newest_events_and_operations(tmp_path: Path) -> None:
    stand = Stand(tmp_path, max_events_per_stack=10, event_purge_batch_size=5, max_operations_per_stack=4)
    await stand.engine()
    identity = await stand.create(template("0"), files={"one.txt": "0", "inner.yaml": INNER})
    await stand.settled(identity)
    for n in range(1, 12):
        await stand.update(identity, template(str(n)), files={"one.txt": str(n), "inner.yaml": INNER})
        assert (await stand.quiet(identity)).status == "COMPLETE"

    def left(connection: Connection) -> list[tuple[int, int]]:
        counts = []
        for stack in connection.execute(select(stacks.c.id)).scalars():
            query = select(func.count()).select_from(events).where(events.c.stack_id == stack)
            done = select(func.count()).select_from(operations).where(operations.c.stack_id == stack)
            counts.append((connection.execute(query).scalar_one(), connection.execute(done).scalar_one()))
        return counts

    for told, done in await stand.database.read(left):
        assert told <= 11 and done <= 4  # the last event of all comes with the end itself
    names = [state for name, state, _ in await stand.events(identity) if name == "s"]
    assert names[-1] == "UPDATE_COMPLETE"
    await stand.close()
