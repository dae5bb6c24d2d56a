# SPDX-License-Identifier: Apache-2.0
"""Unquoted scalars: YAML 1.1's implicit types as Heat reads them (dates stay text), and JSON's."""

from __future__ import annotations

import math
from typing import Any

import yaml

_TRUE = frozenset({"yes", "true", "on"})
_PREFIX = "tag:yaml.org,2002:"
_RESOLVERS = {
    first: [(tag.removeprefix(_PREFIX), pattern) for tag, pattern in pairs if not tag.endswith(":timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class ScalarError(ValueError):
    """The scalar can't be a value of a template."""


def implicit_tag(text: str) -> str:
    """`str`, `int`, `float`, `bool`, `null` or `merge` (the key `<<`)."""
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return tag if tag != "value" else "str"
    return "str"


def plain(text: str, digits: int) -> Any:
    """The value of an unquoted YAML scalar. `digits` bounds numbers. Raises ScalarError."""
    tag = implicit_tag(text)
    return text if tag in ("str", "merge") else typed(tag, text, digits)


def typed(tag: str, text: str, digits: int) -> Any:
    """The value of a scalar whose type is known. Raises ScalarError."""
    if tag == "null":
        return None
    if tag == "bool":
        lower = text.lower()
        if lower not in _TRUE | {"no", "false", "off"}:
            raise ScalarError(f"{text!r} is not a boolean")
        return lower in _TRUE
    if len(text) > digits:
        raise ScalarError(f"The number has more than {digits} digits")
    try:
        return _integer(text) if tag == "int" else _real(text)
    except ScalarError:
        raise
    except (ValueError, OverflowError):
        raise ScalarError(f"{text[:40]!r} is not a number") from None


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    sign = -1 if digits[:1] == "-" else 1
    digits = digits.lstrip("+-") if digits[:1] in "+-" else digits
    if digits.startswith("0b"):
        return sign * int(digits[2:], 2)
    if digits.startswith("0x"):
        return sign * int(digits[2:], 16)
    if ":" in digits:
        number = 0
        for part in digits.split(":"):
            number = number * 60 + int(part)
        return sign * number
    if digits.startswith("0") and digits != "0":
        return sign * int(digits, 8)
    return sign * int(digits)


def _real(text: str) -> float:
    digits = text.replace("_", "").lower()
    sign = -1.0 if digits[:1] == "-" else 1.0
    digits = digits[1:] if digits[:1] in "+-" else digits
    if ":" in digits:
        number = 0.0
        for part in digits.split(":"):
            number = number * 60 + float(part)
    elif digits in (".inf", ".nan"):
        raise ScalarError("Infinity and NaN are not numbers of a template")
    else:
        number = float(digits)
    if not math.isfinite(number):
        raise ScalarError("The number is too large")
    return sign * number


def is_sexagesimal(text: str) -> bool:
    """Whether YAML 1.1 reads the unquoted text, such as 22:22, as a number to the base 60."""
    return ":" in text and implicit_tag(text) in ("int", "float")


def json_plain(text: str, digits: int) -> Any:
    """The value of an unquoted scalar of a JSON text. Raises ScalarError."""
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    if len(text) > digits:
        raise ScalarError(f"The number has more than {digits} digits")
    try:
        return int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            raise ScalarError(f"{text[:40]!r} is not a JSON value") from None
        if not math.isfinite(number):
            raise ScalarError("The number is too large") from None
        return number
