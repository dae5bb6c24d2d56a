# SPDX-License-Identifier: Apache-2.0
"""How many messages wait in the broker's queues, and who listens: asked by operators, not by services."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from samovar.config import MessagingSettings

from .brokers import brokers_of, encryption


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue as its broker tells of it. `waiting`: messages that no listener has in hand."""

    queue: str
    waiting: int
    listeners: int


@dataclass(frozen=True, slots=True)
class Depths:
    """The queues as the first broker that answers sees them; `silent`: broker → why it did not answer."""

    broker: str
    queues: tuple[Depth, ...]
    silent: dict[str, str]


async def depths(settings: MessagingSettings, topics: Sequence[str]) -> Depths:
    """What waits in these topics' queues; a queue that nobody has made yet is left out.

    Every broker that is named is spoken to, so that one that is away is noticed. Raises OptionsError.
    """
    from .session import look  # the client library is loaded only where there is a broker

    brokers, context = brokers_of(settings), encryption(settings)
    names = [f"{settings.control_exchange}.{topic}" for topic in topics]
    answers = await asyncio.gather(*(look(broker, context, names) for broker in brokers))
    silent = {
        str(broker): answer
        for broker, answer in zip(brokers, answers, strict=True)
        if isinstance(answer, str)
    }
    for broker, answer in zip(brokers, answers, strict=True):
        if not isinstance(answer, str):
            found = tuple(Depth(name, *counts) for name, counts in answer.items())
            return Depths(str(broker), found, silent)
    return Depths("", (), silent)
