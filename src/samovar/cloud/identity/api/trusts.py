# SPDX-License-Identifier: Apache-2.0
"""/v3/OS-TRUST/trusts: a trustor lets a trustee act with some of its roles on a project."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, insert, or_, select

from samovar.database import hex_id, utcnow
from samovar.web import Api, BadRequest, Call, Forbidden, NotFound, Reply

from ..assignments import role_names, roles_on
from ..description import time_text
from ..faults import unknown
from ..removal import remove_trust
from ..standing import row
from ..store import Store
from ..tables import projects, trusts, users
from . import fields
from .collection import list_links
from .rendering import linked
from .role_choice import chosen_roles

MAXIMUM_REDELEGATION = 3
KINDS = {
    "trustor_user_id": fields.name(64),
    "trustee_user_id": fields.name(64),
    "project_id": fields.optional(fields.name(64)),
    "impersonation": fields.flag,
    "expires_at": fields.optional(fields.moment),
    "remaining_uses": fields.optional(fields.count),
    "allow_redelegation": fields.flag,
    "redelegation_count": fields.optional(fields.count),
}


class TrustsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/OS-TRUST/trusts", self.list)
        api.route("POST", "/v3/OS-TRUST/trusts", self.create)
        api.route("GET", "/v3/OS-TRUST/trusts/{id}", self.show)
        api.route("DELETE", "/v3/OS-TRUST/trusts/{id}", self.delete)
        api.route("GET", "/v3/OS-TRUST/trusts/{id}/roles", self.roles)
        api.route("GET", "/v3/OS-TRUST/trusts/{id}/roles/{role}", self.role)
        api.route("HEAD", "/v3/OS-TRUST/trusts/{id}/roles/{role}", self.role)

    async def list(self, call: Call) -> Any:
        trustor, trustee = call.query.get("trustor_user_id"), call.query.get("trustee_user_id")
        query = select(trusts).where(or_(trusts.c.expires_at.is_(None), trusts.c.expires_at > utcnow()))
        if trustor:
            call.enforce("identity:list_trusts_for_trustor", {"target.trust.trustor_user_id": trustor})
            query = query.where(trusts.c.trustor_user_id == trustor)
        if trustee:
            call.enforce("identity:list_trusts_for_trustee", {"target.trust.trustee_user_id": trustee})
            query = query.where(trusts.c.trustee_user_id == trustee)
        if not trustor and not trustee:
            call.enforce("identity:list_trusts")
        found = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        return {"trusts": [_body(call, trust) for trust in found], "links": list_links(call)}

    async def show(self, call: Call) -> Any:
        found = await self._one(call, "identity:get_trust")
        return {"trust": await self._with_roles(call, found)}

    async def create(self, call: Call) -> Reply:
        given = dict(call.object("trust"))
        wanted = given.pop("roles", [])
        values, _ = fields.read_fields(given, KINDS, ["trustor_user_id", "trustee_user_id", "impersonation"])
        context = call.context
        call.enforce("identity:create_trust", {"target.trust.trustor_user_id": values["trustor_user_id"]})
        if context.application_credential_id:
            raise Forbidden("A token of an application credential cannot make trusts.")
        expires, uses = values.get("expires_at"), values.get("remaining_uses")
        if expires is not None and expires <= utcnow():
            raise BadRequest("expires_at must lie in the future.")
        if uses == 0:
            raise BadRequest("remaining_uses must be at least 1, or null.")
        allowed, count = values.pop("allow_redelegation", False), values.pop("redelegation_count", None)
        if uses is not None and allowed:
            raise BadRequest("A trust with a limited number of uses cannot be redelegated.")
        values["redelegation_count"] = (MAXIMUM_REDELEGATION if count is None else count) if allowed else 0
        if values["redelegation_count"] > MAXIMUM_REDELEGATION:
            raise Forbidden(f"redelegation_count must be at most {MAXIMUM_REDELEGATION}.")

        def settle(connection: Connection) -> None:
            if row(connection, users, values["trustee_user_id"]) is None:
                raise unknown("user", values["trustee_user_id"])
            having: dict[str, str] = {}
            if values.get("project_id"):
                if row(connection, projects, values["project_id"]) is None:
                    raise unknown("project", values["project_id"])
                having = roles_on(connection, context.user_id, "project", values["project_id"])
            elif wanted:
                raise BadRequest("A trust that passes on roles needs the project they are on.")
            if context.trust_id:
                parent = row(connection, trusts, context.trust_id)
                if parent is None:
                    raise unknown("trust", context.trust_id)
                values.update(_redelegated(parent, values))
                having = {role: name for role, name in having.items() if role in parent["role_ids"]}
            values["role_ids"] = chosen_roles(having, wanted)
            if values.get("project_id") and not values["role_ids"]:
                raise Forbidden("At least one role should be specified.")

        await self._store.read(settle)
        values.update(id=hex_id(), created_at=utcnow())

        def change(connection: Connection) -> RowMapping | None:
            connection.execute(insert(trusts).values(values))
            return row(connection, trusts, values["id"])

        made = await self._store.write(change)
        assert made is not None
        return Reply(201, {"trust": await self._with_roles(call, made)})

    async def delete(self, call: Call) -> Reply:
        found = await self._one(call, "identity:delete_trust")
        await self._store.write(lambda connection: remove_trust(connection, found["id"]))
        return Reply(204)

    async def roles(self, call: Call) -> Any:
        found = await self._one(call, "identity:list_roles_for_trust")
        return {"roles": (await self._with_roles(call, found))["roles"], "links": list_links(call)}

    async def role(self, call: Call) -> Any:
        found = await self._one(call, "identity:get_role_for_trust")
        for role in (await self._with_roles(call, found))["roles"]:
            if role["id"] == call.path["role"]:
                return {"role": role}
        raise unknown("role", call.path["role"])

    async def _one(self, call: Call, rule: str) -> RowMapping:
        identity = call.path["id"]
        found = await self._store.read(lambda connection: row(connection, trusts, identity))
        if found is None:
            raise unknown("trust", identity)
        call.enforce(
            rule,
            {
                "target.trust.trustor_user_id": found["trustor_user_id"],
                "target.trust.trustee_user_id": found["trustee_user_id"],
            },
        )
        if found["expires_at"] is not None and found["expires_at"] <= utcnow():
            raise NotFound(f"The trust {identity} has expired.")
        return found

    async def _with_roles(self, call: Call, found: RowMapping) -> dict[str, Any]:
        names = await self._store.read(lambda connection: role_names(connection, found["role_ids"]))
        listed = [linked(call, "roles", {"id": identity, "name": name}) for identity, name in names.items()]
        body = _body(call, found)
        itself = f"{body['links']['self']}/roles"
        return {**body, "roles": listed, "roles_links": {"self": itself, "next": None, "previous": None}}


def _redelegated(parent: RowMapping, values: dict[str, Any]) -> dict[str, Any]:
    """What a trust made through `parent` takes from it; it can go no further. Raises Forbidden."""
    if parent["redelegation_count"] < 1:
        raise Forbidden("This trust may not be redelegated.")
    if values["impersonation"] and not parent["impersonation"]:
        raise Forbidden("Impersonation cannot be passed on by a trust without it.")
    if values.get("project_id") != parent["project_id"]:
        raise Forbidden("A redelegated trust must be for the same project.")
    until = values.get("expires_at") or parent["expires_at"]
    if until is not None and parent["expires_at"] is not None and until > parent["expires_at"]:
        raise Forbidden("A redelegated trust cannot outlive the trust it comes from.")
    return {
        "redelegated_trust_id": parent["id"],
        "redelegation_count": min(values["redelegation_count"], parent["redelegation_count"] - 1),
        "expires_at": until,
    }


def _body(call: Call, found: RowMapping) -> dict[str, Any]:
    names = ("id", "trustor_user_id", "trustee_user_id", "project_id", "impersonation", "remaining_uses")
    body = {
        **{name: found[name] for name in names},
        "expires_at": time_text(found["expires_at"]),
        "deleted_at": None,
        "redelegation_count": found["redelegation_count"],
        "redelegated_trust_id": found["redelegated_trust_id"],
    }
    return linked(call, "OS-TRUST/trusts", body)
