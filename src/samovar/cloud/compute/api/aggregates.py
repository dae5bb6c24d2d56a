# SPDX-License-Identifier: Apache-2.0
"""/os-aggregates: named sets of hosts with metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from samovar.cloud.compute.creation import ZONE
from samovar.cloud.compute.faults import refuse_unknown
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.tables import aggregates, nodes
from samovar.database import Database, new_id, utcnow
from samovar.web import BadRequest, Call, Conflict, NotFound, NotSupported, Reply

from . import fields
from .routes import Routes

RULE = "os_compute_api:os-aggregates"


class AggregatesApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, routes: Routes) -> None:
        routes.add("GET", "/os-aggregates", self.index, rule=RULE)
        routes.add("POST", "/os-aggregates", self.create, rule=RULE)
        routes.add("GET", "/os-aggregates/{id}", self.show, rule=RULE)
        routes.add("PUT", "/os-aggregates/{id}", self.update, rule=RULE)
        routes.add("DELETE", "/os-aggregates/{id}", self.delete, rule=RULE)
        routes.add("POST", "/os-aggregates/{id}/action", self.act, rule=RULE)
        routes.add("POST", "/os-aggregates/{id}/images", self.cache, rule=RULE, since=(2, 81))

    async def index(self, call: Call, version: Version) -> Any:
        query = select(aggregates).order_by(aggregates.c.id)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return {"aggregates": [_view(row, version) for row in rows]}

    async def show(self, call: Call, version: Version) -> Any:
        where = _where(call)
        row = await self._database.read(
            lambda c: c.execute(select(aggregates).where(where)).mappings().first()
        )
        if row is None:
            raise _missing(call)
        return {"aggregate": _view(row, version)}

    async def create(self, call: Call, version: Version) -> Any:
        body = call.object("aggregate")
        refuse_unknown(body, frozenset({"name", "availability_zone"}), "aggregate")
        zone = _zone(body)
        row: dict[str, Any] = {
            "uuid": new_id(),
            "name": fields.name(body),
            "properties": {"availability_zone": zone} if zone else {},
            "hosts": [],
            "created_at": utcnow(),
            "updated_at": None,
        }

        def change(connection: Connection) -> RowMapping:
            _free(connection, row["name"])
            connection.execute(insert(aggregates).values(row))
            query = select(aggregates).where(aggregates.c.uuid == row["uuid"])
            return connection.execute(query).mappings().one()

        return {"aggregate": _view(await self._database.write(change), version)}

    async def update(self, call: Call, version: Version) -> Any:
        body = call.object("aggregate")
        refuse_unknown(body, frozenset({"name", "availability_zone"}), "aggregate")

        def change(connection: Connection, row: RowMapping) -> dict[str, Any]:
            changes: dict[str, Any] = {}
            if "name" in body and body["name"] != row["name"]:
                changes["name"] = fields.name(body)
                _free(connection, changes["name"])
            if "availability_zone" in body:
                zone = _zone(body)
                rest = {k: v for k, v in row["properties"].items() if k != "availability_zone"}
                changes["properties"] = {**rest, **({"availability_zone": zone} if zone else {})}
            return changes

        return await self._change(call, version, change)

    async def delete(self, call: Call, version: Version) -> Any:
        where = _where(call)

        def change(connection: Connection) -> None:
            row = connection.execute(select(aggregates).where(where)).mappings().first()
            if row is None:
                raise _missing(call)
            if row["hosts"]:
                raise BadRequest("Cannot remove host aggregate: it still has hosts.")
            connection.execute(delete(aggregates).where(where))

        await self._database.write(change)
        return Reply(200)

    async def act(self, call: Call, version: Version) -> Any:
        action, arguments = fields.action_body(call)
        if not isinstance(arguments, dict):
            raise BadRequest(f"Invalid input for {action}. It must be an object.")
        if action == "set_metadata":
            given = arguments.get("metadata")
            if not isinstance(given, dict):
                raise BadRequest("Invalid input for set_metadata: 'metadata' is a required property.")
            fields.properties({k: v for k, v in given.items() if v is not None})

            def merge(connection: Connection, row: RowMapping) -> dict[str, Any]:
                merged = {**row["properties"], **given}
                return {"properties": {k: v for k, v in merged.items() if v is not None}}

            return await self._change(call, version, merge)
        if action in ("add_host", "remove_host"):
            host, adding = str(arguments.get("host")), action == "add_host"

            def place(connection: Connection, row: RowMapping) -> dict[str, Any]:
                if connection.execute(select(nodes.c.id).where(nodes.c.host == host)).first() is None:
                    raise NotFound(f"Compute host {host} could not be found.")
                if (host in row["hosts"]) == adding:
                    if adding:
                        raise Conflict(f"Aggregate {row['id']} already has host {host}.")
                    raise NotFound(f"Aggregate {row['id']} has no host {host}.")
                hosts = [*row["hosts"], host] if adding else [h for h in row["hosts"] if h != host]
                return {"hosts": hosts}

            return await self._change(call, version, place)
        raise BadRequest(f"There is no such action: {action}.")

    async def cache(self, call: Call, version: Version) -> Any:
        raise NotSupported("Images are unpacked when a server first needs them; there is no cache to fill.")

    async def _change(
        self, call: Call, version: Version, change: Callable[[Connection, RowMapping], dict[str, Any]]
    ) -> Any:
        where = _where(call)

        def apply(connection: Connection) -> RowMapping:
            row = connection.execute(select(aggregates).where(where)).mappings().first()
            if row is None:
                raise _missing(call)
            changes = {**change(connection, row), "updated_at": utcnow()}
            connection.execute(update(aggregates).where(where).values(changes))
            return connection.execute(select(aggregates).where(where)).mappings().one()

        return {"aggregate": _view(await self._database.write(apply), version)}


def _where(call: Call) -> Any:
    identity = call.path["id"]
    if not identity.isdigit() or len(identity) > 9:
        raise BadRequest(f"Invalid aggregate id {identity!r}: it must be a whole number.")
    return aggregates.c.id == int(identity)


def _missing(call: Call) -> NotFound:
    return NotFound(f"Aggregate {call.path['id']} could not be found.")


def _free(connection: Connection, name: str) -> None:
    if connection.execute(select(aggregates.c.id).where(aggregates.c.name == name)).first() is not None:
        raise Conflict(f"Aggregate {name} already exists.")


def _zone(body: dict[str, Any]) -> str | None:
    zone = fields.text(body, "availability_zone")
    if zone and zone != ZONE:
        raise BadRequest(f"This cloud has one availability zone, {ZONE!r}.")
    return zone


def _view(row: RowMapping, version: Version) -> dict[str, Any]:
    updated = row["updated_at"]
    shown = {
        "id": row["id"],
        "name": row["name"],
        "hosts": row["hosts"],
        "metadata": row["properties"],
        "availability_zone": row["properties"].get("availability_zone"),
        "created_at": row["created_at"].strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "updated_at": updated and updated.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "deleted": False,
        "deleted_at": None,
    }
    if version >= (2, 41):
        shown["uuid"] = row["uuid"]
    return shown
