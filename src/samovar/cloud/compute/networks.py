# SPDX-License-Identifier: Apache-2.0
"""What compute asks of the network service.

As the caller: which networks, ports and security groups a request means. As itself: making,
binding and releasing the ports of servers, and reading their addresses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from samovar.clients import Cloud, CloudError, segment
from samovar.web import BadRequest, Conflict, Forbidden

OWNER = "compute:nova"
CHUNK = 40
"""Ids in one query, so that its URL stays short."""


async def resolve(
    cloud: Cloud, requested: Sequence[Mapping[str, Any]] | str | None, project_id: str, is_admin: bool
) -> list[dict[str, Any]]:
    """The networks and ports that a request names, each checked as the caller sees it.

    "auto" and None mean the one network that the project can use; "none" means none at all.
    Raises BadRequest, Conflict, Forbidden.
    """
    if requested == "none":
        return []
    if requested is None or isinstance(requested, str):
        found = await _usable(cloud, project_id)
        if len(found) > 1:
            raise Conflict("Multiple possible networks found, use a Network ID to be more specific.")
        if not found and requested == "auto":
            raise BadRequest(
                "Unable to automatically allocate a network for project "
                f'{project_id}: it has none with a subnet. Make a network, or ask for networks "none".'
            )
        return [_want(network["id"]) for network in found]
    return list(await asyncio.gather(*(_resolve_one(cloud, each, is_admin) for each in requested)))


def _want(network_id: str, **more: Any) -> dict[str, Any]:
    return {"network_id": network_id, "port_id": None, "fixed_ip": None, "tag": None, **more}


async def _usable(cloud: Cloud, project_id: str) -> list[dict[str, Any]]:
    body = await cloud.get("network", "/v2.0/networks")
    own = [n for n in body["networks"] if n.get("tenant_id", n.get("project_id")) == project_id]
    shared = [n for n in body["networks"] if n not in own and n.get("shared")]
    return [n for n in own + shared if n.get("subnets") and not n.get("router:external")]


async def _resolve_one(cloud: Cloud, wanted: Mapping[str, Any], is_admin: bool) -> dict[str, Any]:
    if wanted["port"] is not None:
        port = await _see(cloud, "port", wanted["port"])
        if port.get("device_id"):
            raise Conflict(f"Port {port['id']} is still in use.")
        return _want(port["network_id"], port_id=port["id"], tag=wanted["tag"])
    network = await _see(cloud, "network", wanted["uuid"])
    if not network.get("subnets"):
        raise BadRequest(f"Network {network['id']} requires a subnet in order to boot instances on.")
    if network.get("router:external") and not network.get("shared") and not is_admin:
        raise Forbidden(f"It is not allowed to create an interface on external network {network['id']}")
    return _want(network["id"], fixed_ip=wanted["fixed_ip"], tag=wanted["tag"])


async def _see(cloud: Cloud, kind: str, identity: str) -> dict[str, Any]:
    try:
        body = await cloud.get("network", f"/v2.0/{kind}s/{segment(identity)}")
    except CloudError as error:
        if error.not_found:
            raise BadRequest(f"{kind.capitalize()} {identity} could not be found.") from error
        raise
    found: dict[str, Any] = body[kind]
    return found


async def resolve_groups(cloud: Cloud, names: Iterable[str], project_id: str) -> list[dict[str, str]]:
    """Security groups by name or id, as ``{"id", "name"}``. Raises BadRequest, Conflict."""
    found: list[dict[str, str]] = []
    groups: list[dict[str, Any]] = []
    for name in dict.fromkeys(names):
        if not groups:
            body = await cloud.get("network", "/v2.0/security-groups")
            groups = body["security_groups"]
        own = [g for g in groups if g.get("tenant_id", g.get("project_id")) == project_id]
        matches = [g for g in groups if g["id"] == name] or [g for g in own if g["name"] == name]
        if len(matches) > 1:
            raise Conflict(
                f"Multiple security groups found matching '{name}'. Use an ID to be more specific."
            )
        if not matches:
            raise BadRequest(f"Unable to find security_group with name or id '{name}'")
        found.append({"id": matches[0]["id"], "name": matches[0]["name"]})
    return found


class Ports:
    """The ports of servers, with compute's own credentials."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def of_servers(self, server_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Every port whose device is one of the servers."""
        found: list[dict[str, Any]] = []
        for i in range(0, len(server_ids), CHUNK):
            query = [("device_id", identity) for identity in server_ids[i : i + CHUNK]]
            found += (await self._cloud.get("network", "/v2.0/ports", query=query))["ports"]
        return found

    async def show(self, port_id: str) -> dict[str, Any] | None:
        try:
            body = await self._cloud.get("network", f"/v2.0/ports/{segment(port_id)}")
        except CloudError as error:
            if error.not_found:
                return None
            raise
        found: dict[str, Any] = body["port"]
        return found

    async def make(
        self,
        network_id: str,
        *,
        project_id: str,
        server_id: str,
        host: str,
        name: str = "",
        fixed_ip: str | None = None,
        groups: Sequence[str] = (),
    ) -> dict[str, Any]:
        """A new port, bound to the server on this host from the start."""
        port: dict[str, Any] = {
            "network_id": network_id,
            "tenant_id": project_id,
            "name": name,
            "admin_state_up": True,
            "device_id": server_id,
            "device_owner": OWNER,
            "binding:host_id": host,
        }
        if fixed_ip:
            port["fixed_ips"] = [{"ip_address": fixed_ip}]
        if groups:
            port["security_groups"] = list(groups)
        answer = await self._cloud.request("network", "POST", "/v2.0/ports", json={"port": port})
        made: dict[str, Any] = answer.body["port"]
        return made

    async def bind(self, port_id: str, server_id: str, host: str) -> dict[str, Any]:
        """Give an existing port to the server."""
        return await self._put(
            port_id, {"device_id": server_id, "device_owner": OWNER, "binding:host_id": host}
        )

    async def unbind(self, port_id: str) -> None:
        """Take a port from its server and leave it as it was before; harmless when it is gone."""
        try:
            await self._put(port_id, {"device_id": "", "device_owner": "", "binding:host_id": ""})
        except CloudError as error:
            if not error.not_found:
                raise

    async def delete(self, port_id: str) -> None:
        """Harmless when it is gone."""
        try:
            await self._cloud.request("network", "DELETE", f"/v2.0/ports/{segment(port_id)}")
        except CloudError as error:
            if not error.not_found:
                raise

    async def set_groups(self, port_id: str, groups: Sequence[str]) -> None:
        await self._put(port_id, {"security_groups": list(groups)})

    async def _put(self, port_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/v2.0/ports/{segment(port_id)}"
        answer = await self._cloud.request("network", "PUT", path, json={"port": dict(changes)})
        changed: dict[str, Any] = answer.body["port"]
        return changed

    async def networks(self, network_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Id → network, of those that are there."""
        found = {}
        for i in range(0, len(network_ids), CHUNK):
            query = [("id", identity) for identity in network_ids[i : i + CHUNK]]
            body = await self._cloud.get("network", "/v2.0/networks", query=query)
            found.update({network["id"]: network for network in body["networks"]})
        return found

    async def subnets(self, network_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Network → its subnets."""
        found: dict[str, list[dict[str, Any]]] = {identity: [] for identity in network_ids}
        for i in range(0, len(network_ids), CHUNK):
            query = [("network_id", identity) for identity in network_ids[i : i + CHUNK]]
            body = await self._cloud.get("network", "/v2.0/subnets", query=query)
            for subnet in body["subnets"]:
                found[subnet["network_id"]].append(subnet)
        return found

    async def floating(self, port_ids: Sequence[str]) -> dict[tuple[str, str], list[str]]:
        """(port, fixed address) → floating addresses."""
        found: dict[tuple[str, str], list[str]] = {}
        for i in range(0, len(port_ids), CHUNK):
            query = [("port_id", identity) for identity in port_ids[i : i + CHUNK]]
            body = await self._cloud.get("network", "/v2.0/floatingips", query=query)
            for each in body["floatingips"]:
                key = (each["port_id"], each["fixed_ip_address"])
                found.setdefault(key, []).append(each["floating_ip_address"])
        return found
