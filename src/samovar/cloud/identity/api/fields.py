# SPDX-License-Identifier: Apache-2.0
"""What a request may say of an object: each field's kind, checked before anything is stored."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from samovar.web import BadRequest, NotSupported

Kind = Callable[[str, Any], Any]
# What a user may be told to ignore, and what never happens here: nobody is locked out, no password expires.
HARMLESS = frozenset(
    {
        "ignore_change_password_upon_first_use",
        "ignore_lockout_failure_attempts",
        "ignore_password_expiry",
    }
)
READ_ONLY = frozenset({"id", "links", "options", "is_domain", "password_expires_at", "type_"})


def name(longest: int = 255) -> Kind:
    """Text of 1 to `longest` characters, not only spaces."""

    def check(field: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            raise BadRequest(f"{field} must be text of 1 to {longest} characters.")
        return value

    return check


def text(field: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{field} must be text.")
    return value


def flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{field} must be true or false.")
    return value


def optional(kind: Kind) -> Kind:
    """The same, or null."""
    return lambda field, value: None if value is None else kind(field, value)


def count(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRequest(f"{field} must be a whole number of at least 0.")
    return value


def moment(field: str, value: Any) -> datetime.datetime:
    """An ISO 8601 time; without a zone it is UTC."""
    try:
        at = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRequest(f"{field} must be a time such as 2030-01-31T12:00:00Z.") from None
    return at if at.tzinfo else at.replace(tzinfo=datetime.UTC)


def read_fields(
    given: Mapping[str, Any], kinds: Mapping[str, Kind], required: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The known fields, checked, and the others, which Keystone keeps as they are. Raises BadRequest."""
    for field in required:
        if given.get(field) is None:
            raise BadRequest(f"{field} is a required property.")
    options = given.get("options") or {}
    if not isinstance(options, dict):
        raise BadRequest("options must be an object.")
    refused = sorted(set(options) - HARMLESS)
    if refused:
        raise NotSupported(f"The options {', '.join(refused)} are not supported here.")
    known = {field: kinds[field](field, value) for field, value in given.items() if field in kinds}
    extra = {field: value for field, value in given.items() if field not in kinds and field not in READ_ONLY}
    if options:
        extra["options"] = {name: flag(name, value) for name, value in options.items() if value is not None}
    return known, extra
