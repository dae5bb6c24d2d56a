# SPDX-License-Identifier: Apache-2.0
"""A Partition: the part of a group's work that is this member's, in one cycle."""

from __future__ import annotations

import logging

from .coordinator import CoordinationUnavailable, Coordinator, Membership
from .ring import HashRing

log = logging.getLogger(__name__)


class Partition:
    """Asked for each item of a cycle; `refresh` it before the cycle.

    When the backend does not answer, the members are believed to be who they were: two that cannot see
    each other both go on with what they had, and nothing is left undone.
    """

    def __init__(self, coordinator: Coordinator, group: str, prefix: str | None = None) -> None:
        self.group = f"{prefix}-{group}" if prefix else group
        self._coordinator = coordinator
        self._joined = False
        self._seen: Membership | None = None
        self._ring = HashRing(())

    @property
    def epoch(self) -> int:
        """The epoch of the membership that the answers are from; 0 before the first."""
        return self._seen.epoch if self._seen is not None else 0

    async def refresh(self) -> None:
        """Look who is here, joining first if need be. Raises nothing: the log tells."""
        try:
            seen = await self._coordinator.membership(self.group)
            if not self._joined or self._coordinator.member not in seen.members:
                await self._coordinator.join(self.group)
                self._joined = True
                seen = await self._coordinator.membership(self.group)
        except CoordinationUnavailable as error:
            log.warning("who shares the work of %s is not known: %s", self.group, error)
            if self._seen is None:
                self._seen = Membership(frozenset({self._coordinator.member}), 0)
                self._ring = HashRing(self._seen.members)
            return
        if self._seen is None or seen.members != self._seen.members:
            self._ring = HashRing(seen.members)
            log.info("%s is shared by %d since epoch %d", self.group, len(seen.members), seen.epoch)
        self._seen = seen

    def mine(self, item: str) -> bool:
        """Whether the item is this member's in this cycle."""
        return self._ring.owner(item) == self._coordinator.member

    async def leave(self) -> None:
        """Have the others take over."""
        if self._joined:
            self._joined = False
            try:
                await self._coordinator.leave(self.group)
            except CoordinationUnavailable as error:
                log.warning("%s could not be left: %s", self.group, error)
