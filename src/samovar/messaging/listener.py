# SPDX-License-Identifier: Apache-2.0
"""One listener of a topic: messages gather while its handler is busy and come together afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from .bus import Handler

log = logging.getLogger(__name__)

Taken = Callable[[], Awaitable[None]]
"""Called when the handler has returned: the message needs no other taker."""


class Listener:
    """A handler and what it still has to hear. `forget` is called once it is closed."""

    def __init__(self, topic: str, handler: Handler, forget: Callable[[Listener], None]) -> None:
        self.topic, self._handler, self._forget = topic, handler, forget
        self._pending: list[tuple[Sequence[str], Taken | None]] = []
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    def put(self, ids: Sequence[str], taken: Taken | None = None) -> None:
        """Hand over a message; the handler hears it next."""
        self._pending.append((ids, taken))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain(), name=f"listener {self.topic}")

    async def _drain(self) -> None:
        try:
            while self._pending and not self.closed:
                batch, self._pending = self._pending, []
                ids = tuple(dict.fromkeys(identity for part, _ in batch for identity in part))
                try:
                    await self._handler(ids)
                except Exception:
                    log.exception("the listener of %s failed on %s", self.topic, ", ".join(ids))
                for _, taken in batch:
                    if taken is not None:
                        await taken()
        finally:
            self._task = None

    def close(self) -> None:
        """Hear nothing more; what was not heard goes to another listener where there is one."""
        if not self.closed:
            self.closed = True
            self._forget(self)
