# SPDX-License-Identifier: Apache-2.0
"""The databases that tests use: SQLite files, or databases of a server that runs for all of them.

SAMOVAR_TEST_DATABASE=postgresql or mariadb has every test that asks here use that server. A
database that a test is done with is emptied and used again.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import create_engine, inspect, text

from samovar.database.servers import address

from .mariadb import MariaDB
from .postgresql import PostgreSQL

KINDS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
_servers: dict[str, PostgreSQL | MariaDB] = {}
_free: dict[str, list[str]] = {}
_taken: dict[tuple[str, str], str] = {}


def chosen() -> str:
    """The kind of database that the tests run on."""
    return os.environ.get("SAMOVAR_TEST_DATABASE", "sqlite")


def server(kind: str) -> PostgreSQL | MariaDB:
    """The server of this kind, started when it is first asked for."""
    if kind not in _servers:
        _servers[kind] = KINDS[kind]()
    return _servers[kind]


def url(directory: Path, kind: str | None = None) -> str:
    """The address of the database of this directory: a file in it, or one of the server's."""
    kind = kind or chosen()
    if kind == "sqlite":
        return f"sqlite:///{directory}/samovar.db"
    key = kind, str(directory)
    if key not in _taken:
        free = _free.setdefault(kind, [])
        _taken[key] = free.pop() if free else server(kind).new()
    return _taken[key]


def taken() -> set[tuple[str, str]]:
    """What is in use."""
    return set(_taken)


def give_back(keys: set[tuple[str, str]]) -> None:
    """Empty these databases; other tests may have them."""
    for key in keys:
        used = _taken.pop(key)
        if empty(used):
            _free[key[0]].append(used)


def empty(used: str) -> bool:
    """Delete every row; False where that is not possible."""
    engine = create_engine(address(used))
    try:
        with engine.begin() as connection:
            names = inspect(connection).get_table_names()
            quote = connection.dialect.identifier_preparer.quote
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET lock_timeout = '5s'"))
                connection.execute(text("SET session_replication_role = replica"))
            else:
                connection.execute(text("SET foreign_key_checks = 0"))
            for name in names:
                connection.execute(text(f"DELETE FROM {quote(name)}"))
        return True
    except Exception:
        return False
    finally:
        engine.dispose()


def stop() -> None:
    """Stop the servers."""
    while _servers:
        _servers.popitem()[1].stop()
