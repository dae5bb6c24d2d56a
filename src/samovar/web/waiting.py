# SPDX-License-Identifier: Apache-2.0
"""Whether the client of a request still waits for its answer."""

from __future__ import annotations

import asyncio
from types import TracebackType

from .api import Call

__all__ = ["Waiting"]


class Waiting:
    """Watches the client of `call` while its handler works, once the body has been read.

        async with Waiting(call) as client:
            ...

    A client that gives up looks for what it asked for, sees nothing, and asks again: what was not begun by
    then must not be done any more. `gone` may be read in any thread.
    """

    def __init__(self, call: Call) -> None:
        self.gone = False
        self._request = call.request
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Waiting:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self.gone = True
