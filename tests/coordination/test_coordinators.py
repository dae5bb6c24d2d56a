# SPDX-License-Identifier: Apache-2.0
"""The same expectations of every backend."""

import asyncio
import contextlib

import pytest

from samovar.config import CoordinationSettings
from samovar.coordination import Partition, open_coordinator
from samovar.database import Database, metadata
from servers import databases
from servers.stores import Memcached, Redis

HEARTBEAT, SILENCE = 0.2, 3.0


@pytest.fixture(scope="module")
def stores():
    with contextlib.ExitStack() as running:
        made = {}

        def get(kind):
            if kind not in made:
                made[kind] = kind()
                running.callback(made[kind].stop)
            return made[kind]

        yield get


@pytest.fixture(params=["table-sqlite", "table-postgresql", "table-mariadb", "redis", "memcached", "file"])
async def member(request, tmp_path, stores):
    """Opens one coordinator after the other over the same backend."""
    opened, kind, url = [], request.param, None
    if kind.startswith("table-"):
        place = databases.url(tmp_path, kind.removeprefix("table-"))
    elif kind == "file":
        url = f"file://{tmp_path}/members"
    else:
        url = stores({"redis": Redis, "memcached": Memcached}[kind]).url
    settings = CoordinationSettings(backend_url=url, heartbeat=HEARTBEAT, membership_timeout=SILENCE)
    kept = []

    async def open_():
        if url is None:
            database = Database(place)
            if not kept:
                wanted = [
                    table for table in metadata.sorted_tables if table.name.startswith(("coord", "database"))
                ]
                database.migrate(lambda c: metadata.create_all(c, tables=wanted))
            kept.append(database)
        else:
            database = None
        coordinator = open_coordinator(settings, database)
        await coordinator.start()
        opened.append(coordinator)
        return coordinator

    yield open_
    for coordinator in opened:
        await coordinator.stop()
    for database in kept:
        await database.close()


async def until(condition, seconds=10):
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


def die(coordinator):
    """Stop its heartbeats without leaving."""
    if coordinator._beating is not None:
        coordinator._beating.cancel()


async def test_members_see_each_other_come_and_go(member):
    one, two = await member(), await member()
    await one.join("pollers")
    first = await one.membership("pollers")
    assert first.members == {one.member}
    await two.join("pollers")
    both = await one.membership("pollers")
    assert both.members == {one.member, two.member}
    assert both.epoch > first.epoch
    await two.leave("pollers")
    last = await one.membership("pollers")
    assert last.members == {one.member}
    assert last.epoch > both.epoch
    assert (await one.membership("others")).members == frozenset()


async def test_one_that_falls_silent_is_gone_and_its_part_is_taken_over(member, request):
    one, two = await member(), await member()
    shares = [Partition(each, "pollers", "test") for each in (one, two)]
    items = [f"item-{n}" for n in range(200)]
    for share in (*shares, *shares):
        await share.refresh()
    parts = [{item for item in items if share.mine(item)} for share in shares]
    assert parts[0] | parts[1] == set(items)
    assert not parts[0] & parts[1]
    assert all(parts)
    die(two)
    if "file" in request.node.callspec.id:
        return  # the file driver cannot notice a crash (tooz: "not crash tolerant")

    async def taken_over():
        await shares[0].refresh()
        return all(shares[0].mine(item) for item in items)

    await until(taken_over)


async def test_a_lock_is_one_holders_at_a_time(member):
    one, two = await member(), await member()
    async with one.lock("once") as mine:
        assert mine
        async with two.lock("once") as theirs:
            assert not theirs
    async with two.lock("once", wait=5) as theirs:
        assert theirs
