# SPDX-License-Identifier: Apache-2.0
"""Many rows in one statement and one round trip, whatever their number.

Servers are given the rows as one JSON text, which they take apart: neither the driver nor the network
has to do with each of them. SQLite takes them one by one, in the process; so do MariaDB's INSERTs, whose
driver puts them together itself, and servers that know no JSON_TABLE (MariaDB before 10.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, DateTime, Integer, String, Table, bindparam, delete, insert, text, update
from sqlalchemy.engine import Dialect

from .many import Many

MOST_BYTES = 1_000_000
"""Of one statement's rows; a single row may be longer."""
MOST_IDS = 500

Row = Mapping[str, Any]
_encode = msgspec.json.Encoder().encode


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, which all give the same columns, in their order.

    They give every column that is not the server's own to fill.
    """
    if len(rows) > 1 and connection.dialect.name == "postgresql":
        names = tuple(rows[0])
        statement, pack = _statement(connection.dialect, table, names, inserting=True)
        for chunk in _chunks(pack, rows):
            connection.execute(statement, {"given": chunk})
    elif rows:
        _insert(table, tuple(rows[0])).run(connection, rows)


def update_rows(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Set the columns `names` of the rows whose `id` each gives; ids that are not there are passed over."""
    if len(rows) > 1 and _takes_json(connection.dialect):
        statement, pack = _statement(connection.dialect, table, ("id", *names), inserting=False)
        for chunk in _chunks(pack, rows):
            connection.execute(statement, {"given": chunk})
    else:
        _update(table, names).run(connection, rows)


def delete_rows(connection: Connection, table: Table, ids: Iterable[str]) -> None:
    """Delete the rows with these ids."""
    wanted = list(ids)
    for start in range(0, len(wanted), MOST_IDS):
        connection.execute(_delete(table), {"wanted": wanted[start : start + MOST_IDS]})


def _takes_json(dialect: Dialect) -> bool:
    if dialect.name in ("mysql", "mariadb"):
        # A server that says nothing of being MariaDB is MySQL 8, which the tables' collation needs anyway.
        return not getattr(dialect, "is_mariadb", False) or (dialect.server_version_info or ()) >= (10, 6)
    return dialect.name == "postgresql"


def _chunks(pack: Callable[[Row], bytes], rows: Iterable[Row]) -> Iterator[str]:
    """The rows as JSON lists, none of them longer than a server takes."""
    parts: list[bytes] = []
    size = 0
    for row in rows:
        part = pack(row)
        if parts and size + len(part) > MOST_BYTES:
            yield f"[{b','.join(parts).decode()}]"
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield f"[{b','.join(parts).decode()}]"


@cache
def _insert(table: Table, names: tuple[str, ...]) -> Many:
    return Many(insert(table), {name: name for name in names})


@cache
def _update(table: Table, names: tuple[str, ...]) -> Many:
    keys = {"row_id": "id", **{f"new_{name}": name for name in names}}
    changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return Many(update(table).where(table.c.id == bindparam("row_id")).values(changes), keys)


@cache
def _delete(table: Table) -> Any:
    return delete(table).where(table.c.id.in_(bindparam("wanted", expanding=True)))


@lru_cache(64)
def _statement(
    dialect: Dialect, table: Table, names: tuple[str, ...], *, inserting: bool
) -> tuple[Any, Callable[[Row], bytes]]:
    """The statement for these columns, and what makes one row of the JSON text that it is given."""
    quote = dialect.identifier_preparer.quote
    target, columns = quote(table.name), {name: quote(name) for name in names}
    kinds = {name: _kind(table, name, dialect) for name in names}
    if dialect.name == "postgresql":
        listed = ", ".join(f"{columns[name]} {kinds[name]}" for name in names)
        source = f"json_to_recordset(CAST(:given AS json)) AS given({listed})"
    else:
        listed = ", ".join(
            f"{columns[name]} {kinds[name]} PATH '$.{name}' NULL ON EMPTY ERROR ON ERROR" for name in names
        )
        source = f"JSON_TABLE(:given, '$[*]' COLUMNS({listed})) AS given"
    if inserting:
        several = ", ".join(columns.values())
        sql = f"INSERT INTO {target} ({several}) SELECT {several} FROM {source}"
    elif dialect.name == "postgresql":
        changes = ", ".join(f"{columns[name]} = given.{columns[name]}" for name in names if name != "id")
        sql = f"UPDATE {target} SET {changes} FROM {source} WHERE {target}.id = given.id"
    else:
        changes = ", ".join(
            f"{target}.{columns[name]} = given.{columns[name]}" for name in names if name != "id"
        )
        sql = f"UPDATE {source} JOIN {target} ON {target}.id = given.id SET {changes}"
    return text(sql), _packing(dialect, table, names)


def _kind(table: Table, name: str, dialect: Dialect) -> str:
    """The type under which the server reads a column from the text: for texts one without a length, so
    that one that is too long is refused when it is stored, and not cut."""
    kind = table.c[name].type.dialect_impl(dialect)
    inner = getattr(kind, "impl_instance", kind)
    postgresql = dialect.name == "postgresql"
    if isinstance(inner, DateTime):
        return "timestamp" if postgresql else "datetime(6)"
    if isinstance(inner, Integer):
        return "bigint"
    if isinstance(inner, String):
        if postgresql:
            return "text"
        # Left to itself JSON_TABLE has the database's character set, and puts ? for what that lacks.
        return (f"varchar({inner.length})" if name == "id" else "longtext") + " CHARACTER SET utf8mb4"
    raise TypeError(f"{table.name}.{name}: {inner!r} does not travel as JSON")


def _packing(dialect: Dialect, table: Table, names: tuple[str, ...]) -> Callable[[Row], bytes]:
    converted = {
        name: convert
        for name in names
        if (convert := table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }

    def pack(row: Row) -> bytes:
        values = {name: row[name] for name in names}
        for name, convert in converted.items():
            values[name] = convert(values[name])
        return _encode(values)

    return pack
