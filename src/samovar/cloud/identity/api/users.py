# SPDX-License-Identifier: Apache-2.0
"""/v3/users: who can log in; their passwords, projects and groups."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from samovar.database import hex_id, utcnow
from samovar.web import Api, BadRequest, Call, Reply

from ..assignments import groups_of, projects_of
from ..faults import refused, taken, unknown
from ..passwords import check_password, hash_password
from ..removal import remove_user
from ..revocation import revoke
from ..store import Store
from ..tables import domains, groups, projects, users
from . import fields
from .collection import Collection, targeted
from .groups import GROUPS
from .projects import PROJECTS
from .rendering import user_body

USERS = Collection("users", "user", users, user_body, ("name", "domain_id", "enabled", "id"))
KINDS = {
    "name": fields.name(255),
    "domain_id": fields.optional(fields.name(64)),
    "default_project_id": fields.optional(fields.name(64)),
    "enabled": fields.flag,
    "password": fields.optional(fields.name(4096)),
}


class UsersApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/users", self.list)
        api.route("POST", "/v3/users", self.create)
        api.route("GET", "/v3/users/{id}", self.show)
        api.route("PATCH", "/v3/users/{id}", self.update)
        api.route("DELETE", "/v3/users/{id}", self.delete)
        api.route("POST", "/v3/users/{id}/password", self.change_password, public=True)
        api.route("GET", "/v3/users/{id}/projects", self.projects)
        api.route("GET", "/v3/users/{id}/groups", self.groups)

    async def list(self, call: Call) -> Any:
        domain_id = call.query.get("domain_id") or call.context.domain_id
        call.enforce("identity:list_users", {"target.domain_id": domain_id} if domain_id else None)
        return await USERS.list(self._store, call, forced={"domain_id": domain_id} if domain_id else {})

    async def show(self, call: Call) -> Any:
        return USERS.body(call, await self._one(call, "identity:get_user"))

    async def create(self, call: Call) -> Reply:
        values, extra = fields.read_fields(call.object("user"), KINDS, ["name"])
        context = call.context
        domain_id = (
            values.get("domain_id")
            or context.domain_id
            or context.project_domain_id
            or context.user_domain_id
        )
        call.enforce("identity:create_user", {"target.user.domain_id": domain_id})
        await self._secret(values)
        values.update(id=hex_id(), domain_id=domain_id, extra=extra)

        def change(connection: Connection) -> RowMapping:
            if connection.execute(select(domains.c.id).where(domains.c.id == domain_id)).first() is None:
                raise unknown("domain", domain_id)
            try:
                connection.execute(insert(users).values(values))
            except IntegrityError:
                raise taken("user", values["name"]) from None
            return USERS.one(connection, values["id"])

        return Reply(201, USERS.body(call, await self._store.write(change)))

    async def update(self, call: Call) -> Any:
        found = await self._one(call, "identity:update_user")
        values, extra = fields.read_fields(call.object("user"), KINDS)
        if values.pop("domain_id", found["domain_id"]) != found["domain_id"]:
            raise BadRequest("The domain of a user cannot be changed.")
        await self._secret(values)

        def change(connection: Connection) -> RowMapping:
            changed = {**values, "extra": {**found["extra"], **extra}}
            try:
                connection.execute(update(users).where(users.c.id == found["id"]).values(changed))
            except IntegrityError:
                raise taken("user", values["name"]) from None
            if "password_hash" in values or (found["enabled"] and not values.get("enabled", True)):
                revoke(connection, "user", found["id"])
            return USERS.one(connection, found["id"])

        return USERS.body(call, await self._store.write(change))

    async def delete(self, call: Call) -> Reply:
        found = await self._one(call, "identity:delete_user")
        await self._store.write(lambda connection: remove_user(connection, found["id"]))
        return Reply(204)

    async def change_password(self, call: Call) -> Reply:
        """By the user, who proves itself by the old password; an expired one serves too."""
        given = call.object("user")
        old, new = given.get("original_password"), given.get("password")
        if not isinstance(old, str) or not isinstance(new, str) or not new:
            raise BadRequest("user must hold original_password and password.")
        identity = call.path["id"]
        find = select(users).where(users.c.id == identity)
        found = await self._store.read(lambda connection: connection.execute(find).mappings().first())
        good = await check_password(old, found["password_hash"] if found else None)
        if found is None or not good or not found["enabled"]:
            raise refused()
        if old == new:
            raise BadRequest("The new password cannot be identical to the old one.")
        values: dict[str, Any] = {"password": new}
        await self._secret(values)

        def change(connection: Connection) -> None:
            connection.execute(update(users).where(users.c.id == identity).values(values))
            revoke(connection, "user", identity)

        await self._store.write(change)
        return Reply(204)

    async def projects(self, call: Call) -> Any:
        found = await self._one(call, "identity:list_user_projects")
        ids = await self._store.read(lambda connection: projects_of(connection, found["id"]))
        return await PROJECTS.list(self._store, call, projects.c.id.in_(ids))

    async def groups(self, call: Call) -> Any:
        found = await self._one(call, "identity:list_groups_for_user")
        ids = await self._store.read(lambda connection: groups_of(connection, found["id"]))
        return await GROUPS.list(self._store, call, groups.c.id.in_(ids))

    async def _one(self, call: Call, rule: str) -> RowMapping:
        found = await self._store.read(lambda connection: USERS.one(connection, call.path["id"]))
        call.enforce(rule, targeted("user", found, "id", "domain_id"))
        return found

    @staticmethod
    async def _secret(values: dict[str, Any]) -> None:
        """Replace the password among `values` by its hash."""
        if "password" in values:
            password = values.pop("password")
            values["password_hash"] = await hash_password(password) if password is not None else None
            values["password_created_at"] = utcnow()
