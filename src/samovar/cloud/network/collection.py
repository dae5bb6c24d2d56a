# SPDX-License-Identifier: Apache-2.0
"""The five requests of every kind: list, show, create (one or many), update, delete."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    and_,
    delete,
    false,
    func,
    not_,
    or_,
    select,
    update,
)

from samovar.auth import Context
from samovar.database import Json, Timestamp
from samovar.web import Api, Call, Reply, page_limit, paginate, sort_keys

from .backend import Backend, Work
from .faults import invalid, refuse
from .kind import Kind, Values
from .tables import tags
from .values import boolean

RESERVED = {"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir", "sort"}
REVISION = re.compile(r'"?revision_number=(\d+)"?')


class Collection:
    """Serves one kind under ``/v2.0/<path>``."""

    def __init__(self, kind: Kind, backend: Backend) -> None:
        self.kind = kind
        self.backend = backend

    def routes(self, api: Api) -> None:
        root, kind = f"/v2.0/{self.kind.path}", self.kind
        for suffix in ("", ".json"):
            api.route("GET", root + suffix, self.index)
            if kind.create:
                api.route("POST", root + suffix, self.create)
        api.route("GET", root + "/{id}", self.show)
        if kind.update:
            api.route("PUT", root + "/{id}", self.update)
        if kind.delete:
            api.route("DELETE", root + "/{id}", self.delete)

    async def index(self, call: Call) -> Any:
        kind, context = self.kind, call.context
        call.enforce(f"get_{kind.name}", {"project_id": context.project_id})
        await self._prepare(context)
        wanted = conditions(kind, call)
        limit = page_limit(call) or None
        reverse = call.query.get("page_reverse", "").lower() == "true"
        allowed = [name for name in self._names() if self.kind.column(name) is not None]
        order = [
            (column, way)
            for name, way in sort_keys(call, allowed, [("created_at", "asc")])
            if (column := kind.column(name)) is not None
        ]

        def run(connection: Connection) -> tuple[list[dict[str, Any]], bool]:
            query = select(kind.table)
            visible = kind.visible(context)
            if visible is not None:
                query = query.where(visible)
            page = paginate(
                connection,
                query.where(*wanted),
                identity=kind.table.c.id,
                order=order,
                marker=call.query.get("marker"),
                limit=limit,
                reverse=reverse,
            )
            return kind.describe(connection, page.rows, context), page.more

        shown, more = await self.backend.database.read(run)
        body: dict[str, Any] = {kind.plural: [fields(call, item) for item in shown]}
        links = page_links(call, shown, limit, more, reverse)
        if links:
            body[f"{kind.plural}_links"] = links
        return body

    async def _prepare(self, context: Context) -> None:
        preparation = self.kind.preparation
        if preparation is None:
            return
        if await self.backend.database.read(lambda connection: preparation.missing(connection, context)):
            await self.backend.commit(context, preparation.make)

    async def show(self, call: Call) -> Any:
        kind, context = self.kind, call.context
        call.enforce(f"get_{kind.name}", {"project_id": context.project_id})

        def run(connection: Connection) -> dict[str, Any]:
            row = kind.fetch(connection, call.path["id"], context)
            return kind.describe(connection, [row], context)[0]

        return {kind.name: fields(call, await self.backend.database.read(run))}

    async def create(self, call: Call) -> Reply:
        kind, context = self.kind, call.context
        many = isinstance(call.body, dict) and isinstance(call.body.get(kind.plural), list)
        items = call.body[kind.plural] if many else [call.object(kind.name)]
        parsed = []
        for item in items:
            if not isinstance(item, dict):
                raise refuse("HTTPBadRequest", f"Each of the {kind.plural} must be an object.")
            parsed.append(self._accepted(call, item))

        def change(work: Work) -> list[dict[str, Any]]:
            assert kind.create is not None
            made = [kind.create(work, dict(values)) for values in parsed]
            return self._described(work, made)

        shown = await self.backend.commit(context, change)
        return Reply(201, {kind.plural: shown} if many else {kind.name: shown[0]})

    async def update(self, call: Call) -> Any:
        kind, context = self.kind, call.context
        values = kind.parse(call.object(kind.name), creating=False)
        expected = expected_revision(call)

        def change(work: Work) -> dict[str, Any]:
            assert kind.update is not None
            row = kind.fetch(work.connection, call.path["id"], context)
            permit(work, kind, f"update_{kind.name}", dict(row), values)
            check_revision(expected, row["revision_number"])
            kind.update(work, row, dict(values))
            bump(work, kind, row["id"])
            return self._described(work, [row["id"]])[0]

        return {kind.name: await self.backend.commit(context, change)}

    async def delete(self, call: Call) -> Reply:
        kind, context = self.kind, call.context
        expected = expected_revision(call)

        def change(work: Work) -> None:
            assert kind.delete is not None
            row = kind.fetch(work.connection, call.path["id"], context)
            permit(work, kind, f"delete_{kind.name}", dict(row), {})
            check_revision(expected, row["revision_number"])
            work.connection.execute(delete(tags).where(tags.c.resource_id == row["id"]))
            kind.delete(work, row)

        await self.backend.commit(context, change)
        return Reply(204)

    def _accepted(self, call: Call, item: dict[str, Any]) -> Values:
        """The parsed values of one new thing, the owner filled in and the policy asked."""
        kind, context = self.kind, call.context
        if item.get("tenant_id", item.get("project_id")) != item.get("project_id", item.get("tenant_id")):
            raise refuse("HTTPBadRequest", "tenant_id and project_id are two names of one thing and differ.")
        values = kind.parse(item, creating=True)
        values["project_id"] = values.get("project_id") or context.project_id or ""
        target = {"project_id": values["project_id"]}
        call.enforce(f"create_{kind.name}", target)
        for name in item:
            attribute = kind.attributes.get(name)
            if attribute is not None and attribute.guarded and values[name] != attribute.default:
                call.enforce(f"create_{kind.name}:{name}", target)
        return values

    def _described(self, work: Work, ids: Sequence[str]) -> list[dict[str, Any]]:
        rows = [self.kind.fetch(work.connection, identity) for identity in ids]
        return self.kind.describe(work.connection, rows, work.context)

    def _names(self) -> list[str]:
        renamed = {column: name for name, column in self.kind.columns.items()}
        names = [renamed.get(column.name, column.name) for column in self.kind.table.c]
        return [*names, "tenant_id"]


def permit(work: Work, kind: Kind, action: str, target: dict[str, Any], values: Values) -> None:
    """Ask the policy for the action and for each guarded attribute that would change."""
    work.policy.enforce(action, work.context, target)
    for name, value in values.items():
        if kind.attributes[name].guarded and target.get(kind.columns.get(name, name)) != value:
            work.policy.enforce(f"{action}:{name}", work.context, target)


def bump(work: Work, kind: Kind, identity: str) -> None:
    """The row has changed: a new revision."""
    table = kind.table
    work.connection.execute(
        update(table)
        .where(table.c.id == identity)
        .values(revision_number=table.c.revision_number + 1, updated_at=work.now)
    )


def expected_revision(call: Call) -> int | None:
    """The revision that the client's If-Match header asks for."""
    header = call.request.headers.get("if-match")
    if not header:
        return None
    matched = REVISION.fullmatch(header.strip())
    if matched is None:
        raise refuse("HTTPBadRequest", f"If-Match must be revision_number=N, not {header!r}.")
    return int(matched[1])


