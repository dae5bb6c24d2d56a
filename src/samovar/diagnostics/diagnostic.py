# SPDX-License-Identifier: Apache-2.0
"""A finding about what the user gave us, as a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from samovar.diagnostics.place import Place


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: what is wrong, where, and what to do.

    `code` is stable and stands in the registry (`samovar.diagnostics.codes`); `message` is one sentence;
    `advice` says what to do about it, or is empty; `path` is where it is in the stack, such as
    `resources.server.properties.image`.
    """

    severity: Severity
    code: str
    message: str
    advice: str = ""
    place: Place | None = None
    path: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def at(self, place: Place | None, path: str = "") -> Diagnostic:
        """The same finding with a place and path, where it has none yet."""
        return replace(self, place=self.place or place, path=self.path or path)

    def sentence(self) -> str:
        """Path and message on one line, as an API's error text shows it."""
        return f"{self.path}: {self.message}" if self.path else self.message

    def as_dict(self) -> dict[str, object]:
        return {
            "severity": self.severity.value,
            "code": self.code,
            "message": self.message,
            "advice": self.advice,
            "path": self.path,
            "place": self.place.as_dict() if self.place else None,
        }


MOST = 200
"""Findings of one severity that one collection keeps: nobody reads more, and there could be millions."""


class Diagnostics:
    """The findings of one pass, in the order of finding: at most MOST errors and MOST warnings.

    `omitted` counts what came after that. Whoever finds in a loop stops when `full`.
    """

    __slots__ = ("_errors", "_items", "omitted")

    def __init__(self, items: Iterable[Diagnostic] = ()) -> None:
        self._items: list[Diagnostic] = []
        self._errors = 0
        self.omitted = 0
        self.extend(items)

    def error(
        self, code: str, message: str, *, advice: str = "", place: Place | None = None, path: str = ""
    ) -> None:
        self.add(Diagnostic(Severity.ERROR, code, message, advice, place, path))

    def warning(
        self, code: str, message: str, *, advice: str = "", place: Place | None = None, path: str = ""
    ) -> None:
        self.add(Diagnostic(Severity.WARNING, code, message, advice, place, path))

    def add(self, diagnostic: Diagnostic) -> None:
        same = self._errors if diagnostic.is_error else len(self._items) - self._errors
        if same >= MOST:
            self.omitted += 1
            return
        self._items.append(diagnostic)
        self._errors += diagnostic.is_error

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.add(diagnostic)
        if isinstance(diagnostics, Diagnostics):
            self.omitted += diagnostics.omitted

    @property
    def full(self) -> bool:
        """Whether no more errors are kept."""
        return self._errors >= MOST

    @property
    def errors(self) -> list[Diagnostic]:
        return [item for item in self._items if item.is_error]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [item for item in self._items if not item.is_error]

    @property
    def has_errors(self) -> bool:
        return self._errors > 0

    def in_order(self) -> list[Diagnostic]:
        """Sorted for reading: by file and line; those without a place come last."""

        def key(item: Diagnostic) -> tuple[bool, str, int, int]:
            place = item.place
            return (
                place is None,
                place.file if place else "",
                place.line if place else 0,
                place.column if place else 0,
            )

        return sorted(self._items, key=key)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return bool(self._items)

    def __repr__(self) -> str:
        return f"Diagnostics({self._items!r})"
