# SPDX-License-Identifier: Apache-2.0
"""How much of everything a template may have before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on templates and on what their functions may make.

    `characters` is Heat's max_template_size; the others keep hostile input from costing time or memory.
    """

    characters: int = 524_288
    depth: int = 100
    nodes: int = 1_000_000  # after aliases are followed
    expanded_characters: int = 8_388_608  # scalars, after aliases are followed
    repeat_items: int = 100_000
    result_characters: int = 16_777_216  # of one string that a function makes
    digits: int = 1_000  # of one number


DEFAULT_LIMITS = Limits()
