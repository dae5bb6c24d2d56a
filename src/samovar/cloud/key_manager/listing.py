# SPDX-License-Identifier: Apache-2.0
"""Lists by offset, and what all answers of this API share."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, RowMapping, Table, select

from samovar.web import BadRequest, Call, Fault, NotFound

from .access import Row

DEFAULT_LIMIT, MOST = 10, 100


def moment(value: datetime.datetime | None) -> str | None:
    return None if value is None else value.replace(tzinfo=None).isoformat(timespec="seconds")


def reference(call: Call, plural: str, identity: str) -> str:
    return f"{call.base_url}/v1/{plural}/{identity}"


def fetch(connection: Connection, table: Table, identity: str, what: str) -> RowMapping:
    """The row. Raises 404."""
    row = connection.execute(select(table).where(table.c.id == identity)).mappings().first()
    if row is None:
        raise NotFound(f"{what} not found.", title=f"{what} not found.")
    return row


def page(call: Call, plural: str, shown: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The part of a list that limit and offset name, with links to what is before and after."""
    limit = min(_number(call, "limit", DEFAULT_LIMIT) or DEFAULT_LIMIT, MOST)
    offset = _number(call, "offset", 0)
    body: dict[str, Any] = {plural: list(shown[offset : offset + limit]), "total": len(shown)}

    def link(start: int) -> str:
        kept = [(n, v) for n, v in call.query.multi_items() if n not in ("limit", "offset")]
        return f"{call.url}?{urlencode([*kept, ('limit', limit), ('offset', start)])}"

    if offset + limit < len(shown):
        body["next"] = link(offset + limit)
    if offset > 0 and shown:
        body["previous"] = link(max(0, offset - limit))
    return body


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadRequest(f"{name} must be a whole number of at least 0.")
    return int(text)


def stamped(row: Row) -> dict[str, Any]:
    """What secrets and containers are shown with alike."""
    return {
        "name": row["name"],
        "status": "ACTIVE",
        "created": moment(row["created_at"]),
        "updated": moment(row["updated_at"]),
        "creator_id": row["creator_id"],
    }


def render_fault(fault: Fault, _call: Call) -> tuple[Any, Mapping[str, str]]:
    if fault.status == 401:
        return {"error": {"code": 401, "title": fault.title, "message": fault.message}}, {}
    return {"code": fault.status, "title": fault.title, "description": fault.message}, {}


def words(value: Any, name: str, longest: int = 255) -> str | None:
    """A short text without control characters, or none. Raises 400."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise BadRequest(f"{name} must be a text of at most {longest} characters.")
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise BadRequest(f"{name} must not have control characters.")
    return value


def body_of(call: Call) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise BadRequest("The body must be a JSON object.")
    return call.body
