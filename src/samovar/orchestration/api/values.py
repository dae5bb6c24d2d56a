# SPDX-License-Identifier: Apache-2.0
"""Values in queries and bodies, as strictly as Heat reads them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from samovar.orchestration.engine.rows import NAME_PATTERN
from samovar.web import BadRequest, Call

GREATEST = 2_000_000_000


def truth(name: str, value: Any, default: bool = False, *, kind: str = "ValueError") -> bool:
    """true or false, in any case; nothing else. Raises BadRequest."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in ("true", "false"):
        return text == "true"
    raise BadRequest(
        f'Unrecognized value "{value}" for "{name}", acceptable values are: true, false', type=kind
    )


def flag(call: Call, name: str, default: bool = False) -> bool:
    """A boolean query parameter. Raises BadRequest."""
    return truth(name, call.query.get(name), default, kind="HTTPBadRequest")


def whole_number(name: str, value: Any, default: int | None = None) -> int | None:
    """An integer of at least 0; one that no database holds is as good as the greatest. Raises BadRequest."""
    if value is None or value == "":
        return default
    if not isinstance(value, bool):
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = -1
        if number >= 0:
            return min(number, GREATEST)
    raise BadRequest(f'{name} must be a whole number of at least 0, not "{value}".', type="HTTPBadRequest")


def instant(moment: datetime.datetime | None) -> str | None:
    """YYYY-MM-DDThh:mm:ssZ."""
    return None if moment is None else moment.isoformat()[:19] + "Z"


def sort_direction(call: Call, default: str) -> str:
    found = call.query.get("sort_dir", default).lower()
    if found not in ("asc", "desc"):
        raise BadRequest(f'The sort direction is asc or desc, not "{found}".', type="ValueError")
    return found


def stack_name(body: Mapping[str, Any]) -> str:
    """The name of a new stack. Raises BadRequest."""
    name = body.get("stack_name")
    if name is None:
        raise BadRequest("No stack name specified: give stack_name.", type="HTTPBadRequest")
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise BadRequest(
            f"Invalid stack name {name}: a letter, then letters, digits, _ - and ., at most 255 of them.",
            type="StackValidationFailed",
        )
    return name
