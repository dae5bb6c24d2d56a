# SPDX-License-Identifier: Apache-2.0
"""/v3/groups: sets of users that get roles together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from samovar.database import hex_id
from samovar.web import Api, BadRequest, Call, NotFound, Reply

from ..faults import taken, unknown
from ..removal import remove_group
from ..standing import row
from ..store import Store
from ..tables import domains, groups, memberships, users
from . import fields
from .collection import Collection, targeted
from .rendering import group_body, user_body

GROUPS = Collection("groups", "group", groups, group_body, ("name", "domain_id", "id"))
MEMBERS = Collection("users", "user", users, user_body, ("name", "enabled"))
KINDS = {
    "name": fields.name(64),
    "description": fields.text,
    "domain_id": fields.optional(fields.name(64)),
}


class GroupsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/groups", self.list)
        api.route("POST", "/v3/groups", self.create)
        api.route("GET", "/v3/groups/{id}", self.show)
        api.route("PATCH", "/v3/groups/{id}", self.update)
        api.route("DELETE", "/v3/groups/{id}", self.delete)
        api.route("GET", "/v3/groups/{id}/users", self.members)
        api.route("GET", "/v3/groups/{id}/users/{user_id}", self.check_member)
        api.route("PUT", "/v3/groups/{id}/users/{user_id}", self.add_member)
        api.route("DELETE", "/v3/groups/{id}/users/{user_id}", self.remove_member)

    async def list(self, call: Call) -> Any:
        domain_id = call.query.get("domain_id") or call.context.domain_id
        call.enforce("identity:list_groups", {"target.domain_id": domain_id} if domain_id else None)
        return await GROUPS.list(self._store, call, forced={"domain_id": domain_id} if domain_id else {})

    async def show(self, call: Call) -> Any:
        return GROUPS.body(call, await self._one(call, "identity:get_group"))

    async def create(self, call: Call) -> Reply:
        values, extra = fields.read_fields(call.object("group"), KINDS, ["name"])
        context = call.context
        domain_id = (
            values.get("domain_id")
            or context.domain_id
            or context.project_domain_id
            or context.user_domain_id
        )
        call.enforce("identity:create_group", {"target.group.domain_id": domain_id})
        values.update(id=hex_id(), domain_id=domain_id, extra=extra)

        def change(connection: Connection) -> RowMapping:
            if row(connection, domains, domain_id) is None:
                raise unknown("domain", domain_id)
            try:
                connection.execute(insert(groups).values(values))
            except IntegrityError:
                raise taken("group", values["name"]) from None
            return GROUPS.one(connection, values["id"])

        return Reply(201, GROUPS.body(call, await self._store.write(change)))

    async def update(self, call: Call) -> Any:
        found = await self._one(call, "identity:update_group")
        values, extra = fields.read_fields(call.object("group"), KINDS)
        if values.pop("domain_id", found["domain_id"]) != found["domain_id"]:
            raise BadRequest("The domain of a group cannot be changed.")
        values["extra"] = {**found["extra"], **extra}

        def change(connection: Connection) -> RowMapping:
            try:
                connection.execute(update(groups).where(groups.c.id == found["id"]).values(values))
            except IntegrityError:
                raise taken("group", values["name"]) from None
            return GROUPS.one(connection, found["id"])

        return GROUPS.body(call, await self._store.write(change))

    async def delete(self, call: Call) -> Reply:
        found = await self._one(call, "identity:delete_group")
        await self._store.write(lambda connection: remove_group(connection, found["id"]))
        return Reply(204)

    async def members(self, call: Call) -> Any:
        found = await self._one(call, "identity:list_users_in_group")
        inside = select(memberships.c.user_id).where(memberships.c.group_id == found["id"])
        return await MEMBERS.list(self._store, call, users.c.id.in_(inside))

    async def check_member(self, call: Call) -> Reply:
        found = await self._one(call, "identity:check_user_in_group")
        key = _membership(found["id"], call.path["user_id"])
        if await self._store.read(
            lambda connection: connection.execute(select(memberships).where(*key)).first()
        ):
            return Reply(204)
        raise NotFound(f"User {call.path['user_id']} is not found in group {found['id']}.")

    async def add_member(self, call: Call) -> Reply:
        found = await self._one(call, "identity:add_user_to_group")
        user_id = call.path["user_id"]

        def change(connection: Connection) -> None:
            if row(connection, users, user_id) is None:
                raise unknown("user", user_id)
            if (
                connection.execute(select(memberships).where(*_membership(found["id"], user_id))).first()
                is None
            ):
                connection.execute(insert(memberships).values(group_id=found["id"], user_id=user_id))

        await self._store.write(change)
        return Reply(204)

    async def remove_member(self, call: Call) -> Reply:
        found = await self._one(call, "identity:remove_user_from_group")
        key = _membership(found["id"], call.path["user_id"])

        def change(connection: Connection) -> None:
            if connection.execute(delete(memberships).where(*key)).rowcount == 0:
                raise NotFound(f"User {call.path['user_id']} is not found in group {found['id']}.")

        await self._store.write(change)
        return Reply(204)

    async def _one(self, call: Call, rule: str) -> RowMapping:
        found = await self._store.read(lambda connection: GROUPS.one(connection, call.path["id"]))
        call.enforce(rule, targeted("group", found, "id", "domain_id"))
        return found


def _membership(group_id: str, user_id: str) -> tuple[Any, Any]:
    return memberships.c.group_id == group_id, memberships.c.user_id == user_id
