# SPDX-License-Identifier: Apache-2.0
"""/limits, /os-quota-sets, /os-quota-class-sets, /os-simple-tenant-usage: what may be had and what was."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, or_, select

from samovar.cloud.compute import quota
from samovar.cloud.compute.faults import refuse_unknown
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.server import COLUMNS, Server, server_from
from samovar.cloud.compute.tables import servers
from samovar.database import Database, utcnow
from samovar.web import BadRequest, Call, Reply

from . import fields
from .routes import Routes

RULE = "os_compute_api:os-quota-sets:"
USAGE = "os_compute_api:os-simple-tenant-usage:"
ABSOLUTE = {
    "maxTotalInstances": "instances",
    "maxTotalCores": "cores",
    "maxTotalRAMSize": "ram",
    "maxTotalKeypairs": "key_pairs",
    "maxServerMeta": "metadata_items",
    "maxServerGroups": "server_groups",
    "maxServerGroupMembers": "server_group_members",
}
NETWORK = {"floating_ips": -1, "fixed_ips": -1, "security_groups": -1, "security_group_rules": -1}
INJECTED = frozenset({"injected_files", "injected_file_content_bytes", "injected_file_path_bytes"})


class QuotasApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, routes: Routes) -> None:
        routes.add("GET", "/limits", self.limits, rule="os_compute_api:limits")
        routes.add("GET", "/os-quota-sets/{project}", self.show)
        routes.add("GET", "/os-quota-sets/{project}/defaults", self.defaults)
        routes.add("GET", "/os-quota-sets/{project}/detail", self.detail)
        routes.add("PUT", "/os-quota-sets/{project}", self.update, rule=RULE + "update")
        routes.add("DELETE", "/os-quota-sets/{project}", self.delete, rule=RULE + "update")
        routes.add("GET", "/os-quota-class-sets/{name}", self.class_show, rule=RULE + "update")
        routes.add("PUT", "/os-quota-class-sets/{name}", self.class_update, rule=RULE + "update")
        routes.add("GET", "/os-simple-tenant-usage", self.usages, rule=USAGE + "list")
        routes.add("GET", "/os-simple-tenant-usage/{project}", self.usage)

    async def limits(self, call: Call, version: Version) -> Any:
        project = call.context.project_id or ""
        wanted = call.query.get("tenant_id") or project
        if wanted != project:
            call.enforce("os_compute_api:limits:other_project", {"project_id": wanted})
        allowed, used, groups = await self._database.read(
            lambda c: (quota.limits(c, wanted), quota.use(c, wanted), quota.count_groups(c, wanted))
        )
        absolute = {name: allowed[resource] for name, resource in ABSOLUTE.items()}
        if version < (2, 57):
            absolute |= {"maxPersonality": allowed["injected_files"],
                         "maxPersonalitySize": allowed["injected_file_content_bytes"]}  # fmt: skip
        if version < (2, 39):
            absolute["maxImageMeta"] = allowed["metadata_items"]
        if version < (2, 36):
            absolute |= {"maxTotalFloatingIps": -1, "maxSecurityGroups": -1, "maxSecurityGroupRules": -1,
                         "totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0}  # fmt: skip
        absolute |= {
            "totalInstancesUsed": used.instances,
            "totalCoresUsed": used.cores,
            "totalRAMUsed": used.ram,
            "totalServerGroupsUsed": groups,
        }
        return {"limits": {"rate": [], "absolute": absolute}}

    async def show(self, call: Call, version: Version) -> Any:
        project = self._project(call)
        allowed = await self._database.read(lambda c: quota.limits(c, project))
        return {"quota_set": {"id": project, **_shown(allowed, version)}}

    async def defaults(self, call: Call, version: Version) -> Any:
        project = self._project(call)
        allowed = await self._database.read(lambda c: quota.limits(c, quota.CLASS))
        return {"quota_set": {"id": project, **_shown(allowed, version)}}

    async def detail(self, call: Call, version: Version) -> Any:
        project = self._project(call)
        allowed, used, groups = await self._database.read(
            lambda c: (quota.limits(c, project), quota.use(c, project), quota.count_groups(c, project))
        )
        spent = {"instances": used.instances, "cores": used.cores, "ram": used.ram, "server_groups": groups}
        shown = {
            name: {"limit": limit, "in_use": spent.get(name, 0), "reserved": 0}
            for name, limit in _shown(allowed, version).items()
        }
        return {"quota_set": {"id": project, **shown}}

    async def update(self, call: Call, version: Version) -> Any:
        project, body = call.path["project"], call.object("quota_set")
        force = fields.boolean(body, "force")
        changed = _limits(body, version)

        def change(connection: Connection) -> dict[str, int]:
            used = quota.use(connection, project)
            for resource in ("instances", "cores", "ram"):
                limit, already = changed.get(resource, -1), getattr(used, resource)
                if 0 <= limit < already and not force:
                    raise BadRequest(
                        f"Quota limit {limit} for {resource} must be greater than or equal to "
                        f"already used and reserved {already}."
                    )
            quota.set_limits(connection, project, changed)
            return quota.limits(connection, project)

        return {"quota_set": _shown(await self._database.write(change), version)}

    async def delete(self, call: Call, version: Version) -> Any:
        project = call.path["project"]
        await self._database.write(lambda c: quota.forget_limits(c, project))
        return Reply(202)

    async def class_show(self, call: Call, version: Version) -> Any:
        allowed = await self._database.read(lambda c: quota.limits(c, quota.CLASS))
        return {"quota_class_set": {"id": call.path["name"], **_shown(allowed, version)}}

    async def class_update(self, call: Call, version: Version) -> Any:
        if call.path["name"] != "default":
            raise BadRequest("There is one quota class: default.")
        changed = _limits(call.object("quota_class_set"), version)

        def change(connection: Connection) -> dict[str, int]:
            quota.set_limits(connection, quota.CLASS, changed)
            return quota.limits(connection, quota.CLASS)

        return {"quota_class_set": _shown(await self._database.write(change), version)}

    def _project(self, call: Call) -> str:
        project = call.path["project"]
        call.enforce(RULE + "show", {"project_id": project})
        return project

    async def usage(self, call: Call, version: Version) -> Any:
        project = call.path["project"]
        call.enforce(USAGE + "show", {"project_id": project})
        found = await self._usage(call, project)
        return {"tenant_usage": found.get(project, {})}

    async def usages(self, call: Call, version: Version) -> Any:
        found = await self._usage(call, None)
        if call.query.get("detailed", "0") != "1":
            for each in found.values():
                each.pop("server_usages")
        return {"tenant_usages": list(found.values())}

    async def _usage(self, call: Call, project: str | None) -> dict[str, dict[str, Any]]:
        now = utcnow()
        start = _moment(call.query.get("start"), now - datetime.timedelta(days=28))
        end = _moment(call.query.get("end"), now)
        if start >= end:
            raise BadRequest("Invalid start time. The start time cannot occur after the end time.")
        query = select(*COLUMNS).where(
            servers.c.created_at < end,
            or_(servers.c.terminated_at.is_(None), servers.c.terminated_at > start),
        )
        if project is not None:
            query = query.where(servers.c.project_id == project)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            server = server_from(row)
            _count(
                found.setdefault(server.project_id, _nothing(server.project_id, start, end)),
                server,
                start,
                end,
            )
        return found


def _shown(allowed: Mapping[str, int], version: Version) -> dict[str, int]:
    shown = {k: v for k, v in allowed.items() if version < (2, 57) or k not in INJECTED}
    return shown if version >= (2, 36) else {**shown, **NETWORK}


def _limits(body: Mapping[str, Any], version: Version) -> dict[str, int]:
    """The limits in a body. Raises BadRequest for one that is unknown or below -1."""
    known = frozenset(_shown(quota.DEFAULTS, version))
    ignored = frozenset({"force", "id"})
    refuse_unknown(body, known | ignored, "quota_set")
    return {key: fields.whole(body, key, -1, minimum=-1) for key in body if key not in ignored}


def _moment(text: str | None, default: datetime.datetime) -> datetime.datetime:
    if not text:
        return default
    try:
        moment = datetime.datetime.fromisoformat(text.replace(" ", "T"))
    except ValueError:
        raise BadRequest(f"Datetime is in invalid format: {text}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _nothing(project: str, start: datetime.datetime, end: datetime.datetime) -> dict[str, Any]:
    return {
        "tenant_id": project,
        "start": start.replace(tzinfo=None).isoformat(timespec="microseconds"),
        "stop": end.replace(tzinfo=None).isoformat(timespec="microseconds"),
        "total_hours": 0.0,
        "total_vcpus_usage": 0.0,
        "total_memory_mb_usage": 0.0,
        "total_local_gb_usage": 0.0,
        "server_usages": [],
    }


def _count(total: dict[str, Any], server: Server, start: datetime.datetime, end: datetime.datetime) -> None:
    begun, ended = max(server.created_at, start), min(server.terminated_at or end, end)
    hours = max(0.0, (ended - begun).total_seconds() / 3600)
    flavor = server.flavor
    total["total_hours"] += hours
    total["total_vcpus_usage"] += hours * flavor["vcpus"]
    total["total_memory_mb_usage"] += hours * flavor["ram"]
    total["total_local_gb_usage"] += hours * flavor["disk"]
    ended_at = server.terminated_at
    total["server_usages"].append(
        {
            "instance_id": server.id,
            "name": server.name,
            "tenant_id": server.project_id,
            "flavor": flavor["name"],
            "hours": hours,
            "vcpus": flavor["vcpus"],
            "memory_mb": flavor["ram"],
            "local_gb": flavor["disk"],
            "state": "terminated" if server.deleted else server.vm_state,
            "started_at": server.created_at.replace(tzinfo=None).isoformat(timespec="microseconds"),
            "ended_at": ended_at and ended_at.replace(tzinfo=None).isoformat(timespec="microseconds"),
            "uptime": int(((ended_at or utcnow()) - server.created_at).total_seconds()),
        }
    )
