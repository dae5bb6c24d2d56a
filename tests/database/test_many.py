# SPDX-License-Identifier: Apache-2.0
"""Many rows by one statement: stored as SQLAlchemy stores each of them."""

import datetime
from pathlib import Path

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from samovar.database import Database, Json, Timestamp, utcnow
from samovar.database.many import Many

things = Table(
    "things",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("id", String(36), unique=True),
    Column("data", Json),
    Column("flag", Boolean),
    Column("at", Timestamp),
)
NAMES = ["id", "data", "flag", "at"]
ROWS = [
    {"id": "a", "data": {"b": [1, None, "ü"]}, "flag": True, "at": utcnow()},
    {"id": "b", "data": None, "flag": False, "at": None},
    {"id": "c", "data": [], "flag": None, "at": datetime.datetime(2020, 1, 1, 1, tzinfo=datetime.UTC)},
]


def test_rows_are_stored_as_one_by_one(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/d.db")
    database.migrate(things.metadata.create_all)
    many = Many(insert(things), {name: name for name in NAMES})
    change = Many(
        update(things).where(things.c.id == bindparam("which")).values(data=bindparam("new")),
        {"which": "which", "new": "to"},
    )

    def work(connection: Connection) -> None:
        many.run(connection, [])
        many.run(connection, ROWS)
        connection.execute(insert(things), [{**row, "id": row["id"] * 2} for row in ROWS])
        stored = connection.execute(
            select(*(things.c[name] for name in NAMES)).order_by(things.c.number)
        ).all()
        assert [row[1:] for row in stored[:3]] == [row[1:] for row in stored[3:]]
        assert [dict(row._mapping) for row in stored[:3]] == ROWS
        plain = connection.exec_driver_sql("SELECT data, flag, at FROM things ORDER BY number").all()
        assert plain[:3] == plain[3:]
        change.run(connection, [{"which": "a", "to": {"z": 1}}, {"which": "c", "to": None}])
        found = {row.id: row.data for row in connection.execute(select(things))}
        assert (found["a"], found["b"], found["c"]) == ({"z": 1}, None, None)
        with pytest.raises(IntegrityError):
            many.run(connection, ROWS)

    database.migrate(work)
    database.close_now()


def test_every_name_needs_a_place(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/d.db")
    wrong = Many(update(things).values(data=bindparam("new")), {"new": "new", "other": "other"})
    with pytest.raises(ValueError, match="new"):
        database.migrate(lambda connection: wrong.run(connection, [{"new": 1, "other": 2}]))
    database.close_now()
