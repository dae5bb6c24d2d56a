# SPDX-License-Identifier: Apache-2.0
"""/v3/projects: what owns things; a tree within a domain; tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Text,
    and_,
    cast,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from samovar.database import hex_id
from samovar.web import Api, BadRequest, Call, Forbidden, NotSupported, Reply

from ..assignments import ancestors
from ..faults import taken, unknown
from ..removal import remove_project
from ..revocation import revoke
from ..store import Store
from ..tables import domains, projects
from . import fields
from .collection import Collection, targeted, true
from .rendering import project_body

PROJECTS = Collection(
    "projects", "project", projects, project_body, ("name", "domain_id", "parent_id", "enabled", "id")
)


def tags(field: str, value: Any) -> list[str]:
    good = isinstance(value, list) and len(value) <= 80
    if not good or not all(
        isinstance(tag, str) and 0 < len(tag) <= 255 and not set(tag) & {"/", ","} for tag in value
    ):
        raise BadRequest(f"{field} must be at most 80 texts of 1 to 255 characters without '/' and ','.")
    return sorted(set(value))


KINDS = {
    "name": fields.name(64),
    "description": fields.text,
    "enabled": fields.flag,
    "tags": tags,
    "domain_id": fields.optional(fields.name(64)),
    "parent_id": fields.optional(fields.name(64)),
}


class ProjectsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/projects", self.list)
        api.route("POST", "/v3/projects", self.create)
        api.route("GET", "/v3/projects/{id}", self.show)
        api.route("PATCH", "/v3/projects/{id}", self.update)
        api.route("DELETE", "/v3/projects/{id}", self.delete)
        api.route("GET", "/v3/projects/{id}/tags", self.list_tags)
        api.route("PUT", "/v3/projects/{id}/tags", self.replace_tags)
        api.route("DELETE", "/v3/projects/{id}/tags", self.remove_tags)
        api.route("GET", "/v3/projects/{id}/tags/{tag}", self.check_tag)
        api.route("PUT", "/v3/projects/{id}/tags/{tag}", self.add_tag)
        api.route("DELETE", "/v3/projects/{id}/tags/{tag}", self.remove_tag)

    async def list(self, call: Call) -> Any:
        domain_id = call.query.get("domain_id") or call.context.domain_id
        call.enforce("identity:list_projects", {"target.domain_id": domain_id} if domain_id else None)
        if true(call.query.get("is_domain")):
            return await PROJECTS.list(self._store, call, projects.c.id.is_(None))
        forced = {"domain_id": domain_id} if domain_id else {}
        if "parent_id" in call.query and await self._is_domain(call.query["parent_id"]):
            # A domain is the parent of its first level.
            top = and_(projects.c.parent_id.is_(None), projects.c.domain_id == call.query["parent_id"])
            below = Collection(
                "projects", "project", projects, project_body, ("name", "domain_id", "enabled")
            )
            return await below.list(self._store, call, top, *_tag_conditions(call), forced=forced)
        return await PROJECTS.list(self._store, call, *_tag_conditions(call), forced=forced)

    async def show(self, call: Call) -> Any:
        found = await self._one(call, "identity:get_project")

        def family(connection: Connection) -> dict[str, Any]:
            above = [PROJECTS.one(connection, identity) for identity in ancestors(connection, found)]
            more: dict[str, Any] = {}
            if "parents_as_list" in call.query:
                more["parents"] = [PROJECTS.body(call, parent) for parent in above]
            elif "parents_as_ids" in call.query:
                chain: Any = {found["domain_id"]: None}
                for parent in reversed(above):
                    chain = {parent["id"]: chain}
                more["parents"] = chain
            if "subtree_as_list" in call.query:
                more["subtree"] = [
                    PROJECTS.body(call, child) for child in descendants(connection, found["id"])
                ]
            elif "subtree_as_ids" in call.query:
                more["subtree"] = _subtree(connection, found["id"])
            return more

        body = PROJECTS.render(call, found)
        return {"project": {**body, **await self._store.read(family)}}

    async def create(self, call: Call) -> Reply:
        given = call.object("project")
        if given.get("is_domain"):
            raise NotSupported(
                "Make a domain by POST /v3/domains; projects that act as one are not supported."
            )
        values, extra = fields.read_fields(given, KINDS, ["name"])
        context = call.context

        def settle(connection: Connection) -> None:
            parent_id = values.get("parent_id")
            if parent_id is not None:
                parent = (
                    connection.execute(select(projects).where(projects.c.id == parent_id)).mappings().first()
                )
                if parent is not None:
                    if values.setdefault("domain_id", parent["domain_id"]) != parent["domain_id"]:
                        raise BadRequest("A project must be in the domain of its parent.")
                else:
                    values.setdefault("domain_id", parent_id)
                    values["parent_id"] = None
            domain_id = values.get("domain_id") or context.domain_id or context.project_domain_id or "default"
            values["domain_id"] = domain_id
            if connection.execute(select(domains.c.id).where(domains.c.id == domain_id)).first() is None:
                raise unknown("domain", domain_id)

        await self._store.read(settle)
        call.enforce("identity:create_project", {"target.project.domain_id": values["domain_id"]})
        values.update(id=hex_id(), extra=extra)

        def change(connection: Connection) -> Any:
            try:
                connection.execute(insert(projects).values(values))
            except IntegrityError:
                raise taken("project", values["name"]) from None
            return PROJECTS.one(connection, values["id"])

        return Reply(201, PROJECTS.body(call, await self._store.write(change)))

    async def update(self, call: Call) -> Any:
        found = await self._one(call, "identity:update_project")
        values, extra = fields.read_fields(call.object("project"), KINDS)
        above = found["parent_id"] or found["domain_id"]
        if values.pop("domain_id", found["domain_id"]) != found["domain_id"]:
            raise BadRequest("The domain of a project cannot be changed.")
        if values.pop("parent_id", above) != above:
            raise Forbidden("The parent of a project cannot be changed.")
        return PROJECTS.body(call, await self._change(found, values, extra))

    async def delete(self, call: Call) -> Reply:
        found = await self._one(call, "identity:delete_project")

        def change(connection: Connection) -> None:
            if connection.execute(select(projects.c.id).where(projects.c.parent_id == found["id"])).first():
                raise Forbidden(
                    f"Cannot delete the project {found['id']} since it is not a leaf in the hierarchy."
                )
            remove_project(connection, found["id"])

        await self._store.write(change)
        return Reply(204)

    async def list_tags(self, call: Call) -> Any:
        found = await self._one(call, "identity:list_project_tags")
        return {"tags": found["tags"], "links": {"self": call.url, "next": None, "previous": None}}

    async def replace_tags(self, call: Call) -> Any:
        found = await self._one(call, "identity:update_project_tags")
        given = call.body.get("tags") if isinstance(call.body, dict) else None
        changed = await self._change(found, {"tags": tags("tags", given)}, {})
        return {"tags": changed["tags"], "links": {"self": call.url, "next": None, "previous": None}}

    async def remove_tags(self, call: Call) -> Reply:
        await self._change(await self._one(call, "identity:delete_project_tags"), {"tags": []}, {})
        return Reply(204)

    async def check_tag(self, call: Call) -> Reply:
        found = await self._one(call, "identity:get_project_tags")
        if call.path["tag"] not in found["tags"]:
            raise unknown("project tag", call.path["tag"])
        return Reply(204)

    async def add_tag(self, call: Call) -> Reply:
        found = await self._one(call, "identity:create_project_tags")
        await self._change(found, {"tags": tags("tags", [*found["tags"], call.path["tag"]])}, {})
        return Reply(201, None, {"location": call.url})

    async def remove_tag(self, call: Call) -> Reply:
        found = await self._one(call, "identity:delete_project_tags")
        if call.path["tag"] not in found["tags"]:
            raise unknown("project tag", call.path["tag"])
        await self._change(found, {"tags": [tag for tag in found["tags"] if tag != call.path["tag"]]}, {})
        return Reply(204)

    async def _one(self, call: Call, rule: str) -> RowMapping:
        found = await self._store.read(lambda connection: PROJECTS.one(connection, call.path["id"]))
        call.enforce(rule, targeted("project", found, "id", "domain_id"))
        return found

    async def _is_domain(self, identity: str) -> bool:
        query = select(domains.c.id).where(domains.c.id == identity)
        return await self._store.read(lambda connection: connection.execute(query).first() is not None)

    async def _change(self, found: RowMapping, values: dict[str, Any], extra: dict[str, Any]) -> RowMapping:
        identity = found["id"]

        def change(connection: Connection) -> RowMapping:
            changed = {**values, "extra": {**found["extra"], **extra}}
            try:
                connection.execute(update(projects).where(projects.c.id == identity).values(changed))
            except IntegrityError:
                raise taken("project", values["name"]) from None
            if found["enabled"] and not values.get("enabled", True):
                revoke(connection, "project", identity)
            return PROJECTS.one(connection, identity)

        return await self._store.write(change)


def descendants(connection: Connection, project_id: str) -> list[RowMapping]:
    """All the projects below, level by level."""
    found: list[RowMapping] = []
    level: Sequence[str] = [project_id]
    while level:
        rows = connection.execute(select(projects).where(projects.c.parent_id.in_(level))).mappings().all()
        found.extend(rows)
        level = [child["id"] for child in rows]
    return found


def _subtree(connection: Connection, project_id: str) -> dict[str, Any] | None:
    children = (
        connection.execute(select(projects.c.id).where(projects.c.parent_id == project_id)).scalars().all()
    )
    return {child: _subtree(connection, child) for child in children} or None


def _tag_conditions(call: Call) -> Iterator[ColumnElement[bool]]:
    for parameter, together, negated in (
        ("tags", and_, False),
        ("tags-any", or_, False),
        ("not-tags", and_, True),
        ("not-tags-any", or_, True),
    ):
        if call.query.get(parameter):
            having = [
                cast(projects.c.tags, Text).contains(f'"{tag}"', autoescape=True)
                for tag in call.query[parameter].split(",")
            ]
            yield not_(together(*having)) if negated else together(*having)
