# SPDX-License-Identifier: Apache-2.0
"""Paging: a limit, a marker, sort keys, and the link to the next page.

The page is cut in the database by keyset: rows after the marker's own values of the sort keys, with
the id as the last key, so that a page costs its own length wherever it begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Integer,
    RowMapping,
    Select,
    and_,
    bindparam,
    or_,
    select,
)

from .api import Call
from .errors import BadRequest


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and whether there are more."""

    rows: Sequence[RowMapping]
    more: bool

    def links(self, call: Call, key: str = "id") -> list[dict[str, str]]:
        """The ``next`` link of a list, as Nova, Neutron and Heat give it; [] on the last page."""
        if not self.more or not self.rows:
            return []
        query = [(name, value) for name, value in call.query.multi_items() if name != "marker"]
        query.append(("marker", str(self.rows[-1][key])))
        return [{"rel": "next", "href": f"{call.url}?{urlencode(query)}"}]


def page_limit(call: Call, maximum: int = 1000) -> int | None:
    """The limit asked for, at most `maximum`; None when none was. Raises BadRequest."""
    text = call.query.get("limit")
    if text is None or text == "":
        return None
    if not text.isdigit():
        raise BadRequest(f"limit must be a whole number of at least 0, not {text!r}.")
    return min(int(text), maximum)


def sort_keys(
    call: Call, allowed: Sequence[str], default: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """(key, 'asc' or 'desc') pairs from `sort_key`/`sort_dir` or `sort=key:dir,…`. Raises BadRequest."""
    pairs: list[tuple[str, str]] = []
    if "sort" in call.query:
        for item in call.query["sort"].split(","):
            key, _, direction = item.partition(":")
            pairs.append((key, direction or "asc"))
    else:
        keys, directions = call.query.getlist("sort_key"), call.query.getlist("sort_dir")
        pairs = [(key, directions[i] if i < len(directions) else "asc") for i, key in enumerate(keys)]
    for key, direction in pairs:
        if key not in allowed:
            raise BadRequest(f"{key!r} is no sort key; choose from {', '.join(allowed)}.")
        if direction not in ("asc", "desc"):
            raise BadRequest(f"The sort direction must be asc or desc, not {direction!r}.")
    return pairs or list(default)


def paginate(
    connection: Connection,
    query: Select[Any],
    *,
    identity: Column[Any],
    order: Sequence[tuple[Column[Any], str]] = (),
    marker: str | None = None,
    limit: int | None = None,
    reverse: bool = False,
    plain: bool = False,
) -> Page:
    """Run `query` ordered by `order` then by `identity`, after the row whose identity is `marker`.

    `plain`: rows are dictionaries, quicker where every column of many rows is read. Raises BadRequest when
    there is no such row.
    """
    keys = _keys(identity, order, reverse)
    if marker:
        at = connection.execute(select(*(c for c, _ in keys)).where(identity == marker)).first()
        if at is None:
            raise BadRequest(f"The marker {marker!r} does not exist.")
        query = query.where(_after([column for column, _ in keys], [way for _, way in keys], tuple(at)))
    query = query.order_by(*_directions(keys))
    if limit is not None:
        query = query.limit(limit + 1)
    return _cut(connection.execute(query), limit, reverse, plain)


class FirstPage:
    """The pages that follow no marker, of a query that is the same each time: put together once, which costs
    as much as its rows do. `paginate` tells of the arguments."""

    def __init__(
        self,
        query: Select[Any],
        *,
        identity: Column[Any],
        order: Sequence[tuple[Column[Any], str]] = (),
        reverse: bool = False,
    ) -> None:
        self._reverse = reverse
        keys = _keys(identity, order, reverse)
        self._query = query.order_by(*_directions(keys)).limit(bindparam("page_size", type_=Integer))

    def read(self, connection: Connection, limit: int, given: Mapping[str, Any]) -> Page:
        """`given`: the query's own parameters. The page's rows are dictionaries."""
        result = connection.execute(self._query, {**given, "page_size": limit + 1})
        return _cut(result, limit, self._reverse, True)


def _keys(
    identity: Column[Any], order: Sequence[tuple[Column[Any], str]], reverse: bool
) -> list[tuple[Column[Any], str]]:
    keys = [*order, (identity, order[-1][1] if order else "asc")]
    return [(column, "asc" if way == "desc" else "desc") for column, way in keys] if reverse else keys


def _directions(keys: Sequence[tuple[Column[Any], str]]) -> list[ColumnElement[Any]]:
    return [column.asc() if way == "asc" else column.desc() for column, way in keys]


def _cut(result: CursorResult[Any], limit: int | None, reverse: bool, plain: bool) -> Page:
    if plain:
        names = tuple(result.keys())
        rows = cast(Sequence[RowMapping], [dict(zip(names, row, strict=True)) for row in result.all()])
    else:
        rows = result.mappings().all()
    more = limit is not None and len(rows) > limit
    cut = list(rows[:limit] if more else rows)
    return Page(cut[::-1] if reverse else cut, more)


def _after(columns: Sequence[Column[Any]], ways: Sequence[str], values: tuple[Any, ...]) -> Any:
    """The condition "after this row" of a keyset; NULL comes first, as SQLite and MariaDB order it."""
    alternatives = []
    for i, (column, way, value) in enumerate(zip(columns, ways, values, strict=True)):
        same = [
            c == v if v is not None else c.is_(None) for c, v in zip(columns[:i], values[:i], strict=True)
        ]
        if value is None:
            if way == "desc":
                continue
            beyond: Any = column.is_not(None)
        elif way == "asc":
            beyond = column > value
        else:
            beyond = or_(column < value, column.is_(None))
        alternatives.append(and_(*same, beyond))
    return or_(*alternatives)
