# SPDX-License-Identifier: Apache-2.0
"""Constraints on property values: pure checks, and names of checks that only a cloud can answer.

`violation(value)` returns a clause that completes a sentence ("must be one of …"), or None for a good value.
A `Custom` constraint of a lookup kind (`neutron.network`) is not answered here: the engine asks the cloud.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from samovar.orchestration.resources.syntax import SYNTAX_CHECKS


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is None:
        return f"at most {maximum}"
    if maximum is None:
        return f"at least {minimum}"
    return f"exactly {minimum}" if minimum == maximum else f"between {minimum} and {maximum}"


def _within(value: float, minimum: float | None, maximum: float | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(frozen=True, slots=True)
class Length:
    """The number of characters of a string, items of a list or keys of a map."""

    min: int | None = None
    max: int | None = None

    def violation(self, value: Any) -> str | None:
        if not isinstance(value, str | list | Mapping) or _within(len(value), self.min, self.max):
            return None
        unit = "characters" if isinstance(value, str) else "items"
        return f"must have {_bounds(self.min, self.max)} {unit}, and has {len(value)}"

    def facts(self) -> dict[str, Any]:
        bounds = {"min": self.min, "max": self.max}
        return {"length": {name: bound for name, bound in bounds.items() if bound is not None}}


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two bounds, both included."""

    min: float | None = None
    max: float | None = None

    def violation(self, value: Any) -> str | None:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or _within(value, self.min, self.max)
        ):
            return None
        return f"must be {_bounds(self.min, self.max)}, and is {value}"

    def facts(self) -> dict[str, Any]:
        bounds = {"min": self.min, "max": self.max}
        return {"range": {name: bound for name, bound in bounds.items() if bound is not None}}


@dataclass(frozen=True, slots=True)
class Modulo:
    """Numbers that leave the remainder `offset` when divided by `step`."""

    step: float
    offset: float = 0

    def violation(self, value: Any) -> str | None:
        if not _is_number(value) or value % self.step == self.offset:
            return None
        return f"must be a multiple of {self.step} plus {self.offset}, and is {value}"

    def facts(self) -> dict[str, Any]:
        return {"modulo": {"step": self.step, "offset": self.offset}}


@dataclass(frozen=True, slots=True)
class Allowed:
    """One of the listed values; of a list, every item."""

    values: tuple[Any, ...]

    def violation(self, value: Any) -> str | None:
        wrong = [item for item in (value if isinstance(value, list) else [value]) if not self._has(item)]
        if not wrong:
            return None
        shown = ", ".join(str(item) for item in self.values[:12])
        more = f" and {len(self.values) - 12} more" if len(self.values) > 12 else ""
        return f'must be one of {shown}{more}, and is "{wrong[0]}"'

    def _has(self, value: Any) -> bool:
        return value in self.values or (isinstance(value, str) and value in map(str, self.values))

    def facts(self) -> dict[str, Any]:
        return {"allowed_values": list(self.values)}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that matches the whole string."""

    pattern: str

    def violation(self, value: Any) -> str | None:
        if not isinstance(value, str) or _compiled(self.pattern).fullmatch(value):
            return None
        return f'must match the pattern {self.pattern}, and is "{value[:80]}"'

    def facts(self) -> dict[str, Any]:
        return {"allowed_pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Custom:
    """A check known by name: of syntax (`ip_addr`, answered here) or of existence (`nova.flavor`)."""

    name: str

    @property
    def needs_cloud(self) -> bool:
        return self.name not in SYNTAX_CHECKS

    def violation(self, value: Any) -> str | None:
        check = SYNTAX_CHECKS.get(self.name)
        return None if check is None else check(value)

    def facts(self) -> dict[str, Any]:
        return {"custom_constraint": self.name}


Constraint = Length | Range | Modulo | Allowed | Pattern | Custom
