# SPDX-License-Identifier: Apache-2.0
"""What one process was told a moment ago."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

MOST = 256
LONGEST = 10.0


class Recent:
    """A Cache in this process alone: the last few values, each for ten seconds at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, Any]] = {}

    async def get(self, key: str) -> Any:
        until, value = self._known.get(key, (0.0, None))
        return value if self._clock() < until else None

    async def set(self, key: str, value: Any, seconds: float) -> None:
        self._known.pop(key, None)
        self._known[key] = (self._clock() + min(seconds, LONGEST), value)
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    async def close(self) -> None:
        self._known.clear()
