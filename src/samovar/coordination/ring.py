# SPDX-License-Identifier: Apache-2.0
"""The HashRing: which member an item belongs to; members that come or go move few items.

Every member has a number of points on a circle of 128 bits; an item belongs to the member whose point
is the first at or after its own hash. Points and hashes are those of tooz.hashring, so that members which
use tooz itself place items alike.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Iterable

POINTS = 32


class HashRing:
    """A ring of members. Without members nobody has anything."""

    def __init__(self, members: Iterable[str], points: int = POINTS) -> None:
        circle: dict[int, str] = {}
        for member in sorted(members):
            name = member.encode()
            growing = hashlib.md5(name, usedforsecurity=False)
            for _ in range(points):
                growing.update(name)
                circle[int.from_bytes(growing.digest(), "big")] = member
        self._places = sorted(circle)
        self._members = [circle[place] for place in self._places]

    def owner(self, item: str) -> str | None:
        """The member that the item belongs to."""
        if not self._places:
            return None
        place = int.from_bytes(hashlib.md5(item.encode(), usedforsecurity=False).digest(), "big")
        position = bisect(self._places, place)
        return self._members[position if position < len(self._members) else 0]
