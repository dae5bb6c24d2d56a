# SPDX-License-Identifier: Apache-2.0
"""What belongs to the rows of a page, in one query for the whole page whatever its length.

The ids travel as one parameter where the database can take a list apart: the statement is then always the
same one, prepared once. SQLite's driver is given it as it is: SQLAlchemy's part costs as much as the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Connection, Select, bindparam, func, select
from sqlalchemy.dialects import sqlite

IDS: BindParameter[Any] = bindparam("ids")


def owned(
    connection: Connection,
    owners: Sequence[str],
    owner: Column[Any],
    wanted: Column[Any],
    *order: Column[Any],
) -> Sequence[Any]:
    """(owner, wanted) of the rows whose `owner` is among `owners`, in this order. Both are plain text."""
    if not owners:
        return []
    dialect = connection.dialect.name
    if dialect == "sqlite":
        asked = _text(owner, wanted, order)
        return connection.exec_driver_sql(asked, ('["' + '","'.join(owners) + '"]',)).all()
    given: Any = list(owners)
    if dialect == "postgresql":
        given = ",".join(owners)
    return connection.execute(_statement(dialect, owner, wanted, order), {"ids": given}).all()


@cache
def _text(owner: Column[Any], wanted: Column[Any], order: tuple[Column[Any], ...]) -> str:
    return str(_statement("sqlite", owner, wanted, order).compile(dialect=sqlite.dialect()))


@cache
def _statement(
    dialect: str, owner: Column[Any], wanted: Column[Any], order: tuple[Column[Any], ...]
) -> Select[Any]:
    if dialect == "sqlite":
        among: ColumnElement[bool] = owner.in_(select(func.json_each(IDS).table_valued("value").c.value))
    elif dialect == "postgresql":
        among = owner == func.any(func.string_to_array(IDS, ","))
    else:
        among = owner.in_(bindparam("ids", expanding=True))
    return select(owner, wanted).where(among).order_by(*order)
