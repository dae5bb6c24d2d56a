# SPDX-License-Identifier: Apache-2.0
import pytest
from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text, UniqueConstraint

from samovar.database import Database, Json, Timestamp
from samovar.database.leases import lease_columns
from samovar.database.turns import receipts, turns
from servers import databases

tables = MetaData()
things = Table(
    "things",
    tables,
    Column("id", String(36), primary_key=True),
    Column("name", String(255)),
    Column("text", Text),
    Column("value", Json),
    Column("number", BigInteger),
    Column("small", Integer),
    Column("flag", Boolean),
    Column("at", Timestamp),
    *lease_columns(),
    UniqueConstraint("name"),
)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path):
    """The address of an empty database of each kind."""
    return databases.url(tmp_path, request.param)


@pytest.fixture
def open_database(url):
    """Opens the same database as often as a test likes: each is another process's view."""
    opened = []

    def open_(**settings):
        database = Database(url, **settings)
        if not opened:
            database.migrate(lambda connection: tables.create_all(connection))
            database.migrate(lambda c: turns.metadata.create_all(c, tables=[turns, receipts]))
        opened.append(database)
        return database

    yield open_
    for database in opened:
        database.close_now()


@pytest.fixture
def database(open_database):
    return open_database()
