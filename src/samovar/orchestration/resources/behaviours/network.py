# SPDX-License-Identifier: Apache-2.0
"""Networks, subnets, ports, routers, floating IPs and security groups: rows of the network API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import Changes, ResourceContext, ResourceGone, Waiting
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row


def neutron(key: str, plural: str, noun: str) -> Collection:
    return Collection("network", f"/v2.0/{plural}", key, plural, noun)


NETWORKS = neutron("network", "networks", "network")
SUBNETS = neutron("subnet", "subnets", "subnet")
PORTS = neutron("port", "ports", "port")
ROUTERS = neutron("router", "routers", "router")
FLOATING_IPS = neutron("floatingip", "floatingips", "floating IP")

_ADDRESSES = "addresses_given_up"
_NOT_FIELDS = frozenset({"value_specs", "tags"})
_BUILT = frozenset({"ACTIVE", "DOWN"})


class NetworkObject(RestObject):
    """An object of the network service: free fields in value_specs, tags in a request of their own."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        return sent | dict(values.get("value_specs") or {})

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        if context.properties.get("tags"):
            await self._tag(context, str(shown["id"]), context.properties["tags"])

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has("tags") and context.physical_id is not None:
            await self._tag(context, context.physical_id, changes.after.get("tags") or [])

    async def _tag(self, context: ResourceContext, object_id: str, tags: list[str]) -> None:
        await self.request(
            context, "PUT", f"{self.collection.path}/{object_id}/tags", json={"tags": list(tags)}
        )


class Network(NetworkObject):
    """A network; which DHCP agents serve it is set agent by agent."""

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        await super().after_create(context, shown)
        await self._serve(context, str(shown["id"]), context.properties.get("dhcp_agent_ids"))

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        await super().after_update(context, changes)
        if changes.has("dhcp_agent_ids") and context.physical_id is not None:
            await self._serve(context, context.physical_id, changes.after.get("dhcp_agent_ids") or [])

    async def _serve(self, context: ResourceContext, network_id: str, wanted: list[str] | None) -> None:
        if wanted is None:
            return
        listed = await self.request(context, "GET", f"{self.collection.path}/{network_id}/dhcp-agents")
        present = {agent["id"] for agent in listed["agents"]}
        for agent in sorted(set(wanted) - present):
            path = f"/v2.0/agents/{agent}/dhcp-networks"
            await self.request(context, "POST", path, json={"network_id": network_id})
        for agent in sorted(present - set(wanted)):
            await self.request(context, "DELETE", f"/v2.0/agents/{agent}/dhcp-networks/{network_id}")


class Subnet(NetworkObject):
    """A subnet. An empty gateway means none; so does one that an update takes away, pools included."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if sent.get("gateway_ip") == "":
            sent["gateway_ip"] = None
        for name in ("allocation_pools", "host_routes", "dns_nameservers"):
            if name in sent and sent[name] is None:
                sent[name] = []
        return sent


class Port(NetworkObject):
    """A port. Security groups may be given by name."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if values.get("fixed_ips") is not None:
            sent["fixed_ips"] = [fixed_ip(each) for each in values["fixed_ips"]]
        elif "fixed_ips" in sent:
            del sent["fixed_ips"]
        if context.properties.get("no_fixed_ips"):
            sent["fixed_ips"] = []
        for name in ("device_id", "device_owner"):
            if not updating and not sent.get(name):
                sent.pop(name, None)
        if "allowed_address_pairs" in sent:
            pairs = sent["allowed_address_pairs"] or []
            sent["allowed_address_pairs"] = [_given(pair) for pair in pairs]
        if "security_groups" in sent and sent["security_groups"] is None:
            del sent["security_groups"]
        return sent

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        return await super().post(context, await _with_group_ids(context, sent))

    async def put(self, context: ResourceContext, sent: Body) -> None:
        await super().put(context, await _with_group_ids(context, sent))

    async def make_way(self, context: ResourceContext) -> Waiting | None:
        """The replacement may ask for the same addresses."""
        try:
            shown = await self.show(context)
        except ResourceGone:
            return None
        if shown["fixed_ips"]:
            await context.set_data(_ADDRESSES, json.dumps(shown["fixed_ips"]))
            await self.put(context, {"fixed_ips": []})
        return None

    async def take_back(self, context: ResourceContext) -> None:
        addresses = context.data.get(_ADDRESSES)
        if addresses:
            await self.put(context, {"fixed_ips": json.loads(addresses)})
            await context.set_data(_ADDRESSES, None)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        found = dict(await super().attributes(context, names))
        shown = await self.show(context) if names & {"subnets", "network"} else {}
        if "subnets" in names:
            ids = {each["subnet_id"] for each in shown["fixed_ips"]}
            found["subnets"] = [await self._get(context, SUBNETS, each) for each in sorted(ids)]
        if "network" in names:
            found["network"] = await self._get(context, NETWORKS, shown["network_id"])
        return found

    async def _get(self, context: ResourceContext, collection: Collection, object_id: str) -> Any:
        answer = await self.request(context, "GET", f"{collection.path}/{object_id}")
        return answer[collection.key]


async def _with_group_ids(context: ResourceContext, sent: Body) -> Body:
    """Security groups may be given by name."""
    if not sent.get("security_groups"):
        return sent
    lookup = Lookup(context.cloud)
    found = [await lookup.find("neutron", "security_group", str(each)) for each in sent["security_groups"]]
    return sent | {"security_groups": found}


def fixed_ip(given: Mapping[str, Any]) -> Body:
    """`{subnet, ip_address}` as the network API has it."""
    fields = {"subnet_id": given.get("subnet"), "ip_address": given.get("ip_address")}
    return _given(fields)


