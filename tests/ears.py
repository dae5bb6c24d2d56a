# SPDX-License-Identifier: Apache-2.0
"""Listeners of the tests, and waiting for what they hear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from samovar.messaging import Bus


class Ear:
    """A handler that remembers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, ids: Sequence[str]) -> None:
        self.heard.extend(ids)

    async def until(self, *ids: str) -> None:
        """Wait until it has heard all these."""
        await eventually(lambda: set(ids) <= set(self.heard))


async def eventually(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (what is waited for happens in the broker)
            await asyncio.sleep(0.02)


async def attached(ringing: Bus, topic: str, *ears: Ear) -> None:
    """Wait until an announcement of `ringing` reaches every one of them, then let them forget it."""
    async with asyncio.timeout(15):
        while not all(ear.heard for ear in ears):
            await ringing.announce(topic, "here")
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)
    for ear in ears:
        ear.heard.clear()
