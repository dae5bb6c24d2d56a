# SPDX-License-Identifier: Apache-2.0
"""Lists: filters, tags, sort keys, pages with their links, and the choice of fields."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    bindparam,
    func,
    or_,
    select,
)

from samovar.database import Json, Timestamp
from samovar.web import Call, FirstPage, paginate

from ..tables import tags
from . import values
from .change import Backend
from .faults import bad, refuse_route
from .rules import PREFIX
from .views import Describe, Shown

PAGING = ("limit", "marker", "page_reverse", "sort", "sort_key", "sort_dir", "fields")
TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """One kind of object as a list shows it.

    `filters` are names that differ from the columns; `hidden` columns no one may ask for; `listed`: what a
    list reads, where that is not all of the table.
    """

    name: str
    plural: str
    table: Table
    view: Describe
    policy: str
    links: str = ""
    identity: str = "id"
    owned: bool = True
    filters: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset(("generation", "applied_generation", "status_reason", "vip_owned"))
    order: tuple[str, ...] = ("created_at",)
    listed: Select[Any] | None = None

    def rows(self) -> Select[Any]:
        """What a list reads."""
        return select(self.table) if self.listed is None else self.listed

    def column(self, name: str) -> Column[Any] | None:
        found = self.filters.get(name, name)
        if found in self.hidden:
            return None
        column = self.table.c.get(found)
        return None if column is None or isinstance(column.type, Json) else column


async def index(
    backend: Backend, kind: Kind, call: Call, *conditions: ColumnElement[bool], scoped: bool = True
) -> Any:
    """One page of the kind, narrowed to what the caller may see (unless not `scoped`) and asked for."""
    projects = _scope(backend, kind, call) if scoped else ()
    where = [*conditions, *_filters(kind, call)]
    order, limit = _order(kind, call), _limit(backend, call)
    reverse = call.query.get("page_reverse") == "True"
    marker = call.query.get("marker")

    def run(connection: Connection) -> list[Shown]:
        if not where and marker is None and len(projects) < 2:
            given = {"project": projects[0]} if projects else {}
            first = _first_page(kind, bool(projects), tuple(order), reverse)
            return kind.view(connection, first.read(connection, limit, given).rows)
        page = paginate(
            connection,
            kind.rows().where(*where, *(kind.table.c.project_id == project for project in projects)),
            identity=kind.table.c[kind.identity],
            order=order,
            marker=marker,
            limit=limit,
            reverse=reverse,
            plain=True,
        )
        return kind.view(connection, page.rows)

    shown = await backend.database.read(run)
    fields = _fields(call)
    body: dict[str, Any] = {kind.plural: [_only(fields, item) for item in shown] if fields else shown}
    links = _links(call, shown, kind.identity, limit, marker, reverse)
    if links:
        body[kind.links or f"{kind.plural}_links"] = links
    return body


def page_of(backend: Backend, call: Call, plural: str, items: Sequence[Shown], identity: str) -> Any:
    """One page of what is in no table: `items` in the order of `identity`."""
    limit, marker = _limit(backend, call), call.query.get("marker")
    if marker is not None:
        if all(item[identity] != marker for item in items):
            raise bad(f"The marker {_plain(marker)} does not exist.")
        items = [item for item in items if item[identity] > marker]
    shown = items[:limit]
    links = _links(call, shown, identity, limit, marker, False)
    return {plural: list(shown), **({f"{plural}_links": links} if links else {})}


def chosen(call: Call, item: Shown) -> Shown:
    """The fields of the item that were asked for; all without ``fields``."""
    fields = _fields(call)
    return _only(fields, item) if fields else item


def _fields(call: Call) -> set[str]:
    return {name for value in call.query.getlist("fields") for name in value.split(",")}


def _only(fields: set[str], item: Shown) -> Shown:
    return {name: value for name, value in item.items() if name in fields}


def _scope(backend: Backend, kind: Kind, call: Call) -> list[str]:
    """The projects that an object must be of, each of them; [] when those of all may be seen."""
    context = call.context
    given = call.query.getlist("project_id")
    if len(given) > 1:
        raise bad("project_id is given more than once.")
    if not kind.owned:
        backend.enforce(call, f"{kind.policy}:get_all", context.project_id)
        return []
    if backend.policy.allows(f"{PREFIX}{kind.policy}:get_all-global", context, {}):
        return given
    backend.enforce(call, f"{kind.policy}:get_all", context.project_id)
    return list({*given, context.project_id or "-"})


@lru_cache(256)
def _first_page(
    kind: Kind, of_project: bool, order: tuple[tuple[Column[Any], str], ...], reverse: bool
) -> FirstPage:
    """What most clients ask for: all that there is, up to the limit."""
    rows = kind.rows()
    if of_project:
        rows = rows.where(kind.table.c.project_id == bindparam("project"))
    return FirstPage(rows, identity=kind.table.c[kind.identity], order=order, reverse=reverse)


def _filters(kind: Kind, call: Call) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    for name in dict.fromkeys(call.query):
        if name in PAGING or (name == "project_id" and kind.owned):
            continue
        given = call.query.getlist(name)
        if name in TAGS and kind.owned:
            where.append(_tagged(kind, name, [tag for value in given for tag in value.split(",")]))
            continue
        column = kind.column(name) if name != "tenant_id" else None
        if column is None or len(given) > 1:
            raise bad(f"One or more arguments are either duplicate or invalid: {_plain(name)}")
        where.append(_equal(name, column, given[0]))
    return where


def _equal(name: str, column: Column[Any], given: str) -> ColumnElement[bool]:
    value: Any = given
    try:
        if isinstance(column.type, Boolean):
            value = values.boolean(given)
        elif isinstance(column.type, Integer):
            value = values.integer(-(2**62), 2**62)(given)
        elif isinstance(column.type, Timestamp):
            value = datetime.datetime.fromisoformat(given)
            value = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    except ValueError:
        raise bad(f"{_plain(given)!r} is not a value that {name} can have.") from None
    if given == "None" or given == "null":
        return or_(column == value, column.is_(None)) if isinstance(value, str) else column.is_(None)
    condition: ColumnElement[bool] = column == value
    return condition


def _tagged(kind: Kind, name: str, wanted: Sequence[str]) -> ColumnElement[bool]:
    distinct = list(dict.fromkeys(wanted))
    holders = select(tags.c.resource_id).where(tags.c.tag.in_(distinct))
    if name in ("tags", "not-tags"):
        holders = holders.group_by(tags.c.resource_id).having(func.count() == len(distinct))
    inside = kind.table.c.id.in_(holders)
    return inside if name in ("tags", "tags-any") else ~inside


def _order(kind: Kind, call: Call) -> list[tuple[Column[Any], str]]:
    pairs: list[tuple[str, str]] = []
    if "sort" in call.query:
        for item in call.query["sort"].split(","):
            key, _, way = item.partition(":")
            pairs.append((key.strip(), way.strip() or "asc"))
    else:
        keys = [key for value in call.query.getlist("sort_key") for key in value.split(",")]
        ways = [way for value in call.query.getlist("sort_dir") for way in value.split(",")]
        pairs = [(key, ways[place] if place < len(ways) else "asc") for place, key in enumerate(keys)]
    order = []
    for key, way in pairs or [(key, "asc") for key in kind.order]:
        column = kind.column(key)
        if column is None:
            raise bad(f"{_plain(key)!r} is not a key to sort by.")
        if way not in ("asc", "desc"):
            raise refuse_route(400, f"The direction to sort in must be asc or desc, not {_plain(way)!r}.")
        order.append((column, way))
    return order


def _limit(backend: Backend, call: Call) -> int:
    most = backend.settings.pagination_max_limit
    text = call.query.get("limit")
    if text is None or text == "infinite":
        return most
    try:
        limit: int = values.integer(-(2**31))(text)
    except ValueError:
        raise refuse_route(400, f"The limit must be a whole number, not {_plain(text)!r}.") from None
    return min(limit, most) if limit > 0 else most


def _links(
    call: Call, shown: Sequence[Shown], identity: str, limit: int, marker: str | None, reverse: bool
) -> list[dict[str, str]]:
    """``next`` on a full page, ``previous`` after a marker. Filters are not carried on, as in Octavia."""
    if not shown:
        return []
    kept = [
        (name, value) for name, value in call.query.multi_items() if name in ("sort", "sort_key", "sort_dir")
    ]
    kept.append(("limit", str(limit)))

    def link(rel: str, at: Shown, backwards: bool) -> dict[str, str]:
        query = [*kept, ("marker", str(at[identity]))]
        if backwards:
            query.append(("page_reverse", "True"))
        return {"rel": rel, "href": f"{call.url}?{urlencode(query)}"}

    links = []
    full = len(shown) == limit
    if full if not reverse else marker is not None:
        links.append(link("next", shown[-1], False))
    if (marker is not None) if not reverse else full:
        links.append(link("previous", shown[0], True))
    return links


def _plain(value: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in value[:255])
