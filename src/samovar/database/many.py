# SPDX-License-Identifier: Apache-2.0
"""A statement run for each of many rows. On SQLite what SQLAlchemy does for each costs more than the row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Update


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The statement in the words of the driver, and how a row becomes what stands at its marks."""

    text: str
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    convert: Sequence[tuple[int, Callable[[Any], Any]]]

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        values = list(self.pick(row))
        for place, convert in self.convert:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)


class Many:
    """An INSERT or UPDATE that is run for many rows. `keys`: its parameters → where each row has them.

    On SQLite it is put together once and handed to the driver with plain values; servers are reached
    through SQLAlchemy, which knows best how each driver sends many rows.
    """

    def __init__(self, statement: Insert | Update, keys: Mapping[str, str]) -> None:
        self._statement, self._keys = statement, dict(keys)
        self._prepared: _Prepared | None = None

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each row, in their order. No row: nothing is done."""
        if not rows:
            return
        if connection.dialect.name != "sqlite":
            given = [{name: row[key] for name, key in self._keys.items()} for row in rows]
            connection.execute(self._statement, given)
            return
        prepared = self._prepared
        if prepared is None:
            prepared = self._prepared = self._prepare(connection.dialect)
        connection.exec_driver_sql(prepared.text, list(map(prepared.values, rows)))

    def _prepare(self, dialect: Dialect) -> _Prepared:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=list(self._keys))
        names: list[str] = compiled.positiontup
        if set(names) != set(self._keys):
            raise ValueError(f"the statement needs values for {sorted(names)}")
        convert = []
        for place, name in enumerate(names):
            processor = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            if processor is not None:
                convert.append((place, processor))
        return _Prepared(compiled.string, itemgetter(*(self._keys[name] for name in names)), convert)
