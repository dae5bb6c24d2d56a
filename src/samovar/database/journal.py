# SPDX-License-Identifier: Apache-2.0
"""The journal: one thread that writes, many changes in one commit.

Whoever wants something written hands over a *change*, a function of the connection, and waits
until the transaction that holds it is durable. While one batch is being committed the next one
gathers, so that the cost of a commit is shared by all who wait (group commit).

Each change runs in a savepoint: one that fails is undone alone, the others of its batch stay.
A batch that the database refuses as a whole (deadlock, lost connection) is run again; so a change
must be a pure function of the data it closes over.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

MAX_BATCH = 512
ATTEMPTS = 5

Change = Callable[[Connection], Any]


class DatabaseUnavailable(ConnectionError):
    """The database did not take a transaction: it is away, full, or locked by another program."""


@dataclass(slots=True)
class _Waiting:
    change: Change
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Journal:
    """The single writer of a process.

    `engine` must begin transactions that may write (SQLite: BEGIN IMMEDIATE).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._closed = False
        self._thread.start()

    async def write(self, change: Change) -> Any:
        """Run the change in the next batch; return its result once the batch is durable."""
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Waiting(change, loop, future))
        return await future

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            first = self._queue.get()
            batch: list[_Waiting] = []
            item: _Waiting | None = first
            while True:
                if item is None:
                    open_ = False
                    break
                batch.append(item)
                if len(batch) >= MAX_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)
                self._answer(batch)

    def _commit(self, batch: list[_Waiting]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            for waiting in batch:
                waiting.result = waiting.error = None
            try:
                with self._engine.connect() as connection, connection.begin():
                    for waiting in batch:
                        self._apply(connection, waiting, alone=len(batch) == 1)
                return
            except _ChangeFailed:
                return
            except DBAPIError as error:
                retryable = isinstance(error, OperationalError) or error.connection_invalidated
                if attempt == ATTEMPTS or not retryable:
                    failure = DatabaseUnavailable(f"the database refused the transaction: {error.orig}")
                    failure.__cause__ = error
                    for waiting in batch:
                        waiting.error = failure
                    return
                threading.Event().wait(0.02 * 2**attempt)

    @staticmethod
    def _apply(connection: Connection, waiting: _Waiting, *, alone: bool) -> None:
        if alone:
            try:
                waiting.result = waiting.change(connection)
            except OperationalError:
                raise
            except Exception as error:
                waiting.error = error
                raise _ChangeFailed from error
            return
        savepoint = connection.begin_nested()
        try:
            waiting.result = waiting.change(connection)
            savepoint.commit()
        except OperationalError:
            raise
        except Exception as error:
            waiting.error = error
            savepoint.rollback()

    @staticmethod
    def _answer(batch: list[_Waiting]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        for waiting in batch:
            loops.setdefault(waiting.loop, []).append(waiting)
        for loop, waitings in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, waitings)


class _ChangeFailed(Exception):
    """Carries the failure of a change that was alone in its transaction out of it."""


def _resolve(waitings: list[_Waiting]) -> None:
    for waiting in waitings:
        if waiting.future.cancelled():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)
