# SPDX-License-Identifier: Apache-2.0
import asyncio
import datetime

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, select

from samovar.database import Database, utcnow
from samovar.database.leases import LeaseLost, claim, guard, lease_columns, release, renew

tables = MetaData()
things = Table("things", tables, Column("id", String(36), primary_key=True), *lease_columns())


@pytest.fixture
async def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/test.db")
    database.migrate(tables.create_all)
    yield database
    await database.close()


def add(name):
    return lambda connection: connection.execute(insert(things).values(id=name))


async def names(database):
    return set(await database.read(lambda c: c.execute(select(things.c.id)).scalars().all()))


async def test_many_changes_at_once_are_all_durable(database):
    await asyncio.gather(*(database.write(add(f"t{n}")) for n in range(300)))
    assert len(await names(database)) == 300


async def test_a_failing_change_is_undone_alone(database):
    def half(connection):
        connection.execute(insert(things).values(id="half"))
        raise ValueError("no")

    results = await asyncio.gather(
        database.write(add("a")), database.write(half), database.write(add("b")), return_exceptions=True
    )
    assert isinstance(results[1], ValueError)
    assert await names(database) == {"a", "b"}


async def test_a_failing_change_that_is_alone_is_undone(database):
    def half(connection):
        connection.execute(insert(things).values(id="half"))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(half)
    assert await names(database) == set()


async def test_a_lease_is_held_by_one_and_fences_the_one_that_slept(database):
    await database.write(add("x"))
    now = utcnow()
    later = now + datetime.timedelta(seconds=20)
    first = await database.write(lambda c: claim(c, things, "x", "one", 10, now))
    assert first == 1
    assert await database.write(lambda c: claim(c, things, "x", "two", 10, now)) is None
    await database.write(lambda c: renew(c, things, "x", first, 10, now))
    second = await database.write(lambda c: claim(c, things, "x", "two", 10, later))
    assert second == 2
    with pytest.raises(LeaseLost):
        await database.write(lambda c: guard(c, things, "x", first))
    with pytest.raises(LeaseLost):
        await database.write(lambda c: renew(c, things, "x", first, 10))
    await database.write(lambda c: release(c, things, "x", first))
    assert await database.write(lambda c: claim(c, things, "x", "three", 10, now)) is None
    await database.write(lambda c: release(c, things, "x", second))
    assert await database.write(lambda c: claim(c, things, "x", "three", 10, now)) == 3
