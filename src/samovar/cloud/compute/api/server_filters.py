# SPDX-License-Identifier: Apache-2.0
"""The query parameters of GET /servers as conditions on the table."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, and_, false, func, not_, or_, select, true, type_coerce

from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.server import STATUS, states_of
from samovar.cloud.compute.tables import interfaces, servers
from samovar.web import BadRequest, Call, Forbidden

from . import fields

Condition = ColumnElement[bool]
SORT = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "display_name": "name",
    "name": "name",
    "display_description": "description",
    "uuid": "id",
    "id": "id",
    "vm_state": "vm_state",
    "task_state": "task_state",
    "power_state": "power_state",
    "project_id": "project_id",
    "user_id": "user_id",
    "key_name": "key_name",
    "availability_zone": "availability_zone",
    "host": "host",
    "hostname": "hostname",
    "image_ref": "image_id",
    "launched_at": "launched_at",
    "terminated_at": "terminated_at",
    "launch_index": "launch_index",
    "locked": "locked",
}
EQUAL = {
    "user_id": "user_id",
    "key_name": "key_name",
    "vm_state": "vm_state",
    "task_state": "task_state",
    "availability_zone": "availability_zone",
    "reservation_id": "reservation_id",
    "uuid": "id",
    "image": "image_id",
    "hostname": "hostname",
    "flavor": "flavor_id",
}
ADMIN_ONLY = frozenset({"host", "node", "all_tenants", "all_projects"})
PAGING = frozenset({"limit", "marker", "sort_key", "sort_dir", "sort"})
STATUSES = frozenset(word for words in STATUS.values() for word in words.values())


def conditions(call: Call, version: Version) -> Condition:
    """Which servers the query means, of those that the caller may see."""
    query, context = call.query, call.context
    everywhere = fields.flag(query.get("all_tenants")) or fields.flag(query.get("all_projects"))
    found: list[Condition] = []
    if everywhere:
        if not context.is_admin:
            raise Forbidden(
                "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."
            )
        wanted = query.get("project_id") or query.get("tenant_id")
        if wanted:
            found.append(servers.c.project_id == wanted)
    else:
        found.append(servers.c.project_id == (context.project_id or ""))
    found.append(_deleted(call))
    for key, value in query.multi_items():
        if key in PAGING or key in ("deleted", "project_id", "tenant_id", "all_tenants", "all_projects"):
            continue
        found.append(_condition(call, version, key, value))
    return and_(*found)


def _deleted(call: Call) -> Condition:
    """Deleted servers are shown to who asks what changed, and to administrators who ask for them."""
    if call.context.is_admin and fields.flag(call.query.get("deleted")):
        return servers.c.deleted.is_(True)
    if call.query.get("status", "").upper() == "DELETED":
        if not call.context.is_admin:
            raise Forbidden("Only administrators can list deleted servers")
        return servers.c.deleted.is_(True)
    if "changes-since" in call.query or "changes-before" in call.query:
        return true()
    return servers.c.deleted.is_(False)


def _condition(call: Call, version: Version, key: str, value: str) -> Condition:
    if key in ADMIN_ONLY and not call.context.is_admin:
        return true()
    if key in EQUAL:
        value = value.rstrip("/").rsplit("/", 1)[-1] if key in ("image", "flavor") else value
        if key == "task_state" and value in ("", "None", "null"):
            return servers.c.task_state.is_(None)
        found: Condition = servers.c[EQUAL[key]] == value
        return found
    special = SPECIAL.get(key)
    if special is not None:
        return special(value, version)
    if version >= (2, 75):
        raise BadRequest(f"Invalid query parameter {key!r}: additional properties are not allowed.")
    return true()


def _status(value: str, version: Version) -> Condition:
    if value.upper() not in STATUSES:
        if version >= (2, 38):
            raise BadRequest(f"Invalid status value: {value}. Choose from {', '.join(sorted(STATUSES))}.")
        return false()
    found = []
    for state, task in states_of(value):
        condition: Condition = servers.c.vm_state == state
        if task is None:
            named = [t for t in STATUS[state] if t is not None]
            others = or_(servers.c.task_state.is_(None), servers.c.task_state.not_in(named))
            condition = and_(condition, others)
        else:
            condition = and_(condition, servers.c.task_state == task)
        found.append(condition)
    return or_(*found)


def _pattern(column: Column[Any]) -> Callable[[str, Version], Condition]:
    return lambda value, version: like(column, value)


def like(column: ColumnElement[Any], expression: str) -> Condition:
    """The usual regular expressions as LIKE: ``^``, ``$``, ``.`` and ``.*``; all else stands for itself.

    A regular expression of a user is never run: it could keep the database busy for ever.
    """
    start = "" if expression.startswith("^") else "%"
    end = "" if expression.endswith("$") and not expression.endswith("\\$") else "%"
    body = expression.removeprefix("^")
    body = body[:-1] if not end else body
    pattern = ""
    for token in re.findall(r"\\.|\.\*|.", body, re.DOTALL):
        if token == ".*":
            pattern += "%"
        elif token == ".":
            pattern += "_"
        else:
            literal = token[1:] if len(token) == 2 else token
            pattern += "\\" + literal if literal in "%_\\" else literal
    return column.like(start + pattern + end, escape="\\")


def _address(value: str, version: Version) -> Condition:
    body = value.removeprefix("^").removesuffix("$").replace("\\.", ".")
    body = ("" if not value.startswith("^") else '"') + body + ("" if not value.endswith("$") else '"')
    text = type_coerce(interfaces.c.addresses, Text)
    inside = select(interfaces.c.server_id).where(text.contains(body, autoescape=True))
    return servers.c.id.in_(inside)


def _tags(value: str, *, every: bool, negated: bool) -> Condition:
    text = type_coerce(servers.c.tags, Text)
    found = [text.contains(f'"{tag}"', autoescape=True) for tag in value.split(",") if tag]
    condition = and_(true(), *found) if every else or_(false(), *found)
    return not_(condition) if negated else condition


def _moment(value: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        raise BadRequest(f"Invalid time {value!r}: write it as 2026-01-31T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _boolean(column: Column[Any]) -> Callable[[str, Version], Condition]:
    return lambda value, version: column.is_(fields.boolean({"filter": value}, "filter"))


def _number(column: Column[Any]) -> Callable[[str, Version], Condition]:
    return lambda value, version: column == fields.whole({"filter": value}, "filter", 0)


SPECIAL: dict[str, Callable[[str, Version], Condition]] = {
    "name": _pattern(servers.c.name),
    "display_name": _pattern(servers.c.name),
    "description": lambda value, version: like(func.coalesce(servers.c.description, ""), value),
    "status": _status,
    "ip": _address,
    "ip6": _address,
    "host": lambda value, version: servers.c.host == value,
    "node": lambda value, version: servers.c.host == value,
    "changes-since": lambda value, version: servers.c.updated_at >= _moment(value),
    "changes-before": lambda value, version: servers.c.updated_at <= _moment(value),
    "power_state": _number(servers.c.power_state),
    "launch_index": _number(servers.c.launch_index),
    "locked": _boolean(servers.c.locked),
    "config_drive": _boolean(servers.c.config_drive),
    "soft_deleted": lambda value, version: true(),
    "tags": lambda value, version: _tags(value, every=True, negated=False),
    "tags-any": lambda value, version: _tags(value, every=False, negated=False),
    "not-tags": lambda value, version: _tags(value, every=True, negated=True),
    "not-tags-any": lambda value, version: _tags(value, every=False, negated=True),
}
