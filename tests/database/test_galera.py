# SPDX-License-Identifier: Apache-2.0
"""Two nodes of Galera, both written to: what loses at its commit is run again, and turns hold between nodes."""

import asyncio

import pytest
from sqlalchemy import func, insert, select, update

from samovar.config import DatabaseSettings
from samovar.database import Database
from samovar.database.turns import receipts, turns
from servers.galera import GaleraNode
from servers.program import free_port

from .conftest import tables, things

WAITS = DatabaseSettings(mysql_wsrep_sync_wait=1)


@pytest.fixture(scope="module")
def nodes():
    one = GaleraNode("127.0.0.1", free_port(), [])
    try:
        two = GaleraNode("127.0.0.1", free_port(), [one])
        yield one, two
        two.stop()
    finally:
        one.stop()


@pytest.fixture
async def both(nodes):
    """One process at each node."""
    name = f"samovar{free_port()}"
    nodes[0].ask(f"CREATE DATABASE {name}")
    opened = [Database(node.url + name, WAITS) for node in nodes]
    opened[0].migrate(lambda c: tables.create_all(c))
    opened[0].migrate(lambda c: turns.metadata.create_all(c, tables=[turns, receipts]))
    yield opened
    for database in opened:
        await database.close()


async def test_the_same_row_written_at_both_nodes(both):
    await both[0].write(lambda c: c.execute(insert(things).values(id="x", number=0)))

    def bump(connection):
        connection.execute(update(things).values(number=things.c.number + 1))

    await asyncio.gather(*(both[n % 2].write(bump) for n in range(60)))
    for database in both:
        assert await database.read(lambda c: c.execute(select(things.c.number)).scalar_one()) == 60


async def test_a_limit_that_both_nodes_insert_below(both):
    def insert_below(limit, name):
        def change(connection):
            if connection.execute(select(func.count()).select_from(things)).scalar_one() >= limit:
                raise ValueError("full")
            connection.execute(insert(things).values(id=name))

        return change

    results = await asyncio.gather(
        *(both[n % 2].in_turn("quota").write(insert_below(10, f"t{n}")) for n in range(40)),
        return_exceptions=True,
    )
    assert [result for result in results if result is not None and not isinstance(result, ValueError)] == []
    count = select(func.count()).select_from(things)
    for database in both:
        assert await database.read(lambda c: c.execute(count).scalar_one()) == 10
