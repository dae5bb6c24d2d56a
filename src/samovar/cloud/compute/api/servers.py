# SPDX-License-Identifier: Apache-2.0
"""/servers: create, list, show, change, delete."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select, update

from samovar.clients import CloudError
from samovar.cloud.compute import creation, flavors
from samovar.cloud.compute.addresses import AddressBook
from samovar.cloud.compute.clouds import Clouds, as_fault
from samovar.cloud.compute.faults import ServerNotFound, refuse_unknown
from samovar.cloud.compute.images import usable_image
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.networks import resolve, resolve_groups
from samovar.cloud.compute.operations import TOPIC, Asker, begin_delete
from samovar.cloud.compute.server import CAPABILITIES, COLUMNS, Server, find_server, server_from
from samovar.cloud.compute.tables import keypairs, servers
from samovar.database import Database, utcnow
from samovar.messaging import Bus
from samovar.web import BadRequest, Call, NotFound, Page, Reply, page_limit, paginate, sort_keys

from . import fields
from .routes import Routes
from .server_filters import SORT, conditions
from .server_request import ServerRequest, read_request
from .server_view import brief, detailed, links

RULE = "os_compute_api:servers:"
UPDATABLE = frozenset({"name", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig", "description", "hostname"})
MAX_BODY = 1_000_000


class ServersApi:
    """`host`: the name of the one machine that servers can be asked to run on."""

    def __init__(
        self, database: Database, bus: Bus, clouds: Clouds, book: AddressBook, host: str, zone: str
    ) -> None:
        self._database = database
        self._bus = bus
        self._clouds = clouds
        self._book = book
        self._host = host
        self._zone = zone

    def add(self, routes: Routes) -> None:
        routes.add("GET", "/servers", self.index, rule=RULE + "index")
        routes.add("POST", "/servers", self.create, rule=RULE + "create", max_body=MAX_BODY)
        routes.add("GET", "/servers/detail", self.detail, rule=RULE + "index")
        routes.add("GET", "/servers/{id}", self.show)
        routes.add("PUT", "/servers/{id}", self.update)
        routes.add("DELETE", "/servers/{id}", self.delete)

    # ── reading ──

    async def find(self, call: Call, rule: str, *, deleted: bool = False) -> Server:
        """The server in the path. To those who may not see it, it does not exist."""
        server_id = call.path["id"]
        server = await self._database.read(lambda c: find_server(c, server_id, deleted=deleted))
        context = call.context
        if server is None or not (context.is_admin or server.project_id == context.project_id):
            raise ServerNotFound(server_id)
        call.enforce(rule, {"project_id": server.project_id, "user_id": server.user_id})
        return server

    async def index(self, call: Call, version: Version) -> Any:
        page = await self._page(call, version)
        rows = [brief(server_from(row), call) for row in page.rows]
        return _with_links(rows, page, call)

    async def detail(self, call: Call, version: Version) -> Any:
        page = await self._page(call, version)
        found = [server_from(row) for row in page.rows]
        addresses = await self._book.read(found)
        rows = [detailed(server, addresses[server.id], call, version) for server in found]
        return _with_links(rows, page, call)

    async def show(self, call: Call, version: Version) -> Any:
        server = await self.find(call, RULE + "show")
        return {"server": await self.view(server, call, version)}

    async def view(self, server: Server, call: Call, version: Version) -> dict[str, Any]:
        addresses = await self._book.read([server])
        return detailed(server, addresses[server.id], call, version, single=True)

    async def _page(self, call: Call, version: Version) -> Page:
        query = select(*COLUMNS).where(conditions(call, version))
        order = [
            (servers.c[SORT[key]], way) for key, way in sort_keys(call, list(SORT), [("created_at", "desc")])
        ]
        marker, limit = call.query.get("marker"), page_limit(call)
        return await self._database.read(
            lambda c: paginate(
                c,
                query,
                identity=servers.c.id,
                order=order,
                marker=marker,
                limit=1000 if limit is None else limit,
            )
        )

    # ── creating ──

    async def create(self, call: Call, version: Version) -> Any:
        server = call.object("server")
        request = read_request(call.body, server, version)
        if request.destination is not None:
            call.enforce(RULE + "create:requested_destination", {"project_id": call.context.project_id})
        if CAPABILITIES in request.hints:
            call.enforce(RULE + "create:capabilities", {"project_id": call.context.project_id})
        zone = self._placement(request)
        draft = await self._draft(call, request, zone)
        asker, reservation = Asker.of(call.context, call.request_id), f"r-{secrets.token_hex(4)}"
        made = await self._database.write(
            lambda c: creation.create(c, draft, request.minimum, request.maximum, asker, reservation)
        )
        for server_id in made:
            await self._bus.ring(TOPIC, server_id)
        if request.reservation:
            return Reply(202, {"reservation_id": reservation})
        groups = draft.columns["security_groups"]
        shown: dict[str, Any] = {
            "id": made[0],
            "links": links(call, made[0]),
            "OS-DCF:diskConfig": request.disk_config,
            "security_groups": [{"name": g["name"]} for g in groups] or [{"name": "default"}],
        }
        if request.admin_password is not None:
            shown["adminPass"] = request.admin_password
        return Reply(202, {"server": shown}, {"location": f"{call.base_url}/v2.1/servers/{made[0]}"})

    async def _draft(self, call: Call, request: ServerRequest, zone: str | None) -> creation.Draft:
        context = call.context
        flavor = await self._flavor(call, request.flavor)
        key = await self._key(call, request.key_name)
        cloud = self._clouds.caller(context.token)
        try:
            await usable_image(cloud, request.image, flavor)
            networks = await resolve(cloud, request.networks, context.project_id or "", context.is_admin)
            groups = await resolve_groups(cloud, request.groups, context.project_id or "")
        except CloudError as error:
            raise as_fault(error) from error
        group = request.hints.get("group")
        if group is not None and not isinstance(group, str):
            raise BadRequest("Invalid input for scheduler hints: group must be the id of a server group.")
        columns = {
            "description": request.description,
            "flavor": flavors.copy_for_server(flavor),
            "flavor_id": flavor["id"],
            "image_id": request.image,
            "user_data": request.user_data,
            "key_name": request.key_name,
            "public_key": key,
            "admin_password": request.admin_password,
            "properties": request.properties,
            "tags": request.tags,
            "availability_zone": self._zone,
            "pinned_zone": zone,
            "config_drive": request.config_drive,
            "networks": networks,
            "security_groups": groups,
            "personality": request.personality,
            "hints": request.hints,
            "disk_config": request.disk_config,
            "access_ipv4": request.access_ipv4,
            "access_ipv6": request.access_ipv6,
        }
        return creation.Draft(
            name=request.name, hostname=request.hostname, flavor=flavor, columns=columns, group=group
        )

    def _placement(self, request: ServerRequest) -> str | None:
        """The zone asked for. Raises BadRequest for a zone or host that is not here."""
        zone, _, rest = (request.zone or "").partition(":")
        destination = rest.split(":")[0] or request.destination
        if zone and zone != self._zone:
            raise BadRequest("The requested availability zone is not available")
        if destination and destination != self._host:
            raise BadRequest(f"Compute host {destination} could not be found.")
        return zone or None

    async def _flavor(self, call: Call, reference: str) -> Mapping[str, Any]:
        context = call.context
        try:
            return await self._database.read(
                lambda c: flavors.find_flavor(c, reference, context.project_id, context.is_admin)
            )
        except NotFound as error:
            raise BadRequest(f"Flavor with flavorRef {reference} could not be found.") from error

    async def _key(self, call: Call, name: str | None) -> str | None:
        if not name:
            return None
        user = call.context.user_id
        query = select(keypairs.c.public_key).where(keypairs.c.user_id == user, keypairs.c.name == name)
        key = await self._database.read(lambda c: c.execute(query).scalar())
        if key is None:
            raise BadRequest(f"Invalid key_name provided: you have no keypair {name!r}.")
        return str(key)

    # ── changing ──

    async def update(self, call: Call, version: Version) -> Any:
        server = await self.find(call, RULE + "update")
        body = call.object("server")
        known = UPDATABLE - (set() if version >= (2, 19) else {"description"})
        refuse_unknown(body, known - (set() if version >= (2, 90) else {"hostname"}), "server")
        changes: dict[str, Any] = {"updated_at": utcnow()}
        if "name" in body:
            changes["name"] = fields.name(body)
        if "description" in body:
            changes["description"] = fields.text(body, "description")
        for key, column in (("accessIPv4", "access_ipv4"), ("accessIPv6", "access_ipv6")):
            if key in body:
                changes[column] = fields.text(body, key) or ""
        if "OS-DCF:diskConfig" in body:
            if body["OS-DCF:diskConfig"] not in ("AUTO", "MANUAL"):
                raise BadRequest("Invalid input for OS-DCF:diskConfig. Choose AUTO or MANUAL.")
            changes["disk_config"] = body["OS-DCF:diskConfig"]
        if "hostname" in body:
            changes["hostname"] = fields.hostname(body, domains=version >= (2, 94)) or server.hostname
        server = await self._database.write(lambda c: _change(c, server.id, changes))
        return {"server": await self.view(server, call, version)}

    async def delete(self, call: Call, version: Version) -> Any:
        server = await self.find(call, RULE + "delete")
        asker = Asker.of(call.context, call.request_id)
        await self._database.write(lambda c: begin_delete(c, server.id, asker))
        await self._bus.ring(TOPIC, server.id)
        return Reply(204)


def _change(connection: Connection, server_id: str, changes: Mapping[str, Any]) -> Server:
    where = and_(servers.c.id == server_id, servers.c.deleted.is_(False))
    connection.execute(update(servers).where(where).values(changes))
    server = find_server(connection, server_id)
    if server is None:
        raise ServerNotFound(server_id)
    return server


def _with_links(rows: Sequence[Any], page: Page, call: Call) -> dict[str, Any]:
    next_page = page.links(call)
    return {"servers": rows, "servers_links": next_page} if next_page else {"servers": rows}
