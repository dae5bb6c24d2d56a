# SPDX-License-Identifier: Apache-2.0
"""How many requests all engines together have under way at each service of a cloud.

Each engine keeps to its share: the limit divided by the engines that are on duty, at least one. Nobody is
asked for a permission: engines count each other every few seconds, and one that comes or goes changes
what the others may do with their next request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from types import TracebackType

from samovar.config import OptionsError
from samovar.observability import figures

OTHERS = "*"


class ServiceLimits:
    """The shares of one engine. Raises OptionsError.

    `limits`: ``nova:16`` for a service, ``*:16`` for each that is not named. Resources that need no
    service are not limited.
    """

    def __init__(self, limits: Iterable[str]) -> None:
        self._limits = _read(limits)
        self._engines = 1
        self._queues: dict[str, _Queue] = {}
        self._free = _Free()

    def share(self, engines: int) -> None:
        """So many engines are on duty, this one included."""
        self._engines = max(1, engines)
        for service, queue in self._queues.items():
            queue.resize(self._share(service))

    def slot(self, service: str | None) -> _Queue | _Free:
        """``async with``: hold one of the service's slots. Held for a request, never for a wait."""
        if service is None:
            return self._free
        queue = self._queues.get(service)
        if queue is None:
            queue = self._queues[service] = _Queue(service, self._share(service))
        return queue

    def _share(self, service: str) -> int:
        limit = self._limits.get(service, self._limits[OTHERS])
        return max(1, limit // self._engines)


def _read(limits: Iterable[str]) -> Mapping[str, int]:
    found = {OTHERS: 16}
    for item in limits:
        service, _, number = item.partition(":")
        if not service.strip() or not number.strip().isdecimal() or int(number) < 1:
            raise OptionsError(
                f"[samovar] cloud_limits: {item!r} is not a service and a number of requests like nova:16."
            )
        found[service.strip()] = int(number)
    return found


class _Free:
    """For what needs no service."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _Queue:
    """A semaphore whose size changes; whoever waits is served in turn."""

    def __init__(self, service: str, size: int) -> None:
        self.size, self._running = size, 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        figures.CLOUD_RUNNING.labels(service).set_function(lambda: self._running)
        figures.CLOUD_WAITING.labels(service).set_function(lambda: len(self._waiting))
        figures.CLOUD_LIMIT.labels(service).set_function(lambda: self.size)

    def resize(self, size: int) -> None:
        self.size = size
        self._admit()

    async def __aenter__(self) -> None:
        if self._running < self.size and not self._waiting:
            self._running += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if (
                turn.done() and not turn.cancelled()
            ):  # it had its turn in that very moment: the next one has it
                self._leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._running -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._running < self.size:
            turn = self._waiting.popleft()
            if not turn.done():
                self._running += 1
                turn.set_result(None)
