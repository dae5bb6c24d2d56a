# SPDX-License-Identifier: Apache-2.0
"""The Database: how a process reads and writes.

SQLAlchemy Core on synchronous drivers. SQLite is read in the event loop itself (a row costs less
than handing the question to a thread); other databases are read in a few threads. All writing goes
through the journal.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from .journal import DatabaseUnavailable as DatabaseUnavailable
from .journal import Journal
from .tables import metadata

T = TypeVar("T")
READ_THREADS = 4


class Database:
    """One database, opened once in a process and shared by its services.

    `url` is an SQLAlchemy URL such as ``sqlite:////var/lib/samovar/samovar.db``. An SQLite file is
    kept in WAL mode with ``synchronous=FULL``: an acknowledged write survives a power cut.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._sqlite = self.url.get_backend_name() == "sqlite"
        if self._sqlite:
            if not self.url.database or self.url.database == ":memory:":
                raise ValueError("SQLite needs a file: two connections must see the same database")
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self._reader = self._open(write=False)
        self._writer = self._open(write=True)
        self._threads = None if self._sqlite else ThreadPoolExecutor(READ_THREADS, "database-read")
        self._reading: Connection | None = None
        self.journal = Journal(self._writer)

    def _open(self, *, write: bool) -> Engine:
        if not self._sqlite:
            if write:
                return create_engine(self.url, pool_size=1, max_overflow=2, pool_pre_ping=True)
            return create_engine(
                self.url, pool_size=READ_THREADS, pool_pre_ping=True, isolation_level="AUTOCOMMIT"
            )
        engine = create_engine(
            self.url,
            poolclass=StaticPool,
            connect_args={"check_same_thread": False, "timeout": 10, "cached_statements": 512},
        )

        @event.listens_for(engine, "connect")
        def configure(dbapi: Any, _record: Any) -> None:
            connection = cast(sqlite3.Connection, dbapi)
            connection.isolation_level = None  # transactions are begun below, not by the driver
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "busy_timeout=10000",
                "temp_store=MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}").close()

        if write:

            @event.listens_for(engine, "begin")
            def begin(connection: Connection) -> None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a connection that sees what was last committed, and return its result.

        The result must be complete (`.all()`, not an open cursor). Raises DatabaseUnavailable.
        """
        if self._threads is None:
            return self._read(query)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, query)

    def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            if not self._sqlite:
                with self._reader.connect() as connection:
                    return query(connection)
            if self._reading is None:
                self._reading = self._reader.connect()
            try:
                return query(self._reading)
            finally:
                self._reading.rollback()
        except OperationalError as error:
            raise DatabaseUnavailable(f"the database did not answer: {error.orig}") from error

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run `change` in the journal; return its result when it is durable.

        An exception of the change undoes that change alone and is raised here. The change runs in
        another thread and may run twice: it must only use the connection and data of its own.
        """
        return cast(T, await self.journal.write(change))

    def create_tables(self) -> None:
        """Make every declared table that is missing (tests; a product database uses migrations)."""
        with self._writer.connect() as connection, connection.begin():
            metadata.create_all(connection)

    def migrate(self, change: Callable[[Connection], T]) -> T:
        """Run `change` on the writing connection at once, before any service has started."""
        with self._writer.connect() as connection, connection.begin():
            return change(connection)

    async def close(self) -> None:
        """Write what is queued, then close every connection."""
        await asyncio.get_running_loop().run_in_executor(None, self.journal.close)
        self.close_now()

    def close_now(self) -> None:
        """The same for a program without an event loop."""
        self.journal.close()
        if self._reading is not None:
            self._reading.close()
        if self._threads is not None:
            self._threads.shutdown()
        self._reader.dispose()
        self._writer.dispose()
