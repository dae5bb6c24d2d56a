# SPDX-License-Identifier: Apache-2.0
"""What the network service tells of itself: versions, agents, zones, providers, and how full networks are."""

from __future__ import annotations

import datetime
import platform
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from samovar.web import Api, Call, Reply, versions_document

from .backend import Backend
from .faults import refuse
from .kind import Kind
from .networks import KIND as NETWORKS
from .networks import ZONE
from .tables import addresses, networks, subnets
from .values import ip

AGENT_SPACE = uuid.UUID("6f1e8a3c-3c0b-4f0e-9d55-2b8f7f2f6a11")
ALIVE_SECONDS = 75
BINARY = "samovar-host-agent"
Seen = Callable[[], tuple[datetime.datetime, datetime.datetime] | None]


def version_routes(api: Api, kinds: Sequence[Kind]) -> None:
    """Discovery: the versions, and the resources of the only one."""

    def version(call: Call) -> Any:
        return versions_document(f"{call.base_url}/v2.0/", id="v2.0")

    async def versions(call: Call) -> Any:
        return {"versions": [version(call)]}

    async def resources(call: Call) -> Any:
        shown = [
            {
                "name": kind.name,
                "collection": kind.plural,
                "links": [{"rel": "self", "href": f"{call.base_url}/v2.0/{kind.path}"}],
            }
            for kind in kinds
        ]
        return {"resources": shown}

    api.route("GET", "/", versions, public=True)
    for path in ("/v2.0", "/v2.0/"):
        api.route("GET", path, resources, public=True)


class Surroundings:
    """Agents, availability zones, service providers, address availability."""

    def __init__(self, backend: Backend, seen: Seen) -> None:
        self.backend = backend
        self._seen = seen

    def routes(self, api: Api) -> None:
        api.route("GET", "/v2.0/agents", self.agents)
        api.route("GET", "/v2.0/agents/{id}", self.agent)
        api.route("GET", "/v2.0/availability_zones", self.zones)
        api.route("GET", "/v2.0/service-providers", self.providers)
        api.route("GET", "/v2.0/network-ip-availabilities", self.availabilities)
        api.route("GET", "/v2.0/network-ip-availabilities/{id}", self.availability)

    def _agents(self) -> list[dict[str, Any]]:
        """The host agent, as it was last heard of; none when this process does not wire."""
        times = self._seen()
        if times is None:
            return []
        started, heard = times
        age = (datetime.datetime.now(datetime.UTC) - heard).total_seconds()
        host = platform.node()
        agent = {
            "id": str(uuid.uuid5(AGENT_SPACE, host)),
            "agent_type": "Host agent",
            "binary": BINARY,
            "topic": "N/A",
            "host": host,
            "availability_zone": ZONE,
            "admin_state_up": True,
            "alive": age < ALIVE_SECONDS,
            "description": "",
            "configurations": {},
            "resources_synced": None,
            "created_at": _moment(started),
            "started_at": _moment(started),
            "heartbeat_timestamp": _moment(heard),
        }
        return [agent]

    async def agents(self, call: Call) -> Any:
        call.enforce("get_agent", {})
        wanted = {name: call.query.getlist(name) for name in call.query if name not in ("fields", "limit")}
        found = [
            agent
            for agent in self._agents()
            if all(
                str(agent.get(name)).lower() in [v.lower() for v in values] for name, values in wanted.items()
            )
        ]
        return {"agents": found}

    async def agent(self, call: Call) -> Any:
        call.enforce("get_agent", {})
        for agent in self._agents():
            if agent["id"] == call.path["id"]:
                return {"agent": agent}
        raise refuse("AgentNotFound", f"There is no agent {call.path['id']}.")

    async def zones(self, call: Call) -> Any:
        every = [{"name": ZONE, "resource": kind, "state": "available"} for kind in ("network", "router")]
        wanted = call.query.getlist("resource")
        return {"availability_zones": [z for z in every if not wanted or z["resource"] in wanted]}

    async def providers(self, call: Call) -> Any:
        return {"service_providers": [{"service_type": "L3_ROUTER_NAT", "name": "samovar", "default": True}]}

    async def availabilities(self, call: Call) -> Any:
        call.enforce("get_network_ip_availability", {})
        return {"network_ip_availabilities": await self._availabilities(call, None)}

    async def availability(self, call: Call) -> Any:
        call.enforce("get_network_ip_availability", {})
        found = await self._availabilities(call, call.path["id"])
        if not found:
            raise refuse("NetworkNotFound", f"There is no network {call.path['id']}.")
        return Reply(200, {"network_ip_availability": found[0]})

    async def _availabilities(self, call: Call, identity: str | None) -> list[dict[str, Any]]:
        def run(connection: Connection) -> list[dict[str, Any]]:
            query = select(networks)
            if identity is not None:
                query = query.where(networks.c.id == identity)
            for name, column in (
                ("network_id", networks.c.id),
                ("network_name", networks.c.name),
                ("project_id", networks.c.project_id),
                ("tenant_id", networks.c.project_id),
            ):
                if name in call.query:
                    query = query.where(column.in_(call.query.getlist(name)))
            visible = NETWORKS.visible(call.context)
            if visible is not None:
                query = query.where(visible)
            used: dict[str, int] = dict(
                connection.execute(
                    select(addresses.c.subnet_id, func.count()).group_by(addresses.c.subnet_id)
                ).all()
            )
            inside: dict[str, list[Any]] = {}
            for row in connection.execute(select(subnets)).mappings().all():
                inside.setdefault(row["network_id"], []).append(row)
            rows = connection.execute(query.order_by(networks.c.id)).mappings().all()
            return [_fullness(row, inside.get(row["id"], []), used) for row in rows]

        return await self.backend.database.read(run)


def _fullness(network: Any, rows: Sequence[Any], used: dict[str, int]) -> dict[str, Any]:
    parts = []
    for row in rows:
        total = sum(int(ip(pool["end"])) - int(ip(pool["start"])) + 1 for pool in row["allocation_pools"])
        parts.append(
            {
                "subnet_id": row["id"],
                "subnet_name": row["name"],
                "cidr": row["cidr"],
                "ip_version": row["ip_version"],
                "total_ips": total,
                "used_ips": used.get(row["id"], 0),
            }
        )
    return {
        "network_id": network["id"],
        "network_name": network["name"],
        "project_id": network["project_id"],
        "tenant_id": network["project_id"],
        "subnet_ip_availability": parts,
        "total_ips": sum(part["total_ips"] for part in parts),
        "used_ips": sum(part["used_ips"] for part in parts),
    }


def _moment(value: datetime.datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S")
