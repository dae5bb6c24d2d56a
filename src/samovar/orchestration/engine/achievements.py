# SPDX-License-Identifier: Apache-2.0
"""What an operation has achieved so far, for the history of its stack: counts, and the first few names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CREATED, UPDATED, REPLACED, DELETED = "created", "updated", "replaced", "deleted"
VERBS = (CREATED, UPDATED, REPLACED, DELETED)
MOST_NAMES = 10


class Done:
    """Written down together with the states that it counts, so that a crash neither loses nor repeats any."""

    __slots__ = ("_changed", "_counts", "_names")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}
        self._changed = False

    def load(self, stored: Mapping[str, Any] | None) -> None:
        """Go on from what an earlier holder of the operation had achieved."""
        for verb, found in (stored or {}).items():
            self._counts[verb], self._names[verb] = found["count"], list(found["names"])

    def note(self, verb: str, name: str) -> None:
        """Count one more resource."""
        self._counts[verb] = self._counts.get(verb, 0) + 1
        names = self._names.setdefault(verb, [])
        if len(names) < MOST_NAMES:
            names.append(name)
        self._changed = True

    def news(self) -> dict[str, Any] | None:
        """Everything, to be written; None when that is written already."""
        if not self._changed:
            return None
        self._changed = False
        return self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        return {
            verb: {"count": count, "names": list(self._names[verb])} for verb, count in self._counts.items()
        }


__all__ = ["CREATED", "DELETED", "REPLACED", "UPDATED", "VERBS", "Done"]
