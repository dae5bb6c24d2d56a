# SPDX-License-Identifier: Apache-2.0
"""Values as functions see them: plain JSON-able data, and two that are none: Unknown and OMIT."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Value = Any
"""None, bool, int, float, str, list, dict, Unknown, OMIT; lists and dicts of these."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that will be known later, such as the id of a resource that is not made yet.

    `source` says in a few words where it will come from (`resources.net id`). A function of an Unknown is
    Unknown; nothing else may look into it.
    """

    source: str = ""

    def __str__(self) -> str:
        return f"(known later: {self.source})" if self.source else "(known later)"


class _Omit:
    """The result of a two-argument `if` that is false: the item, key or property is left out."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = _Omit()


def find_unknown(value: Value) -> Unknown | None:
    """The first Unknown anywhere in the value."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, dict):
        items: Iterable[Value] = value.values()
    elif isinstance(value, list):
        items = value
    else:
        return None
    for item in items:
        if isinstance(item, (dict, list, Unknown)):
            found = find_unknown(item)
            if found is not None:
                return found
    return None


def contains_unknown(value: Value) -> bool:
    return find_unknown(value) is not None


def select_path(value: Value, path: Sequence[Value]) -> Value:
    """Follow the path as get_attr does: a step that does not exist gives None.

    Lists are indexed by whole numbers only, maps by strings (or numbers where the keys are numbers).
    """
    for step in path:
        if isinstance(value, Unknown):
            return value
        if isinstance(value, Mapping):
            value = value.get(step) if isinstance(step, (str, int, float)) else None
        elif isinstance(value, (list, tuple)) and isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        else:
            return None
    return value


def json_text(value: Value) -> str:
    """JSON with sorted keys and `", "`/`": "` separators: how functions write maps and lists into strings."""
    return json.dumps(value, sort_keys=True)


def type_name(value: Value) -> str:
    """What the value is, in the words of templates."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return type(value).__name__


def shown(value: Value, longest: int = 60) -> str:
    """The value for a sentence, cut short."""
    text = value if isinstance(value, str) else str(value) if _is_small(value) else type_name(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _is_small(value: Value) -> bool:
    if isinstance(value, int):
        return -(10**30) < value < 10**30
    return not isinstance(value, (dict, list)) or len(value) <= 8
