# SPDX-License-Identifier: Apache-2.0
"""The kinds of value that OS::Heat::Value tells apart."""

from __future__ import annotations

import json
from typing import Any

_TRUTHS = frozenset(["true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0"])


def is_kind(kind: str, value: Any) -> bool:
    """Whether a value is, or reads as, one of that kind."""
    match kind:
        case "string":
            return isinstance(value, str | int | float | bool)
        case "boolean":
            return isinstance(value, bool) or str(value).lower() in _TRUTHS
        case "comma_delimited_list":
            return isinstance(value, str | list)
        case "number":
            return not isinstance(value, bool) and _reads(float, value)
        case _:
            return isinstance(value, dict | list) or (isinstance(value, str) and _reads(json.loads, value))


def _reads(reader: Any, value: Any) -> bool:
    try:
        reader(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
