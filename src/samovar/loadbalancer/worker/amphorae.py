# SPDX-License-Identifier: Apache-2.0
"""Amphorae in the cloud: each a server with a port on the management network and one beside the VIP.

Everything has a name derived from the amphora's id and is looked for before it is made (unless its row was
written in this very attempt), so that a worker that takes over from a killed one makes nothing twice; removal
tolerates what is gone already.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samovar.clients import Cloud, CloudError
from samovar.config import AmphoraSettings

from ..authorities import Store, expires_at
from ..deployment import MARK, Deployment
from ..tree import Tree
from .affinity import Affinity
from .agent import Agent, Agents
from .bundle import user_data
from .rows import Amphora
from .starting import Starting
from .surroundings import Lacking, Management, Surroundings

__all__ = ["Amphorae", "Standing"]

OWNER = "Octavia"
PATIENCE_TO_ATTACH = 60.0
PATIENCE_TO_DELETE = 120.0
KNOWN_HOSTS = 4
MICROVERSION = "2.67"
CAPABILITIES = {"samovar:capabilities": "NET_ADMIN,NET_RAW"}
"""The local cloud's servers may not change their network; those of an administrator who asks for it may."""
Port = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """An amphora that exists in the cloud. `members`: its port in each subnet of members apart."""

    row: Amphora
    server_id: str
    address: str
    management: Port
    vip: Port
    members: Mapping[str, Port]
    noted: Mapping[str, Any]

    def own_address(self, version: int = 4) -> str | None:
        """Its own address beside the VIP."""
        return next(
            (
                str(fixed["ip_address"])
                for fixed in self.vip["fixed_ips"]
                if ipaddress.ip_address(fixed["ip_address"]).version == version
            ),
            None,
        )


