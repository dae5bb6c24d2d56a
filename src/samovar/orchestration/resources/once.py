# SPDX-License-Identifier: Apache-2.0
"""What follows from a declaration alone is found once, and copied for whoever asks."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
MOST = 10_000
"""Declarations made of users' templates come and go: beyond so many all is found again."""


class PerDeclaration(Generic[T]):
    """Plain values by declaration, told apart by identity: declarations never change."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, T]] = {}

    def of(self, declaration: object) -> T | None:
        """A copy of what is known."""
        found = self._known.get(id(declaration))
        return plain_copy(found[1]) if found is not None else None

    def remember(self, declaration: object, value: T) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[id(declaration)] = declaration, plain_copy(value)  # held, so that its id stays its own


def plain_copy(value: T) -> T:
    """A copy of maps and lists that shares what can not change."""
    return cast(T, _copied(value))


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
