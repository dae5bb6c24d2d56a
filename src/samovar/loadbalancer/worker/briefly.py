# SPDX-License-Identifier: Apache-2.0
"""Answers that are good for a moment: who asks the same beside others, or just after them, gets theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Briefly"]

T = TypeVar("T")
SECONDS = 1.0


class Briefly(Generic[T]):
    """So that a hundred load balancers that are made at once do not ask a hundred times what is the same."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._known: dict[str, tuple[float, T]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives; what it raises is raised, and not kept."""
        async with self._asking.setdefault(key, asyncio.Lock()):
            now = time.monotonic()
            self._known = {name: one for name, one in self._known.items() if now - one[0] < self._seconds}
            if key not in self._known:
                self._known[key] = (now, await ask())
                if len(self._asking) > len(self._known):
                    self._asking = {name: lock for name, lock in self._asking.items() if lock.locked()}
            return self._known[key][1]

    def forget(self) -> None:
        """Ask again."""
        self._known.clear()
