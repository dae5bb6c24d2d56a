# SPDX-License-Identifier: Apache-2.0
"""Which images a list shows: Glance's filters on attributes, properties, tags, sizes and times."""

from __future__ import annotations

import csv
import datetime
import operator
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Boolean, ColumnElement, and_, not_, select

from samovar.web import BadRequest, Call

from .attributes import VISIBILITIES
from .catalogue import visible
from .tables import images, members, properties, tags

PAGING = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir", "member_status"})
SORT_KEYS = (
    *("name", "status", "container_format", "disk_format", "size", "id"),
    *("created_at", "updated_at", "os_hidden", "min_disk", "min_ram", "owner", "visibility", "protected"),
)
LISTED = ("id", "name", "status", "container_format", "disk_format")
TIMES = ("created_at", "updated_at")
COMPARISONS = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}


def conditions(call: Call) -> Iterator[ColumnElement[bool]]:
    """The conditions of this request, its caller's sight included. Raises BadRequest."""
    query, context = call.query, call.context
    member_status = query.get("member_status", "accepted")
    if member_status not in ("pending", "accepted", "rejected", "all"):
        raise BadRequest("member_status must be pending, accepted, rejected or all.")
    wanted = query.get("visibility")
    if wanted is not None and wanted not in (*VISIBILITIES, "all"):
        raise BadRequest(f"visibility must be one of {', '.join(VISIBILITIES)} or all.")
    shared = select(members.c.image_id).where(members.c.member_id == (context.project_id or ""))
    if member_status != "all":
        shared = shared.where(members.c.status == member_status)
    if wanted == "shared" and not context.is_admin:
        own = images.c.owner == (context.project_id or "")
        yield and_(images.c.visibility == "shared", own | images.c.id.in_(shared))
    else:
        yield visible(context, listing=wanted not in ("community", "all"))
        if wanted not in (None, "all"):
            yield images.c.visibility == wanted
    hidden = query.get("os_hidden", "false").lower()
    if hidden not in ("true", "false"):
        raise BadRequest("os_hidden must be true or false.")
    yield images.c.os_hidden.is_(hidden == "true")
    for name, value in query.multi_items():
        if name not in PAGING and name not in ("visibility", "os_hidden"):
            yield _condition(name, value)


def next_link(call: Call, marker: str) -> str:
    """Where the list goes on, relative to the endpoint as Glance gives it."""
    rest = [(name, value) for name, value in call.query.multi_items() if name != "marker"]
    return "/v2/images?" + urlencode([*rest, ("marker", marker)])


def first_link(call: Call) -> str:
    rest = [(name, value) for name, value in call.query.multi_items() if name != "marker"]
    return "/v2/images" + (f"?{urlencode(rest)}" if rest else "")


def _condition(name: str, value: str) -> ColumnElement[bool]:
    if name == "tag":
        return images.c.id.in_(select(tags.c.image_id).where(tags.c.value == value))
    if name in ("size_min", "size_max"):
        if not value.isdigit():
            raise BadRequest(f"{name} must be a whole number, not {value!r}.")
        return images.c.size >= int(value) if name == "size_min" else images.c.size <= int(value)
    if name in TIMES:
        return _time(name, value)
    if name in images.c and name != "builtin":
        column = images.c[name]
        if isinstance(column.type, Boolean):
            if value.lower() not in ("true", "false"):
                raise BadRequest(f"{name} must be true or false.")
            return column.is_(value.lower() == "true")
        if name in LISTED and value.startswith("in:"):
            return column.in_(next(csv.reader([value[3:]])))
        return column == value
    found = select(properties.c.image_id).where(properties.c.name == name, properties.c.value == value)
    return images.c.id.in_(found)


def _time(name: str, value: str) -> ColumnElement[bool]:
    how, _, text = value.partition(":")
    if how not in COMPARISONS:
        how, text = "eq", value
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name} must be a time such as gt:2030-01-31T12:00:00Z.") from None
    at = at if at.tzinfo else at.replace(tzinfo=datetime.UTC)
    column: Any = images.c[name]
    second = at.replace(microsecond=0) + datetime.timedelta(seconds=1)
    if how in ("eq", "neq"):  # stored with microseconds, shown without
        same = and_(column >= at, column < second)
        return same if how == "eq" else not_(same)
    if how in ("gt", "lte"):
        return COMPARISONS["gte" if how == "gt" else "lt"](column, second)  # type: ignore[no-any-return]
    return COMPARISONS[how](column, at)  # type: ignore[no-any-return]
