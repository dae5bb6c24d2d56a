# SPDX-License-Identifier: Apache-2.0
"""A database server that loses answers, goes away, comes back; a program that freezes in a transaction."""

import asyncio
import random
import time

import pytest
from sqlalchemy import insert, make_url, select, update
from sqlalchemy.exc import DBAPIError

from samovar.config import DatabaseSettings
from samovar.database import Database, DatabaseUnavailable, engine, servers
from samovar.database.turns import receipts, take, turns
from servers import databases
from servers.cutter import Cutter

from .conftest import tables, things


@pytest.fixture(params=["postgresql", "mariadb"])
def kind(request):
    return request.param


@pytest.fixture
def place(kind, tmp_path):
    url = databases.url(tmp_path, kind)
    database = Database(url)
    database.migrate(lambda c: tables.create_all(c))
    database.migrate(lambda c: turns.metadata.create_all(c, tables=[turns, receipts]))
    database.close_now()
    return url


def add_one(connection):
    if connection.execute(update(things).values(number=things.c.number + 1)).rowcount == 0:
        connection.execute(insert(things).values(id="sum", number=1))


async def total(database):
    return await database.read(lambda c: c.execute(select(things.c.number)).scalar_one())


async def test_a_change_is_made_once_whatever_becomes_of_the_answer_to_its_commit(place):
    chances, fates = random.Random(7), []

    def fate():
        fates.append(chances.choice(["kept", "kept", "lost before", "answer lost"]))
        return fates[-1]

    url = make_url(place)
    cutter = Cutter(url.port, fate)
    database = Database(url.set(port=cutter.port).render_as_string(hide_password=False))
    for _ in range(20):
        await database.write(add_one)
    await asyncio.gather(*(database.write(add_one) for _ in range(20)))
    assert {"lost before", "answer lost"} <= set(fates)
    await database.close()
    cutter.close()
    straight = Database(place)
    assert await total(straight) == 40
    await straight.close()


async def test_what_is_asked_while_the_server_is_away_is_answered_when_it_is_back(kind, place, monkeypatch):
    server = databases.server(kind)
    database = Database(place)
    await database.write(add_one)
    assert await total(database) == 1
    server.end()
    waiting = [asyncio.create_task(database.write(add_one)) for _ in range(5)]
    with pytest.raises(DatabaseUnavailable):
        await total(database)
    monkeypatch.setattr(engine, "READ_PATIENCE", 60.0)
    reading = asyncio.create_task(total(database))
    await asyncio.to_thread(server.begin)
    await asyncio.gather(*waiting)
    assert await reading >= 1
    assert await total(database) == 6
    await database.close()


async def test_a_server_that_stays_away_is_named_soon(kind, place):
    url = make_url(place).set(port=1).render_as_string(hide_password=False)
    database = Database(url, DatabaseSettings(patience=0.3))
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="the database"):
        await database.write(add_one)
    with pytest.raises(DatabaseUnavailable, match="the database"):
        await total(database)
    assert time.monotonic() - began < 5
    await database.close()


async def test_a_program_that_freezes_in_a_transaction_does_not_hold_up_the_others(place, monkeypatch):
    monkeypatch.setattr(servers, "FROZEN_SECONDS", 1)
    frozen, lively = Database(place), Database(place)
    connection = frozen._writer.connect()
    take(connection, ["network"])
    add_one(connection)
    await asyncio.wait_for(lively.in_turn("network").write(add_one), 10)
    with pytest.raises(DBAPIError):
        connection.commit()
    connection.close()
    assert await total(lively) == 1
    await frozen.close()
    await lively.close()


async def test_an_event_loop_goes_on_while_the_database_thinks(kind, place):
    database = Database(place)
    slow = "SELECT pg_sleep(0.5)" if kind == "postgresql" else "SELECT SLEEP(0.5)"
    reading = asyncio.create_task(database.read(lambda c: c.exec_driver_sql(slow).all()))
    turned = 0
    while not reading.done():
        await asyncio.sleep(0.01)
        turned += 1
    assert turned > 5
    await database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("oracle://db/x", "not a database that is served"),
        ("nonsense", "is not understood"),
        ("sqlite://", "SQLite needs a file"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_a_sentence(url, said):
    with pytest.raises(ValueError, match=said):
        Database(url)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("mysql://u:p@h/d", "mysql+pymysql"),
        ("mysql+mysqldb://u:p@h/d", "mysql+pymysql"),
        ("mariadb+pymysql://u:p@h/d?charset=utf8", "mysql+pymysql"),
        ("postgresql://u@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg2://u@h/d", "postgresql+psycopg"),
        ("postgres://u@h/d", "postgresql+psycopg"),
    ],
)
def test_addresses_are_read_as_operators_write_them(url, driver):
    parsed = servers.address(url)
    assert parsed.drivername == driver
    assert parsed.query.get("charset", "utf8mb4") == "utf8mb4"
