# SPDX-License-Identifier: Apache-2.0
"""The Database: how a process reads and writes.

SQLAlchemy Core on synchronous drivers. SQLite is read in the event loop itself (a row costs less
than handing the question to a thread); servers are read in a few threads. All writing goes through
the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from samovar.config import DatabaseSettings

from .journal import DatabaseFull as DatabaseFull
from .journal import DatabaseUnavailable as DatabaseUnavailable
from .journal import Journal
from .servers import Failure, address, connect_arguments, failure, prepare
from .tables import metadata

T = TypeVar("T")
log = logging.getLogger(__name__)
UPGRADE_LOCK = 0x5A40
READ_ATTEMPTS, READ_PATIENCE = 3, 3.0
SWITCH_SECONDS = 0.0005


class Database:
    """One database, opened once in a process and shared by its services.

    `url` is an address as operators write it: ``sqlite:////var/lib/samovar/samovar.db``,
    ``mysql+pymysql://samovar:secret@db/samovar``, ``postgresql://samovar:secret@db/samovar``. An SQLite
    file is kept in WAL mode with ``synchronous=FULL``: an acknowledged write survives a power cut.
    Raises ValueError for an address that cannot be used; nothing is connected yet.
    """

    def __init__(self, url: str, settings: DatabaseSettings | None = None) -> None:
        self.url = address(url)
        self._settings = settings or DatabaseSettings()
        self._sqlite = self.url.get_backend_name() == "sqlite"
        if self._sqlite:
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        self._reader = self._open(write=False)
        self._writer = self._open(write=True)
        readers = max(1, self._settings.max_pool_size)
        if not self._sqlite:
            # Threads that wait for a server get the interpreter back soon, however busy the event loop is.
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        self._threads = None if self._sqlite else ThreadPoolExecutor(readers, "database-read")
        self._reading: Connection | None = None
        self._aside: _Aside | None = None
        self._own, self._own_lock = threading.local(), threading.Lock()
        self._open_connections: set[Connection] = set()
        self.journal = Journal(self._writer, self._settings.patience)

    def _open(self, *, write: bool) -> Engine:
        return self._open_sqlite(write=write) if self._sqlite else self._open_server(write=write)

    def _open_server(self, *, write: bool) -> Engine:
        # PostgreSQL: looking for its hstore type would be one more question at each start.
        own = {"use_native_hstore": False} if self.url.get_backend_name() == "postgresql" else {}
        engine = create_engine(
            self.url,
            **own,
            pool_size=2 if write else max(1, self._settings.max_pool_size),
            max_overflow=0,
            pool_recycle=self._settings.connection_recycle_time,
            pool_use_lifo=True,
            pool_reset_on_return=None,  # whoever takes one ends the transaction before giving it back
            isolation_level="READ COMMITTED" if write else "AUTOCOMMIT",
            skip_autocommit_rollback=True,
            connect_args=connect_arguments(self.url),
        )
        prepare(engine, wsrep_sync_wait=self._settings.mysql_wsrep_sync_wait)
        return engine

    def _open_sqlite(self, *, write: bool) -> Engine:
        engine = create_engine(
            self.url,
            poolclass=StaticPool,
            connect_args={"check_same_thread": False, "timeout": 10, "cached_statements": 512},
        )

        @event.listens_for(engine, "connect")
        def configure(dbapi: Any, _record: Any) -> None:
            connection = cast(sqlite3.Connection, dbapi)
            connection.isolation_level = None  # transactions are begun below, not by the driver
            _to_wal(connection)
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000", "temp_store=MEMORY"):
                connection.execute(f"PRAGMA {pragma}").close()

        if write:

            @event.listens_for(engine, "begin")
            def begin(connection: Connection) -> None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a connection that sees what was last committed, and return its result.

        The result must be complete (`.all()`, not an open cursor). On a server the query runs in
        another thread and may run twice. Raises DatabaseUnavailable.
        """
        if self._threads is None:
            return self._read_sqlite(query)
        until = time.monotonic() + READ_PATIENCE
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read_server, query, until
        )

    async def read_much(self, query: Callable[[Connection], T]) -> T:
        """The same for a query that gives very many rows: others have their turn while they are read."""
        if self._threads is not None:
            return await self.read(query)
        if self._aside is None:
            self._aside = _Aside(self._open(write=False))
        return await self._aside.read(query)

    def _read_sqlite(self, query: Callable[[Connection], T]) -> T:
        with _named():
            if self._reading is None:
                self._reading = self._reader.connect()
            try:
                return query(self._reading)
            finally:
                self._reading.rollback()

    def _read_server(self, query: Callable[[Connection], T], until: float) -> T:
        """Read on this thread's own connection; when it is lost, on new ones, at least two, until then.

        Another server takes over within seconds. Who has waited for a thread until then gives up soon.
        """
        with _named():
            for attempt in itertools.count(1):
                connection: Connection | None = None
                try:
                    connection = self._thread_connection()
                    return query(connection)
                except DBAPIError as error:
                    if failure(error) is Failure.STATEMENT:
                        raise
                    if connection is not None:
                        self._lose(connection)
                    if attempt >= READ_ATTEMPTS and time.monotonic() > until:
                        raise
                    time.sleep(min(0.05 * attempt, 0.25))
                finally:
                    if connection is not None and connection.in_transaction():
                        connection.rollback()  # SQLAlchemy's own idea of a transaction; nothing is sent
            raise AssertionError("not reached")

    def _thread_connection(self) -> Connection:
        """The connection that this thread reads on; one that is old is replaced."""
        kept: tuple[Connection, float] | None = getattr(self._own, "kept", None)
        if kept is not None and time.monotonic() < kept[1] and not kept[0].closed:
            return kept[0]
        if kept is not None:
            self._lose(kept[0])
        connection = self._reader.connect()
        self._own.kept = connection, time.monotonic() + self._settings.connection_recycle_time
        with self._own_lock:
            self._open_connections.add(connection)
        return connection

    def _lose(self, connection: Connection) -> None:
        self._own.kept = None
        with self._own_lock:
            self._open_connections.discard(connection)
        with contextlib.suppress(Exception):
            connection.invalidate()
        with contextlib.suppress(Exception):
            connection.close()

    async def write(self, change: Callable[[Connection], T], *turns: str) -> T:
        """Run `change` in the journal; return its result when it is durable.

        An exception of the change undoes that change alone and is raised here. The change runs in
        another thread and may run more than once: it must only use the connection and data of its
        own. `turns` are names that no other transaction of the cluster holds while it runs: a change
        that reads something and relies on it staying so names one.
        """
        return cast(T, await self.journal.write(change, turns))

    def in_turn(self, *turns: str) -> Database:
        """This database, each of whose changes holds these turns."""
        return _InTurn(self, turns)

    def create_tables(self) -> None:
        """Make every declared table that is missing (tests; a product database uses migrations)."""
        self.migrate(metadata.create_all)

    def migrate(self, change: Callable[[Connection], T]) -> T:
        """Run `change` on the writing connection at once, before any service has started.

        Programs that are started together do it one after the other. Raises DatabaseUnavailable.
        """
        with self._alone():
            return self.look(change)

    def look(self, query: Callable[[Connection], T]) -> T:
        """Run `query` in a transaction of its own at once, before any service has started.

        Raises DatabaseUnavailable.
        """
        with _named(), self._writer.connect() as connection, connection.begin():
            return query(connection)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of those who change tables. (Steps that change tables end transactions.)"""
        if self._sqlite:
            yield
            return
        postgresql = self.url.get_backend_name() == "postgresql"
        key = {"key": UPGRADE_LOCK if postgresql else f"samovar {self.url.database}"[:60]}
        with _named(), self._writer.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            if postgresql:
                connection.execute(text("SET lock_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
            else:
                while not connection.execute(text("SELECT GET_LOCK(:key, 30)"), key).scalar():
                    log.info("waiting for another program that is at work on the tables")
            try:
                yield
            finally:
                connection.invalidate()  # which gives the lock back

    async def close(self) -> None:
        """Write what is queued, then close every connection."""
        await asyncio.get_running_loop().run_in_executor(None, self.journal.close)
        self.close_now()

    def close_now(self) -> None:
        """The same for a program without an event loop."""
        self.journal.close()
        if self._reading is not None:
            self._reading.close()
        if self._aside is not None:
            self._aside.close()
        if self._threads is not None:
            self._threads.shutdown()
        for connection in self._open_connections:
            with contextlib.suppress(Exception):
                connection.close()
        self._open_connections.clear()
        self._reader.dispose()
        self._writer.dispose()


class _Aside:
    """An SQLite connection of a thread's own, for what would keep the event loop too long."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._thread = engine, ThreadPoolExecutor(1, "database-read")

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, query)

    def _read(self, query: Callable[[Connection], T]) -> T:
        with _named(), self._engine.connect() as connection:
            return query(connection)

    def close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()


class _InTurn(Database):
    """A view of a database; it shares everything with the one it was made from."""

    def __init__(self, database: Database, turns: tuple[str, ...]) -> None:
        self.__dict__.update(database.__dict__)
        self._whole, self._turns = database, turns

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self._whole.read(query)

    async def read_much(self, query: Callable[[Connection], T]) -> T:
        return await self._whole.read_much(query)

    async def write(self, change: Callable[[Connection], T], *turns: str) -> T:
        return await self._whole.write(change, *self._turns, *turns)

    async def close(self) -> None:
        await self._whole.close()

    def close_now(self) -> None:
        self._whole.close_now()


def _to_wal(connection: sqlite3.Connection) -> None:
    """A new file is turned to its log once; SQLite waits for nobody who does the same just now."""
    deadline = time.monotonic() + 10
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Errors of a database that is away become DatabaseUnavailable; the others stay what they are."""
    try:
        yield
    except DBAPIError as error:
        if failure(error) is Failure.STATEMENT:
            raise
        raise DatabaseUnavailable(f"the database did not answer: {error.orig}") from error
    except PoolTimeout as error:
        raise DatabaseUnavailable(f"the database did not answer: {error}") from error
