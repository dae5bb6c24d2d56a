# SPDX-License-Identifier: Apache-2.0
"""Letting connections end before a load balancer goes: nothing new is taken, what is there may finish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ..datagrams import PROTOCOLS
from ..tree import Tree
from .agent import Agent, AgentRefused, AgentUnreachable

__all__ = ["drain"]

log = logging.getLogger(__name__)
PAUSE = 0.25


async def drain(agents: Sequence[Agent], tree: Tree, seconds: float) -> None:
    """Until no listener of `tree` has a connection, or for `seconds`. An amphora that does not answer has
    nothing to drain."""
    names = [one.id for one in tree.listeners if one.enabled and one.protocol not in PROTOCOLS]
    if names and seconds > 0:
        await asyncio.gather(*(_drain(agent, names, seconds) for agent in agents))


async def _drain(agent: Agent, names: Sequence[str], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await agent.post("/1/runtime", {"commands": [f"disable frontend {name}" for name in names]})
            while True:
                if not await _busy(agent, names):
                    return
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        log.info("amphora %s still had connections after %g seconds", agent.amphora_id, seconds)
    except (AgentRefused, AgentUnreachable) as error:
        log.warning("amphora %s was not drained: %s", agent.amphora_id, error)


async def _busy(agent: Agent, names: Sequence[str]) -> bool:
    """Whether it has connections; those from before a reload are another HAProxy's, which is leaving."""
    found = await agent.get("/1/statistics")
    numbers = found["statistics"]
    return bool(found.get("leaving")) or any(
        numbers.get(name, {}).get("active_connections") for name in names
    )
