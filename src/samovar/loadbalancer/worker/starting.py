# SPDX-License-Identifier: Apache-2.0
"""Waiting for compute to start servers: one question for all that are waited for, however many."""

from __future__ import annotations

import asyncio

from samovar.clients import Cloud

__all__ = ["Starting"]

PAUSE, LONGEST_PAUSE = 0.03, 1.0


class Starting:
    """The more servers start at once, the seldomer compute is asked: each costs it about the same."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._waiting = 0
        self._asked = False
        self._asking: asyncio.Task[set[str]] | None = None

    async def over(self, server_id: str) -> None:
        """Until the server is not being built any more, whatever became of it."""
        self._waiting += 1
        try:
            if self._asking is not None and self._asked:  # perhaps before there was this server
                await asyncio.wait({self._asking})
            while server_id in await self._building():
                pass
        finally:
            self._waiting -= 1

    async def _building(self) -> set[str]:
        """The servers that are being built, asked for after a pause."""
        if self._asking is None or self._asking.done():
            self._asked = False
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> set[str]:
        await asyncio.sleep(min(PAUSE * self._waiting, LONGEST_PAUSE))
        self._asked = True
        found = await self._cloud.get("compute", "/servers", query={"status": "BUILD"})
        return {str(server["id"]) for server in found["servers"]}

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
