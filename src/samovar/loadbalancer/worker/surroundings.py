# SPDX-License-Identifier: Apache-2.0
"""What amphorae need around them: image, flavor, management network. Named by options, or made on demand.

    lb-mgmt-net ── lb-mgmt-router ── external network ── the host, where the controllers are

On the network that is made here an amphora gets a floating IP, by which the host reaches it; its heartbeats
go to the external network's gateway, which is the host itself. With `amp_boot_network_list`
the operator sees to it that controllers and amphorae reach each other.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from samovar.clients import Cloud, CloudError
from samovar.config import AmphoraSettings

from .briefly import Briefly

__all__ = ["Lacking", "Management", "Surroundings"]

NETWORK, SUBNET, ROUTER = "lb-mgmt-net", "lb-mgmt-subnet", "lb-mgmt-router"
GROUP, FLAVOR, IMAGE = "lb-mgmt-sec-grp", "samovar-amphora", "host"
MEMORY_MB = 256
OWN_TAG = "amphora"
OF_NETWORK = ("port", "security_group", "security_group_rule", "floatingip")
OF_COMPUTE = ("instances", "cores", "ram", "server_groups", "server_group_members")


class Lacking(Exception):
    """The cloud lacks what amphorae need; says what, and which option names another."""


@dataclass(frozen=True, slots=True)
class Management:
    """`external_id`: where floating IPs of amphorae come from; None when they are reached directly."""

    network_id: str
    subnet_id: str
    group_ids: tuple[str, ...]
    external_id: str | None
    controllers: tuple[str, ...]


class Surroundings:
    """Looked up once, made once, remembered."""

    def __init__(self, cloud: Cloud, settings: AmphoraSettings) -> None:
        self.cloud, self.settings = cloud, settings
        self._lock = asyncio.Lock()
        self._management: Management | None = None
        self._flavor: str | None = None
        self._image: Briefly[str] = Briefly()

    def forget(self) -> None:
        """Look again next time: something that was there is not any more."""
        self._management = self._flavor = None
        self._image.forget()

    async def image(self, tag: str = "") -> str:
        """The id of the newest image of amphorae."""
        return await self._image.get(tag, lambda: self._newest_image(tag))

    async def _newest_image(self, tag: str) -> str:
        tag = tag or self.settings.amp_image_tag
        owner = self.settings.amp_image_owner_id
        if tag:
            found = await self._images({"tag": tag} | ({"owner": owner} if owner else {}))
        else:  # the service's own, of 'samovar amphora-image'; else the machine's programs as they are
            own = {"tag": OWN_TAG, "owner": owner or await self.cloud.project_id()}
            found = await self._images(own) or await self._images({"name": IMAGE})
        if not found:
            what = f"with the tag {tag}" if tag else f"named {IMAGE}"
            raise Lacking(
                f"There is no image {what} for amphorae; [controller_worker] amp_image_tag names one, and "
                "'samovar amphora-image' makes one."
            )
        return str(found[0]["id"])

    async def _images(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        wanted = {"sort": "created_at:desc", "status": "active", **query}
        found: list[dict[str, Any]] = (await self.cloud.get("image", "/v2/images", query=wanted))["images"]
        return found

    async def flavor(self) -> str:
        """The id of the flavor of amphorae."""
        if self.settings.amp_flavor_id:
            return self.settings.amp_flavor_id
        async with self._lock:
            if self._flavor is None:
                self._flavor = await self._own_flavor()
        return self._flavor

    async def management(self) -> Management:
        async with self._lock:
            if self._management is None:
                self._management = await self._find_management()
        return self._management

    async def _own_flavor(self) -> str:
        body = {
            "name": FLAVOR,
            "id": FLAVOR,
            "ram": MEMORY_MB,
            "vcpus": 1,
            "disk": 0,
            "os-flavor-access:is_public": False,
        }
        try:
            await self.cloud.request("compute", "POST", "/flavors", json={"flavor": body})
        except CloudError as error:
            if error.status != 409:
                raise
        return FLAVOR

    async def _find_management(self) -> Management:
        named = self.settings.amp_boot_network_list
        if named:
            network = (await self.cloud.get("network", f"/v2.0/networks/{named[0]}"))["network"]
            groups = tuple(self.settings.amp_secgroup_list) or (await self._group(),)
            return Management(network["id"], network["subnets"][0], groups, None, self._controllers(None))
        external, gateway = await self.external()
        await self._lift_quotas()
        network_id = await self._one("networks", {"name": NETWORK})
        subnet_id = await self._one(
            "subnets",
            {"name": SUBNET, "network_id": network_id},
            {"cidr": self.settings.management_cidr, "ip_version": 4},
        )
        router_id = await self._one(
            "routers", {"name": ROUTER}, {"external_gateway_info": {"network_id": external}}
        )
        legs = await self.cloud.get("network", "/v2.0/ports", query={"device_id": router_id})
        if not any(port["network_id"] == network_id for port in legs["ports"]):
            way = f"/v2.0/routers/{router_id}/add_router_interface"
            await self.cloud.request("network", "PUT", way, json={"subnet_id": subnet_id})
        return Management(network_id, subnet_id, (await self._group(),), external, self._controllers(gateway))

    async def _lift_quotas(self) -> None:
        """Users' quotas say how many load balancers there may be; the service's own project needs none."""
        project = await self.cloud.project_id()
        for service, path, key, names in (
            ("network", f"/v2.0/quotas/{project}", "quota", OF_NETWORK),
            ("compute", f"/os-quota-sets/{project}", "quota_set", OF_COMPUTE),
        ):
            await self.cloud.request(service, "PUT", path, json={key: dict.fromkeys(names, -1)})

    async def external(self) -> tuple[str, str]:
        """The external network and its gateway. Raises Lacking."""
        query = {"router:external": "True"}
        found = (await self.cloud.get("network", "/v2.0/networks", query=query))["networks"]
        for network in sorted(found, key=lambda one: not one.get("is_default")):
            query = {"network_id": network["id"]}
            for subnet in (await self.cloud.get("network", "/v2.0/subnets", query=query))["subnets"]:
                if subnet["gateway_ip"] and subnet["ip_version"] == 4:
                    return str(network["id"]), str(subnet["gateway_ip"])
        raise Lacking(
            "There is no external network that controllers could reach amphorae by; "
            "[controller_worker] amp_boot_network_list names a network that they reach."
        )

    def _controllers(self, gateway: str | None) -> tuple[str, ...]:
        if self.settings.controller_ip_port_list:
            return tuple(self.settings.controller_ip_port_list)
        address = self.settings.heartbeat_ip or gateway
        if not address:
            raise Lacking("[health_manager] controller_ip_port_list must say where heartbeats go.")
        host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
        return (f"{host}:{self.settings.heartbeat_port}",)

    async def _group(self) -> str:
        """The security group of management ports: the agent's port, and what the amphora asks for itself."""
        group_id = await self._one("security-groups", {"name": GROUP})
        port = self.settings.agent_port
        for rule in (
            {"protocol": "tcp", "port_range_min": port, "port_range_max": port},
            {"protocol": "icmp"},
        ):
            await self.rule(group_id, rule)
        return group_id

    async def rule(self, group_id: str, rule: Mapping[str, Any]) -> None:
        """Let in what `rule` says, unless it is let in already."""
        body = {"security_group_id": group_id, "direction": "ingress", "ethertype": "IPv4", **rule}
        try:
            await self.cloud.request(
                "network", "POST", "/v2.0/security-group-rules", json={"security_group_rule": body}
            )
        except CloudError as error:
            if error.status != 409:
                raise

    async def _one(self, kind: str, key: dict[str, str], more: Mapping[str, Any] | None = None) -> str:
        """The object of this project that has these attributes; made when there is none."""
        path = f"/v2.0/{kind}"
        project = await self.cloud.project_id()
        found = (await self.cloud.get("network", path, query={**key, "project_id": project}))[
            kind.replace("-", "_")
        ]
        if found:
            return str(found[0]["id"])
        word = kind.replace("-", "_").removesuffix("s")
        made = await self.cloud.request("network", "POST", path, json={word: {**key, **(more or {})}})
        return str(made.body[word]["id"])
