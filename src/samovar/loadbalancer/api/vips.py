# SPDX-License-Identifier: Apache-2.0
"""Virtual addresses: found with the caller's eyes, made and removed with this service's hands."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog, segment
from samovar.web import Call, Fault

from .change import Backend
from .faults import as_fault, bad, refuse
from .fields import Values

log = logging.getLogger(__name__)
OWNER = "Octavia"


@dataclass(frozen=True, slots=True)
class Vips:
    """The addresses of a load balancer as they are stored, and the ports that this service made for them."""

    columns: Mapping[str, Any]
    made: tuple[str, ...]


class VipPlanner:
    """Resolves what a request says of the VIP and allocates the ports."""

    def __init__(self, backend: Backend, call: Call) -> None:
        self.settings = backend.settings
        self.own = backend.clouds.own
        self.caller = backend.clouds.caller(call.context.token)
        self.deployment = backend.deployment

    async def allocate(self, lb_id: str, project_id: str, given: Values, zone: Mapping[str, Any]) -> Vips:
        """The VIP and the additional ones, with ports. Raises 400, 409, 503; then no port is left behind."""
        self._check_switches(given)
        made: list[str] = []
        try:
            first = await self._first(lb_id, project_id, given, zone, made)
            others = await self._additional(lb_id, project_id, given["additional_vips"], first, made)
        except BaseException as error:
            await self.release(made)
            if isinstance(error, CloudError):
                raise as_fault(error, "The VIP could not be allocated") from error
            if isinstance(error, (CloudUnreachable, ServiceNotInCatalog)):
                raise refuse(503, f"The VIP could not be allocated: {error}") from error
            raise
        return Vips({**first, "additional_vips": others}, tuple(made))

    async def release(self, ports: Sequence[str]) -> None:
        """Remove ports that this service made, after a failure."""
        for port_id in ports:
            try:
                await self.own.request("network", "DELETE", f"/v2.0/ports/{port_id}")
            except (CloudError, CloudUnreachable, ServiceNotInCatalog) as error:
                log.warning("the port %s was not removed: %s", port_id, error)

    async def check_qos(self, policy_id: str | None) -> None:
        """Raise 400 unless the caller can see the QoS policy."""
        if policy_id is not None:
            await self._get(f"/v2.0/qos/policies/{segment(policy_id)}", "policy", f"QoS policy {policy_id}")

    async def check_groups(self, groups: Sequence[str]) -> None:
        """Raise 400 unless the caller can see each security group."""
        for group in groups:
            await self._get(
                f"/v2.0/security-groups/{segment(group)}", "security_group", f"Security group {group}"
            )

    def _check_switches(self, given: Values) -> None:
        named = [name for name in ("vip_port_id", "vip_network_id", "vip_subnet_id") if given[name]]
        if not named:
            raise bad(
                "Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id."
            )
        for name in named:
            if not getattr(self.settings, f"allow_{name}"):
                raise bad(f"Validation failure: use of {name} is switched off here.")

    async def _first(
        self, lb_id: str, project_id: str, given: Values, zone: Mapping[str, Any], made: list[str]
    ) -> dict[str, Any]:
        if given["vip_port_id"]:
            return await self._of_port(given, zone)
        network_id, subnet_id = given["vip_network_id"], given["vip_subnet_id"]
        if subnet_id:
            subnet = await self._subnet(subnet_id)
            if network_id and subnet["network_id"] != network_id:
                raise bad(f"Subnet {subnet_id} is not one of network {network_id}.")
            network_id = subnet["network_id"]
            if given["vip_address"] and not _contains(subnet, given["vip_address"]):
                raise bad(f"The address {given['vip_address']} is not in subnet {subnet_id}.")
        await self._network(network_id, zone)
        if not subnet_id:
            subnet_id = await self._choose(network_id, given["vip_address"])
        port = await self._make(lb_id, project_id, network_id, subnet_id, given["vip_address"], made)
        return {
            "vip_address": _address(port, subnet_id),
            "vip_port_id": port["id"],
            "vip_subnet_id": subnet_id,
            "vip_network_id": network_id,
            "vip_qos_policy_id": given["vip_qos_policy_id"],
            "vip_owned": True,
        }

    async def _of_port(self, given: Values, zone: Mapping[str, Any]) -> dict[str, Any]:
        port_id = given["vip_port_id"]
        port = await self._get(f"/v2.0/ports/{segment(port_id)}", "port", f"Port {port_id}")
        if port.get("device_id"):
            raise bad(f"Port {port_id} is in use by device {port['device_id']} already.")
        if given["vip_network_id"] and port["network_id"] != given["vip_network_id"]:
            raise bad(f"Port {port_id} is not on network {given['vip_network_id']}.")
        await self._network(port["network_id"], zone)
        fitting = [
            fixed
            for fixed in port.get("fixed_ips") or ()
            if given["vip_subnet_id"] in (None, fixed["subnet_id"])
            and given["vip_address"] in (None, fixed["ip_address"])
        ]
        if not fitting:
            raise bad(f"Port {port_id} has no address that fits vip_subnet_id and vip_address.")
        return {
            "vip_address": fitting[0]["ip_address"],
            "vip_port_id": port_id,
            "vip_subnet_id": fitting[0]["subnet_id"],
            "vip_network_id": port["network_id"],
            "vip_qos_policy_id": given["vip_qos_policy_id"] or port.get("qos_policy_id"),
            "vip_owned": False,
        }

    async def _additional(
        self,
        lb_id: str,
        project_id: str,
        wanted: Sequence[Values],
        first: Mapping[str, Any],
        made: list[str],
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        taken = {first["vip_subnet_id"]}
        for item in wanted:
            subnet_id = item["subnet_id"]
            if subnet_id in taken:
                raise bad(f"Subnet {subnet_id} has a VIP already; there is one for each subnet.")
            taken.add(subnet_id)
            subnet = await self._subnet(subnet_id)
            if subnet["network_id"] != first["vip_network_id"]:
                raise bad("All the VIPs of a load balancer must be on one network.")
            if item["ip_address"] and not _contains(subnet, item["ip_address"]):
                raise bad(f"The address {item['ip_address']} is not in subnet {subnet_id}.")
        for item in wanted:
            port = await self._make(
                lb_id, project_id, first["vip_network_id"], item["subnet_id"], item["ip_address"], made
            )
            found.append(
                {
                    "subnet_id": item["subnet_id"],
                    "ip_address": _address(port, item["subnet_id"]),
                    "port_id": port["id"],
                    "network_id": first["vip_network_id"],
                    "owned": True,
                }
            )
        return found

    async def _network(self, network_id: str, zone: Mapping[str, Any]) -> None:
        network = await self._get(f"/v2.0/networks/{segment(network_id)}", "network", f"Network {network_id}")
        for allowed in (self.settings.valid_vip_networks, zone.get("valid_vip_networks")):
            if allowed and network_id not in allowed:
                raise bad(f"VIPs may not be on network {network_id}.")
        if network_id in self.settings.denylist_vip_networks:
            raise bad(f"VIPs may not be on network {network_id}.")
        if network.get("port_security_enabled") is False:
            raise bad(f"Port security must be enabled on network {network_id} for VIPs.")

    async def _choose(self, network_id: str, address: str | None) -> str:
        """The subnet that holds the address; without one the first of IPv4, else the first."""
        answer = await self.caller.get("network", "/v2.0/subnets", query={"network_id": network_id})
        subnets = answer["subnets"]
        if address:
            subnets = [subnet for subnet in subnets if _contains(subnet, address)]
            if not subnets:
                raise bad(f"The address {address} is in no subnet of network {network_id}.")
        if not subnets:
            raise bad(f"Network {network_id} has no subnet.")
        subnets.sort(key=lambda subnet: int(subnet["ip_version"]))
        chosen: str = subnets[0]["id"]
        return chosen

    async def _subnet(self, subnet_id: str) -> Any:
        return await self._get(f"/v2.0/subnets/{segment(subnet_id)}", "subnet", f"Subnet {subnet_id}")

    async def _get(self, path: str, key: str, what: str) -> Any:
        try:
            return (await self.caller.get("network", path))[key]
        except CloudError as error:
            if error.not_found:
                raise bad(f"{what} not found.") from error
            raise as_fault(error, f"{what} could not be looked at") from error
        except (CloudUnreachable, ServiceNotInCatalog) as error:
            raise refuse(503, f"{what} could not be looked at: {error}") from error

    async def _make(
        self,
        lb_id: str,
        project_id: str,
        network_id: str,
        subnet_id: str,
        address: str | None,
        made: list[str],
    ) -> Any:
        fixed = {"subnet_id": subnet_id, **({"ip_address": address} if address else {})}
        wanted = {
            "name": f"octavia-lb-{lb_id}",
            "description": await self.deployment.words(),
            "network_id": network_id,
            "admin_state_up": False,
            "device_id": f"lb-{lb_id}",
            "device_owner": OWNER,
            "project_id": project_id,
            "fixed_ips": [fixed],
        }
        try:
            answer = await self.own.request("network", "POST", "/v2.0/ports", json={"port": wanted})
        except CloudError as error:
            raise _conflict(error, address) from error
        port = answer.body["port"]
        made.append(port["id"])
        return port


def _conflict(error: CloudError, address: str | None) -> Fault:
    if address and (error.conflict or "in use" in error.message or "allocated" in error.message):
        return refuse(409, f"The VIP address {address} is in use already: {error.message}")
    return as_fault(error, "The VIP's port could not be made")


def _contains(subnet: Mapping[str, Any], address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(subnet["cidr"])


def _address(port: Mapping[str, Any], subnet_id: str) -> str:
    fixed = next(item for item in port["fixed_ips"] if item["subnet_id"] == subnet_id)
    return str(fixed["ip_address"])
