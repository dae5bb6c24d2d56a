# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy's statements on a bare SQLite connection: what engines ask of a Connection, at a third of its cost.

A statement is compiled once, by SQLAlchemy, for all statements of its form. Rows are read at once.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import IntegrityError

DIALECT = SQLiteDialect_pysqlite()
NOTHING = "SELECT 1 FROM (SELECT 1) WHERE 1!=1"
Processor = Any


class _Plan:
    """How statements of one form are sent and what comes back."""

    def __init__(self, statement: Any, cache_key: Any, keys: Sequence[str]) -> None:
        compiled = statement.compile(dialect=DIALECT, column_keys=list(keys) or None)
        self.sql: str = compiled.string
        parameters = {name: bind for bind, name in compiled.bind_names.items()}
        places = {bind.key: index for index, bind in enumerate(cache_key[1])}
        processors: Mapping[str, Processor] = compiled._bind_processors
        self.binds: list[tuple[str, int | None, Any, Processor, str | None]] = []
        for name in compiled.positiontup or ():
            bind = parameters[name]
            marker = f"__[POSTCOMPILE_{name}]"
            self.binds.append(
                (bind.key, places.get(bind.key), bind, processors.get(name),
                 marker if marker in self.sql else None)
            )  # fmt: skip
        self.prefetched = {
            column.key: column.default.arg if column.default is not None else None
            for column in (*compiled.insert_prefetch, *compiled.update_prefetch)
        }
        self.expands = any(marker for *_, marker in self.binds)
        entries = compiled._result_columns or ()
        self.keys = [entry.keyname for entry in entries]
        self.row: Any = namedtuple("row", self.keys, rename=True) if entries else None
        readers = [entry.type._cached_result_processor(DIALECT, None) for entry in entries]
        self.readers = [(place, reader) for place, reader in enumerate(readers) if reader is not None]

    def values(self, given: Mapping[str, Any], extracted: Sequence[Any]) -> tuple[str, list[Any]]:
        """The text, and what stands at its marks."""
        sql, sent = self.sql, []
        for key, place, bind, process, marker in self.binds:
            if key in given:
                value = given[key]
            elif key in self.prefetched:
                value = self.prefetched[key]
            elif place is not None:
                value = extracted[place].effective_value
            elif bind.required:
                raise KeyError(f"no value for {key} in {sql}")
            else:
                value = bind.effective_value
            if marker is None:
                sent.append(value if process is None else process(value))
                continue
            several = list(value)
            sql = sql.replace(marker, ", ".join("?" * len(several)) or NOTHING, 1)
            sent.extend(several if process is None else [process(each) for each in several])
        return sql, sent


class Rows:
    """What a statement gave."""

    def __init__(self, plan: _Plan, found: list[Any], rowcount: int) -> None:
        self._plan, self._found, self.rowcount = plan, found, rowcount

    def mappings(self) -> Mappings:
        keys = self._plan.keys
        return Mappings(dict(zip(keys, row, strict=True)) for row in self._found)

    def scalars(self) -> Mappings:
        return Mappings(row[0] for row in self._found)

    def __iter__(self) -> Iterator[Any]:
        return map(self._plan.row._make, self._found)

    def all(self) -> list[Any]:
        return list(self)

    fetchall = all

    def first(self) -> Any:
        return self._plan.row._make(self._found[0]) if self._found else None

    one_or_none = first

    def one(self) -> Any:
        (row,) = self._found
        return self._plan.row._make(row)

    def scalar(self) -> Any:
        return self._found[0][0] if self._found else None

    scalar_one_or_none = scalar

    def scalar_one(self) -> Any:
        ((value,),) = self._found
        return value


class Mappings:
    """Rows as something else."""

    def __init__(self, found: Iterator[Any]) -> None:
        self._found = found

    def __iter__(self) -> Iterator[Any]:
        return self._found

    def all(self) -> list[Any]:
        return list(self._found)

    def first(self) -> Any:
        return next(self._found, None)

    def one(self) -> Any:
        (row,) = self._found
        return row


class Savepoint:
    def __init__(self, cursor: sqlite3.Cursor, name: str) -> None:
        self._cursor, self._name = cursor, name
        cursor.execute(f"SAVEPOINT {name}")

    def commit(self) -> None:
        self._cursor.execute(f"RELEASE {self._name}")

    def rollback(self) -> None:
        self._cursor.execute(f"ROLLBACK TO {self._name}")
        self._cursor.execute(f"RELEASE {self._name}")

    def __enter__(self) -> Savepoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self.commit if error is None else self.rollback)()


class LeanConnection:
    """As much of SQLAlchemy's Connection as engines use."""

    dialect = DIALECT

    def __init__(self) -> None:
        bare = sqlite3.connect(":memory:", isolation_level=None, cached_statements=1000)
        self._cursor = bare.cursor()
        self._plans: dict[Any, _Plan] = {}
        self._savepoints = itertools.count()
        self.info: dict[Any, Any] = {}

    def script(self, sql: str) -> None:
        self._cursor.executescript(sql)

    def command(self, sql: str) -> None:
        self._cursor.execute(sql)

    def begin_nested(self) -> Savepoint:
        return Savepoint(self._cursor, f"savepoint_{next(self._savepoints)}")

    def execute(self, statement: Any, parameters: Any = None) -> Rows:
        cache_key = statement._generate_cache_key()
        several = isinstance(parameters, list)
        first = (parameters[0] if several else parameters) or {}
        keys = tuple(sorted(first))
        plan = self._plans.get((cache_key[0], keys))
        if plan is None:
            plan = self._plans[cache_key[0], keys] = _Plan(statement, cache_key, keys)
        extracted, cursor = cache_key[1], self._cursor
        rowcount = 0
        try:
            for given in parameters if several else (first,):
                cursor.execute(*plan.values(given, extracted))
                rowcount += cursor.rowcount
        except sqlite3.IntegrityError as error:
            raise IntegrityError(plan.sql, None, error) from error
        if plan.row is None:
            return Rows(plan, [], rowcount)
        found = cursor.fetchall()
        if plan.readers:
            found = [self._read(plan, row) for row in found]
        return Rows(plan, found, rowcount)

    def exec_driver_sql(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        try:
            self._cursor.executemany(sql, rows)
        except sqlite3.IntegrityError as error:
            raise IntegrityError(sql, None, error) from error

    def _read(self, plan: _Plan, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for place, reader in plan.readers:
            values[place] = reader(values[place])
        return values


__all__ = ["LeanConnection"]
