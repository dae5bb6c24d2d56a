# SPDX-License-Identifier: Apache-2.0
"""What is written is what is read, on every database alike."""

import datetime

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DataError, IntegrityError

from .conftest import things

MOMENT = datetime.datetime(2026, 11, 21, 6, 24, 38, 123457, tzinfo=datetime.UTC)


async def stored(database, **values):
    await database.write(lambda c: c.execute(insert(things).values(id="x", **values)))
    row = await database.read(lambda c: c.execute(select(things)).mappings().one())
    return {name: row[name] for name in values}


@pytest.mark.parametrize(
    "values",
    [
        {"name": "ümlaut 🫖 \\ ' \" %s :x"},
        {"text": "é" * 300_000},
        {"value": {"b": [1, 2.5, None, True], "a": "\u0000 🫖"}},
        {"value": []},
        {"number": 2**62, "small": -(2**31)},
        {"flag": True},
        {"flag": False},
        {"at": MOMENT},
        {"at": MOMENT.replace(microsecond=0)},
    ],
)
async def test_a_value_comes_back_as_it_was(database, values):
    assert await stored(database, **values) == values


async def test_a_moment_of_another_zone_is_the_same_moment(database):
    there = MOMENT.astimezone(datetime.timezone(datetime.timedelta(hours=5)))
    assert (await stored(database, at=there))["at"] == MOMENT


@pytest.mark.parametrize("other", ["NAME", "name ", "nàme", "ｎame"])
async def test_names_that_are_not_the_same_are_different_names(database, other):
    await database.write(lambda c: c.execute(insert(things).values(id="1", name="name")))
    await database.write(lambda c: c.execute(insert(things).values(id="2", name=other)))

    def find(connection):
        return connection.execute(select(things.c.id).where(things.c.name == "name")).scalars().all()

    assert await database.read(find) == ["1"]
    with pytest.raises(IntegrityError):
        await database.write(lambda c: c.execute(insert(things).values(id="3", name=other)))


async def test_text_that_does_not_fit_is_refused_and_not_cut(database):
    if database.url.get_backend_name() == "sqlite":
        return  # keeps it whole
    with pytest.raises(DataError):
        await database.write(lambda c: c.execute(insert(things).values(id="x", name="n" * 256)))


async def test_many_rows_are_read_beside_others_as_they_are(database):
    await database.write(
        lambda c: c.execute(insert(things), [{"id": str(number), "number": number} for number in range(3000)])
    )

    def query(connection):
        return connection.execute(select(things.c.number).order_by(things.c.number)).scalars().all()

    assert await database.read_much(query) == await database.read(query) == list(range(3000))
    await database.write(lambda c: c.execute(insert(things).values(id="new", number=-1)))
    assert (await database.read_much(query))[0] == -1
