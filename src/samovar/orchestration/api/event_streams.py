# SPDX-License-Identifier: Apache-2.0
"""Events as they happen: Server-Sent Events (WHATWG HTML, section 9.2) on the collection of events.

    engine ─ announces the root stack ─▶ Streams ─ wakes ─▶ each watcher reads what is new ─▶ client

The announcement is a doorbell: a watcher also looks by itself from time to time.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, select
from starlette.responses import StreamingResponse

from samovar.database import utcnow
from samovar.messaging import Subscription
from samovar.orchestration.engine.event_bell import EVENTS_TOPIC
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.engine.store import get_stack
from samovar.orchestration.engine.tables import events, stacks
from samovar.web import Call, ServiceUnavailable

from .desk import Desk
from .render import event_shown

EVENT_STREAM = "text/event-stream"
BATCH = 500
LOOK_SECONDS = 2.0
HEARTBEAT_SECONDS = 15.0
SETTLE_SECONDS = 2.0  # where several writers commit, an event with a lower number may come this much later
MOST_STREAMS = 1000
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Streams:
    """The streams of this process, woken by one listener on the bus."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._woken: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._subscription: Subscription | None = None
        self.closing = False

    @property
    def count(self) -> int:
        return sum(len(watchers) for watchers in self._woken.values())

    def watch(self, root_id: str) -> asyncio.Event:
        """An event that is set when there may be news of a tree. Raises ServiceUnavailable."""
        if self.count >= MOST_STREAMS:
            raise ServiceUnavailable(
                f"{MOST_STREAMS} event streams are open already; list events instead, or try again later.",
                type="ServiceUnavailable",
            )
        if self._subscription is None:
            self._subscription = self.parts.bus.listen(EVENTS_TOPIC, self._announced)
        woken = asyncio.Event()
        self._woken[root_id].add(woken)
        return woken

    def forget(self, root_id: str, woken: asyncio.Event) -> None:
        watchers = self._woken.get(root_id, set())
        watchers.discard(woken)
        if not watchers:
            self._woken.pop(root_id, None)

    def close(self) -> None:
        """End every stream: the process stops."""
        self.closing = True
        if self._subscription is not None:
            self._subscription.close()
        for watchers in self._woken.values():
            for woken in watchers:
                woken.set()

    async def _announced(self, root_ids: Sequence[str]) -> None:
        for root_id in root_ids:
            for woken in self._woken.get(root_id, ()):
                woken.set()


@dataclass
class Reader:
    """Reads the events of a tree that have not been read yet, in the order of their numbers.

    `matches` filters; `depth` is how many levels of nested stacks belong to it.
    """

    stack: Stack
    depth: int
    floor: int
    settles: bool
    matches: Callable[[Any], bool]
    _sent: set[int] = field(default_factory=set)
    _stacks: dict[str, Stack | None] = field(default_factory=dict)

    def read(self, connection: Connection) -> list[tuple[Any, Stack]]:
        """The next events with their stacks; empty when there are none."""
        stack = self.stack
        query = (
            select(events)
            .join(stacks, stacks.c.id == events.c.stack_id)
            .where(
                stacks.c.root_id == stack.root_id,
                stacks.c.depth.between(stack.depth, stack.depth + self.depth),
                events.c.sequence > self.floor,
            )
            .order_by(events.c.sequence)
            .limit(BATCH + len(self._sent))
        )
        settled = utcnow() - datetime.timedelta(seconds=SETTLE_SECONDS)
        found = []
        settling = False
        for row in connection.execute(query).mappings():
            number = row["sequence"]
            if number not in self._sent:
                owner = self._of_tree(connection, row["stack_id"])
                if owner is not None and self.matches(row):
                    found.append((row, owner))
                self._sent.add(number)
            settling = settling or (self.settles and row["created_at"] > settled)
            if not settling:
                self.floor = number
        self._sent = {number for number in self._sent if number > self.floor}
        return found

    def _of_tree(self, connection: Connection, stack_id: str) -> Stack | None:
        """The stack of an event, if it is the one watched or below it."""
        if stack_id == self.stack.id:
            return self.stack
        if stack_id not in self._stacks:
            found = get_stack(connection, stack_id)
            above = found
            while above is not None and above.id != self.stack.id:
                above = get_stack(connection, above.owner_id) if above.owner_id else None
            self._stacks[stack_id] = found if above is not None else None
        return self._stacks[stack_id]


class EventStream:
    """One stream for one client."""

    def __init__(self, desk: Desk, streams: Streams, call: Call, reader: Reader) -> None:
        self.desk, self.streams, self.call, self.reader = desk, streams, call, reader
        self._woken = streams.watch(reader.stack.root_id)

    def response(self) -> StreamingResponse:
        return StreamingResponse(self._feed(), media_type=EVENT_STREAM, headers=HEADERS)

    async def _feed(self) -> AsyncIterator[bytes]:
        stack, root = self.reader.stack, self.reader.stack if self.reader.depth else None
        beat = time.monotonic()
        try:
            yield b"retry: 1000\n: the events of a stack\n\n"
            while not self.streams.closing and not self._expired():
                self._woken.clear()
                found = await self.desk.parts.database.read(self.reader.read)
                gone = False
                for row, owner in found:
                    shown = event_shown(self.desk, self.call, owner, row, root, whole=False)
                    about = "stack" if row["physical_id"] == row["stack_id"] else "resource"
                    yield _record(row["id"], about, shown)
                    ended = (row["action"], row["status"]) == ("DELETE", "COMPLETE")
                    gone = gone or (ended and row["physical_id"] == stack.id)
                if gone:
                    return
                if found:
                    beat = time.monotonic()
                    continue
                if time.monotonic() - beat >= HEARTBEAT_SECONDS:
                    beat = time.monotonic()
                    yield b": heartbeat\n\n"
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._woken.wait()
                except TimeoutError:
                    continue
        finally:
            self.streams.forget(stack.root_id, self._woken)

    def _expired(self) -> bool:
        """Whether the token is over: the client comes again with another one, and goes on where it was."""
        expires = self.call.context.expires_at
        return expires is not None and expires <= utcnow()


def _record(identity: str, about: str, data: Any) -> bytes:
    return f"id: {identity}\nevent: {about}\ndata: {msgspec.json.encode(data).decode()}\n\n".encode()


__all__ = ["EVENT_STREAM", "EventStream", "Reader", "Streams"]
