# SPDX-License-Identifier: Apache-2.0
"""Working through a graph: as much at once as the graph allows, until done, failed or stopped.

Nodes whose work needs no waiting are done in place; the others get a task each. After a failure
nothing new begins (unless told to keep going) and what runs is let run.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from samovar.graph import Graph, Walk
from samovar.observability import traced

N = TypeVar("N", bound=Hashable)
AT_ONCE = 512
SLICE = 64

Begin = Callable[[N], Coroutine[Any, Any, None] | None]
"""Does a node's work: returns None when it is done already, else a coroutine that does it."""


class Pursuit(Generic[N]):
    """One walk through one graph."""

    def __init__(self, graph: Graph[N], begin: Begin[N], *, keep_going: bool = False) -> None:
        self._walk = Walk(graph)
        self._begin = begin
        self._keep_going = keep_going
        self._ready: deque[N] = deque()
        self._running: dict[asyncio.Task[None], N] = {}
        self._ended: deque[asyncio.Task[None]] = deque()
        self._news = asyncio.Event()
        self._stopped = False
        self.failures: list[tuple[N, Exception]] = []
        self.fatal: BaseException | None = None

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """(all, done, failed, blocked)"""
        return self._walk.counts

    @property
    def complete(self) -> bool:
        """Whether every node is done."""
        total, done, _failed, _blocked = self._walk.counts
        return total == done

    def stop(self) -> None:
        """Begin nothing new; what runs goes on."""
        self._stopped = True
        self._news.set()

    def cancel(self) -> None:
        """Begin nothing new and cancel what runs."""
        self.stop()
        for task in self._running:
            task.cancel()

    async def run(self) -> None:
        """Return when nothing runs any more and nothing may begin.

        A failure of a node's work is collected in `failures`; anything that is no Exception, or a
        failure that `Fatal` wraps, ends the walk and is raised.
        """
        self._ready.extend(self._walk.start())
        steps = 0
        try:
            while True:
                while self._ready and self._may_begin():
                    self._start(self._ready.popleft())
                    steps += 1
                    if steps % SLICE == 0:
                        await asyncio.sleep(0)
                        self._collect()
                if not self._running and not self._ended:
                    break
                await self._news.wait()
                self._news.clear()
                self._collect()
                if self.fatal is not None:
                    break
        finally:
            for task in self._running:
                task.cancel()
            if self._running:
                await asyncio.gather(*self._running, return_exceptions=True)
        if self.fatal is not None:
            raise self.fatal

    def _may_begin(self) -> bool:
        if self._stopped or self.fatal is not None or (self.failures and not self._keep_going):
            return False
        return len(self._running) < AT_ONCE

    def _start(self, node: N) -> None:
        try:
            work = self._begin(node)
        except Fatal as error:
            self.fatal = error.cause
            return
        except Exception as error:
            self._fail(node, error)
            return
        if work is None:
            self._ready.extend(self._walk.done(node))
            return
        task = asyncio.get_running_loop().create_task(traced(work, node))
        self._running[task] = node
        task.add_done_callback(self._note)

    def _note(self, task: asyncio.Task[None]) -> None:
        self._ended.append(task)
        self._news.set()

    def _collect(self) -> None:
        while self._ended:
            task = self._ended.popleft()
            node = self._running.pop(task, None)
            if node is None:
                continue
            if task.cancelled():
                self._walk.failed(node)
                continue
            error = task.exception()
            if error is None:
                self._ready.extend(self._walk.done(node))
            elif isinstance(error, Fatal):
                self.fatal = error.cause
            elif isinstance(error, Exception):
                self._fail(node, error)
            else:
                self.fatal = error

    def _fail(self, node: N, error: Exception) -> None:
        self.failures.append((node, error))
        if self._keep_going:
            # What depends on it is done all the same: a check looks at everything.
            self._ready.extend(self._walk.done(node))
        else:
            self._walk.failed(node)


class Fatal(Exception):
    """Ends the whole walk: the lease is lost, the database is gone, or the program is wrong."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause
