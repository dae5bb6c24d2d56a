# SPDX-License-Identifier: Apache-2.0
"""/v3/domains: containers of users, groups and projects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError

from samovar.database import hex_id
from samovar.web import Api, Call, Forbidden, Reply

from ..bootstrap import DEFAULT
from ..faults import taken
from ..removal import remove_domain
from ..revocation import revoke
from ..store import Store
from ..tables import domains
from . import fields
from .collection import Collection
from .rendering import domain_body

DOMAINS = Collection("domains", "domain", domains, domain_body, ("name", "enabled", "id"))
KINDS = {"name": fields.name(64), "description": fields.text, "enabled": fields.flag}


class DomainsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/domains", self.list)
        api.route("POST", "/v3/domains", self.create)
        api.route("GET", "/v3/domains/{id}", self.show)
        api.route("PATCH", "/v3/domains/{id}", self.update)
        api.route("DELETE", "/v3/domains/{id}", self.delete)

    async def list(self, call: Call) -> Any:
        call.enforce("identity:list_domains")
        own = {} if call.context.is_admin or call.context.system else {"id": call.context.domain_id or ""}
        return await DOMAINS.list(self._store, call, forced=own)

    async def show(self, call: Call) -> Any:
        found = await self._store.read(lambda connection: DOMAINS.one(connection, call.path["id"]))
        call.enforce("identity:get_domain", {"target.domain.id": found["id"]})
        return DOMAINS.body(call, found)

    async def create(self, call: Call) -> Reply:
        call.enforce("identity:create_domain")
        values, extra = fields.read_fields(call.object("domain"), KINDS, ["name"])
        values.update(id=hex_id(), extra=extra)

        def change(connection: Connection) -> Any:
            try:
                connection.execute(insert(domains).values(values))
            except IntegrityError:
                raise taken("domain", values["name"]) from None
            return DOMAINS.one(connection, values["id"])

        return Reply(201, DOMAINS.body(call, await self._store.write(change)))

    async def update(self, call: Call) -> Any:
        identity = call.path["id"]
        call.enforce("identity:update_domain", {"target.domain.id": identity})
        values, extra = fields.read_fields(call.object("domain"), KINDS)

        def change(connection: Connection) -> Any:
            found = DOMAINS.one(connection, identity)
            changed = {**values, "extra": {**found["extra"], **extra}}
            try:
                connection.execute(update(domains).where(domains.c.id == identity).values(changed))
            except IntegrityError:
                raise taken("domain", values["name"]) from None
            if found["enabled"] and not changed.get("enabled", True):
                revoke(connection, "domain", identity)
            return DOMAINS.one(connection, identity)

        return DOMAINS.body(call, await self._store.write(change))

    async def delete(self, call: Call) -> Reply:
        identity = call.path["id"]
        call.enforce("identity:delete_domain", {"target.domain.id": identity})

        def change(connection: Connection) -> None:
            if identity == DEFAULT:
                raise Forbidden("The default domain cannot be deleted.")
            if DOMAINS.one(connection, identity)["enabled"]:
                raise Forbidden("Cannot delete a domain that is enabled; disable it first.")
            remove_domain(connection, identity)

        await self._store.write(change)
        return Reply(204)
