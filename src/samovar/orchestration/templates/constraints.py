# SPDX-License-Identifier: Apache-2.0
"""Constraints on parameters (and, by the same words, on properties)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from samovar.orchestration.templates.values import Value, shown


class Matcher(Protocol):
    """Matches regular expressions with bounds on time (see nodes.Sandbox)."""

    def match(self, pattern: str, text: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule. `description` is the author's own sentence for a value that breaks it."""

    description: str = ""
    kind: ClassVar[str] = ""
    types: ClassVar[frozenset[str]] = frozenset()

    def violation(self, value: Value, matcher: Matcher) -> str:
        """What is wrong with the value, or ''. Raises ValueError when the rule itself can't be applied."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Length(Constraint):
    kind: ClassVar[str] = "length"
    types: ClassVar[frozenset[str]] = frozenset({"string", "comma_delimited_list", "json"})
    minimum: int | None = None
    maximum: int | None = None

    def violation(self, value: Value, matcher: Matcher) -> str:
        length = len(value)
        if (self.minimum is not None and length < self.minimum) or (
            self.maximum is not None and length > self.maximum
        ):
            return f"its length is {length}; it must be {_bounds(self.minimum, self.maximum)}"
        return ""


@dataclass(frozen=True, slots=True)
class Range(Constraint):
    kind: ClassVar[str] = "range"
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    minimum: float | None = None
    maximum: float | None = None

    def violation(self, value: Value, matcher: Matcher) -> str:
        if (self.minimum is not None and value < self.minimum) or (
            self.maximum is not None and value > self.maximum
        ):
            return f"{shown(value)} is out of range; it must be {_bounds(self.minimum, self.maximum)}"
        return ""


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is None:
        return f"at most {maximum}"
    if maximum is None:
        return f"at least {minimum}"
    return f"between {minimum} and {maximum}"


@dataclass(frozen=True, slots=True)
class Modulo(Constraint):
    kind: ClassVar[str] = "modulo"
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    step: int = 1
    offset: int = 0

    def violation(self, value: Value, matcher: Matcher) -> str:
        if value % self.step != self.offset:
            return f"{shown(value)} is not a multiple of {self.step} plus {self.offset}"
        return ""


@dataclass(frozen=True, slots=True)
class AllowedValues(Constraint):
    kind: ClassVar[str] = "allowed_values"
    types: ClassVar[frozenset[str]] = frozenset({"string", "number", "boolean", "comma_delimited_list"})
    allowed: tuple[Any, ...] = ()

    def violation(self, value: Value, matcher: Matcher) -> str:
        allowed = self.allowed if len(self.allowed) < 20 else frozenset(self.allowed)
        for item in value if isinstance(value, list) else [value]:
            if item not in allowed:
                return f'"{shown(item)}" is not one of {_listed(self.allowed)}'
        return ""


def _listed(values: Sequence[Any]) -> str:
    text = ", ".join(shown(value, 40) for value in values[:12])
    return text + (f" and {len(values) - 12} more" if len(values) > 12 else "")


@dataclass(frozen=True, slots=True)
class AllowedPattern(Constraint):
    kind: ClassVar[str] = "allowed_pattern"
    types: ClassVar[frozenset[str]] = frozenset({"string"})
    pattern: str = ""

    def violation(self, value: Value, matcher: Matcher) -> str:
        if not isinstance(value, str):
            return "it is not a string"
        matches = match_quickly(self.pattern, value)
        if matches is None:
            matches = matcher.match(self.pattern, value)
        return "" if matches else f'"{shown(value)}" does not match the pattern "{shown(self.pattern, 100)}"'


@dataclass(frozen=True, slots=True)
class CustomConstraint(Constraint):
    """Checked by the cloud's services or by a syntax rule, above this room: `name` says which."""

    kind: ClassVar[str] = "custom_constraint"
    types: ClassVar[frozenset[str]] = frozenset({"string", "number", "comma_delimited_list", "boolean"})
    name: str = ""

    def violation(self, value: Value, matcher: Matcher) -> str:
        return ""


_SIMPLE_PATTERN = re.compile(
    # Characters, classes and escapes, each perhaps repeated: no groups, alternatives or back references.
    r"\^?(?:(?:\[\^?\]?(?:\\.|[^\]\\\[])*\]|\\[wWdDsS./\-+*?()\[\]{}|^$_:@ ]|[^\\\[\](){}|*+?^$])"
    r"(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})?)*\$?"
)


def match_quickly(pattern: str, text: str) -> bool | None:
    """The answer where it is certainly quick: few repeats, none inside another. None: ask the sandbox."""
    if len(pattern) > 500 or len(text) > 2000 or not _SIMPLE_PATTERN.fullmatch(pattern):
        return None
    repeats = len(re.findall(r"(?<!\\)[*+{]", pattern))
    if (len(text) + 1) ** max(1, repeats) > 200_000:
        return None
    try:
        found = re.match(pattern, text)
    except (re.error, OverflowError, RecursionError):
        return None
    return found is not None and found.end() == len(text)
