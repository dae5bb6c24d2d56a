# SPDX-License-Identifier: Apache-2.0
"""Renaming what a text names without moving anything else: names are spliced in place, and places found in
the new text are told as those of the text that was written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from samovar.diagnostics import Place

_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")


@dataclass(frozen=True, slots=True)
class Rename:
    """A value that stands at a place, and the name that is to stand there."""

    place: Place
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Edit:
    """What was put in: line and column from 1, lengths before and after."""

    line: int
    column: int
    before: int
    after: int


def splice(text: str, renames: Iterable[Rename]) -> tuple[str, list[Edit]] | None:
    """The text with new names, and the edits; None when one stands in a way that cannot be replaced."""
    lines = text.splitlines(keepends=True)
    edits: list[Edit] = []
    ordered = {(each.place.line, each.place.column): each for each in renames}
    for _, each in sorted(ordered.items(), reverse=True):
        place = each.place
        if place.line > len(lines):
            return None
        line = lines[place.line - 1]
        start, end = place.column - 1, place.column - 1 + place.length
        written = line[start:end]
        if written not in (each.old, f"'{each.old}'", f'"{each.old}"'):
            return None
        plain = written == each.old and set(each.new) <= _PLAIN
        named = each.new if plain else json.dumps(each.new, ensure_ascii=False)
        lines[place.line - 1] = line[:start] + named + line[end:]
        edits.append(Edit(place.line, place.column, len(written), len(named)))
    return "".join(lines), edits[::-1]


def as_written(place: Place, edits: Iterable[Edit]) -> Place:
    """A place of the spliced text as a place of the text before."""
    column, length = place.column, place.length
    moved = 0
    for edit in edits:
        if edit.line != place.line:
            continue
        if edit.column + moved == place.column:
            length = edit.before if place.length == edit.after else length
        elif edit.column + moved < place.column:
            column += edit.before - edit.after
        moved += edit.after - edit.before
    return replace(place, column=max(1, column), length=length)
