# SPDX-License-Identifier: Apache-2.0
"""What configuration files say that nobody reads: other programs' options, and misspelled ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

ALIKE = 0.84


def unread(sections: Mapping[str, Iterable[str]], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Sentences about what looks misspelled, and the names of what is merely not known here.

    `sections`: section → options of the files. `known`: section/option of every option, older spellings too.
    """
    places = set(known)
    names: dict[str, set[str]] = {}
    for place in places:
        section, _, option = place.partition("/")
        names.setdefault(section, set()).add(option)
    misspelled, others = [], []
    for section, options in sections.items():
        for option in options:
            if f"{section}/{option}" in places:
                continue
            meant = _meant(section, option, names)
            if meant is None:
                others.append(f"[{section}] {option}")
            else:
                misspelled.append(f"[{section}] {option} is not read; is {meant} meant?")
    return misspelled, others


def _meant(section: str, option: str, names: Mapping[str, set[str]]) -> str | None:
    if section in names:
        alike = difflib.get_close_matches(option, sorted(names[section]), 1, ALIKE)
        return f"[{section}] {alike[0]}" if alike else None
    for other in difflib.get_close_matches(section, sorted(names), 3, ALIKE):
        if option in names[other]:
            return f"[{other}] {option}"
    return None
