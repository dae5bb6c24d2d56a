# SPDX-License-Identifier: Apache-2.0
"""The list of stacks: filters, tags, sorting, pages. The plain list is one statement, compiled once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import Column, Connection, Select, and_, bindparam, exists, func, or_, select

from samovar.auth import PolicyDenied
from samovar.orchestration.engine.tables import stack_tags, stacks
from samovar.web import Api, Call, Forbidden
from samovar.web.paging import paginate

from .desk import PROJECT, Desk
from .values import flag, instant, sort_direction, whole_number

_COLUMNS = (
    stacks.c.id,
    stacks.c.name,
    stacks.c.project_id,
    stacks.c.action,
    stacks.c.status,
    stacks.c.status_reason,
    stacks.c.created_at,
    stacks.c.updated_at,
    stacks.c.deleted_at,
    stacks.c.user_name,
    stacks.c.owner_id,
    stacks.c.user_project_id,
    stacks.c.tags,
)
_plain = (
    select(*_COLUMNS)
    .where(
        stacks.c.project_id == bindparam("project"),
        stacks.c.owner_id.is_(None),
        stacks.c.deleted_at.is_(None),
    )
    .order_by(stacks.c.created_at.desc(), stacks.c.id.desc())
)
SORT_KEYS: Mapping[str, Column[Any]] = {
    "stack_name": stacks.c.name,
    "stack_status": stacks.c.status,
    "creation_time": stacks.c.created_at,
    "updated_time": stacks.c.updated_at,
}
FILTERS: Mapping[str, Column[Any]] = {
    "id": stacks.c.id,
    "name": stacks.c.name,
    "stack_name": stacks.c.name,
    "action": stacks.c.action,
    "stack_action": stacks.c.action,
    "stack_status_reason": stacks.c.status_reason,
    "tenant": stacks.c.project_id,
    "username": stacks.c.user_name,
    "stack_owner": stacks.c.user_name,
    "owner_id": stacks.c.owner_id,
    "parent": stacks.c.owner_id,
    "disable_rollback": stacks.c.disable_rollback,
    "timeout_mins": stacks.c.timeout_mins,
    "stack_user_project_id": stacks.c.user_project_id,
}
STATUSES = ("status", "stack_status")
_SWITCHES = ("show_deleted", "show_nested", "show_hidden", "global_tenant", "with_count")


class Listing:
    """The handlers of ``GET /stacks`` and ``/stacks/detail``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "GET", f"{PROJECT}/stacks", self.index, "stacks:index")
        self.desk.add(api, "GET", f"{PROJECT}/stacks/detail", self.detail, "stacks:detail")

    async def index(self, call: Call) -> dict[str, Any]:
        project = self.desk.project(call)
        read = self.desk.parts.database.read
        if not call.query and not self.desk.parts.settings.engine.hidden_stack_tags:
            rows = await read(lambda c: c.execute(_plain, {"project": project}).all())
            return {"stacks": self._summaries(call, rows)}
        everywhere = flag(call, "global_tenant")
        if everywhere:
            try:
                call.enforce("stacks:global_index", self.desk.target(call))
            except PolicyDenied as error:
                raise Forbidden(str(error), type="Forbidden") from error
        for name in _SWITCHES:
            flag(call, name)
        limit = whole_number("limit", call.query.get("limit"))
        query = self._filtered(call, None if everywhere else project)
        return await read(lambda c: self._page(c, call, query, limit))

    def _hidden(self, call: Call) -> list[str]:
        """The tags whose stacks this request does not see: asking for tags, or for hidden ones, shows all."""
        asked = any(name in call.query for name in ("tags", "tags_any"))
        return [] if asked or flag(call, "show_hidden") else self.desk.parts.settings.engine.hidden_stack_tags

    async def detail(self, call: Call) -> dict[str, Any]:
        project = self.desk.project(call)
        rows = await self.desk.parts.database.read(lambda c: c.execute(_plain, {"project": project}).all())
        return {"stacks": self._summaries(call, rows)}

    def _page(
        self, connection: Connection, call: Call, query: Select[Any], limit: int | None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        if flag(call, "with_count"):
            answer["count"] = connection.execute(
                select(func.count()).select_from(query.order_by(None).subquery())
            ).scalar_one()
        if limit == 0:
            return {"stacks": [], **answer}
        keys = [SORT_KEYS[key] for key in call.query.getlist("sort_keys") if key in SORT_KEYS]
        direction = sort_direction(call, "asc" if keys else "desc")
        order = [(key, direction) for key in keys or [stacks.c.created_at]]
        marker = call.query.get("marker")
        if marker and not connection.execute(select(stacks.c.id).where(stacks.c.id == marker)).first():
            marker = None  # Heat ignores a marker that it does not know
        page = paginate(connection, query, identity=stacks.c.id, order=order, marker=marker, limit=limit)
        found = [_Row(dict(row)) for row in page.rows]
        answer = {"stacks": self._summaries(call, found), **answer}
        if limit is not None and len(found) == limit and found:
            rest = [(k, v) for k, v in call.query.multi_items() if k != "marker"]
            following = urlencode([*rest, ("marker", found[-1].id)])
            answer["links"] = [{"href": f"{self.desk.stacks_url(call)}?{following}", "rel": "next"}]
        return answer

    def _filtered(self, call: Call, project: str | None) -> Select[Any]:
        query = select(*_COLUMNS)
        if project is not None:
            query = query.where(stacks.c.project_id == project)
        if not flag(call, "show_deleted"):
            query = query.where(stacks.c.deleted_at.is_(None))
        if not flag(call, "show_nested") and not {"owner_id", "parent"} & set(call.query.keys()):
            query = query.where(stacks.c.owner_id.is_(None))
        for name, column in FILTERS.items():
            values: list[Any] = call.query.getlist(name)
            if not values:
                continue
            if name == "disable_rollback":
                values = [value.lower() == "true" for value in values]
            elif name == "timeout_mins":
                values = [int(value) for value in values if re.fullmatch("[0-9]{1,9}", value)]
            query = query.where(column.in_(values))
        for name in STATUSES:
            if call.query.getlist(name):
                query = query.where(_in_states(call.query.getlist(name)))
        hidden = self._hidden(call)
        if hidden:
            tagged = exists().where(stack_tags.c.stack_id == stacks.c.id, stack_tags.c.tag.in_(hidden))
            query = query.where(~tagged)
        return _tagged(query, call)

    def _summaries(self, call: Call, rows: Any) -> list[dict[str, Any]]:
        base = self.desk.stacks_url(call)
        admin = call.context.is_admin
        found = []
        for row in rows:
            name = row.name
            shown = {
                "id": row.id,
                "links": [{"href": f"{base}/{quote(name, safe='')}/{row.id}", "rel": "self"}],
                "stack_name": name,
                "description": "",
                "stack_status": f"{row.action}_{row.status}",
                "stack_status_reason": row.status_reason,
                "creation_time": instant(row.created_at),
                "updated_time": instant(row.updated_at),
                "deletion_time": instant(row.deleted_at),
                "stack_owner": row.user_name,
                "parent": row.owner_id,
                "stack_user_project_id": row.user_project_id,
                "tags": row.tags or None,
            }
            if admin:
                shown["project"] = row.project_id
            found.append(shown)
        return found


class _Row:
    """A mapping row whose columns are attributes."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.__dict__.update(row)
        self.id: str = row["id"]


def _in_states(values: list[str]) -> Any:
    """`CREATE_COMPLETE` is an action and a status; `COMPLETE` a status alone."""
    alone, together = set(values), dict[str, set[str]]()
    for value in values:
        for status in ("IN_PROGRESS", "COMPLETE", "FAILED"):
            if value.endswith(f"_{status}"):
                alone.discard(value)
                together.setdefault(status, set()).add(value.removesuffix(f"_{status}"))
    pairs = [and_(stacks.c.status == each, stacks.c.action.in_(found)) for each, found in together.items()]
    return or_(stacks.c.status.in_(alone), *pairs)


def _tagged(query: Select[Any], call: Call) -> Select[Any]:
    for name in ("tags", "tags_any", "not_tags", "not_tags_any"):
        if name not in call.query:
            continue
        tags = {tag.strip() for tag in call.query[name].split(",") if tag.strip()}
        if not tags:
            continue
        having = stack_tags.c.stack_id == stacks.c.id, stack_tags.c.tag.in_(tags)
        if name.endswith("_any") or len(tags) == 1:
            found: Any = exists().where(*having)
        else:
            counted = select(func.count(stack_tags.c.tag.distinct())).where(*having).scalar_subquery()
            found = counted == len(tags)
        query = query.where(~found if name.startswith("not_") else found)
    return query
