# SPDX-License-Identifier: Apache-2.0
"""A validator that remembers: for a moment in the process, for a minute in the cluster's cache.

A token that was good is believed for `seconds` after it was last asked for where it was made; one that is
revoked meanwhile is refused after that time at the latest.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import time
from typing import Any, Protocol

import msgspec

from .context import Context, InvalidToken, TokenValidator

LONGEST = 60.0
IN_PROCESS = 5.0
REMEMBERED = 4096


class _Cache(Protocol):
    async def get(self, key: str) -> Any: ...
    async def set(self, key: str, value: Any, seconds: float) -> None: ...


class RememberingValidator:
    """A TokenValidator before another one; what it remembers others may have been told first."""

    def __init__(self, inner: TokenValidator, cache: _Cache, seconds: float = LONGEST) -> None:
        self._inner, self._cache = inner, cache
        self._seconds = min(seconds, LONGEST)
        self._known: dict[str, tuple[float, Context]] = {}
        self._asking: dict[str, asyncio.Task[Context]] = {}

    async def validate(self, token: str) -> Context:
        """The context of the token; raises InvalidToken when it is not good."""
        known = self._known.get(token)
        if known is not None and time.monotonic() < known[0]:
            return _unexpired(known[1])
        asking = self._asking.get(token)
        if asking is None:
            asking = asyncio.get_running_loop().create_task(self._look_up(token))
            self._asking[token] = asking
            asking.add_done_callback(lambda _: self._asking.pop(token, None))
        return await asyncio.shield(asking)

    async def _look_up(self, token: str) -> Context:
        found = await self._cache.get(f"token {token}") if self._seconds >= 1 else None
        age = max(0.0, time.time() - found[0]) if found is not None else self._seconds
        if found is not None and age < self._seconds:
            context = dataclasses.replace(msgspec.convert(found[1], Context), token=token)
        else:
            context, age = await self._inner.validate(token), 0.0
            forgetting = dataclasses.replace(context, token="", request_id="")
            stored = msgspec.to_builtins(forgetting)
            await self._cache.set(f"token {token}", [time.time(), stored], self._seconds)
        left = min(IN_PROCESS, self._seconds - age)
        if left > 0:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[token] = time.monotonic() + left, context
        return _unexpired(context)


def _unexpired(context: Context) -> Context:
    if context.expires_at is not None and context.expires_at <= datetime.datetime.now(datetime.UTC):
        raise InvalidToken("The token has expired.")
    return context