def check_revision(expected: int | None, actual: int) -> None:
    if expected is not None and expected != actual:
        raise refuse("RevisionNumberConstraintFailed", f"The revision is {actual}, not {expected}.")


def fields(call: Call, item: dict[str, Any]) -> dict[str, Any]:
    """Only the attributes that ``fields`` names, when it is there."""
    wanted = [name for value in call.query.getlist("fields") for name in value.split(",") if name]
    return {name: item[name] for name in wanted if name in item} if wanted else item


def page_links(
    call: Call, shown: Sequence[dict[str, Any]], limit: int | None, more: bool, reverse: bool
) -> list[dict[str, str]]:
    """``next`` and ``previous``, as far as there are such pages."""
    if limit is None or not shown:
        return []
    came_from = call.query.get("marker") is not None
    links = []
    for rel, exists, marker in (
        ("next", came_from if reverse else more, shown[-1]["id"]),
        ("previous", more if reverse else came_from, shown[0]["id"]),
    ):
        if exists:
            kept = [(k, v) for k, v in call.query.multi_items() if k not in ("marker", "page_reverse")]
            kept.append(("marker", marker))
            if rel == "previous":
                kept.append(("page_reverse", "True"))
            links.append({"rel": rel, "href": f"{call.url}?{urlencode(kept)}"})
    return links


def conditions(kind: Kind, call: Call) -> list[ColumnElement[bool]]:
    """What the query parameters ask of the rows. Several values of one name are alternatives."""
    found: list[ColumnElement[bool]] = []
    for name in dict.fromkeys(call.query.keys()):
        values = call.query.getlist(name)
        if name in RESERVED:
            continue
        if name in kind.filters:
            found.append(kind.filters[name](values))
        elif kind.taggable and name in ("tags", "tags-any", "not-tags", "not-tags-any"):
            found.append(tagged(kind, name, [tag for value in values for tag in value.split(",")]))
        elif name == "changed_since":
            found.append(kind.table.c.updated_at >= moment(name, values[0]))
        else:
            column = kind.column(name)
            if column is None or isinstance(column.type, Json):
                raise refuse("HTTPBadRequest", f"A list of {kind.plural} cannot be filtered by {name!r}.")
            found.append(any_of(name, column, values))
    return found


def any_of(name: str, column: Any, values: Sequence[str]) -> ColumnElement[bool]:
    kind = column.type
    try:
        if isinstance(kind, Boolean):
            return or_(false(), *(column.is_(boolean(value)) for value in values))
        if isinstance(kind, Timestamp):
            return or_(false(), *(column == moment(name, value) for value in values))
        if isinstance(kind, Integer):
            return or_(false(), *(column.is_(None) if v == "" else column == int(v) for v in values))
    except ValueError as error:
        raise invalid(name, str(error)) from None
    condition: ColumnElement[bool] = column.in_(list(values))
    if "" in values and column.nullable:
        condition = or_(condition, column.is_(None))
    return condition


def moment(name: str, value: str) -> datetime.datetime:
    try:
        parsed = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise invalid(name, f"{value!r} is not an ISO 8601 time") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)


def tagged(kind: Kind, name: str, wanted: Sequence[str]) -> ColumnElement[bool]:
    """All of the tags, any of them, or the opposite."""
    identity = kind.table.c.id
    if name.endswith("-any"):
        some = identity.in_(select(tags.c.resource_id).where(tags.c.tag.in_(wanted)))
        return not_(some) if name.startswith("not") else some
    counted = (
        select(tags.c.resource_id)
        .where(tags.c.tag.in_(wanted))
        .group_by(tags.c.resource_id)
        .having(func.count() == len(set(wanted)))
    )
    every = and_(identity.in_(counted))
    return not_(every) if name.startswith("not") else every
