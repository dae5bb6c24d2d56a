# SPDX-License-Identifier: Apache-2.0
"""What differs between SQLite, PostgreSQL, MariaDB and MySQL: addresses, sessions, kinds of failure.

Addresses are read as operators write them; whatever driver they name, ours is used (psycopg 3 and
PyMySQL, or mysqlclient where the address asks for it and it is there).
"""

from __future__ import annotations

import enum
import importlib.util
import re
import sqlite3
from typing import Any

from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

FROZEN_SECONDS = 5
"""A transaction whose program has stood still for so long is ended by the server: others wait for it.
Less than a lease, so that whoever takes over the work of one who stands still is not held up by it."""
LOCK_SECONDS = 30
SILENT_SECONDS = 15
CONNECT_SECONDS = 5
ANSWER_SECONDS = 40

POSTGRESQL = frozenset({"postgresql", "postgres"})
MYSQL = frozenset({"mysql", "mariadb"})

_SQLITE_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
_PG_COLLISIONS = frozenset({"40001", "40P01", "55P03"})
_PG_AWAY = frozenset({"25006", "25P03", "3D000", "28000", "28P01"})
_PG_AWAY_CLASSES = ("08", "53", "57P", "58")
_MYSQL_COLLISIONS = frozenset({1020, 1205, 1213, 1180, 3572})
_MYSQL_AWAY = frozenset(
    {
        *(1021, 1040, 1042, 1043, 1044, 1045, 1047, 1049, 1053, 1077, 1078, 1079, 1114, 1129, 1130),
        *(1152, 1153, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290, 1792),
        *(1836, 1927, 2000, 2002, 2003, 2004, 2005, 2006, 2011, 2012, 2013, 2014, 2026, 2045, 2055, 4031),
    }
)

_MYSQL_REFUSED = frozenset({1044, 1045, 1049, 1130, 1698})
_PG_REFUSED = re.compile("does not exist|authentication failed|no pg_hba.conf entry|not permitted to log in")
_MYSQL_FULL = frozenset({1021, 1114})


class Failure(enum.Enum):
    """What an error of the driver means for whoever asked."""

    STATEMENT = "the statement or its data are refused; asking again would be refused again"
    COLLISION = "another transaction was in the way; nothing of this one was kept; ask again"
    AWAY = "the database cannot be reached or does not take anything; what became of a commit is unknown"


def address(url: str) -> URL:
    """The database's address with the driver that is used. Raises ValueError with a sentence."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "the database's address is not understood; it looks like "
            "mysql+pymysql://user:password@host/name, postgresql://user:password@host/name or sqlite:////path/to/file"
        ) from None
    backend = parsed.get_backend_name() if parsed.drivername.split("+")[0] not in POSTGRESQL else "postgresql"
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("SQLite needs a file: two connections must see the same database")
        return parsed.set(drivername="sqlite")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend in MYSQL:
        query = {name: value for name, value in parsed.query.items() if name != "charset"}
        return parsed.set(drivername=_mysql_driver(parsed), query={**query, "charset": "utf8mb4"})
    raise ValueError(f"{backend} is not a database that is served: SQLite, PostgreSQL, MariaDB and MySQL are")


def _mysql_driver(parsed: URL) -> str:
    if parsed.drivername.endswith(("+mysqldb", "+mysqlclient")):
        return "mysql+mysqldb" if importlib.util.find_spec("MySQLdb") else "mysql+pymysql"
    return "mysql+pymysql"


def connect_arguments(url: URL) -> dict[str, Any]:
    """What the driver is told so that a server that does not answer is noticed."""
    if url.get_backend_name() == "postgresql":
        return {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 1000 * SILENT_SECONDS,
        }
    return {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": ANSWER_SECONDS,
        "write_timeout": ANSWER_SECONDS,
    }


def prepare(engine: Engine, *, wsrep_sync_wait: int | None = None) -> None:
    """Have each new connection of a server's engine set up, and lost ones recognised."""
    configure = _configure_postgresql if engine.dialect.name == "postgresql" else _configure_mysql

    @event.listens_for(engine, "connect")
    def connected(dbapi: Any, _record: Any) -> None:
        configure(dbapi, wsrep_sync_wait)

    @event.listens_for(engine, "handle_error")
    def recognise(context: ExceptionContext) -> None:
        if isinstance(context.sqlalchemy_exception, DBAPIError):
            context.is_disconnect = failure(context.sqlalchemy_exception) is Failure.AWAY


def _configure_postgresql(dbapi: Any, _wsrep_sync_wait: int | None) -> None:
    before, dbapi.autocommit = dbapi.autocommit, True
    dbapi.execute(
        f"SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'; "
        f"SET lock_timeout = '{LOCK_SECONDS}s'"
    )
    dbapi.autocommit = before


def _configure_mysql(dbapi: Any, wsrep_sync_wait: int | None) -> None:
    wanted = {
        "time_zone": "'+00:00'",
        "sql_mode": "'TRADITIONAL'",
        "innodb_lock_wait_timeout": LOCK_SECONDS,
    }
    if wsrep_sync_wait is not None:
        wanted["wsrep_sync_wait"] = wsrep_sync_wait
    with dbapi.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        if "mariadb" in str(cursor.fetchone()[0]).lower():
            wanted["idle_write_transaction_timeout"] = FROZEN_SECONDS
        cursor.execute("SET SESSION " + ", ".join(f"{name} = {value}" for name, value in wanted.items()))


def failure(error: DBAPIError) -> Failure:
    """What kind of failure an error of the driver is."""
    original: Any = error.orig
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return Failure.AWAY if code is not None and code & 0xFF in _SQLITE_AWAY else Failure.STATEMENT
    number = original.args[0] if original is not None and original.args else None
    if not isinstance(number, int) and hasattr(original, "sqlstate"):  # PyMySQL's have both
        state = original.sqlstate
        if state is None:
            lost = isinstance(error, (OperationalError, InterfaceError))
            return Failure.AWAY if lost else Failure.STATEMENT
        if state in _PG_COLLISIONS:
            return Failure.COLLISION
        away = state in _PG_AWAY or state.startswith(_PG_AWAY_CLASSES)
        return Failure.AWAY if away else Failure.STATEMENT
    if number in _MYSQL_COLLISIONS:
        return Failure.COLLISION
    if number in _MYSQL_AWAY or isinstance(error, InterfaceError) or error.connection_invalidated:
        return Failure.AWAY
    return Failure.STATEMENT


def is_refused(error: BaseException) -> bool:
    """Whether the server answers and does not want us: waiting for it would not help."""
    told = error.__cause__ if error.__cause__ is not None else error
    told = told.orig if isinstance(told, DBAPIError) and told.orig is not None else told
    if told.args and told.args[0] in _MYSQL_REFUSED:
        return True
    # PostgreSQL's words before a session begins carry no code.
    return hasattr(told, "sqlstate") and bool(_PG_REFUSED.search(str(told)))


def is_full(error: BaseException) -> bool:
    """Whether the database refused because there is no room left for what was to be written."""
    told = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(told, sqlite3.Error):
        return getattr(told, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    if getattr(told, "sqlstate", None) == "53100":
        return True
    return bool(told is not None and told.args and told.args[0] in _MYSQL_FULL)
