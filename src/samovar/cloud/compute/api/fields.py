# SPDX-License-Identifier: Apache-2.0
"""Reading values of request bodies: each function returns the value or raises BadRequest with a sentence."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from samovar.web import BadRequest, Call

TRUE = {"true", "1", "t", "yes", "y", "on"}
FALSE = {"false", "0", "f", "no", "n", "off"}
HOSTNAME = re.compile(
    r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
)
UUID = re.compile(r"^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$", re.IGNORECASE)
MAX_USER_DATA = 65535


def name(body: Mapping[str, Any], key: str = "name", *, maximum: int = 255) -> str:
    """A name: 1 to `maximum` printable characters, blanks around it removed."""
    value = body.get(key)
    if not isinstance(value, str):
        raise BadRequest(f"Invalid input for field/attribute {key}. Value: {value}. It must be text.")
    value = value.strip()
    if not value or len(value) > maximum or not value.isprintable():
        raise BadRequest(
            f"Invalid input for field/attribute {key}. Value: {value}. "
            f"It must have 1 to {maximum} printable characters."
        )
    return value


def text(body: Mapping[str, Any], key: str, *, maximum: int = 255) -> str | None:
    """Optional text; None when absent or null."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > maximum or "\0" in value:
        raise BadRequest(
            f"Invalid input for field/attribute {key}. Value: {value}. "
            f"It must be text of at most {maximum} characters."
        )
    return value


def boolean(body: Mapping[str, Any], key: str, default: bool = False) -> bool:
    value = body.get(key)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    if str(value).lower() in TRUE:
        return True
    if str(value).lower() in FALSE:
        return False
    raise BadRequest(f"Invalid input for field/attribute {key}. Value: {value}. {value!r} is not a boolean.")


def whole(
    body: Mapping[str, Any], key: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1
) -> int:
    """A whole number (also as text) from `minimum` to `maximum`."""
    value = body.get(key)
    if value is None or value == "":
        return default
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, str))
        or not re.fullmatch(r"-?\d{1,18}", str(value))
    ):
        raise BadRequest(
            f"Invalid input for field/attribute {key}. Value: {value}. It must be a whole number."
        )
    if not minimum <= int(value) <= maximum:
        raise BadRequest(
            f"Invalid input for field/attribute {key}. Value: {value}. "
            f"It must lie between {minimum} and {maximum}."
        )
    return int(value)


def properties(value: Any, where: str = "metadata", *, limit: int = 255) -> dict[str, str]:
    """A flat object of text, keys and values of at most 255 characters."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"Invalid input for field/attribute {where}. It must be an object.")
    for key, item in value.items():
        if not 1 <= len(key) <= 255:
            raise BadRequest(f"Invalid input for {where}: the key {key!r} must have 1 to 255 characters.")
        if not isinstance(item, str) or len(item) > limit:
            raise BadRequest(
                f"Invalid input for {where}: the value of {key!r} must be text of at most {limit} characters."
            )
    return dict(value)


def user_data(body: Mapping[str, Any]) -> str | None:
    """The user data, still in base64."""
    value = body.get("user_data")
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRequest("Invalid input for field/attribute user_data. It must be text in base64.")
    if len(value) > MAX_USER_DATA:
        raise BadRequest(
            f"User data too large. User data must be no larger than {MAX_USER_DATA} bytes "
            "once base64 encoded. "
            f"Your data is {len(value)} bytes"
        )
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("Invalid input for field/attribute user_data. It is not valid base64.") from None
    return value


def hostname(body: Mapping[str, Any], *, domains: bool) -> str | None:
    """A host name; with dots only where `domains` allows it (2.94)."""
    value = body.get("hostname")
    if value is None:
        return None
    longest = 255 if domains else 63
    if not isinstance(value, str) or len(value) > longest or not HOSTNAME.match(value):
        raise BadRequest(
            f"Invalid input for field/attribute hostname. Value: {value}. It is not a host name."
        )
    if "." in value and not domains:
        raise BadRequest(
            f"Invalid input for field/attribute hostname. Value: {value}. "
            "Dots are accepted from microversion 2.94."
        )
    return value


def action_body(call: Call) -> tuple[str, Any]:
    """The one action that a body of ``…/action`` names, and its arguments."""
    if not isinstance(call.body, dict) or len(call.body) != 1:
        raise BadRequest("The body must be an object with exactly one action.")
    ((action, arguments),) = call.body.items()
    return action, arguments


def flag(query_value: str | None) -> bool:
    """Whether a query parameter such as all_tenants is set: present and not false."""
    return query_value is not None and query_value.lower() not in FALSE
