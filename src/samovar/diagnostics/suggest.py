# SPDX-License-Identifier: Apache-2.0
"""Guessing what the user meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice

# Comparing costs the product of the two lengths; names longer than this are not typing mistakes.
_LONGEST = 120
_MOST_CANDIDATES = 5000
_MOST_COMPARED = 300


def closest(word: object, known: Iterable[object], cutoff: float | None = None) -> str | None:
    """The known name most like `word`, or None when none is like it.

    `cutoff` (0 to 1) is how like it must be; by default one letter wrong, or two swapped, of three is enough.
    Names that share neither the first nor the last letter are not compared.
    """
    if not isinstance(word, str) or not word or len(word) > _LONGEST:
        return None
    folded = _fold(word)
    first, last, length, slack = folded[0], folded[-1], len(folded), max(3, len(folded) // 2)
    best: str | None = None
    best_ratio = cutoff if cutoff is not None else 0.7 if length > 4 else 0.65
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(folded)
    compared = 0
    for name in islice(known, _MOST_CANDIDATES):
        if not isinstance(name, str) or not name or abs(len(name) - length) > slack:
            continue
        if name[0].lower() != first and name[-1].lower() != last:
            continue
        other = _fold(name)
        if other == folded and name != word:
            return name
        compared += 1
        if compared > _MOST_COMPARED:
            break
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() < best_ratio or matcher.quick_ratio() < best_ratio:
            continue
        ratio = matcher.ratio()
        if ratio > best_ratio or (best is None and ratio >= best_ratio):
            best, best_ratio = name, ratio
    return best


def _fold(name: str) -> str:
    return name.lower().replace("-", "_")


def did_you_mean(word: object, known: Iterable[object], otherwise: str = "") -> str:
    """The advice sentence `Did you mean "x"?`, or `otherwise` when no known name is like it."""
    name = closest(word, known)
    return f'Did you mean "{name}"?' if name is not None else otherwise
