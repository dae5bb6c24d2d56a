# SPDX-License-Identifier: Apache-2.0
"""/v3/roles, and which roles imply which."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from samovar.database import hex_id
from samovar.web import Api, BadRequest, Call, Forbidden, Reply

from ..assignments import implied
from ..bootstrap import ROLES as BUILT_IN
from ..faults import taken, unknown
from ..removal import remove_role
from ..store import Store
from ..tables import implied_roles, roles
from . import fields
from .collection import Collection, list_links
from .rendering import role_body

ROLES = Collection("roles", "role", roles, role_body, ("name", "id"))
KINDS = {
    "name": fields.name(255),
    "description": fields.optional(fields.text),
    "domain_id": fields.optional(fields.name(64)),
}


class RolesApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/roles", self.list)
        api.route("POST", "/v3/roles", self.create)
        api.route("GET", "/v3/roles/{id}", self.show)
        api.route("PATCH", "/v3/roles/{id}", self.update)
        api.route("DELETE", "/v3/roles/{id}", self.delete)
        api.route("GET", "/v3/roles/{id}/implies", self.implies)
        api.route("GET", "/v3/roles/{id}/implies/{implied}", self.show_implication)
        api.route("HEAD", "/v3/roles/{id}/implies/{implied}", self.check_implication)
        api.route("PUT", "/v3/roles/{id}/implies/{implied}", self.add_implication)
        api.route("DELETE", "/v3/roles/{id}/implies/{implied}", self.remove_implication)
        api.route("GET", "/v3/role_inferences", self.inferences)

    async def list(self, call: Call) -> Any:
        call.enforce("identity:list_roles")
        return await ROLES.list(self._store, call, roles.c.domain_id == call.query.get("domain_id", ""))

    async def show(self, call: Call) -> Any:
        call.enforce("identity:get_role")
        return ROLES.body(call, await self._one(call.path["id"]))

    async def create(self, call: Call) -> Reply:
        call.enforce("identity:create_role")
        values, extra = fields.read_fields(call.object("role"), KINDS, ["name"])
        values.update(id=hex_id(), extra=extra, domain_id=values.get("domain_id") or "")

        def change(connection: Connection) -> RowMapping:
            try:
                connection.execute(insert(roles).values(values))
            except IntegrityError:
                raise taken("role", values["name"]) from None
            return ROLES.one(connection, values["id"])

        return Reply(201, ROLES.body(call, await self._store.write(change)))

    async def update(self, call: Call) -> Any:
        call.enforce("identity:update_role")
        identity = call.path["id"]
        found = await self._one(identity)
        values, extra = fields.read_fields(call.object("role"), KINDS)
        if (values.pop("domain_id", None) or found["domain_id"]) != found["domain_id"]:
            raise BadRequest("The domain of a role cannot be changed.")
        if found["name"] in BUILT_IN and values.get("name", found["name"]) != found["name"]:
            raise Forbidden(f"The role {found['name']} is needed by this cloud and keeps its name.")
        values["extra"] = {**found["extra"], **extra}

        def change(connection: Connection) -> RowMapping:
            try:
                connection.execute(update(roles).where(roles.c.id == identity).values(values))
            except IntegrityError:
                raise taken("role", values["name"]) from None
            return ROLES.one(connection, identity)

        return ROLES.body(call, await self._store.write(change))

    async def delete(self, call: Call) -> Reply:
        call.enforce("identity:delete_role")
        found = await self._one(call.path["id"])
        if found["name"] in BUILT_IN and not found["domain_id"]:
            raise Forbidden(f"The role {found['name']} is needed by this cloud and cannot be deleted.")
        await self._store.write(lambda connection: remove_role(connection, found["id"]))
        return Reply(204)

    async def implies(self, call: Call) -> Any:
        call.enforce("identity:list_implied_roles")
        prior = await self._one(call.path["id"])

        def query(connection: Connection) -> list[Any]:
            below = select(implied_roles.c.implied_id).where(implied_roles.c.prior_id == prior["id"])
            return [
                _short(call, found)
                for found in connection.execute(select(roles).where(roles.c.id.in_(below))).mappings()
            ]

        inference = {"prior_role": _short(call, prior), "implies": await self._store.read(query)}
        return {"role_inference": inference, "links": list_links(call)}

    async def show_implication(self, call: Call) -> Any:
        call.enforce("identity:get_implied_role")
        prior, below = await self._pair(call)
        if not await self._store.read(lambda connection: _is_implied(connection, prior["id"], below["id"])):
            raise unknown("implied role", f"{prior['name']} implies {below['name']}")
        return self._inference(call, prior, below)

    async def check_implication(self, call: Call) -> Reply:
        await self.show_implication(call)
        return Reply(204)

    async def add_implication(self, call: Call) -> Reply:
        call.enforce("identity:create_implied_role")
        prior, below = await self._pair(call)

        def change(connection: Connection) -> None:
            if prior["id"] in implied(connection, [below["id"]]):
                raise BadRequest(f"{below['name']} implies {prior['name']} already; that would be a circle.")
            if below["name"] == "admin":
                raise Forbidden("The role admin cannot be implied by another one.")
            if not _is_implied(connection, prior["id"], below["id"]):
                values = {"prior_id": prior["id"], "implied_id": below["id"]}
                connection.execute(insert(implied_roles).values(values))

        await self._store.write(change)
        return Reply(201, self._inference(call, prior, below))

    async def remove_implication(self, call: Call) -> Reply:
        call.enforce("identity:delete_implied_role")
        prior, below = await self._pair(call)
        key = implied_roles.c.prior_id == prior["id"], implied_roles.c.implied_id == below["id"]

        def change(connection: Connection) -> None:
            if connection.execute(delete(implied_roles).where(*key)).rowcount == 0:
                raise unknown("implied role", f"{prior['name']} implies {below['name']}")

        await self._store.write(change)
        return Reply(204)

    async def inferences(self, call: Call) -> Any:
        call.enforce("identity:list_role_inference_rules")

        def query(connection: Connection) -> list[Any]:
            names = {found["id"]: found for found in connection.execute(select(roles)).mappings()}
            rules: dict[str, list[Any]] = {}
            for prior_id, implied_id in connection.execute(select(implied_roles)):
                rules.setdefault(prior_id, []).append(_short(call, names[implied_id]))
            return [
                {"prior_role": _short(call, names[prior_id]), "implies": below}
                for prior_id, below in rules.items()
            ]

        return {"role_inferences": await self._store.read(query), "links": list_links(call)}

    async def _one(self, identity: str) -> RowMapping:
        return await self._store.read(lambda connection: ROLES.one(connection, identity))

    async def _pair(self, call: Call) -> tuple[RowMapping, RowMapping]:
        return await self._one(call.path["id"]), await self._one(call.path["implied"])

    @staticmethod
    def _inference(call: Call, prior: RowMapping, below: RowMapping) -> dict[str, Any]:
        inference = {"prior_role": _short(call, prior), "implies": _short(call, below)}
        return {"role_inference": inference, "links": {"self": call.url}}


def _is_implied(connection: Connection, prior_id: str, implied_id: str) -> bool:
    key = implied_roles.c.prior_id == prior_id, implied_roles.c.implied_id == implied_id
    return connection.execute(select(implied_roles).where(*key)).first() is not None


def _short(call: Call, found: RowMapping) -> dict[str, Any]:
    body = role_body(call, found)
    return {name: body[name] for name in ("id", "name", "links")}