def _given(fields: Mapping[str, Any]) -> Body:
    return {name: value for name, value in fields.items() if value is not None}


class Router(NetworkObject):
    """A router with its gateway."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if "external_gateway_info" in sent:
            sent["external_gateway_info"] = _gateway(sent["external_gateway_info"])
        return sent

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        await super().after_create(context, shown)
        await self._place(context, str(shown["id"]), context.properties.get("l3_agent_ids"))

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        await super().after_update(context, changes)
        if changes.has("l3_agent_ids") and context.physical_id is not None:
            await self._place(context, context.physical_id, changes.after.get("l3_agent_ids") or [])

    async def _place(self, context: ResourceContext, router_id: str, wanted: list[str] | None) -> None:
        """Have the router run by the wanted agents; None: wherever the service puts it."""
        if wanted is None:
            return
        listed = await self.request(context, "GET", f"{self.collection.path}/{router_id}/l3-agents")
        present = {agent["id"] for agent in listed["agents"]}
        for agent in sorted(present - set(wanted)):
            await self.request(context, "DELETE", f"/v2.0/agents/{agent}/l3-routers/{router_id}")
        for agent in sorted(set(wanted) - present):
            path = f"/v2.0/agents/{agent}/l3-routers"
            await self.request(context, "POST", path, json={"router_id": router_id})


def _gateway(info: Mapping[str, Any] | None) -> Body:
    if not info:
        return {}
    fields = _given({"network_id": info.get("network"), "enable_snat": info.get("enable_snat")})
    if info.get("external_fixed_ips") is not None:
        fields["external_fixed_ips"] = [fixed_ip(each) for each in info["external_fixed_ips"]]
    return fields


class FloatingIP(NetworkObject):
    """A floating IP has no name: its description carries the name by which an interrupted create is found."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if not updating:
            sent.setdefault("description", context.physical_name)
        elif "port_id" in sent or "fixed_ip_address" in sent:
            sent["port_id"] = context.properties.get("port_id")
            sent["fixed_ip_address"] = context.properties.get("fixed_ip_address")
        return sent

    async def find(self, context: ResourceContext) -> str | None:
        specs = context.properties.get("value_specs") or {}
        if "description" in specs:
            return None
        found = await self.list(context, description=context.physical_name)
        return str(found[0]["id"]) if found else None


class FloatingIPAssociation(RestObject):
    """The floating IP's port: an association is no object of its own."""

    def __init__(self) -> None:
        super().__init__(Row(FLOATING_IPS, named=False))

    async def create(self, context: ResourceContext) -> str | None:
        values = context.properties
        await self._lead(context, values["floatingip_id"], values["port_id"], values.get("fixed_ip_address"))
        return str(values["floatingip_id"])

    async def find(self, context: ResourceContext) -> str | None:
        """To lead it to the port again does no harm."""
        return None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        before = changes.before.get("floatingip_id")
        if changes.has("floatingip_id") and before:
            await self._release(context, str(before), str(changes.before.get("port_id")))
        await context.set_physical_id(await self.create(context))

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is not None:
            await self._release(context, context.physical_id, str(context.properties.get("port_id")))

    async def _lead(
        self, context: ResourceContext, floating_id: str, port_id: str | None, address: str | None
    ) -> None:
        sent: Body = {"port_id": port_id}
        if address is not None:
            sent["fixed_ip_address"] = address
        path = f"{self.collection.path}/{floating_id}"
        await self.request(context, "PUT", path, json=self.wrapped(sent))

    async def _release(self, context: ResourceContext, floating_id: str, port_id: str) -> None:
        """Lead it nowhere, unless it leads somewhere else by now."""
        try:
            answer = await self.request(context, "GET", f"{self.collection.path}/{floating_id}")
            if answer[self.collection.key].get("port_id") == port_id:
                await self._lead(context, floating_id, None, None)
        except CloudError as error:
            if not error.not_found:
                raise


_QOS = {"qos_policy": "qos_policy_id"}

NET = Network(
    Row(
        NETWORKS,
        renames=_QOS,
        omitted=_NOT_FIELDS | {"dhcp_agent_ids"},
        status="status",
        ready=_BUILT,
        observed=("name", "admin_state_up", "shared", "port_security_enabled", "dns_domain", "tags"),
    )
)
SUBNET = Subnet(
    Row(
        SUBNETS,
        renames={"network": "network_id", "subnetpool": "subnetpool_id", "segment": "segment_id"},
        omitted=_NOT_FIELDS,
        observed=("name", "enable_dhcp", "dns_nameservers", "tags"),
    )
)
PORT = Port(
    Row(
        PORTS,
        renames={"network": "network_id", **_QOS},
        omitted=_NOT_FIELDS | {"no_fixed_ips", "replacement_policy"},
        status="status",
        ready=_BUILT,
        observed=("name", "admin_state_up", "port_security_enabled", "security_groups", "dns_name", "tags"),
    )
)
ROUTER = Router(
    Row(
        ROUTERS,
        omitted=_NOT_FIELDS | {"l3_agent_ids", "l3_agent_id"},
        create_only=frozenset({"ha", "distributed"}),
        status="status",
        ready=_BUILT,
        observed=("name", "admin_state_up", "tags"),
    )
)
FLOATING_IP = FloatingIP(
    Row(
        FLOATING_IPS,
        renames={"floating_network": "floating_network_id", "floating_subnet": "subnet_id"},
        omitted=_NOT_FIELDS,
        named=False,
        observed=("port_id", "dns_name", "dns_domain"),
    )
)
