# SPDX-License-Identifier: Apache-2.0
"""What a bus promises.

The database is the truth and the bus a doorbell: a message may be lost or come twice, and whoever
listens must also look for itself from time to time. A message carries ids only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

Handler = Callable[[Sequence[str]], Awaitable[None]]
"""Receives the ids of one or several messages of its topic at once."""


class Subscription(Protocol):
    """A listener's place on the bus."""

    def close(self) -> None:
        """Take no further messages."""


class Bus(Protocol):
    """Topics, with one receiver per ring or all receivers per announcement.

    Neither waits for a receiver, and neither fails because nobody can be reached.
    """

    async def ring(self, topic: str, *ids: str) -> None:
        """Tell one listener of the topic, in turn, about these ids."""

    async def announce(self, topic: str, *ids: str) -> None:
        """Tell every listener of the topic about these ids."""

    def listen(self, topic: str, handler: Handler) -> Subscription:
        """Call `handler` with the ids of each message until the subscription is closed.

        A ring counts as taken when the handler has returned; until then it may go to another.
        """

    async def start(self) -> None:
        """Begin to carry messages."""

    async def close(self) -> None:
        """Carry what is under way, then end."""

    def trouble(self) -> str | None:
        """What keeps messages from being carried now, in one sentence; None: nothing does."""
