# SPDX-License-Identifier: Apache-2.0
"""Private networks in the words of EC2: a VPC is a network and a router of the same name.

A route table is another router of the VPC; its description says so, and it takes over the subnets that are
associated with it. An internet gateway stands for the cloud's external network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import Behaviour, ResourceContext, ResourceFailed
from samovar.orchestration.resources.behaviours.network import NETWORKS, NetworkObject
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

ROUTERS = Collection("network", "/v2.0/routers", "router", "routers", "router")
SUBNETS = Collection("network", "/v2.0/subnets", "subnet", "subnets", "subnet")
PORTS = Collection("network", "/v2.0/ports", "port", "ports", "port")
_ROUTER = "router"


async def external_network(context: ResourceContext) -> str:
    """The cloud's way out: its external network, the default one of several. Raises ResourceFailed."""
    listed = await context.cloud.get("network", "/v2.0/networks", query={"router:external": "true"})
    found = sorted(listed["networks"], key=lambda each: (not each.get("is_default"), str(each["name"])))
    if not found:
        raise ResourceFailed("The cloud has no external network that an internet gateway could stand for.")
    return str(found[0]["id"])


async def _listed(context: ResourceContext, path: str, **query: str) -> list[dict[str, Any]]:
    plural = path.rsplit("/", 1)[-1].replace("-", "_")
    return list((await context.cloud.get("network", path, query=query))[plural])


async def _told(context: ResourceContext, path: str, body: Body, *, gone_is_fine: bool = False) -> None:
    try:
        await context.cloud.request("network", "PUT", path, json=body)
    except CloudError as error:
        if not (gone_is_fine and error.not_found):
            raise


def _table_of(vpc: str) -> str:
    return f"Route table of VPC {vpc}"


async def router_of(context: ResourceContext, vpc: str) -> dict[str, Any] | None:
    """The VPC's own router: that of the network's name."""
    networks = await _listed(context, "/v2.0/networks", id=vpc)
    if not networks:
        return None
    routers = await _listed(context, "/v2.0/routers", name=str(networks[0]["name"]))
    return routers[0] if routers else None


async def _routers(context: ResourceContext, vpc: str) -> list[dict[str, Any]]:
    own = await router_of(context, vpc)
    tables = await _listed(context, "/v2.0/routers", description=_table_of(vpc))
    return [*([own] if own else []), *tables]


async def _router_with(context: ResourceContext, subnet: str) -> str | None:
    """The router that has an interface on the subnet."""
    query = {"device_owner": "network:router_interface", "fixed_ips": f"subnet_id={subnet}"}
    for port in await _listed(context, "/v2.0/ports", **query):
        if any(each["subnet_id"] == subnet for each in port["fixed_ips"]):
            return str(port["device_id"])
    return None


async def _move(context: ResourceContext, subnet: str, router: str | None) -> None:
    """Let that router, and no other, lead the subnet's traffic."""
    present = await _router_with(context, subnet)
    if present == router:
        return
    body = {"subnet_id": subnet}
    if present is not None:
        path = f"/v2.0/routers/{present}/remove_router_interface"
        await _told(context, path, body, gone_is_fine=True)
    if router is not None:
        await _told(context, f"/v2.0/routers/{router}/add_router_interface", body)


async def _delete_router(context: ResourceContext, router: str) -> None:
    try:
        await context.cloud.request("network", "DELETE", f"/v2.0/routers/{router}")
    except CloudError as error:
        if not error.not_found:
            raise


class Vpc(NetworkObject):
    """A network and its router."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        return {}

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        name = str(shown["name"])
        if not await _listed(context, "/v2.0/routers", name=name):
            await context.cloud.request("network", "POST", "/v2.0/routers", json={"router": {"name": name}})

    async def delete(self, context: ResourceContext) -> None:
        for router in await _listed(context, "/v2.0/routers", name=context.physical_name):
            await _delete_router(context, str(router["id"]))
        await super().delete(context)


class Subnet(NetworkObject):
    """A subnet of a VPC, led by the VPC's router until a route table takes it over."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        return {"network_id": values["VpcId"], "cidr": values["CidrBlock"], "ip_version": 4}

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        router = await router_of(context, str(shown["network_id"]))
        if router is not None and await _router_with(context, str(shown["id"])) is None:
            await _move(context, str(shown["id"]), str(router["id"]))

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is not None:
            await _move(context, context.physical_id, None)
        await super().delete(context)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        shown = await self.show(context) if "show" in names else None
        known = {"AvailabilityZone": context.properties.get("AvailabilityZone"), "show": shown}
        return {name: known.get(name) for name in names}


