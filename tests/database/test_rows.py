# SPDX-License-Identifier: Apache-2.0
"""Many rows at once: what is stored is what was given, on every database."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text, select
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.exc import DBAPIError

from samovar.database import Database, Json, Timestamp, delete_rows, insert_rows, rows, update_rows

# Tables of this file alone: the program's own metadata stays what it is.
own = MetaData()
things = Table(
    "test_things",
    own,
    Column("id", String(36), primary_key=True),
    Column("place", BigInteger().with_variant(Integer(), "sqlite"), nullable=True),
    Column("name", String(20), nullable=True),
    Column("metadata", Json, nullable=True),
    Column("note", Text().with_variant(LONGTEXT(), "mysql", "mariadb"), nullable=True),
    Column("at", Timestamp, nullable=True),
)
NAMES = ("place", "name", "metadata", "note", "at")
NOON = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = st.fixed_dictionaries(
    {
        "place": st.none() | st.integers(-(2**63), 2**63 - 1),
        "name": st.none() | TEXTS,
        "metadata": st.none() | st.recursive(st.booleans() | TEXTS, lambda s: st.lists(s, max_size=3)),
        "note": st.none() | TEXTS,
        "at": st.none() | st.datetimes(datetime.datetime(1990, 1, 1), timezones=st.just(datetime.UTC)),
    }
)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    opened.migrate(own.create_all)
    yield opened
    opened.migrate(own.drop_all)
    opened.close_now()


def stored(database: Database) -> list[dict[str, Any]]:
    query = select(things).order_by(things.c.id)
    return database.look(lambda c: [dict(row) for row in c.execute(query).mappings()])


def row(number: int, **values: Any) -> dict[str, Any]:
    return {"id": f"{number:03}", **dict.fromkeys(NAMES), **values}


@given(st.lists(st.tuples(ROWS, ROWS), min_size=2, max_size=5))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_stored_is_what_was_given(database: Database, drawn: list[tuple[Any, Any]]) -> None:
    database.look(lambda c: c.execute(things.delete()))
    first = [row(number, **before) for number, (before, _) in enumerate(drawn)]
    then = [row(number, **after) for number, (_, after) in enumerate(drawn)]
    database.look(lambda c: insert_rows(c, things, first))
    assert stored(database) == first
    database.look(lambda c: update_rows(c, things, NAMES, then))
    assert stored(database) == then


def test_other_columns_and_other_rows_stay(database: Database) -> None:
    rows = [row(number, name="old", note="kept", at=NOON) for number in range(4)]
    database.look(lambda c: insert_rows(c, things, rows))
    changes = [{"id": identity, "name": "new"} for identity in ("001", "002", "not there")]
    database.look(lambda c: update_rows(c, things, ("name",), changes))
    assert [each["name"] for each in stored(database)] == ["old", "new", "new", "old"]
    assert all((each["note"], each["at"]) == ("kept", NOON) for each in stored(database))


def test_what_is_too_long_is_refused_and_not_cut(database: Database) -> None:
    good = [row(number, name="short") for number in range(2)]
    database.look(lambda c: insert_rows(c, things, good))
    long = [each | {"name": "x" * 21} for each in good]
    more = [each | {"id": f"more {each['id']}"} for each in long]
    if database.url.get_backend_name() == "sqlite":  # it keeps texts of any length
        database.look(lambda c: (update_rows(c, things, NAMES, long), insert_rows(c, things, more)))
        assert stored(database) == [*long, *more]
        return
    with pytest.raises(DBAPIError):
        database.look(lambda c: update_rows(c, things, NAMES, long))
    with pytest.raises(DBAPIError):
        database.look(lambda c: insert_rows(c, things, more))
    assert stored(database) == good


def test_large_rows_and_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_BYTES", 10_000)
    monkeypatch.setattr(rows, "MOST_IDS", 7)
    given = [row(number, note=f"{number}\\\"\n\t'é%s\U0001f600" * 300) for number in range(20)]
    database.look(lambda c: insert_rows(c, things, given))
    assert stored(database) == given
    changed = [each | {"note": each["note"][::-1]} for each in given]
    database.look(lambda c: update_rows(c, things, NAMES, changed))
    assert stored(database) == changed
    database.look(lambda c: delete_rows(c, things, [each["id"] for each in given[1:]]))
    assert stored(database) == changed[:1]


def test_nothing_is_nothing_to_do(database: Database) -> None:
    database.look(lambda c: insert_rows(c, things, []))
    database.look(lambda c: update_rows(c, things, NAMES, []))
    database.look(lambda c: delete_rows(c, things, []))
    assert stored(database) == []
