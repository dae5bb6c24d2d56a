# SPDX-License-Identifier: Apache-2.0
"""Definitions that were used lately, with what was read from their texts: no definition ever changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from .definitions import Definition, weight

T = TypeVar("T")
MOST = 20_000
"""How much is remembered: resources and kilobytes of files, each definition counting as 20 at least."""


@dataclass(frozen=True, slots=True)
class _Read:
    definition: Definition
    made: Any
    weight: int


class Remembered:
    """Shared by all who work with one database in a process; big templates are read in threads."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, _Read] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def reading(self, definition: Definition, read: Callable[[], T]) -> T:
        """What `read` makes of a definition, made now where it is not known."""
        with self._lock:
            found = self._read.get(definition.id)
            if found is not None:
                self._read.move_to_end(definition.id)
                known: T = found.made
                return known
        made = read()
        with self._lock:
            if definition.id not in self._read:
                self._read[definition.id] = fresh = _Read(definition, made, weight(definition))
                self._weight += fresh.weight
            while self._weight > MOST and len(self._read) > 1:
                self._weight -= self._read.popitem(last=False)[1].weight
        return made

    def definition(self, identity: str) -> Definition | None:
        """A definition that is remembered; whoever gets it changes nothing in it."""
        found = self._read.get(identity)
        return found.definition if found is not None else None


__all__ = ["Remembered"]
