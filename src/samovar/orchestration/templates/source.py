# SPDX-License-Identifier: Apache-2.0
"""YAML or JSON text, or data without text, into plain data with positions, within limits."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import yaml

from samovar.diagnostics import Diagnostics, Place
from samovar.orchestration.templates.builder import Builder, Refused
from samovar.orchestration.templates.limits import DEFAULT_LIMITS, Limits
from samovar.orchestration.templates.places import Places


@dataclass(slots=True)
class Tree:
    """Plain data and where each piece stands."""

    data: Any
    places: Places


def read(
    text: str, file: str, diagnostics: Diagnostics, limits: Limits = DEFAULT_LIMITS,
    noun: str = "template",
) -> Tree | None:  # fmt: skip
    """The data of a text, or None after an error. An empty text is an empty map."""
    if len(text) > limits.characters:
        diagnostics.error(
            "limit-exceeded",
            f"The {noun} has {len(text)} characters; at most {limits.characters} are allowed",
            place=Place(file, 1, 1),
        )
        return None
    is_json = False
    value: Any = None
    if text.lstrip()[:1] == "{":
        try:
            value = json.loads(text)
            is_json = True
        except (ValueError, RecursionError):
            pass
    builder = Builder(file, diagnostics, limits, is_json)
    try:
        data, marks = builder.build(text)
    except (Refused, yaml.YAMLError, UnicodeError) as error:
        if is_json and not isinstance(error, Refused):
            return read_data(value, file, diagnostics, limits)
        builder.report(error, noun, text)
        return None
    data = {} if data is None else data
    return Tree(data, Places(file, data, marks))


def read_data(data: Any, file: str, diagnostics: Diagnostics, limits: Limits = DEFAULT_LIMITS) -> Tree | None:
    """Data that came without text (a JSON body), checked against the same limits."""
    todo: list[tuple[Any, int]] = [(data, 1)]
    nodes = characters = 0
    problem = ""
    while todo and not problem:
        item, depth = todo.pop()
        nodes += 1
        if isinstance(item, dict):
            todo.extend((value, depth + 1) for value in item.values())
            todo.extend((key, depth) for key in item)
        elif isinstance(item, list):
            todo.extend((value, depth + 1) for value in item)
        elif isinstance(item, str):
            characters += len(item)
            if not item.isascii() and not _is_encodable(item):
                problem = "A string contains half of a character (a lone surrogate)"
        elif isinstance(item, float) and not math.isfinite(item):
            problem = "Infinity and NaN are not numbers of a template"
        elif isinstance(item, int) and item.bit_length() > limits.digits * 4:
            problem = f"A number has more than {limits.digits} digits"
        if depth > limits.depth:
            problem = f"It is nested more than {limits.depth} levels deep"
        elif nodes > limits.nodes or characters > limits.expanded_characters:
            problem = "It has too many values"
    if problem:
        diagnostics.error("limit-exceeded", problem, place=Place(file, 1, 1))
        return None
    return Tree(data, Places(file, data))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
