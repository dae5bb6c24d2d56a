# SPDX-License-Identifier: Apache-2.0
"""Membership and locks in Redis, etcd, ZooKeeper, memcached or files, through tooz's drivers.

tooz is synchronous: one thread asks it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from samovar.database import new_id

from .coordinator import CoordinationUnavailable, Membership

log = logging.getLogger(__name__)
T = TypeVar("T")
LOOK_AGAIN_SECONDS = 0.25


class ToozCoordinator:
    """A samovar.coordination.Coordinator over a tooz backend. Raises ValueError where there is no driver."""

    def __init__(
        self, backend_url: str, member: str | None = None, *, heartbeat: float = 3.0, timeout: float = 10.0
    ) -> None:
        self.member = member or new_id()
        try:
            from tooz import ToozError, coordination
        except ImportError:
            raise ValueError(
                "[coordination] backend_url needs tooz: install it with the store's client, for instance "
                f"{sys.executable} -m pip install 'tooz[redis]'"
            ) from None
        self._error: type[Exception] = ToozError
        self._unknown: type[Exception] = coordination.GroupNotCreated
        self._threads = ThreadPoolExecutor(1, "coordination")
        self._epochs: dict[str, Membership] = {}
        self._joined: set[str] = set()
        self._heartbeat, self._patience, self._started = heartbeat, timeout, False
        self._beating: asyncio.Task[None] | None = None
        scheme = backend_url.partition(":")[0]
        url = backend_url
        if scheme not in ("file", "zookeeper", "kazoo") and "timeout=" not in url:
            whole = int(timeout)
            given = f"membership_timeout={whole}&timeout={whole}&lock_timeout={whole}"
            url += ("&" if "?" in url else "?") + given
        elif scheme == "file" and "membership_timeout=" not in url:
            url += ("&" if "?" in url else "?") + f"membership_timeout={int(timeout)}"
        try:
            self._coordinator = coordination.get_coordinator(url, self.member.encode())
        except (ToozError, ImportError, RuntimeError) as error:
            raise ValueError(
                f"[coordination] backend_url: there is no driver for {scheme}: {error}"
            ) from error

    async def start(self) -> None:
        try:
            await self._ask(lambda: None)
        except CoordinationUnavailable as error:
            log.warning("members cannot be found yet: %s", error)
        self._beating = asyncio.create_task(self._beat(), name="coordination heartbeat")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            try:
                await self._ask(self._coordinator.heartbeat)
            except CoordinationUnavailable as error:
                log.warning("a heartbeat was not heard: %s", error)
            except Exception:
                log.exception("a heartbeat failed; the next one follows")

    async def stop(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        for group in tuple(self._joined):
            with contextlib.suppress(CoordinationUnavailable):
                await self.leave(group)
        if self._started:
            with contextlib.suppress(CoordinationUnavailable):
                await self._ask(self._coordinator.stop)
        self._threads.shutdown(wait=False)

    async def join(self, group: str) -> None:
        await self._ask(lambda: self._coordinator.join_group_create(group.encode()))
        self._joined.add(group)

    async def leave(self, group: str) -> None:
        if group in self._joined:
            self._joined.discard(group)
            await self._ask(lambda: self._coordinator.leave_group(group.encode()).get())

    async def membership(self, group: str) -> Membership:
        def look() -> frozenset[str]:
            try:
                found = self._coordinator.get_members(group.encode()).get()
            except self._unknown:
                return frozenset()
            return frozenset(each.decode() if isinstance(each, bytes) else str(each) for each in found)

        seen = await self._ask(look)
        before = self._epochs.get(group, Membership(frozenset(), 0))
        if before.members != seen:
            self._epochs[group] = before = Membership(seen, before.epoch + 1)
        return before

    @contextlib.asynccontextmanager
    async def lock(self, name: str, *, wait: float = 0.0) -> AsyncIterator[bool]:
        lock = await self._ask(lambda: self._coordinator.get_lock(name.encode()))
        until = time.monotonic() + wait
        held = await self._ask(lambda: lock.acquire(blocking=False))
        while not held and time.monotonic() < until:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            held = await self._ask(lambda: lock.acquire(blocking=False))
        try:
            yield bool(held)
        finally:
            if held:
                await self._ask(lock.release)

    async def _ask(self, question: Callable[[], T]) -> T:
        def run() -> T:
            try:
                if not self._started:
                    self._coordinator.start()
                    self._started = True
                return question()
            except self._error as error:
                raise CoordinationUnavailable(f"{type(error).__name__}: {error}") from error

        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except TimeoutError:
            raise CoordinationUnavailable(f"no answer within {self._patience:g} s") from None
