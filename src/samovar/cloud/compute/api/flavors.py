# SPDX-License-Identifier: Apache-2.0
"""/flavors: list, show, create, change, delete; their extra specs and their access lists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, insert, or_, select, update

from samovar.cloud.compute import flavors as store
from samovar.cloud.compute.faults import refuse_unknown
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.tables import flavor_access, flavors
from samovar.database import Database
from samovar.web import BadRequest, Call, Conflict, NotFound, Page, Reply, page_limit, paginate, sort_keys

from . import fields
from .routes import Routes

SORT = {
    "flavorid": "id",
    "name": "name",
    "memory_mb": "ram",
    "vcpus": "vcpus",
    "root_gb": "disk",
    "ephemeral_gb": "ephemeral",
    "swap": "swap",
    "id": "id",
    "created_at": "created_at",
}
KNOWN = frozenset(
    {
        "name", "id", "ram", "vcpus", "disk", "OS-FLV-EXT-DATA:ephemeral", "swap", "rxtx_factor",
        "os-flavor-access:is_public", "description",
    }
)  # fmt: skip
RULE = "os_compute_api:os-flavor-"


class FlavorsApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, routes: Routes) -> None:
        manage, specs, access = RULE + "manage:", RULE + "extra-specs:", RULE + "access"
        routes.add("GET", "/flavors", self.index)
        routes.add("GET", "/flavors/detail", self.detail)
        routes.add("POST", "/flavors", self.create, rule=manage + "create")
        routes.add("GET", "/flavors/{id}", self.show)
        routes.add("PUT", "/flavors/{id}", self.update, rule=manage + "update", since=(2, 55))
        routes.add("DELETE", "/flavors/{id}", self.delete, rule=manage + "delete")
        routes.add("GET", "/flavors/{id}/os-extra_specs", self.specs, rule=specs + "index")
        routes.add("POST", "/flavors/{id}/os-extra_specs", self.add_specs, rule=specs + "create")
        routes.add("GET", "/flavors/{id}/os-extra_specs/{key}", self.spec, rule=specs + "index")
        routes.add("PUT", "/flavors/{id}/os-extra_specs/{key}", self.set_spec, rule=specs + "create")
        routes.add("DELETE", "/flavors/{id}/os-extra_specs/{key}", self.drop_spec, rule=specs + "delete")
        routes.add("GET", "/flavors/{id}/os-flavor-access", self.access, rule=access)
        routes.add("POST", "/flavors/{id}/action", self.change_access, rule=access)

    async def index(self, call: Call, version: Version) -> Any:
        page = await self._page(call)
        rows = [
            {"id": row["id"], "name": row["name"], "links": _links(call, row["id"])}
            | ({"description": row["description"]} if version >= (2, 55) else {})
            for row in page.rows
        ]
        return _with_links("flavors", rows, page, call)

    async def detail(self, call: Call, version: Version) -> Any:
        page = await self._page(call)
        return _with_links("flavors", [flavor_view(row, call, version) for row in page.rows], page, call)

    async def show(self, call: Call, version: Version) -> Any:
        return {"flavor": flavor_view(await self._find(call), call, version)}

    async def create(self, call: Call, version: Version) -> Any:
        body = call.object("flavor")
        refuse_unknown(body, KNOWN, "flavor")
        given = body.get("id")
        identity = str(uuid.uuid4()) if given in (None, "auto") else str(given).strip()
        if not identity or len(identity) > 255:
            raise BadRequest("Invalid input for field/attribute id. It must have 1 to 255 characters.")
        for needed in ("ram", "vcpus", "disk"):
            if needed not in body:
                raise BadRequest(f"Invalid input for flavor: {needed!r} is a required property.")
        row = store.flavor_row(
            identity,
            fields.name(body),
            fields.whole(body, "ram", 0, minimum=1),
            fields.whole(body, "vcpus", 0, minimum=1),
            fields.whole(body, "disk", 0),
            ephemeral=fields.whole(body, "OS-FLV-EXT-DATA:ephemeral", 0),
            swap=fields.whole(body, "swap", 0),
            rxtx_factor=str(_factor(body)),
            public=fields.boolean(body, "os-flavor-access:is_public", True),
            description=fields.text(body, "description", maximum=65535) if version >= (2, 55) else None,
        )
        project = call.context.project_id

        def change(connection: Connection) -> None:
            same = or_(flavors.c.id == row["id"], flavors.c.name == row["name"])
            clash = connection.execute(select(flavors.c.id).where(same)).scalar()
            if clash is not None:
                what = f"ID {row['id']}" if clash == row["id"] else f"name {row['name']}"
                raise Conflict(f"Flavor with {what} already exists.")
            connection.execute(insert(flavors).values(row))
            if not row["public"] and project:
                connection.execute(insert(flavor_access).values(flavor_id=row["id"], project_id=project))

        await self._database.write(change)
        return {"flavor": flavor_view(row, call, version)}

    async def update(self, call: Call, version: Version) -> Any:
        body = call.object("flavor")
        refuse_unknown(body, frozenset({"description"}), "flavor")
        flavor = await self._find(call)
        description = fields.text(body, "description", maximum=65535)
        where = flavors.c.id == flavor["id"]
        await self._database.write(
            lambda c: c.execute(update(flavors).where(where).values(description=description)).rowcount
        )
        return {"flavor": flavor_view({**flavor, "description": description}, call, version)}

    async def delete(self, call: Call, version: Version) -> Any:
        identity = (await self._find(call))["id"]

        def change(connection: Connection) -> None:
            connection.execute(delete(flavor_access).where(flavor_access.c.flavor_id == identity))
            connection.execute(delete(flavors).where(flavors.c.id == identity))

        await self._database.write(change)
        return Reply(202)

    async def specs(self, call: Call, version: Version) -> Any:
        return {"extra_specs": (await self._find(call))["extra_specs"]}

    async def spec(self, call: Call, version: Version) -> Any:
        key = call.path["key"]
        found = (await self._find(call))["extra_specs"]
        if key not in found:
            raise _no_spec(call.path["id"], key)
        return {key: found[key]}

    async def add_specs(self, call: Call, version: Version) -> Any:
        given = fields.properties(_texts(call.object("extra_specs")), "extra_specs")
        await self._change_specs(await self._find(call), lambda now: {**now, **given})
        return {"extra_specs": given}

    async def set_spec(self, call: Call, version: Version) -> Any:
        key = call.path["key"]
        if not isinstance(call.body, dict) or set(call.body) != {key}:
            raise BadRequest(f"The body must be an object with the one key {key!r}.")
        given = fields.properties(_texts(call.body), "extra_specs")
        await self._change_specs(await self._find(call), lambda now: {**now, **given})
        return given

    async def drop_spec(self, call: Call, version: Version) -> Any:
        flavor, key = await self._find(call), call.path["key"]
        if key not in flavor["extra_specs"]:
            raise _no_spec(flavor["id"], key)
        await self._change_specs(flavor, lambda now: {k: v for k, v in now.items() if k != key})
        return Reply(200)

    async def access(self, call: Call, version: Version) -> Any:
        flavor = await self._find(call)
        if flavor["public"]:
            raise NotFound("Access list not available for public flavors.")
        return {"flavor_access": await self._access(flavor["id"])}

    async def change_access(self, call: Call, version: Version) -> Any:
        action, arguments = fields.action_body(call)
        flavor = await self._find(call)
        tenant = arguments.get("tenant") if isinstance(arguments, dict) else None
        if action not in ("addTenantAccess", "removeTenantAccess") or not isinstance(tenant, str):
            raise BadRequest("The action must be addTenantAccess or removeTenantAccess with a tenant.")
        if flavor["public"] and version >= (2, 7):
            raise Conflict("Can not add or remove access of a public flavor.")
        identity, adding = flavor["id"], action == "addTenantAccess"
        pair = and_(flavor_access.c.flavor_id == identity, flavor_access.c.project_id == tenant)

        def change(connection: Connection) -> None:
            there = connection.execute(select(flavor_access).where(pair)).first() is not None
            if adding and there:
                raise Conflict(f"Flavor access already exists for flavor {identity} and project {tenant}.")
            if not adding and not there:
                raise NotFound(f"Flavor access not found for {identity} / {tenant} combination.")
            if adding:
                connection.execute(insert(flavor_access).values(flavor_id=identity, project_id=tenant))
            else:
                connection.execute(delete(flavor_access).where(pair))

        await self._database.write(change)
        return {"flavor_access": await self._access(identity)}

    async def _access(self, identity: str) -> list[dict[str, str]]:
        query = select(flavor_access.c.project_id).where(flavor_access.c.flavor_id == identity)
        found = await self._database.read(lambda c: list(c.execute(query).scalars()))
        return [{"flavor_id": identity, "tenant_id": tenant} for tenant in found]

    async def _find(self, call: Call) -> Mapping[str, Any]:
        identity, context = call.path["id"], call.context
        return await self._database.read(
            lambda c: store.find_flavor(c, identity, context.project_id, context.is_admin)
        )

    async def _change_specs(self, flavor: Mapping[str, Any], change: Any) -> None:
        where = flavors.c.id == flavor["id"]

        def apply(connection: Connection) -> None:
            now = connection.execute(select(flavors.c.extra_specs).where(where)).scalar()
            connection.execute(update(flavors).where(where).values(extra_specs=change(now or {})))

        await self._database.write(apply)

    async def _page(self, call: Call) -> Page:
        context, asked = call.context, call.query.get("is_public")
        query = select(flavors).where(store.visible(context.project_id, context.is_admin))
        if not context.is_admin or asked is None:
            query = query.where(store.visible(context.project_id, False))
        elif asked.lower() != "none":
            query = query.where(flavors.c.public.is_(fields.flag(asked)))
        for parameter, column in (("minRam", flavors.c.ram), ("minDisk", flavors.c.disk)):
            if parameter in call.query:
                query = query.where(column >= fields.whole(call.query, parameter, 0))
        order = [
            (flavors.c[SORT[key]], way) for key, way in sort_keys(call, list(SORT), [("flavorid", "asc")])
        ]
        marker, limit = call.query.get("marker"), page_limit(call)
        return await self._database.read(
            lambda c: paginate(
                c, query, identity=flavors.c.id, order=order, marker=marker, limit=limit or 1000
            )
        )


def flavor_view(row: Mapping[str, Any] | RowMapping, call: Call, version: Version) -> dict[str, Any]:
    """A flavor as the API shows it."""
    shown = {
        "id": row["id"],
        "name": row["name"],
        "ram": row["ram"],
        "vcpus": row["vcpus"],
        "disk": row["disk"],
        "swap": row["swap"] or (0 if version >= (2, 75) else ""),
        "OS-FLV-EXT-DATA:ephemeral": row["ephemeral"],
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": row["public"],
        "rxtx_factor": float(row["rxtx_factor"]),
        "links": _links(call, row["id"]),
    }
    if version >= (2, 55):
        shown["description"] = row["description"]
    if version >= (2, 61):
        shown["extra_specs"] = row["extra_specs"]
    return shown


def _links(call: Call, identity: str) -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{call.base_url}/v2.1/flavors/{identity}"},
        {"rel": "bookmark", "href": f"{call.base_url}/flavors/{identity}"},
    ]


def _with_links(key: str, rows: list[dict[str, Any]], page: Page, call: Call) -> dict[str, Any]:
    links = page.links(call)
    return {key: rows, f"{key}_links": links} if links else {key: rows}


def _factor(body: Mapping[str, Any]) -> float:
    try:
        factor = float(body.get("rxtx_factor") or 1.0)
    except (TypeError, ValueError):
        factor = -1.0
    if not 0 < factor <= 3.4e38:
        raise BadRequest("Invalid input for field/attribute rxtx_factor. It must be a number above 0.")
    return factor


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers in extra specs count as text."""
    return {
        k: str(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else v for k, v in values.items()
    }


def _no_spec(flavor: str, key: str) -> NotFound:
    return NotFound(f"Flavor {flavor} has no extra specs with key {key}.")
