# SPDX-License-Identifier: Apache-2.0
"""/v3/regions, /v3/services, /v3/endpoints: what the catalog is made of."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update

from samovar.database import hex_id
from samovar.web import Api, BadRequest, Call, Conflict, Forbidden, Reply

from ..faults import unknown
from ..standing import row
from ..store import Store
from ..tables import endpoints, regions, services
from . import fields
from .collection import Collection
from .rendering import endpoint_body, region_body, service_body

REGIONS = Collection("regions", "region", regions, region_body, ("parent_region_id", "id"), order="id")
SERVICES = Collection(
    "services", "service", services, service_body, ("type", "name", "enabled"), order="type"
)
ENDPOINTS = Collection(
    "endpoints", "endpoint", endpoints, endpoint_body, ("service_id", "interface", "region_id"), order="id"
)


def interface(field: str, value: Any) -> str:
    """public, internal or admin; also in the old form publicURL."""
    short = str(value).removesuffix("URL")
    if short not in ("public", "internal", "admin"):
        raise BadRequest(f"{field} must be public, internal or admin.")
    return short


def url(field: str, value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadRequest(f"{field} must be an http or https URL.")
    return str(value)


REGION = {"parent_region_id": fields.optional(fields.name(255)), "description": fields.text}
SERVICE = {
    "type": fields.name(255),
    "name": fields.text,
    "description": fields.optional(fields.text),
    "enabled": fields.flag,
}
ENDPOINT = {
    "service_id": fields.name(64),
    "region_id": fields.optional(fields.name(255)),
    "interface": interface,
    "url": url,
    "enabled": fields.flag,
}


class CatalogPartsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        for collection, create, change in (
            (REGIONS, self.create_region, self.update_region),
            (SERVICES, self.create_service, self.update_service),
            (ENDPOINTS, self.create_endpoint, self.update_endpoint),
        ):
            parts = _Part(self._store, collection)
            api.route("GET", f"/v3/{collection.name}", parts.list)
            api.route("POST", f"/v3/{collection.name}", create)
            api.route("GET", f"/v3/{collection.name}/{{id}}", parts.show)
            api.route("PATCH", f"/v3/{collection.name}/{{id}}", change)
            api.route("DELETE", f"/v3/{collection.name}/{{id}}", parts.delete)
        api.route("PUT", "/v3/regions/{id}", self.create_region)

    async def create_region(self, call: Call) -> Reply:
        call.enforce("identity:create_region")
        given = call.object("region")
        values, extra = fields.read_fields(given, REGION)
        identity = call.path.get("id") or given.get("id") or hex_id()
        values.update(id=fields.name(255)("id", identity), extra=extra)

        def change(connection: Connection) -> RowMapping:
            _present(connection, regions, "region", values.get("parent_region_id"))
            if row(connection, regions, identity) is not None:
                raise Conflict(f"Conflict occurred attempting to store region - Duplicate ID, {identity}.")
            connection.execute(insert(regions).values(values))
            return REGIONS.one(connection, identity)

        return Reply(201, REGIONS.body(call, await self._store.write(change)))

    async def update_region(self, call: Call) -> Any:
        call.enforce("identity:update_region")
        values, extra = fields.read_fields(call.object("region"), REGION)

        def check(connection: Connection) -> None:
            _present(connection, regions, "region", values.get("parent_region_id"))

        await self._store.read(check)
        return await self._update(call, REGIONS, values, extra)

    async def create_service(self, call: Call) -> Reply:
        call.enforce("identity:create_service")
        values, extra = fields.read_fields(call.object("service"), SERVICE, ["type"])
        return await self._create(call, SERVICES, values, extra)

    async def update_service(self, call: Call) -> Any:
        call.enforce("identity:update_service")
        return await self._update(call, SERVICES, *fields.read_fields(call.object("service"), SERVICE))

    async def create_endpoint(self, call: Call) -> Reply:
        call.enforce("identity:create_endpoint")
        given = dict(call.object("endpoint"))
        region = given.pop("region", None)
        values, extra = fields.read_fields(given, ENDPOINT, ["service_id", "interface", "url"])
        if region is not None:
            values["region_id"] = fields.name(255)("region", region)
            await self._store.write(lambda connection: _ensure_region(connection, values["region_id"]))
        await self._store.read(lambda connection: _settled(connection, values))
        return await self._create(call, ENDPOINTS, values, extra)

    async def update_endpoint(self, call: Call) -> Any:
        call.enforce("identity:update_endpoint")
        given = dict(call.object("endpoint"))
        if "region" in given:
            given["region_id"] = given.pop("region")
        values, extra = fields.read_fields(given, ENDPOINT)
        await self._store.read(lambda connection: _settled(connection, values))
        return await self._update(call, ENDPOINTS, values, extra)

    async def _create(
        self, call: Call, collection: Collection, values: dict[str, Any], extra: dict[str, Any]
    ) -> Reply:
        values = {**values, "id": hex_id(), "extra": extra}

        def change(connection: Connection) -> RowMapping:
            connection.execute(insert(collection.table).values(values))
            return collection.one(connection, values["id"])

        return Reply(201, collection.body(call, await self._store.write(change)))

    async def _update(
        self, call: Call, collection: Collection, values: dict[str, Any], extra: dict[str, Any]
    ) -> Any:
        identity = call.path["id"]

        def change(connection: Connection) -> RowMapping:
            found = collection.one(connection, identity)
            changed = {**values, "extra": {**found["extra"], **extra}}
            table = collection.table
            connection.execute(update(table).where(table.c.id == identity).values(changed))
            return collection.one(connection, identity)

        return collection.body(call, await self._store.write(change))


class _Part:
    """What the three collections have in common."""

    def __init__(self, store: Store, collection: Collection) -> None:
        self._store = store
        self._collection = collection

    async def list(self, call: Call) -> Any:
        call.enforce(f"identity:list_{self._collection.name}")
        return await self._collection.list(self._store, call)

    async def show(self, call: Call) -> Any:
        call.enforce(f"identity:get_{self._collection.singular}")
        identity = call.path["id"]
        found = await self._store.read(lambda connection: self._collection.one(connection, identity))
        return self._collection.body(call, found)

    async def delete(self, call: Call) -> Reply:
        call.enforce(f"identity:delete_{self._collection.singular}")
        table, identity = self._collection.table, call.path["id"]

        def change(connection: Connection) -> None:
            self._collection.one(connection, identity)
            if table is regions:
                below = select(regions.c.id).where(regions.c.parent_region_id == identity)
                used = select(endpoints.c.id).where(endpoints.c.region_id == identity)
                if connection.execute(below).first() or connection.execute(used).first():
                    raise Forbidden(f"The region {identity} still has endpoints or regions below it.")
            if table is services:
                connection.execute(delete(endpoints).where(endpoints.c.service_id == identity))
            connection.execute(delete(table).where(table.c.id == identity))

        await self._store.write(change)
        return Reply(204)


def _settled(connection: Connection, values: dict[str, Any]) -> None:
    """Raise unless the service and the region of an endpoint are there."""
    _present(connection, services, "service", values.get("service_id"))
    _present(connection, regions, "region", values.get("region_id"))


def _ensure_region(connection: Connection, identity: str) -> None:
    if row(connection, regions, identity) is None:
        connection.execute(insert(regions).values(id=identity, extra={}))


def _present(connection: Connection, table: Table, what: str, identity: str | None) -> None:
    if identity is not None and row(connection, table, identity) is None:
        raise unknown(what, identity)
