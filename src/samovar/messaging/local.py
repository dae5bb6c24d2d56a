# SPDX-License-Identifier: Apache-2.0
"""The bus inside one process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from samovar.observability import figures

from .bus import Handler
from .listener import Listener


class LocalBus:
    """The in-process twin of the AMQP bus: same promises, no broker."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._turn: dict[str, int] = defaultdict(int)

    async def ring(self, topic: str, *ids: str) -> None:
        listeners = self._listeners.get(topic)
        if listeners and ids:
            figures.BUS_SENT.labels(topic).inc()
            self._turn[topic] = turn = (self._turn[topic] + 1) % len(listeners)
            listeners[turn].put(ids)

    async def announce(self, topic: str, *ids: str) -> None:
        if ids:
            figures.BUS_SENT.labels(topic).inc()
            self.spread(topic, ids)

    def spread(self, topic: str, ids: Sequence[str]) -> None:
        """Put the ids before every listener here."""
        for listener in tuple(self._listeners.get(topic, ())):
            listener.put(ids)

    def listen(self, topic: str, handler: Handler) -> Listener:
        listener = Listener(topic, handler, self.forget)
        self.admit(listener)
        return listener

    def admit(self, listener: Listener) -> None:
        """Give the listener its place."""
        self._listeners[listener.topic].append(listener)

    def has(self, topic: str) -> bool:
        """Whether anybody listens to the topic here."""
        return bool(self._listeners.get(topic))

    def forget(self, listener: Listener) -> None:
        """Take its place away."""
        if listener in self._listeners[listener.topic]:
            self._listeners[listener.topic].remove(listener)

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def trouble(self) -> str | None:
        return None
