# SPDX-License-Identifier: Apache-2.0
"""The Coordinator: what every backend offers, and the one of a process that has no others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class CoordinationUnavailable(ConnectionError):
    """The backend does not answer: nobody knows who is here."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who is in a group. `epoch` grows with each change that this backend has seen."""

    members: frozenset[str]
    epoch: int


class Coordinator(Protocol):
    """One member's view of its groups. All methods but `lock` raise CoordinationUnavailable."""

    @property
    def member(self) -> str:
        """This process's name among the members."""

    async def start(self) -> None:
        """Begin to tell the backend that this member lives."""

    async def stop(self) -> None:
        """Leave every group, so that the others take over at once."""

    async def join(self, group: str) -> None:
        """Become a member; the group is made when it is not there."""

    async def leave(self, group: str) -> None:
        """Stop being a member; harmless when it is none."""

    async def membership(self, group: str) -> Membership:
        """Who is in the group now."""

    def lock(self, name: str, *, wait: float = 0.0) -> AbstractAsyncContextManager[bool]:
        """Hold a lock for the body of ``async with``; what it gives is False when another holds it.

        `wait`: seconds to wait for it. A holder that dies loses it after a while; one that is frozen may
        wake up while another holds it: the work must bear that.
        """


class Alone:
    """The only member of each group, with locks of this process's own."""

    def __init__(self, member: str = "alone") -> None:
        self.member = member
        self._joined: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}

    async def start(self) -> None:
        """Nothing to tell anybody."""

    async def stop(self) -> None:
        self._joined.clear()

    async def join(self, group: str) -> None:
        self._joined.add(group)

    async def leave(self, group: str) -> None:
        self._joined.discard(group)

    async def membership(self, group: str) -> Membership:
        return Membership(frozenset({self.member} if group in self._joined else ()), 1)

    @contextlib.asynccontextmanager
    async def lock(self, name: str, *, wait: float = 0.0) -> AsyncIterator[bool]:
        lock = self._locks.setdefault(name, asyncio.Lock())
        if lock.locked() and wait <= 0:
            yield False
            return
        try:
            async with asyncio.timeout(wait or None):
                await lock.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
