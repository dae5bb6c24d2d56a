# SPDX-License-Identifier: Apache-2.0
"""Parameter values: from what a user gives to the parameter's type, and back to text."""

from __future__ import annotations

import json
import math
from typing import Any

from samovar.orchestration.templates.limits import DEFAULT_LIMITS
from samovar.orchestration.templates.values import (
    Unknown,
    Value,
    contains_unknown,
    find_unknown,
    shown,
    type_name,
)

STRING, NUMBER, BOOLEAN = "string", "number", "boolean"
COMMA_DELIMITED_LIST, JSON = "comma_delimited_list", "json"
TYPES = (STRING, NUMBER, COMMA_DELIMITED_LIST, JSON, BOOLEAN)
CFN_TYPES = {
    "String": STRING, "Number": NUMBER, "CommaDelimitedList": COMMA_DELIMITED_LIST, "Json": JSON,
    "Boolean": BOOLEAN,
}  # fmt: skip

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


def convert(kind: str, value: Any) -> Value:
    """The value in the parameter's type. Raises ValueError with a sentence."""
    if isinstance(value, Unknown):
        return value
    if kind not in (COMMA_DELIMITED_LIST, JSON):
        unknown = find_unknown(value)
        if unknown is not None:
            return unknown
    return _CONVERTERS[kind](value)


def to_string(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def to_number(value: Any) -> int | float:
    if isinstance(value, float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError("Infinity and NaN are not numbers here")
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) <= DEFAULT_LIMITS.digits:
        try:
            return int(value)
        except ValueError:
            pass
        try:
            number = float(value)
        except ValueError:
            pass
        else:
            if math.isfinite(number):
                return number
    raise ValueError(f'"{shown(value)}" is not a number')


def to_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'"{shown(value)}" is not a boolean; write true or false')


def to_list(value: Any) -> list[Value]:
    if isinstance(value, list):
        return [item if isinstance(item, Unknown) else to_string(item) for item in value]
    if isinstance(value, str):
        return value.split(",") if value else []
    raise ValueError(f"A list or a text with commas is needed, not {type_name(value)}")


def to_json(value: Any) -> Value:
    if not isinstance(value, str) or value == "":
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("The JSON text is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"The text is not JSON: {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


_CONVERTERS = {
    STRING: to_string, NUMBER: to_number, BOOLEAN: to_boolean, COMMA_DELIMITED_LIST: to_list, JSON: to_json,
}  # fmt: skip


def to_text(kind: str, value: Value) -> str:
    """The value as API answers show it: always text."""
    if isinstance(value, Unknown) or contains_unknown(value):
        return str(find_unknown(value))
    if kind == COMMA_DELIMITED_LIST and isinstance(value, list):
        return ",".join(str(item) for item in value)
    if kind == JSON:
        return json.dumps(value)
    return str(value)
