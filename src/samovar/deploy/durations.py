# SPDX-License-Identifier: Apache-2.0
"""Durations as an inventory has them (``300ms``, ``2s``, ``1m``, or seconds) and as HAProxy wants them."""

from __future__ import annotations

import re

Duration = str | int | float

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def milliseconds(duration: Duration) -> int:
    """Whole milliseconds. Raises ValueError with a sentence."""
    if isinstance(duration, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)\s*", duration, re.ASCII)
        if found is None:
            raise ValueError(
                f"{duration!r} is not a duration; write a number with its unit: 300ms, 2s, 1m, 1h."
            )
        value = float(found[1]) * MILLISECONDS[found[2]]
    else:
        value = duration * 1000
    if value < 1:
        raise ValueError(f"{duration!r} is too short: a duration has at least one millisecond.")
    return round(value)


def written(duration: Duration) -> str:
    """As HAProxy reads it: the largest unit that gives a whole number."""
    left = milliseconds(duration)
    for unit in ("h", "m", "s"):
        if left % MILLISECONDS[unit] == 0:
            return f"{left // MILLISECONDS[unit]}{unit}"
    return f"{left}ms"
