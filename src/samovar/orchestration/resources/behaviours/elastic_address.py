# SPDX-License-Identifier: Apache-2.0
"""Public addresses in the words of EC2 and of Nova's first days: floating IPs led to a server's port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceFailed,
    ResourceGone,
)
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.vpc import external_network

_PATH = "/v2.0/floatingips"
_ADDRESS = "ip"


async def _floating(context: ResourceContext, **query: str) -> dict[str, Any] | None:
    found = (await context.cloud.get("network", _PATH, query=query))["floatingips"]
    return dict(found[0]) if found else None


async def _lead(context: ResourceContext, floating: str, port: str | None) -> None:
    try:
        await context.cloud.request(
            "network", "PUT", f"{_PATH}/{floating}", json={"floatingip": {"port_id": port}}
        )
    except CloudError as error:
        if port is not None or not error.not_found:
            raise


async def _port_of(context: ResourceContext, server: str) -> str:
    """The first port of the server. Raises ResourceFailed."""
    listed = await context.cloud.get("network", "/v2.0/ports", query={"device_id": server})
    ports = sorted(listed["ports"], key=lambda each: str(each.get("created_at") or each["id"]))
    if not ports:
        raise ResourceFailed(f"The instance {server} has no port that an address could lead to.")
    return str(ports[0]["id"])


class ElasticAddress(Behaviour):
    """A floating IP; it leads to the first port of the instance, if there is one."""

    instance = "InstanceId"

    async def network(self, context: ResourceContext) -> str:
        return await external_network(context)

    async def create(self, context: ResourceContext) -> str | None:
        sent = {"floating_network_id": await self.network(context), "description": context.physical_name}
        answer = await context.cloud.request("network", "POST", _PATH, json={"floatingip": sent})
        return await self._kept(context, answer.body["floatingip"])

    async def find(self, context: ResourceContext) -> str | None:
        shown = await _floating(context, description=context.physical_name)
        return None if shown is None else await self._kept(context, shown)

    async def _kept(self, context: ResourceContext, shown: Mapping[str, Any]) -> str:
        await context.set_data(_ADDRESS, str(shown["floating_ip_address"]))
        await context.set_physical_id(str(shown["id"]))
        server = context.properties.get(self.instance)
        if server:
            await _lead(context, str(shown["id"]), await _port_of(context, str(server)))
        return str(shown["id"])

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has(self.instance) and context.physical_id is not None:
            server = changes.after.get(self.instance)
            port = await _port_of(context, str(server)) if server else None
            await _lead(context, context.physical_id, port)

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        try:
            await context.cloud.request("network", "DELETE", f"{_PATH}/{context.physical_id}")
        except CloudError as error:
            if not error.not_found:
                raise

    async def check(self, context: ResourceContext) -> None:
        await self._shown(context)

    async def _shown(self, context: ResourceContext) -> dict[str, Any]:
        try:
            found = await context.cloud.get("network", f"{_PATH}/{context.physical_id}")
        except CloudError as error:
            if error.not_found:
                raise ResourceGone(f"The address {context.physical_id} is gone.") from None
            raise
        return dict(found["floatingip"])

    def reference(self, context: ResourceContext) -> str | None:
        return context.data.get(_ADDRESS) or context.name

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        known: dict[str, Any] = {"AllocationId": context.physical_id}
        if "show" in names:
            known["show"] = await self._shown(context)
        return {name: known.get(name) for name in names}


class NovaFloatingIP(ElasticAddress):
    """A floating IP of a pool, which is an external network."""

    instance = ""

    async def network(self, context: ResourceContext) -> str:
        pool = context.properties.get("pool")
        if not pool:
            return await super().network(context)
        return await Lookup(context.cloud).find("neutron", "network", str(pool))

    def reference(self, context: ResourceContext) -> str | None:
        return context.physical_id

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        known: dict[str, Any] = {"ip": context.data.get(_ADDRESS), "pool": context.properties.get("pool")}
        if "show" in names:
            known["show"] = await self._shown(context)
        return {name: known.get(name) for name in names}


class AddressAssociation(Behaviour):
    """Leads an address, told by itself or by its allocation, to an instance or to an interface."""

    async def create(self, context: ResourceContext) -> str | None:
        floating, port = await self._ends(context, context.properties)
        await _lead(context, floating, port)
        return context.physical_name

    async def _ends(self, context: ResourceContext, values: Mapping[str, Any]) -> tuple[str, str]:
        floating = await self._floating_of(context, values)
        interface, server = values.get("NetworkInterfaceId"), values.get("InstanceId")
        if interface is None and server is None:
            raise ResourceFailed(
                "An association needs the property InstanceId or NetworkInterfaceId.",
                kind="StackValidationFailed",
            )
        return floating, str(interface) if interface else await _port_of(context, str(server))

    async def _floating_of(self, context: ResourceContext, values: Mapping[str, Any]) -> str:
        if values.get("AllocationId"):
            return str(values["AllocationId"])
        if not values.get("EIP"):
            raise ResourceFailed(
                "An association needs the property EIP or AllocationId.", kind="StackValidationFailed"
            )
        shown = await _floating(context, floating_ip_address=str(values["EIP"]))
        if shown is None:
            raise ResourceFailed(f"The project has no address {values['EIP']}.", kind="NotFound")
        return str(shown["id"])

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        floating, port = await self._ends(context, changes.after)
        if changes.has("EIP", "AllocationId"):
            await self._release(context, changes.before, but=floating)
        await _lead(context, floating, port)

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is not None:
            await self._release(context, context.properties)

    async def _release(self, context: ResourceContext, values: Mapping[str, Any], but: str = "") -> None:
        """Lead the address nowhere; it may be gone already."""
        try:
            floating = await self._floating_of(context, values)
        except ResourceFailed:
            return
        if floating != but:
            await _lead(context, floating, None)


class NovaAddressAssociation(AddressAssociation):
    """The same in the words of Nova's first days."""

    async def _ends(self, context: ResourceContext, values: Mapping[str, Any]) -> tuple[str, str]:
        return str(values["floating_ip"]), await _port_of(context, str(values["server_id"]))

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has("floating_ip"):
            await self._release(context, changes.before, but=str(changes.after["floating_ip"]))
        await _lead(context, *await self._ends(context, changes.after))

    async def _floating_of(self, context: ResourceContext, values: Mapping[str, Any]) -> str:
        return str(values["floating_ip"])
