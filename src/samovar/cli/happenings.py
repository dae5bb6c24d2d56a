# SPDX-License-Identifier: Apache-2.0
"""What happens to a stack: from the stream of events, or from a plain Heat's list of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from samovar.clients import CloudError, CloudUnreachable, NoEventStream, event_stream

from .main import CommandError
from .session import Orchestration

DEPTH = {"nested_depth": 20}
POLL_SECONDS = 1.0
PATIENCE = 60.0  # seconds without the cloud
Event = dict[str, Any]


async def happenings(api: Orchestration, identity: str, after: str | None) -> AsyncIterator[list[Event]]:
    """The events of the stack and its nested stacks from the one after `after` on; without end.

    A connection that breaks is made again, and nothing is missed. Raises CommandError when the cloud stays
    away.
    """
    path, marker, away = f"/stacks/{identity}/events", after, 0.0
    while True:
        try:
            async for event in event_stream(api.cloud, "orchestration", path, query=DEPTH, after=marker):
                marker, away = event.id, 0.0
                yield [event.data]
        except NoEventStream:
            break
        except (CloudUnreachable, CloudError) as error:
            away += POLL_SECONDS
            if away > PATIENCE:
                raise CommandError(f"the cloud does not answer: {error}") from error
            await asyncio.sleep(POLL_SECONDS)
    async for events in _listed(api, path, marker):
        yield events


async def _listed(api: Orchestration, path: str, marker: str | None) -> AsyncIterator[list[Event]]:
    while True:
        query = {**DEPTH, "sort_dir": "asc", "limit": 500, **({"marker": marker} if marker else {})}
        events = (await api.ask("GET", path, query=query))["events"]
        if events:
            marker = events[-1]["id"]
        yield events
        if not events:
            await asyncio.sleep(POLL_SECONDS)


__all__ = ["Event", "happenings"]
