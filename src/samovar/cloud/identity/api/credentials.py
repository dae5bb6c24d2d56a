# SPDX-License-Identifier: Apache-2.0
"""Credentials that users keep here: /v3/credentials, and access keys below a user's credentials/OS-EC2."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from samovar.database import hex_id
from samovar.web import Api, BadRequest, Call, Conflict, Forbidden, Reply

from ..faults import unknown
from ..standing import row
from ..store import Store
from ..tables import credentials, projects, users
from . import fields
from .collection import Collection, list_links
from .rendering import credential_body

CREDENTIALS = Collection(
    "credentials", "credential", credentials, credential_body, ("user_id", "type"), order="id"
)
KINDS = {
    "type": fields.name(255),
    "blob": fields.name(65536),
    "user_id": fields.name(64),
    "project_id": fields.optional(fields.name(64)),
}


class CredentialsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/credentials", self.list)
        api.route("POST", "/v3/credentials", self.create)
        api.route("GET", "/v3/credentials/{id}", self.show)
        api.route("PATCH", "/v3/credentials/{id}", self.update)
        api.route("DELETE", "/v3/credentials/{id}", self.delete)
        api.route("GET", "/v3/users/{id}/credentials/OS-EC2", self.list_keys)
        api.route("POST", "/v3/users/{id}/credentials/OS-EC2", self.create_key)
        api.route("GET", "/v3/users/{id}/credentials/OS-EC2/{access}", self.show_key)
        api.route("DELETE", "/v3/users/{id}/credentials/OS-EC2/{access}", self.delete_key)

    async def list(self, call: Call) -> Any:
        """All for those who may see all; one's own for everybody else."""
        context = call.context
        everything = self._may(call, "identity:list_credentials", {})
        forced = {} if everything else {"user_id": context.user_id}
        return await CREDENTIALS.list(self._store, call, forced=forced)

    async def show(self, call: Call) -> Any:
        return CREDENTIALS.body(call, await self._one(call, "identity:get_credential"))

    async def create(self, call: Call) -> Reply:
        values, _ = fields.read_fields(call.object("credential"), KINDS, ["type", "blob", "user_id"])
        call.enforce("identity:create_credential", {"target.credential.user_id": values["user_id"]})
        _unrestricted(call)
        values["id"] = hex_id()
        if values["type"] == "ec2":
            access = _access_key(values["blob"])
            if not values.get("project_id"):
                raise BadRequest("project_id is a required property of a credential of type ec2.")
            values["id"] = hashlib.sha256(access.encode()).hexdigest()
        values.update(_means(call))

        def change(connection: Connection) -> RowMapping:
            if row(connection, users, values["user_id"]) is None:
                raise unknown("user", values["user_id"])
            if row(connection, credentials, values["id"]) is not None:
                raise Conflict("Conflict occurred attempting to store credential - Duplicate entry found.")
            connection.execute(insert(credentials).values(values))
            return CREDENTIALS.one(connection, values["id"])

        return Reply(201, CREDENTIALS.body(call, await self._store.write(change)))

    async def update(self, call: Call) -> Any:
        found = await self._one(call, "identity:update_credential")
        values, _ = fields.read_fields(call.object("credential"), KINDS)
        owner = values.get("user_id", found["user_id"])
        call.enforce("identity:update_credential", {"target.credential.user_id": owner})
        if "ec2" in (found["type"], values.get("type")):
            access = _access_key(values.get("blob", found["blob"]))
            if hashlib.sha256(access.encode()).hexdigest() != found["id"]:
                raise BadRequest("The access key of a credential of type ec2 cannot be changed.")

        def change(connection: Connection) -> RowMapping:
            if values:
                connection.execute(update(credentials).where(credentials.c.id == found["id"]).values(values))
            return CREDENTIALS.one(connection, found["id"])

        return CREDENTIALS.body(call, await self._store.write(change))

    async def delete(self, call: Call) -> Reply:
        found = await self._one(call, "identity:delete_credential")
        await self._store.write(
            lambda connection: connection.execute(delete(credentials).where(credentials.c.id == found["id"]))
        )
        return Reply(204)

    async def list_keys(self, call: Call) -> Any:
        user_id = await self._owner(call, "identity:ec2_list_credentials")
        mine = select(credentials).where(credentials.c.user_id == user_id, credentials.c.type == "ec2")
        found = await self._store.read(lambda connection: connection.execute(mine).mappings().all())
        return {"credentials": [_key_body(call, one) for one in found], "links": list_links(call)}

    async def create_key(self, call: Call) -> Reply:
        user_id = await self._owner(call, "identity:ec2_create_credential")
        _unrestricted(call)
        project_id = call.body.get("tenant_id") if isinstance(call.body, dict) else None
        if not isinstance(project_id, str):
            raise BadRequest("tenant_id, the project of the key, is a required property.")
        blob = {"access": secrets.token_hex(16), "secret": secrets.token_hex(16)}
        values = {
            "id": hashlib.sha256(blob["access"].encode()).hexdigest(),
            "user_id": user_id,
            "project_id": project_id,
            "type": "ec2",
            "blob": json.dumps(blob),
            **_means(call),
        }

        def change(connection: Connection) -> RowMapping:
            if row(connection, projects, project_id) is None:
                raise unknown("project", project_id)
            connection.execute(insert(credentials).values(values))
            return CREDENTIALS.one(connection, str(values["id"]))

        return Reply(201, {"credential": _key_body(call, await self._store.write(change))})

    async def show_key(self, call: Call) -> Any:
        await self._owner(call, "identity:ec2_get_credential")
        return {"credential": _key_body(call, await self._key(call))}

    async def delete_key(self, call: Call) -> Reply:
        await self._owner(call, "identity:ec2_delete_credential")
        identity = (await self._key(call))["id"]
        await self._store.write(
            lambda connection: connection.execute(delete(credentials).where(credentials.c.id == identity))
        )
        return Reply(204)

    async def _one(self, call: Call, rule: str) -> RowMapping:
        found = await self._store.read(lambda connection: CREDENTIALS.one(connection, call.path["id"]))
        call.enforce(rule, {"target.credential.user_id": found["user_id"]})
        return found

    async def _owner(self, call: Call, rule: str) -> str:
        user_id = call.path["id"]
        call.enforce(rule, {"target.user.id": user_id})
        if await self._store.read(lambda connection: row(connection, users, user_id)) is None:
            raise unknown("user", user_id)
        return user_id

    async def _key(self, call: Call) -> RowMapping:
        access, user_id = call.path["access"], call.path["id"]
        found = await self._store.read(lambda connection: find_key(connection, access))
        if found is None or found["user_id"] != user_id:
            raise unknown("credential", access)
        return found

    @staticmethod
    def _may(call: Call, rule: str, target: dict[str, Any]) -> bool:
        return call.api.policy is not None and call.api.policy.allows(rule, call.context, target)


