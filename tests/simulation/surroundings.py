# SPDX-License-Identifier: Apache-2.0
"""What engines stand on, made of memory: clock and ids, a database that can be away, a bus that loses and repeats."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import types
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, TypeVar

from lean_connection import LeanConnection
from sqlalchemy import Connection
from sqlalchemy.schema import CreateIndex, CreateTable
from virtual_loop import PROCESS, Process, VirtualLoop

from samovar.database import DatabaseUnavailable, metadata, tables

T = TypeVar("T")
EPOCH = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
NETWORK = Context()  # belongs to no process: what is under way there arrives whoever dies


def now() -> datetime.datetime:
    """The wall clock of the process that asks."""
    process = PROCESS.get()
    skew = process.skew if process is not None else 0.0
    return EPOCH + datetime.timedelta(seconds=asyncio.get_running_loop().time() + skew)


class _Clock(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return now()


def take_over_time(seeded: Callable[[], random.Random]) -> None:
    """Let the database's clock be the loop's, and its ids come from the schedule's seed."""
    names = {name: getattr(datetime, name) for name in ("UTC", "timedelta", "tzinfo")}
    tables.datetime = types.SimpleNamespace(datetime=_Clock, **names)  # type: ignore[attr-defined]
    tables.hex_id = lambda: uuid.UUID(int=seeded().getrandbits(128), version=4).hex


class Store:
    """The database itself: one SQLite in memory, emptied for each schedule."""

    def __init__(self) -> None:
        self._connection = LeanConnection()
        self._tables = [table for table in metadata.sorted_tables if table.name.startswith("orch")]
        self._connection.command("PRAGMA foreign_keys=ON")
        for table in self._tables:
            self._connection.command(str(CreateTable(table).compile(dialect=LeanConnection.dialect)))
            for index in table.indexes:
                self._connection.command(str(CreateIndex(index).compile(dialect=LeanConnection.dialect)))
        self.away_until = 0.0

    def clear(self) -> None:
        self.away_until = 0.0
        for table in reversed(self._tables):
            self._connection.command(f"DELETE FROM {table.name}")

    def read(self, query: Callable[[Connection], T]) -> T:
        return query(self._connection)  # type: ignore[arg-type]

    def write(self, change: Callable[[Connection], T]) -> T:
        self._connection.command("BEGIN")
        try:
            result = change(self._connection)  # type: ignore[arg-type]
        except BaseException:
            self._connection.command("ROLLBACK")
            raise
        self._connection.command("COMMIT")
        return result


class Handle:
    """One process's way to the store: its writes are made in their order, and answered a little later."""

    def __init__(self, store: Store, chance: random.Random, *, slow: bool, reruns: float) -> None:
        self._store, self._chance = store, chance
        self._slow, self.reruns = slow, reruns
        self._queue: deque[tuple[Callable[[Connection], Any], asyncio.Future[Any]]] = deque()
        self._last = 0.0
        self.reran = 0
        self.cut_until = 0.0

    def _available(self) -> None:
        moment = asyncio.get_running_loop().time()
        if moment < self._store.away_until or moment < self.cut_until:
            raise DatabaseUnavailable("the database did not answer: it is away")

    async def read(self, query: Callable[[Connection], T]) -> T:
        if self._slow:
            await asyncio.sleep(self._chance.random() * 0.01)
        self._available()
        return self._store.read(query)

    read_much = read

    async def write(self, change: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._queue.append((change, answer))
        self._last = max(self._last, loop.time() + self._delay())
        # Half of the writes are made by the process itself, the others are on their way already when it dies.
        context = NETWORK if self._chance.random() < 0.5 else None
        loop.call_at(self._last, self._commit_next, context=context)
        return await answer

    def _delay(self) -> float:
        return self._chance.random() * (0.02 if self._slow else 0.002)

    def _commit_next(self) -> None:
        change, answer = self._queue.popleft()
        loop = asyncio.get_running_loop()
        try:
            self._available()
            result = self._store.write(change)
            if self._chance.random() < self.reruns:
                self.reran += (
                    1  # the answer to COMMIT was lost: for good, or so that the journal runs it again
                )
                if self.reran % 2:
                    raise DatabaseUnavailable("the database did not answer: what became of it is unknown")
                result = self._store.write(change)
        except Exception as error:
            loop.call_later(self._delay(), _answer, answer, None, error, context=NETWORK)
        else:
            loop.call_later(self._delay(), _answer, answer, result, None, context=NETWORK)


def _answer(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
        future.exception()
    else:
        future.set_result(result)


class _Listener:
    def __init__(
        self,
        topic: str,
        handler: Callable[[Sequence[str]], Awaitable[None]],
        process: Process | None,
        bus: Bus,
    ) -> None:
        self.topic, self.handler, self.process, self._bus = topic, handler, process, bus
        self.tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        if self in self._bus.listeners:
            self._bus.listeners.remove(self)


class Bus:
    """Doorbells that come late, twice, or not at all."""

    def __init__(self, chance: random.Random, *, loses: float, repeats: float) -> None:
        self._chance, self.loses, self._repeats = chance, loses, repeats
        self.listeners: list[_Listener] = []

    def listen(self, topic: str, handler: Callable[[Sequence[str]], Awaitable[None]]) -> _Listener:
        listener = _Listener(topic, handler, PROCESS.get(), self)
        self.listeners.append(listener)
        return listener

    def forget(self, process: Process) -> None:
        """It hears nothing any more."""
        self.listeners = [each for each in self.listeners if each.process is not process]

    async def ring(self, topic: str, *ids: str) -> None:
        there = [each for each in self.listeners if each.topic == topic]
        if there:
            self._send(self._chance.choice(there), ids)

    async def announce(self, topic: str, *ids: str) -> None:
        for listener in [each for each in self.listeners if each.topic == topic]:
            self._send(listener, ids)

    def _send(self, listener: _Listener, ids: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        copies = (
            0 if self._chance.random() < self.loses else 2 if self._chance.random() < self._repeats else 1
        )
        context = listener.process.context() if listener.process is not None else NETWORK
        for _ in range(copies):
            loop.call_later(self._chance.random() * 0.05, self._arrive, listener, ids, context=context)

    def _arrive(self, listener: _Listener, ids: Sequence[str]) -> None:
        if listener in self.listeners:
            task = asyncio.ensure_future(_handle(listener, ids))
            listener.tasks.add(task)
            task.add_done_callback(listener.tasks.discard)


async def _handle(listener: _Listener, ids: Sequence[str]) -> None:
    with contextlib.suppress(DatabaseUnavailable):  # the bus logs it and goes on
        await listener.handler(ids)


__all__ = ["NETWORK", "Bus", "Handle", "Store", "VirtualLoop", "now", "take_over_time"]
