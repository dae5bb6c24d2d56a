# SPDX-License-Identifier: Apache-2.0
"""Requests that are not broken off halfway.

A service goes on with a request whose sender has hung up, so a sender that hangs up and then looks for what
it made may look too early. So a cancellation waits for the answer, for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
FINISH_SECONDS = 10.0


async def to_its_end(work: Awaitable[T], seconds: float = FINISH_SECONDS) -> T:
    """Await `work`; when this is cancelled, let it end within `seconds` before the cancellation goes on."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        until = loop.time() + seconds
        while not task.done() and (left := until - loop.time()) > 0:
            with contextlib.suppress(asyncio.CancelledError):  # told once already
                await asyncio.wait({task}, timeout=left)
        if not task.done():
            task.cancel()
        elif not task.cancelled():
            task.exception()
        raise
