# SPDX-License-Identifier: Apache-2.0
"""Some stacks while what runs them is killed, stopped and frozen: nothing lost, nothing twice, nothing too many.

`balance.py` beside this is the same with a hundred stacks and freezes of a minute (docs/faults.md).
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from balance import Cloud, Sheet, measure
from supervised import Child, supervised

pytestmark = [pytest.mark.kernel, pytest.mark.faults]


@pytest.mark.parametrize("engines", [0, 2], ids=["whole cloud", "two engines"])
def test_the_balance_of_a_few_stacks(tmp_path: Path, engines: int) -> None:
    sheet = Sheet()
    kinds = {"servers": engines == 0, "networks": True}
    with supervised(tmp_path, engines) as fleet:
        asyncio.run(measure(fleet, sheet, stacks=4, seed=11, freeze=2.0, pace=2.5, kinds=kinds, at_once=4))
    assert sheet.clean, sheet.text()
    assert sheet.accepted >= 4 and sum(sheet.faults.values()) >= 1, sheet.text()


def chain(count: int) -> dict:
    """Things that are made one after the other, a second each."""
    resources: dict = {}
    for number in range(count):
        resources[f"r{number}"] = {"type": "OS::Heat::TestResource", "properties": {"wait_secs": 1}}
        if number:
            resources[f"r{number}"]["depends_on"] = f"r{number - 1}"
    return {"heat_template_version": "2021-04-16", "resources": resources}


async def made(cloud: Cloud, url: str) -> set[str]:
    rows = (await cloud.get(f"{url}/resources"))["resources"]
    return {row["resource_name"] for row in rows if row["resource_status"] == "CREATE_COMPLETE"}


async def has(cloud: Cloud, url: str, name: str) -> bool:
    return name in await made(cloud, url)


async def complete(cloud: Cloud) -> bool:
    """Whether every stack is made."""
    found = (await cloud.get(cloud.stacks))["stacks"]
    assert not any(each["stack_status"].endswith("FAILED") for each in found), found
    return all(each["stack_status"] == "CREATE_COMPLETE" for each in found)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.1)


async def frozen_and_overtaken(fleet, first: Child, second: Child) -> None:  # type: ignore[no-untyped-def]
    async with Cloud(fleet.origin, fleet.password) as cloud:
        body = {"stack_name": "s", "template": chain(6)}
        _, found = await cloud.ask("POST", cloud.stacks, body)
        url = f"{cloud.stacks}/s/{found['stack']['id']}"
        await until(lambda: has(cloud, url, "r0"), 20)
        first.freeze()
        began, before = time.monotonic(), await made(cloud, url)
        second.revive()
        following = f"r{len(before)}"
        await until(lambda: has(cloud, url, following), 30)
        assert time.monotonic() - began < 15  # another engine goes on with the work
        await until(lambda: complete(cloud), 30)
        path = fleet.cloud.state_dir / "samovar.db"
        seen = contents(path)
        first.wake()
        await asyncio.sleep(3)
        assert contents(path) == seen  # who wakes up changes nothing
        bodies = [{"stack_name": f"after{i}", "template": chain(1)} for i in range(6)]
        for body in bodies:
            await cloud.ask("POST", cloud.stacks, body)
        await until(lambda: complete(cloud), 30)


def contents(path: Path) -> list:
    """All that is stored of stacks, resources and events."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        tables = ("stacks", "resources", "events", "operations")
        found = [connection.execute(f"SELECT * FROM orchestration_{name}").fetchall() for name in tables]
    connection.close()
    return found


def test_a_frozen_engine_is_overtaken_and_changes_nothing_when_it_wakes(tmp_path: Path) -> None:
    with supervised(tmp_path, 1) as fleet:
        first = fleet.victims()[0]
        assert isinstance(first, Child)
        second = Child(fleet.cloud, "second", "engine")
        try:
            asyncio.run(frozen_and_overtaken(fleet, first, second))
        finally:
            first.wake()
            second.close()
