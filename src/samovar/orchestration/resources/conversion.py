# SPDX-License-Identifier: Apache-2.0
"""Turning what a template gives into the type a property has, by Heat's rules.

String   text; whole numbers and booleans as text          Integer  whole numbers, also as text; fractions cut
Number   numbers, also as text                             Boolean  true and false, also as text
List     lists; comma text where the schema converts       Map      maps; JSON text where the schema converts
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from samovar.orchestration.resources.schema import Property, PropertyType
from samovar.orchestration.templates.values import type_name

_LONGEST_NUMBER = 400


class ConversionError(ValueError):
    """The value is not of the type; the text completes "Property x …"."""


def convert(declared: Property, value: Any) -> Any:
    """The value in the property's type, lists and maps not looked into. Raises ConversionError."""
    return _CONVERSIONS[declared.type](value, declared.allow_conversion)


def _wrong(expected: str, value: Any) -> ConversionError:
    shown = f' "{value[:60]}"' if isinstance(value, str) else ""
    return ConversionError(f"must be {expected}, and is {type_name(value)}{shown}")


def _is_enormous(value: int) -> bool:
    """More digits than anything has a use for, and than Python will write."""
    return value.bit_length() > 1024


def _string(value: Any, _converts: bool) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not _is_enormous(value):
        return str(value)
    raise _wrong("a string", value)


def _integer(value: Any, _converts: bool) -> int:
    if isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _LONGEST_NUMBER):
        try:
            whole = int(value)
        except (ValueError, OverflowError):
            raise _wrong("a whole number", value) from None
        if not _is_enormous(whole):
            return whole
    raise _wrong("a whole number", value)


def _number(value: Any, _converts: bool) -> int | float:
    if isinstance(value, int) and not _is_enormous(value):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            return int(value)
        except ValueError:
            pass
        try:
            number = float(value)
        except ValueError:
            raise _wrong("a number", value) from None
        if math.isfinite(number):
            return number
    raise _wrong("a number", value)


def _boolean(value: Any, _converts: bool) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _wrong("true or false", value)


def _list(value: Any, converts: bool) -> list[Any]:
    if isinstance(value, list):
        return value
    if converts and isinstance(value, str):
        return value.split(",") if value else []
    raise _wrong("a list", value)


def _map(value: Any, converts: bool) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if converts and isinstance(value, str):
        try:
            parsed = json.loads(value) if value else {}
        except (ValueError, RecursionError):
            raise _wrong("a map or JSON text of one", value) from None
        if isinstance(parsed, dict):
            return parsed
    raise _wrong("a map", value)


def _any(value: Any, _converts: bool) -> Any:
    return value


_CONVERSIONS: Mapping[PropertyType, Callable[[Any, bool], Any]] = {
    PropertyType.STRING: _string,
    PropertyType.INTEGER: _integer,
    PropertyType.NUMBER: _number,
    PropertyType.BOOLEAN: _boolean,
    PropertyType.LIST: _list,
    PropertyType.MAP: _map,
    PropertyType.ANY: _any,
}
