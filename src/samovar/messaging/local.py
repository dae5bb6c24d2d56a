# SPDX-License-Identifier: Apache-2.0
"""The bus inside one process."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

from .bus import Handler

log = logging.getLogger(__name__)


class _Listener:
    """One listener: ids gather while its handler is busy and come together afterwards."""

    def __init__(self, bus: LocalBus, topic: str, handler: Handler) -> None:
        self._bus, self._topic, self._handler = bus, topic, handler
        self._pending: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    def put(self, ids: tuple[str, ...]) -> None:
        self._pending.update(dict.fromkeys(ids))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._pending and not self.closed:
                ids, self._pending = tuple(self._pending), {}
                try:
                    await self._handler(ids)
                except Exception:
                    log.exception("the listener of %s failed on %s", self._topic, ", ".join(ids))
        finally:
            self._task = None

    def close(self) -> None:
        self.closed = True
        self._bus.forget(self._topic, self)


class LocalBus:
    """The in-process twin of the AMQP bus: same promises, no broker."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[_Listener]] = defaultdict(list)
        self._turn: dict[str, int] = defaultdict(int)

    async def ring(self, topic: str, *ids: str) -> None:
        listeners = self._listeners.get(topic)
        if listeners:
            self._turn[topic] = turn = (self._turn[topic] + 1) % len(listeners)
            listeners[turn].put(ids)

    async def announce(self, topic: str, *ids: str) -> None:
        for listener in tuple(self._listeners.get(topic, ())):
            listener.put(ids)

    def listen(self, topic: str, handler: Handler) -> _Listener:
        listener = _Listener(self, topic, handler)
        self._listeners[topic].append(listener)
        return listener

    def forget(self, topic: str, listener: _Listener) -> None:
        if listener in self._listeners[topic]:
            self._listeners[topic].remove(listener)
