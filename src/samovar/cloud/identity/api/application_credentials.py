# SPDX-License-Identifier: Apache-2.0
"""Application credentials: a program's own secret, with roles of its user on one project."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from samovar.database import hex_id, utcnow
from samovar.web import Api, BadRequest, Call, Forbidden, NotFound, NotSupported, Reply

from ..assignments import role_names
from ..description import time_text
from ..faults import taken, unknown
from ..passwords import hash_password
from ..removal import remove_application_credential
from ..standing import row
from ..store import Store
from ..tables import application_credentials, roles, users
from . import fields
from .collection import Collection, list_links
from .role_choice import chosen_roles

KINDS = {
    "name": fields.name(255),
    "description": fields.optional(fields.text),
    "secret": fields.optional(fields.name(4096)),
    "expires_at": fields.optional(fields.moment),
    "unrestricted": fields.optional(fields.flag),
}


def _body(call: Call, found: RowMapping) -> dict[str, Any]:
    """Without the roles, which take a look at their table."""
    return {
        "id": found["id"],
        "name": found["name"],
        "description": found["description"],
        "project_id": found["project_id"],
        "user_id": found["user_id"],
        "expires_at": time_text(found["expires_at"]),
        "unrestricted": found["unrestricted"],
        "system": None,
        "roles": found["role_ids"],
        "links": {
            "self": f"{call.base_url}/v3/users/{found['user_id']}/application_credentials/{found['id']}"
        },
    }


APPLICATION_CREDENTIALS = Collection(
    "application_credentials", "application_credential", application_credentials, _body, ("name",)
)


class ApplicationCredentialsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        base = "/v3/users/{user_id}/application_credentials"
        api.route("GET", base, self.list)
        api.route("POST", base, self.create)
        api.route("GET", base + "/{id}", self.show)
        api.route("DELETE", base + "/{id}", self.delete)
        api.route("GET", "/v3/users/{user_id}/access_rules", self.access_rules)
        api.route("GET", "/v3/users/{user_id}/access_rules/{id}", self.access_rule)

    async def list(self, call: Call) -> Any:
        await self._owner(call, "identity:list_application_credentials")
        mine = application_credentials.c.user_id == call.path["user_id"]
        found = await APPLICATION_CREDENTIALS.list(self._store, call, mine)
        bodies = found["application_credentials"]
        found["application_credentials"] = [await self._with_roles(body) for body in bodies]
        return found

    async def show(self, call: Call) -> Any:
        found = await self._one(call, "identity:get_application_credential")
        return {"application_credential": await self._with_roles(_body(call, found))}

    async def create(self, call: Call) -> Reply:
        await self._owner(call, "identity:create_application_credential")
        context = call.context
        if context.project_id is None:
            raise BadRequest("An application credential is for a project; come with a token scoped to one.")
        if context.trust_id:
            raise Forbidden("A token of a trust cannot make application credentials.")
        if context.application_credential_id:
            await self._unrestricted(context.application_credential_id)
        given = dict(call.object("application_credential"))
        if given.pop("access_rules", None):
            raise NotSupported("Access rules of application credentials are not supported here.")
        wanted = given.pop("roles", None)
        values, _ = fields.read_fields(given, KINDS, ["name"])
        expires = values.get("expires_at")
        if expires is not None and expires <= utcnow():
            raise BadRequest("expires_at must lie in the future.")
        role_ids = await self._store.read(lambda connection: _passed_on(connection, context.roles, wanted))
        made = values.get("secret") is None
        secret = values.pop("secret", None) or secrets.token_urlsafe(64)
        values.update(
            id=hex_id(),
            user_id=context.user_id,
            project_id=context.project_id,
            role_ids=role_ids,
            unrestricted=bool(values.get("unrestricted")),
            secret_hash=await hash_password(secret, random=made),
        )

        def change(connection: Connection) -> RowMapping:
            try:
                connection.execute(insert(application_credentials).values(values))
            except IntegrityError:
                raise taken("application_credential", values["name"]) from None
            return APPLICATION_CREDENTIALS.one(connection, values["id"])

        body = await self._with_roles(_body(call, await self._store.write(change)))
        return Reply(201, {"application_credential": {**body, "secret": secret}})

    async def delete(self, call: Call) -> Reply:
        found = await self._one(call, "identity:delete_application_credential")
        await self._unrestricted(call.context.application_credential_id)
        await self._store.write(lambda connection: remove_application_credential(connection, found["id"]))
        return Reply(204)

    async def access_rules(self, call: Call) -> Any:
        """There can be none: application credentials with access rules are refused."""
        await self._owner(call, "identity:list_access_rules")
        return {"access_rules": [], "links": list_links(call)}

    async def access_rule(self, call: Call) -> Any:
        await self._owner(call, "identity:list_access_rules")
        raise unknown("access rule", call.path["id"])

    async def _with_roles(self, body: dict[str, Any]) -> dict[str, Any]:
        names = await self._store.read(lambda connection: role_names(connection, body["roles"]))
        listed = [{"id": identity, "name": name, "domain_id": None} for identity, name in names.items()]
        return {**body, "roles": listed}

    async def _unrestricted(self, identity: str | None) -> None:
        """A restricted application credential may not tend to others."""
        if identity is None:
            return
        found = await self._store.read(lambda connection: row(connection, application_credentials, identity))
        if found is None or not found["unrestricted"]:
            raise Forbidden("This application credential is restricted: it cannot make or delete others.")

    async def _owner(self, call: Call, rule: str) -> None:
        user_id = call.path["user_id"]
        call.enforce(rule, {"target.user.id": user_id})
        if await self._store.read(lambda connection: row(connection, users, user_id)) is None:
            raise unknown("user", user_id)

    async def _one(self, call: Call, rule: str) -> RowMapping:
        await self._owner(call, rule)
        found = await self._store.read(
            lambda connection: APPLICATION_CREDENTIALS.one(connection, call.path["id"])
        )
        if found["user_id"] != call.path["user_id"]:
            raise NotFound(f"Could not find application credential: {found['id']}.")
        return found


def _passed_on(connection: Connection, names: frozenset[str], wanted: Any) -> list[str]:
    """The ids of the wanted ones of the roles with these names; of all when none are named."""
    query = select(roles.c.id, roles.c.name).where(roles.c.name.in_(names), roles.c.domain_id == "")
    having = {role.id: role.name for role in connection.execute(query)}
    return chosen_roles(having, wanted) if wanted else sorted(having)
