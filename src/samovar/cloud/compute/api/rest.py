# SPDX-License-Identifier: Apache-2.0
"""The small remainder: external events, diagnostics, the image proxy, extensions, migrations."""

from __future__ import annotations

from typing import Any

from samovar.clients import CloudError, segment
from samovar.cloud.compute.clouds import Clouds, as_fault
from samovar.cloud.compute.faults import WrongState
from samovar.cloud.compute.hosts import Host, HostError
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.server import find_server, interfaces_of
from samovar.database import Database, utcnow
from samovar.messaging import Bus
from samovar.web import BadRequest, Call, Conflict, NotSupported, Reply

from .routes import Routes
from .servers import ServersApi

EVENTS = frozenset(
    {"network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted",
     "volume-extended", "power-update", "accelerator-request-bound"}
)  # fmt: skip
PLUGGED_TOPIC = "network.ports.active"


class RestApi:
    def __init__(
        self, database: Database, bus: Bus, clouds: Clouds, host: Host | None, servers_api: ServersApi
    ) -> None:
        self._database = database
        self._bus = bus
        self._clouds = clouds
        self._host = host
        self._servers = servers_api

    def add(self, routes: Routes) -> None:
        rule = "os_compute_api:os-server-external-events:create"
        routes.add("POST", "/os-server-external-events", self.events, rule=rule)
        routes.add("GET", "/servers/{id}/diagnostics", self.diagnostics)
        routes.add("GET", "/images", self.images, until=(2, 35))
        routes.add("GET", "/images/detail", self.images, until=(2, 35))
        routes.add("GET", "/images/{id}", self.image, until=(2, 35))
        routes.add("GET", "/extensions", self.extensions)
        routes.add("GET", "/os-migrations", self.migrations)

    async def events(self, call: Call, version: Version) -> Any:
        """What other services tell of a server; a plugged port wakes whoever waits for it."""
        events = call.body.get("events") if isinstance(call.body, dict) else None
        if not isinstance(events, list) or not events:
            raise BadRequest("The body must be an object with a list of events.")
        shown, worst = [], 200
        for event in events:
            if not isinstance(event, dict) or event.get("name") not in EVENTS:
                raise BadRequest(f"Invalid event: the name must be one of {', '.join(sorted(EVENTS))}.")
            server_id = str(event.get("server_uuid"))
            found = await self._database.read(lambda c, i=server_id: find_server(c, i))  # type: ignore[misc]
            code = 404 if found is None else 200 if found.host else 422
            status = {200: event.get("status", "completed"), 404: "failed", 422: "failed"}[code]
            if code == 200 and event["name"] == "network-vif-plugged":
                await self._bus.announce(PLUGGED_TOPIC, str(event.get("tag")))
            worst = worst if code == 200 else 207
            shown.append({**event, "status": status, "code": code})
        if all(event["code"] == 404 for event in shown):
            worst = 404
        return Reply(worst, {"events": shown})

    async def diagnostics(self, call: Call, version: Version) -> Any:
        server = await self._servers.find(call, "os_compute_api:os-server-diagnostics")
        if server.vm_state not in ("active", "paused", "stopped"):
            raise WrongState("get_diagnostics", server.id, "vm_state", server.vm_state)
        if self._host is None:
            raise NotSupported("This process has no host agent and cannot look into servers.")
        try:
            known = {status.id: status for status in await self._host.server_status()}
        except HostError as error:
            raise Conflict(error.message) from error
        status = known.get(server.id)
        nics = await self._database.read(lambda c: interfaces_of(c, server.id))
        up = None
        if status is not None and status.started_at is not None:
            up = int((utcnow() - status.started_at).total_seconds())
        if version < (2, 48):
            return {"memory": server.flavor["ram"] * 1024, "uptime": up}
        return {
            "state": {"active": "running", "paused": "paused"}.get(server.vm_state, "shutdown"),
            "driver": None,
            "hypervisor": "container",
            "hypervisor_os": "linux",
            "uptime": up,
            "config_drive": server.config_drive,
            "num_cpus": server.flavor["vcpus"],
            "num_nics": len(nics),
            "num_disks": 1,
            "memory_details": {"maximum": server.flavor["ram"], "used": None},
            "cpu_details": [],
            "nic_details": [{"mac_address": nic.mac} for nic in nics],
            "disk_details": [],
        }

    async def images(self, call: Call, version: Version) -> Any:
        try:
            body = await self._clouds.caller(call.context.token).get("image", "/v2/images")
        except CloudError as error:
            raise as_fault(error) from error
        full = call.request.url.path.endswith("/detail")
        return {"images": [_image(image, call, full) for image in body["images"]]}

    async def image(self, call: Call, version: Version) -> Any:
        try:
            path = f"/v2/images/{segment(call.path['id'])}"
            image = await self._clouds.caller(call.context.token).get("image", path)
        except CloudError as error:
            raise as_fault(error) from error
        return {"image": _image(image, call, True)}

    async def extensions(self, call: Call, version: Version) -> Any:
        """Everything is part of the v2.1 API itself; there are no extensions to it."""
        return {"extensions": []}

    async def migrations(self, call: Call, version: Version) -> Any:
        return {"migrations": []}


def _image(image: dict[str, Any], call: Call, full: bool) -> dict[str, Any]:
    links = [{"rel": "bookmark", "href": f"{call.base_url}/images/{image['id']}"}]
    shown = {"id": image["id"], "name": image.get("name"), "links": links}
    if full:
        status = {"active": "ACTIVE", "deleted": "DELETED"}.get(image.get("status", ""), "SAVING")
        shown |= {
            "status": status,
            "created": image.get("created_at"),
            "updated": image.get("updated_at"),
            "minRam": image.get("min_ram", 0),
            "minDisk": image.get("min_disk", 0),
            "OS-EXT-IMG-SIZE:size": image.get("size"),
            "progress": 100 if status == "ACTIVE" else 0,
            "metadata": {},
        }
    return shown
