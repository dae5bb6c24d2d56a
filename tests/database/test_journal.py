# SPDX-License-Identifier: Apache-2.0
import asyncio
import datetime
import types

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from samovar.database import clock, now, tables, utcnow
from samovar.database.leases import LeaseLost, claim, guard, release, renew

from .conftest import things


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


async def test_a_lease_goes_by_the_databases_clock(database):
    await database.write(add("x"))
    assert await database.write(lambda c: claim(c, things, "x", "one", 1.0)) == 1
    here = utcnow()
    there = await database.read(now)
    assert abs((there - here).total_seconds()) < 5
    assert await database.write(lambda c: claim(c, things, "x", "two", 10)) is None
    deadline = asyncio.get_running_loop().time() + 10
    while await database.write(lambda c: claim(c, things, "x", "two", 10)) is None:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


async def test_a_machine_whose_clock_is_wrong_follows_the_databases(database, monkeypatch):
    """Deadlines, leases of load balancing, tokens and ages are judged by other machines than wrote them."""
    if database.url.get_backend_name() == "sqlite":
        pytest.skip("an SQLite database has no clock but the machine's")
    monkeypatch.setattr(tables, "_correction", tables._correction)
    there = utcnow()

    class Ahead(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + datetime.timedelta(minutes=10)

    names = {name: getattr(datetime, name) for name in ("UTC", "timedelta")}
    for module in (tables, clock):
        monkeypatch.setattr(module, "datetime", types.SimpleNamespace(datetime=Ahead, **names))
    assert utcnow() - there > datetime.timedelta(minutes=9)
    await database.read(now)
    assert abs(utcnow() - there) < datetime.timedelta(seconds=20)
    monkeypatch.undo()  # the clock is set right
    monkeypatch.setattr(tables, "_correction", datetime.timedelta(minutes=-10))
    monkeypatch.setattr(clock, "ASK_AGAIN_SECONDS", -1)
    await database.read(now)
    assert tables._correction == datetime.timedelta()


async def test_a_read_sees_what_another_process_has_just_written(open_database):
    one, two = open_database(), open_database()
    for number in range(20):
        await one.write(add(f"t{number}"))
        assert f"t{number}" in await names(two)


async def test_changes_that_hold_a_turn_never_overlap(open_database):
    """Read, then write what was read plus one: with two writing processes only a turn keeps count."""
    one, two = open_database(), open_database()
    await one.write(lambda c: c.execute(insert(things).values(id="count", number=0)))

    def count(connection):
        number = connection.execute(select(things.c.number).where(things.c.id == "count")).scalar_one()
        connection.execute(update(things).where(things.c.id == "count").values(number=number + 1))

    careful = [database.in_turn("counting") for database in (one, two)]
    await asyncio.gather(*(careful[n % 2].write(count) for n in range(200)))
    assert await one.read(lambda c: c.execute(select(things.c.number)).scalar_one()) == 200


async def test_a_limit_holds_however_many_processes_insert_below_it(open_database):
    processes = [open_database() for _ in range(3)]

    def insert_below(limit, name):
        def change(connection):
            if connection.execute(select(func.count()).select_from(things)).scalar_one() >= limit:
                raise ValueError("full")
            connection.execute(insert(things).values(id=name))

        return change

    results = await asyncio.gather(
        *(processes[n % 3].write(insert_below(10, f"t{n}"), "quota") for n in range(60)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, ValueError) for result in results) == 50
    assert len(await names(processes[0])) == 10


async def test_of_two_processes_that_want_a_name_one_is_told_that_it_is_taken(open_database):
    one, two = open_database(), open_database()

    def named(identity):
        return lambda c: c.execute(insert(things).values(id=identity, name="same"))

    results = await asyncio.gather(
        *((one, two)[n % 2].write(named(f"t{n}")) for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, IntegrityError) for result in results) == 19
    assert len(await names(one)) == 1


async def test_processes_that_change_the_same_rows_in_another_order_both_get_through(open_database):
    """A deadlock is the database's way to say: again."""
    one, two = open_database(), open_database()
    await one.write(lambda c: c.execute(insert(things), [{"id": f"t{n}", "number": 0} for n in range(4)]))

    def bump(order):
        def change(connection):
            for number in order:
                connection.execute(
                    update(things).where(things.c.id == f"t{number}").values(number=things.c.number + 1)
                )

        return change

    forwards, backwards = bump([0, 1, 2, 3]), bump([3, 2, 1, 0])
    await asyncio.gather(
        *(one.write(forwards) for _ in range(15)), *(two.write(backwards) for _ in range(15))
    )
    assert await one.read(lambda c: c.execute(select(things.c.number)).scalars().all()) == [30] * 4
