# SPDX-License-Identifier: Apache-2.0
"""Tells whoever watches a stack that there are new events: soon, and not for each one."""

from __future__ import annotations

import asyncio
import logging

from samovar.messaging import Bus

log = logging.getLogger(__name__)
EVENTS_TOPIC = "orchestration.events"
"""Announced with the ids of root stacks in whose trees events were written."""
GATHER_SECONDS = 0.05


class EventBell:
    """Rings for one tree at most every `GATHER_SECONDS`."""

    def __init__(self, bus: Bus, root_id: str) -> None:
        self._bus, self._root_id = bus, root_id
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Announce soon."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def close(self) -> None:
        """Announce now what waits to be announced."""
        if self._task is not None:
            self._task.cancel()
            await self._announce()

    async def _later(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        self._task = None
        await self._announce()

    async def _announce(self) -> None:
        try:
            await self._bus.announce(EVENTS_TOPIC, self._root_id)
        except Exception as error:  # a lost doorbell costs whoever watches a moment, nothing else
            log.warning("events of stack %s could not be announced: %s", self._root_id, error)


__all__ = ["EVENTS_TOPIC", "EventBell"]
