# SPDX-License-Identifier: Apache-2.0
"""The journal: one thread that writes, many changes in one commit.

Whoever wants something written hands over a *change*, a function of the connection, and waits
until the transaction that holds it is durable. While one batch is being committed the next one
gathers, so that the cost of a commit is shared by all who wait (group commit).

A batch first runs straight through. If one of its changes fails, the batch is undone and runs again
with a savepoint around each change, so that the one that fails is undone alone. A batch that
collides with another process's (deadlock, certification) is run again, its changes one by one; one
whose connection is lost is run again unless its receipt shows that it was committed. So a change
must be a pure function of the data it closes over.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from samovar.observability import figures

from .servers import Failure, failure, is_full
from .turns import Receipts, take

log = logging.getLogger(__name__)

MAX_BATCH = 512
BATCH_SECONDS = 0.1
"""A batch takes no more changes after this time: others wait for what it holds."""
COLLISIONS = 20
PATIENCE = 10.0
"""Seconds for which a database that is away is asked again before the change is refused."""

Change = Callable[[Connection], Any]


class DatabaseUnavailable(ConnectionError):
    """The database did not take a transaction: it is away, full, or locked by another program."""


class DatabaseFull(DatabaseUnavailable):
    """The database has no room left for what was to be written; it takes changes again when there is."""


@dataclass(slots=True)
class _Waiting:
    change: Change
    turns: Sequence[str]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    since: float = field(default_factory=time.monotonic)
    result: Any = None
    error: BaseException | None = None


class Journal:
    """The single writer of a process.

    `engine` must begin transactions that may write (SQLite: BEGIN IMMEDIATE) and, on servers, read
    what was last committed at each statement (READ COMMITTED).
    """

    def __init__(self, engine: Engine, patience: float = PATIENCE) -> None:
        self._engine = engine
        self._patience = patience
        self._receipts = None if engine.dialect.name == "sqlite" else Receipts()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._left: deque[_Waiting] = deque()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._closed = False
        self._thread.start()

    async def write(self, change: Change, turns: Sequence[str] = ()) -> Any:
        """Run the change in the next batch; return its result once the batch is durable."""
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Waiting(change, turns, loop, future))
        return await future

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_ or self._left:
            batch: list[_Waiting] = []
            while len(batch) < MAX_BATCH and self._left:
                batch.append(self._left.popleft())
            while open_ and len(batch) < MAX_BATCH:
                try:
                    item = self._queue.get(block=not batch)
                except queue.Empty:
                    break
                if item is None:
                    open_ = False
                else:
                    batch.append(item)
            if batch:
                began = time.perf_counter()
                self._commit(batch)
                figures.COMMIT_SECONDS.observe(time.perf_counter() - began)
                figures.COMMIT_CHANGES.observe(len(batch))
                figures.WRITES_WAITING.set(self._queue.qsize() + len(self._left))
                self._answer(batch)

    def _commit(self, batch: list[_Waiting]) -> None:
        """Have the batch done or refused; what there was no time for is taken out of it."""
        collisions, careful, pause = 0, False, 0.01
        if self._receipts:
            self._receipts.next()
        while True:
            try:
                self._attempt(batch, careful)
                return
            except _ChangeFailed:
                if len(batch) == 1:
                    return
                careful = True
            except _Collided as collided:
                collisions += 1
                if collisions >= COLLISIONS:
                    self._refuse(batch, collided.cause)
                    return
                time.sleep(random.uniform(0, 0.005 * 2 ** min(collisions, 5)))
                if not (self._receipts and self._receipts.uncertain):
                    self._put_back(batch, 1)
            except (DBAPIError, PoolTimeout) as error:
                if self._receipts:
                    self._receipts.lost()
                if is_full(error) or time.monotonic() - batch[0].since > self._patience:
                    self._refuse(batch, error)
                    return
                time.sleep(random.uniform(pause / 2, pause))
                pause = min(2 * pause, 0.5)
            except Exception as error:
                log.exception("the journal failed")
                self._refuse(batch, error)
                return

    def _put_back(self, batch: list[_Waiting], after: int) -> None:
        """Leave these changes of the batch to the next one."""
        self._left.extendleft(reversed(batch[after:]))
        del batch[after:]

    def _attempt(self, batch: list[_Waiting], careful: bool) -> None:
        """One transaction. Raises _ChangeFailed, _Collided, or the error of a database that is away."""
        try:
            with self._engine.connect() as connection, connection.begin():
                if self._receipts and not self._sign(connection):
                    return  # committed before; what its changes gave then is kept
                take(connection, {turn for waiting in batch for turn in waiting.turns})
                until = time.monotonic() + BATCH_SECONDS
                savepoints = careful and len(batch) > 1
                for position, waiting in enumerate(batch):
                    if position and time.monotonic() > until:
                        self._put_back(batch, position)
                        break
                    self._apply(connection, waiting, savepoints)
        except DBAPIError as error:
            if failure(error) is Failure.COLLISION:
                raise _Collided(error) from error
            raise
        if self._receipts:
            self._receipts.settled()

    def _sign(self, connection: Connection) -> bool:
        assert self._receipts is not None
        try:
            return self._receipts.sign(connection)
        except IntegrityError as error:  # a transaction given up for lost has just been committed
            raise _Collided(error) from error

    @staticmethod
    def _apply(connection: Connection, waiting: _Waiting, savepoint: bool) -> None:
        waiting.result = waiting.error = None
        undo = connection.begin_nested() if savepoint else None
        try:
            waiting.result = waiting.change(connection)
            if undo is not None:
                undo.commit()
        except Exception as error:
            if isinstance(error, DBAPIError) and failure(error) is not Failure.STATEMENT:
                raise
            waiting.error = error
            if undo is None:
                raise _ChangeFailed from error
            undo.rollback()

    def _refuse(self, batch: list[_Waiting], error: Exception) -> None:
        """Answer that the database does not take it."""
        said = error.orig if isinstance(error, DBAPIError) else error
        kind = DatabaseFull if is_full(error) else DatabaseUnavailable
        figures.WRITES_REFUSED.inc(len(batch))
        for waiting in batch:
            waiting.error = kind(f"the database refused the transaction: {said}")
            waiting.error.__cause__ = error
        if self._receipts:
            self._receipts.settled()

    @staticmethod
    def _answer(batch: list[_Waiting]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        for waiting in batch:
            loops.setdefault(waiting.loop, []).append(waiting)
        for loop, waitings in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, waitings)


class _ChangeFailed(Exception):
    """A change that ran without a savepoint failed: its transaction is undone."""


class _Collided(Exception):
    """The transaction was undone for the sake of another one."""

    def __init__(self, cause: DBAPIError) -> None:
        super().__init__()
        self.cause = cause


def _resolve(waitings: list[_Waiting]) -> None:
    for waiting in waitings:
        if waiting.future.cancelled():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)