class RouteTable(NetworkObject):
    """A further router of a VPC; it has the way out that the VPC's own has."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        return {"description": _table_of(str(values["VpcId"]))}

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        own = await router_of(context, str(context.properties["VpcId"]))
        info = (own or {}).get("external_gateway_info")
        if info:
            await _set_gateway(context, str(shown["id"]), str(info["network_id"]))

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is not None:
            await _set_gateway(context, context.physical_id, None)
        await super().delete(context)


class SubnetRouteTableAssociation(Behaviour):
    """Which router of the VPC leads a subnet's traffic."""

    async def create(self, context: ResourceContext) -> str | None:
        values = context.properties
        await _move(context, str(values["SubnetId"]), str(values["RouteTableId"]))
        return context.physical_name

    async def delete(self, context: ResourceContext) -> None:
        subnet = str(context.properties.get("SubnetId"))
        if context.physical_id is None or await _router_with(context, subnet) is None:
            return
        found = await _listed(context, "/v2.0/subnets", id=subnet)
        own = await router_of(context, str(found[0]["network_id"])) if found else None
        await _move(context, subnet, str(own["id"]) if own else None)


class InternetGateway(Behaviour):
    """Stands for the cloud's external network; nothing is made of its own."""

    async def create(self, context: ResourceContext) -> str | None:
        await external_network(context)
        return context.physical_name


class VpcGatewayAttachment(Behaviour):
    """The way out of a VPC: a gateway for each of its routers."""

    async def create(self, context: ResourceContext) -> str | None:
        network = await external_network(context)
        routers = await _routers(context, str(context.properties["VpcId"]))
        if not routers:
            raise ResourceFailed(f"There is no VPC {context.properties['VpcId']} with a router.")
        for router in routers:
            await _set_gateway(context, str(router["id"]), network)
        return context.physical_name

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        for router in await _routers(context, str(context.properties.get("VpcId"))):
            await _set_gateway(context, str(router["id"]), None)


async def _set_gateway(context: ResourceContext, router: str, network: str | None) -> None:
    info: Body = {"network_id": network} if network is not None else {}
    body = {"router": {"external_gateway_info": info}}
    await _told(context, f"/v2.0/routers/{router}", body, gone_is_fine=network is None)


class NetworkInterface(RestObject):
    """A port on one subnet."""

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        found = await _listed(context, "/v2.0/subnets", id=str(context.properties["SubnetId"]))
        if not found:
            raise ResourceFailed(f"There is no subnet {context.properties['SubnetId']}.", kind="NotFound")
        return await super().post(context, {**sent, "network_id": found[0]["network_id"]})

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent: Body = {}
        if values.get("GroupSet") is not None:
            sent["security_groups"] = list(values["GroupSet"])
        if not updating:
            fixed = {"subnet_id": values["SubnetId"], "ip_address": values.get("PrivateIpAddress")}
            sent["fixed_ips"] = [{name: value for name, value in fixed.items() if value is not None}]
            sent["description"] = values.get("Description") or ""
        return sent

    def attribute(self, shown: Body, name: str) -> Any:
        if name == "PrivateIpAddress":
            fixed = shown.get("fixed_ips") or []
            return fixed[0]["ip_address"] if fixed else None
        return shown.get(name)


VPC = Vpc(Row(NETWORKS))
SUBNET = Subnet(Row(SUBNETS))
ROUTE_TABLE = RouteTable(Row(ROUTERS))
NETWORK_INTERFACE = NetworkInterface(Row(PORTS))