def find_key(connection: Connection, access: str) -> RowMapping | None:
    """The ec2 credential with this access key."""
    found = row(connection, credentials, hashlib.sha256(access.encode()).hexdigest())
    return found if found is not None and found["type"] == "ec2" else None


def _means(call: Call) -> dict[str, str]:
    """A key made through a trust or an application credential can do no more than that."""
    context = call.context
    means = {
        "trust_id": context.trust_id,
        "application_credential_id": context.application_credential_id,
    }
    return {name: value for name, value in means.items() if value}


def _unrestricted(call: Call) -> None:
    if call.context.application_credential_id and not call.context.is_admin:
        raise Forbidden("A token of an application credential cannot make further credentials.")


def _access_key(blob: str) -> str:
    try:
        loaded = json.loads(blob)
        access, secret = loaded["access"], loaded["secret"]
    except (ValueError, KeyError, TypeError):
        raise BadRequest("The blob of a credential of type ec2 is JSON with access and secret.") from None
    if not isinstance(access, str) or not isinstance(secret, str) or not access or not secret:
        raise BadRequest("access and secret must be text.")
    return access


def _key_body(call: Call, found: RowMapping) -> dict[str, Any]:
    blob = json.loads(found["blob"])
    itself = f"{call.base_url}/v3/users/{found['user_id']}/credentials/OS-EC2/{blob['access']}"
    return {
        "user_id": found["user_id"],
        "tenant_id": found["project_id"],
        "access": blob["access"],
        "secret": blob["secret"],
        "trust_id": found["trust_id"],
        "links": {"self": itself},
    }
