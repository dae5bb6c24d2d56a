# SPDX-License-Identifier: Apache-2.0
"""/os-hypervisors, /os-services, /os-availability-zone: the machines that run servers."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from samovar.cloud.compute.creation import ZONE
from samovar.cloud.compute.hosts import Machine, machine
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.tables import nodes, servers
from samovar.database import Database, utcnow
from samovar.web import BadRequest, Call, Conflict, NotFound

from . import fields
from .routes import Routes
from .server_filters import like

HYPERVISORS = "os_compute_api:os-hypervisors"
SERVICES = "os_compute_api:os-services"
ZONES = "os_compute_api:os-availability-zone:"
UP_SECONDS = 120.0


class HypervisorsApi:
    """`state_dir`: on the file system whose size is told; `address`: of this host."""

    def __init__(self, database: Database, state_dir: Path, address: str) -> None:
        self._database = database
        self._state_dir = state_dir
        self._address = address

    def add(self, routes: Routes) -> None:
        routes.add("GET", "/os-hypervisors", self.index, rule=HYPERVISORS)
        routes.add("GET", "/os-hypervisors/detail", self.detail, rule=HYPERVISORS)
        routes.add("GET", "/os-hypervisors/statistics", self.statistics, rule=HYPERVISORS, until=(2, 87))
        routes.add("GET", "/os-hypervisors/{id}", self.show, rule=HYPERVISORS)
        routes.add("GET", "/os-hypervisors/{id}/uptime", self.uptime, rule=HYPERVISORS, until=(2, 87))
        routes.add("GET", "/os-hypervisors/{id}/search", self.search, rule=HYPERVISORS, until=(2, 52))
        routes.add("GET", "/os-hypervisors/{id}/servers", self.servers, rule=HYPERVISORS, until=(2, 52))
        routes.add("GET", "/os-services", self.services, rule=SERVICES)
        routes.add("PUT", "/os-services/{id}", self.change_service, rule=SERVICES)
        routes.add("DELETE", "/os-services/{id}", self.delete_service, rule=SERVICES)
        routes.add("GET", "/os-availability-zone", self.zones, rule=ZONES + "list")
        routes.add("GET", "/os-availability-zone/detail", self.zone_details, rule=ZONES + "detail")

    # ── hypervisors ──

    async def index(self, call: Call, version: Version) -> Any:
        rows = await self._rows(call)
        return {"hypervisors": [await self._view(call, row, version, full=False) for row in rows]}

    async def detail(self, call: Call, version: Version) -> Any:
        rows = await self._rows(call)
        return {"hypervisors": [await self._view(call, row, version, full=True) for row in rows]}

    async def show(self, call: Call, version: Version) -> Any:
        return {"hypervisor": await self._view(call, await self._find(call, version), version, full=True)}

    async def uptime(self, call: Call, version: Version) -> Any:
        row = await self._find(call, version)
        shown = await self._view(call, row, version, full=False)
        return {"hypervisor": {**shown, "uptime": machine(self._state_dir).uptime}}

    async def search(self, call: Call, version: Version) -> Any:
        rows = await self._rows(call, call.path["id"])
        if not rows:
            raise NotFound(f"No hypervisor matching '{call.path['id']}' could be found.")
        return {"hypervisors": [await self._view(call, row, version, full=False) for row in rows]}

    async def servers(self, call: Call, version: Version) -> Any:
        rows = await self._rows(call, call.path["id"])
        if not rows:
            raise NotFound(f"No hypervisor matching '{call.path['id']}' could be found.")
        shown = []
        for row in rows:
            brief = await self._view(call, row, version, full=False)
            shown.append({**brief, "servers": await self._servers_on(row["host"])})
        return {"hypervisors": shown}

    async def statistics(self, call: Call, version: Version) -> Any:
        totals: dict[str, Any] = {"count": 0}
        for row in await self._rows(call):
            totals["count"] += 1
            for key, value in (await self._figures(row, machine(self._state_dir))).items():
                totals[key] = totals.get(key, 0) + value
        return {"hypervisor_statistics": totals}

    async def _view(self, call: Call, row: RowMapping, version: Version, *, full: bool) -> dict[str, Any]:
        modern = version >= (2, 53)
        shown: dict[str, Any] = {
            "id": row["uuid"] if modern else row["id"],
            "hypervisor_hostname": row["host"],
            "state": "up" if is_up(row) else "down",
            "status": "disabled" if row["disabled"] else "enabled",
        }
        if modern and (full or version >= (2, 53)) and fields.boolean(call.query, "with_servers"):
            shown["servers"] = await self._servers_on(row["host"])
        if not full:
            return shown
        size = machine(self._state_dir)
        shown |= {
            "host_ip": self._address,
            "hypervisor_type": "container",
            "hypervisor_version": size.release[0] * 1000 + size.release[1],
            "service": {
                "id": row["uuid"] if modern else row["id"],
                "host": row["host"],
                "disabled_reason": row["disabled_reason"],
            },
        }
        if version >= (2, 88):
            shown["uptime"] = size.uptime
            shown.setdefault("servers", await self._servers_on(row["host"]))
            return shown
        info = {"arch": size.architecture, "model": "host", "vendor": "", "features": [],
                "topology": {"cores": size.vcpus, "threads": 1, "sockets": 1}}  # fmt: skip
        shown["cpu_info"] = info if version >= (2, 28) else str(info)
        return shown | await self._figures(row, size)

    async def _figures(self, row: RowMapping, size: Machine) -> dict[str, int]:
        query = select(servers.c.flavor, servers.c.vm_state).where(
            servers.c.host == row["host"], servers.c.deleted.is_(False)
        )
        found = (await self._database.read(lambda c: c.execute(query).all())) or []
        used = [flavor for flavor, _ in found]
        return {
            "vcpus": size.vcpus,
            "vcpus_used": sum(flavor["vcpus"] for flavor in used),
            "memory_mb": size.memory_mb,
            "memory_mb_used": size.memory_mb - size.memory_free_mb,
            "free_ram_mb": size.memory_free_mb,
            "local_gb": size.disk_gb,
            "local_gb_used": size.disk_gb - size.disk_free_gb,
            "free_disk_gb": size.disk_free_gb,
            "disk_available_least": size.disk_free_gb,
            "running_vms": sum(1 for _, state in found if state == "active"),
            "current_workload": 0,
        }

    async def _servers_on(self, host: str) -> list[dict[str, str]]:
        query = select(servers.c.id, servers.c.name).where(
            servers.c.host == host, servers.c.deleted.is_(False)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [{"uuid": row.id, "name": row.name} for row in rows]

    async def _rows(self, call: Call, pattern: str | None = None) -> list[RowMapping]:
        pattern = pattern or call.query.get("hypervisor_hostname_pattern")
        query = select(nodes).order_by(nodes.c.id)
        if pattern:
            query = query.where(like(nodes.c.host, pattern))
        return await self._database.read(lambda c: list(c.execute(query).mappings().all()))

    async def _find(self, call: Call, version: Version) -> RowMapping:
        identity = call.path["id"]
        for row in await self._rows(call):
            if str(row["uuid"] if version >= (2, 53) else row["id"]) == identity:
                return row
        raise NotFound(f"Compute host {identity} could not be found.")

    # ── services ──

    async def services(self, call: Call, version: Version) -> Any:
        rows = await self._database.read(lambda c: list(c.execute(select(nodes)).mappings().all()))
        shown = [_service(row, version) for row in rows]
        wanted = {key: call.query[key] for key in ("binary", "host") if key in call.query}
        return {"services": [s for s in shown if all(s[key] == value for key, value in wanted.items())]}

    async def change_service(self, call: Call, version: Version) -> Any:
        """Enable or disable: a disabled host gets no new servers. By id since 2.53, by name before."""
        body = call.body if isinstance(call.body, dict) else {}
        if version >= (2, 53):
            where, status = nodes.c.uuid == call.path["id"], body.get("status")
        else:
            where = nodes.c.host == str(body.get("host"))
            known = {"enable": "enabled", "disable": "disabled", "disable-log-reason": "disabled"}
            status = known.get(call.path["id"])
        if status not in ("enabled", "disabled"):
            raise BadRequest("A service is enabled or disabled; nothing else of it can be changed.")
        reason = fields.text(body, "disabled_reason")
        if reason is not None and status == "enabled":
            raise BadRequest("Specifying disabled_reason when status is enabled is not allowed.")

        def change(connection: Connection) -> RowMapping | None:
            values = {"disabled": status == "disabled", "disabled_reason": reason}
            connection.execute(update(nodes).where(where).values(values))
            return connection.execute(select(nodes).where(where)).mappings().first()

        row = await self._database.write(change)
        if row is None:
            raise NotFound(f"Service {call.path['id']} could not be found.")
        return {"service": _service(row, version)}

    async def delete_service(self, call: Call, version: Version) -> Any:
        raise Conflict("This cloud's compute service runs on this very host and cannot be removed from it.")

    # ── zones ──

    async def zones(self, call: Call, version: Version) -> Any:
        rows = await self._database.read(lambda c: list(c.execute(select(nodes)).mappings().all()))
        available = any(not row["disabled"] and is_up(row) for row in rows)
        return {"availabilityZoneInfo": [_zone(available, None)]}

    async def zone_details(self, call: Call, version: Version) -> Any:
        rows = await self._database.read(lambda c: list(c.execute(select(nodes)).mappings().all()))
        hosts = {
            row["host"]: {
                "nova-compute": {
                    "available": is_up(row),
                    "active": not row["disabled"],
                    "updated_at": row["seen_at"].strftime("%Y-%m-%dT%H:%M:%S.%f"),
                }
            }
            for row in rows
        }
        return {"availabilityZoneInfo": [_zone(any(is_up(row) for row in rows), hosts)]}


def is_up(row: RowMapping) -> bool:
    """Whether the machine's compute service was heard of lately."""
    seen: datetime.datetime = row["seen_at"]
    return (utcnow() - seen).total_seconds() < UP_SECONDS


def _zone(available: bool, hosts: dict[str, Any] | None) -> dict[str, Any]:
    return {"zoneName": ZONE, "zoneState": {"available": available}, "hosts": hosts}


def _service(row: RowMapping, version: Version) -> dict[str, Any]:
    shown = {
        "id": row["uuid"] if version >= (2, 53) else row["id"],
        "binary": "nova-compute",
        "host": row["host"],
        "zone": ZONE,
        "status": "disabled" if row["disabled"] else "enabled",
        "state": "up" if is_up(row) else "down",
        "updated_at": row["seen_at"].strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "disabled_reason": row["disabled_reason"],
    }
    if version >= (2, 11):
        shown["forced_down"] = False
    return shown
