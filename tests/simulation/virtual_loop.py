# SPDX-License-Identifier: Apache-2.0
"""An event loop on a virtual clock, whose tasks belong to processes that may be frozen or killed.

Nothing sleeps: when no callback is ready, the clock jumps to the next timer. Each callback belongs to the
process in whose context it was made. Those of a frozen process are kept back until it wakes (SIGSTOP,
SIGCONT), those of a dead one are dropped (SIGKILL): not even a `finally` runs.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any

MOST_ROUNDS = 20_000


class Process:
    """Something that can be frozen, woken and killed. `skew`: how many seconds its wall clock is ahead."""

    def __init__(self, name: str, skew: float = 0.0) -> None:
        self.name, self.skew = name, skew
        self.state = "running"
        self.kept_back: deque[asyncio.Handle] = deque()

    def context(self) -> Context:
        """The context in which its first task runs; all that comes of it belongs to the process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return context


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class NothingHappens(RuntimeError):
    """No callback is ready and no timer runs: what is awaited will never come."""


class NoTimePasses(RuntimeError):
    """Callbacks follow each other without end while the clock stands still."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in order on one thread; the same calls always give the same order."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._sequence = itertools.count()
        self._rounds = 0  # since the clock last moved

    def time(self) -> float:
        return self._now

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._sequence), timer))
        return timer

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """There are no threads: the work is done here and now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def wake(self, process: Process) -> None:
        process.state = "running"
        self._ready.extend(process.kept_back)
        process.kept_back.clear()

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        if not ready:
            while timers and timers[0][2]._cancelled:
                heapq.heappop(timers)
            if not timers:
                raise NothingHappens
            if timers[0][0] > self._now:
                self._now, self._rounds = timers[0][0], 0
        self._rounds += 1
        if self._rounds > MOST_ROUNDS:
            raise NoTimePasses(repr(ready[0]) if ready else "")
        while timers and timers[0][0] <= self._now:
            timer = heapq.heappop(timers)[2]
            if not timer._cancelled:
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(PROCESS)
            if process is None or process.state == "running":
                handle._run()
            elif process.state == "frozen":
                process.kept_back.append(handle)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def _write_to_self(self) -> None:
        pass