class Amphorae:
    """Makes and removes amphorae with the service's own rights."""

    def __init__(
        self,
        cloud: Cloud,
        settings: AmphoraSettings,
        surroundings: Surroundings,
        store: Store,
        agents: Agents,
        deployment: Deployment,
    ) -> None:
        self._cloud, self._settings = cloud, settings
        self._surroundings, self._store, self._agents = surroundings, store, agents
        self._deployment = deployment
        self.affinity = Affinity(cloud, settings)
        self.starting = Starting(cloud)
        self._known_lacks: dict[str, Mapping[str, str]] = {}

    def agent(self, amphora_id: str, address: str) -> Agent:
        return self._agents.of(amphora_id, address)

    def learn(self, host: str, lacks: Mapping[str, str]) -> None:
        """What an amphora found out about its host: the next ones there need not."""
        if host:
            self._known_lacks.pop(host, None)
            self._known_lacks[host] = lacks
            for oldest in [*self._known_lacks][:-KNOWN_HOSTS]:
                del self._known_lacks[oldest]

    async def lost(self, row: Amphora) -> bool:
        """Whether its server is gone or broken, so that another must take its place."""
        if row.compute_id is None:
            return False
        server = await self._get("compute", f"/servers/{row.compute_id}", "server")
        return server is None or server["status"] in ("ERROR", "DELETED")

    async def ensure(
        self, row: Amphora, tree: Tree, groups: Sequence[str], subnets: Sequence[str]
    ) -> Standing:
        """The amphora with its server and ports; `subnets` are those of members that the VIP's network is
        not. Raises CloudError, Lacking."""
        management = await self._surroundings.management()
        own, beside, *others = await asyncio.gather(
            self._port(f"octavia-lb-mgmt-{row.id}", _management_port(management), fresh=row.fresh),
            self._port(f"octavia-lb-vrrp-{row.id}", _vip_port(tree, groups), fresh=row.fresh),
            *(self._member_port(row, subnet, groups) for subnet in subnets),
        )
        members = dict(zip(subnets, others, strict=True))
        await self._update_port(beside, tree, groups)
        server, address = await asyncio.gather(
            self._server(row, tree, management, [own, beside, *others]),
            self._address(own, management, fresh=row.fresh),
        )
        await self._attach(server, [own, beside, *others])
        noted = {
            "compute_id": server["id"],
            "lb_network_ip": address,
            "vrrp_ip": beside["fixed_ips"][0]["ip_address"],
            "ha_ip": tree.vip.address,
            "vrrp_port_id": beside["id"],
            "ha_port_id": tree.vip.port_id,
            # One in service stays that, whatever becomes of this change: it carries traffic, and is watched.
            "status": "BOOTING" if server.get("fresh") or row.status != "ALLOCATED" else row.status,
        } | server.get("noted", {})
        return Standing(row, server["id"], address, own, beside, members, noted)

    async def wait(self, standing: Standing) -> Agent:
        """Its agent, once that answers. Raises Lacking when its server breaks, AgentUnreachable."""
        agent = self.agent(standing.row.id, standing.address)
        settings = self._settings
        seconds = max(settings.connection_max_retries * settings.connection_retry_interval, 5.0)
        if standing.row.status == "ALLOCATED":
            seconds = min(
                seconds, settings.active_connection_max_retries * settings.connection_retry_interval
            )
            await self._mend(standing)  # at once: while it is off, nobody is served
        else:
            await self._runs(standing)
        answering = asyncio.create_task(agent.wait(seconds, settings.connection_retry_interval))
        patience = 1.0
        try:
            while True:
                done, _ = await asyncio.wait({answering}, timeout=patience)
                if done:
                    await answering
                    return agent
                await self._mend(standing)
                patience *= 1.5
        finally:
            answering.cancel()

    async def _runs(self, standing: Standing) -> None:
        """Until compute has started the server, so that nothing is sent where nobody is: neighbours that are
        asked for in vain are asked for again only after a second."""
        async with asyncio.timeout(self._settings.amp_active_retries * self._settings.amp_active_wait_sec):
            await self.starting.over(standing.server_id)

    async def _mend(self, standing: Standing) -> str:
        """The server's status; one that is off is started. Raises Lacking when it is broken or gone."""
        server = await self._get("compute", f"/servers/{standing.server_id}", "server")
        if server is None or server["status"] == "ERROR":
            words = (server or {}).get("fault", {}).get("message", "it was removed")
            raise Lacking(f"The server of amphora {standing.row.id} does not run: {words}")
        if server["status"] == "SHUTOFF" and server.get("OS-EXT-STS:task_state") is None:
            await self._act(standing.server_id, "os-start")
        return str(server["status"])

    async def remove(self, row: Amphora) -> None:
        """Its server, ports and floating IP."""
        servers = await self._servers(row)
        for server in servers:
            await self._delete("compute", f"/servers/{server['id']}")
        await asyncio.gather(*(self._vanish(server["id"]) for server in servers))
        names = {f"octavia-lb-mgmt-{row.id}", f"octavia-lb-vrrp-{row.id}"}
        found = await self._cloud.get("network", "/v2.0/ports", query={"name": sorted(names)})
        ports = [port for port in found["ports"] if port["name"] in names]
        query = {"name": f"octavia-lb-member-{row.id}"}
        ports += (await self._cloud.get("network", "/v2.0/ports", query=query))["ports"]
        for port in ports:
            query = {"port_id": port["id"]}
            floating = await self._cloud.get("network", "/v2.0/floatingips", query=query)
            for one in floating["floatingips"]:
                await self._delete("network", f"/v2.0/floatingips/{one['id']}")
            await self._delete("network", f"/v2.0/ports/{port['id']}")

    async def issue(self, row: Amphora) -> tuple[str, datetime.datetime]:
        """A new certificate for the amphora, and until when it is good."""
        validity = datetime.timedelta(seconds=self._settings.cert_validity_time)
        pem = await asyncio.to_thread(self._store.server_ca.issue_server, row.id, validity)
        return pem, expires_at(pem)

    async def controllers(self) -> tuple[str, ...]:
        return (await self._surroundings.management()).controllers

    async def _server(
        self, row: Amphora, tree: Tree, management: Management, ports: Sequence[Port]
    ) -> dict[str, Any]:
        found = [] if row.fresh else await self._servers(row)
        if found:
            return found[0]
        image, flavor = await asyncio.gather(
            self._surroundings.image(str(tree.flavor.get("amp_image_tag", ""))), self._surroundings.flavor()
        )
        flavor = str(tree.flavor.get("compute_flavor") or flavor)
        pem, ends = await self.issue(row)
        agent = {
            "amphora_id": row.id,
            "heartbeat_key": self._store.heartbeat_key(row.id),
            "controllers": management.controllers,
            "heartbeat_interval": self._settings.heartbeat_interval,
            # Only there: the ports of all other addresses are for listeners.
            "bind": ports[0]["fixed_ips"][0]["ip_address"],
            "port": self._settings.agent_port,
            "known_lacks": self._known_lacks,
        }
        born_with = user_data(agent, pem, self._store.client_ca_pem())
        server: dict[str, Any] = {
            "name": row.server_name,
            "imageRef": image,
            "flavorRef": flavor,
            "networks": [{"port": port["id"]} for port in ports],
            "user_data": base64.b64encode(born_with).decode(),
            "config_drive": True,
            "metadata": {
                "load_balancer": tree.id,
                "role": row.role or "",
                MARK: await self._deployment.id(),
            },
        }
        if self._settings.amp_ssh_key_name:
            server["key_name"] = self._settings.amp_ssh_key_name
        zone = tree.availability_zone.get("compute_zone")
        if zone:
            server["availability_zone"] = zone
        group = await self.affinity.group(tree)
        hints = CAPABILITIES if group is None else {**CAPABILITIES, "group": group}
        body = {"server": server, "os:scheduler_hints": hints}
        made = await self._cloud.request("compute", "POST", "/servers", json=body, microversion=MICROVERSION)
        return {
            "id": made.body["server"]["id"],
            "fresh": True,
            "noted": {"image_id": image, "compute_flavor": flavor, "cert_expiration": ends},
        }

    async def _attach(self, server: Mapping[str, Any], ports: Sequence[Port]) -> None:
        """Ports that came to be wanted after the server was made."""
        if server.get("fresh"):
            return
        for port in ports:
            if not port.get("device_id"):
                await self._attach_one(server["id"], port["id"])

    async def _attach_one(self, server_id: str, port_id: str) -> None:
        """A server that a worker which is gone was making is waited for: it may get the port yet."""
        body = {"interfaceAttachment": {"port_id": port_id}}
        async with asyncio.timeout(PATIENCE_TO_ATTACH):
            while True:
                try:
                    path = f"/servers/{server_id}/os-interface"
                    await self._cloud.request("compute", "POST", path, json=body)
                    return
                except CloudError as error:
                    if error.status not in (400, 409):
                        raise
                    port = await self._get("network", f"/v2.0/ports/{port_id}", "port")
                    server = await self._get("compute", f"/servers/{server_id}", "server")
                    if port is not None and port.get("device_id") == server_id:
                        return
                    if server is None or server["status"] != "BUILD":
                        raise
                await asyncio.sleep(0.2)

    async def _servers(self, row: Amphora) -> list[dict[str, Any]]:
        found = await self._cloud.get("compute", "/servers", query={"name": row.server_name})
        return [server for server in found["servers"] if server["name"] == row.server_name]

    async def _vanish(self, server_id: str) -> None:
        async with asyncio.timeout(PATIENCE_TO_DELETE):
            pause = 0.02
            while await self._get("compute", f"/servers/{server_id}", "server") is not None:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 1.0)

    async def _act(self, server_id: str, action: str) -> None:
        try:
            await self._cloud.request("compute", "POST", f"/servers/{server_id}/action", json={action: None})
        except CloudError as error:
            if error.status != 409:
                raise

    async def _member_port(self, row: Amphora, subnet_id: str, groups: Sequence[str]) -> dict[str, Any]:
        subnet = (await self._cloud.get("network", f"/v2.0/subnets/{subnet_id}"))["subnet"]
        name = f"octavia-lb-member-{row.id}"
        found = await self._cloud.get(
            "network", "/v2.0/ports", query={"name": name, "network_id": subnet["network_id"]}
        )
        for port in found["ports"]:
            if any(fixed["subnet_id"] == subnet_id for fixed in port["fixed_ips"]):
                return dict(port)
        body = {
            "name": name,
            "network_id": subnet["network_id"],
            "fixed_ips": [{"subnet_id": subnet_id}],
            "security_groups": list(groups),
        }
        made = await self._cloud.request("network", "POST", "/v2.0/ports", json={"port": body})
        return dict(made.body["port"])

    async def _port(self, name: str, wanted: Mapping[str, Any], *, fresh: bool) -> dict[str, Any]:
        if not fresh:
            query = {"name": name, "network_id": wanted["network_id"]}
            found = (await self._cloud.get("network", "/v2.0/ports", query=query))["ports"]
            if found:
                return dict(found[0])
        body = {"port": {"name": name, **wanted}}
        made = await self._cloud.request("network", "POST", "/v2.0/ports", json=body)
        return dict(made.body["port"])

    async def _update_port(self, port: Port, tree: Tree, groups: Sequence[str]) -> None:
        """The VIPs that the port may send from, and its groups, as they should be."""
        wanted = _vip_port(tree, groups)
        pairs = {pair["ip_address"] for pair in port.get("allowed_address_pairs", ())}
        if pairs == {pair["ip_address"] for pair in wanted["allowed_address_pairs"]} and set(
            port["security_groups"]
        ) == set(groups):
            return
        body = {name: wanted[name] for name in ("allowed_address_pairs", "security_groups")}
        await self._cloud.request("network", "PUT", f"/v2.0/ports/{port['id']}", json={"port": body})

    async def _address(self, port: Port, management: Management, *, fresh: bool) -> str:
        """Where the controller reaches the amphora."""
        if management.external_id is None:
            return str(port["fixed_ips"][0]["ip_address"])
        query = {"port_id": port["id"]}
        found = []
        if not fresh:
            found = (await self._cloud.get("network", "/v2.0/floatingips", query=query))["floatingips"]
        if not found:
            body = {
                "floating_network_id": management.external_id,
                "port_id": port["id"],
                "description": "The way of the load balancing controller to an amphora",
            }
            made = await self._cloud.request(
                "network", "POST", "/v2.0/floatingips", json={"floatingip": body}
            )
            found = [made.body["floatingip"]]
        return str(found[0]["floating_ip_address"])

    async def _get(self, service: str, path: str, key: str) -> dict[str, Any] | None:
        try:
            return dict((await self._cloud.get(service, path))[key])
        except CloudError as error:
            if error.status == 404:
                return None
            raise

    async def _delete(self, service: str, path: str) -> None:
        try:
            await self._cloud.request(service, "DELETE", path)
        except CloudError as error:
            if error.status != 404:
                raise


def _management_port(management: Management) -> dict[str, Any]:
    return {
        "network_id": management.network_id,
        "fixed_ips": [{"subnet_id": management.subnet_id}],
        "security_groups": list(management.group_ids),
    }


def _vip_port(tree: Tree, groups: Sequence[str]) -> dict[str, Any]:
    subnets = [vip.subnet_id for vip in tree.vips if vip.subnet_id is not None]
    wanted: dict[str, Any] = {
        "network_id": tree.vip.network_id,
        "allowed_address_pairs": [{"ip_address": vip.address} for vip in tree.vips],
        "security_groups": list(groups),
    }
    if subnets:
        wanted["fixed_ips"] = [{"subnet_id": subnet} for subnet in dict.fromkeys(subnets)]
    return wanted
