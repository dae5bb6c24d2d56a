# SPDX-License-Identifier: Apache-2.0
"""The load balancing types of Neutron's days, made by the load balancing service of today.

OS::Neutron::Pool          a load balancer, its listener and the pool: the pool's id is the resource's
OS::Neutron::PoolMember    a member
OS::Neutron::HealthMonitor a set of values: each pool that names it has a monitor of its own, by its name
OS::Neutron::LoadBalancer  members, one for each server; a tag tells which resource made them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from samovar.clients import CloudError, segment
from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceFailed,
    ResourceGone,
)
from samovar.orchestration.resources.behaviours.load_balancing import (
    LISTENER,
    POOLS,
    ROOT,
    STATUS,
    Balanced,
    Below,
    octavia,
    patiently,
)
from samovar.orchestration.resources.behaviours.rest import Body, Row

SERVICE = "load-balancer"
HTTP_FIELDS = ("http_method", "url_path", "expected_codes")
CHECKED = ("delay", "timeout", "max_retries", "admin_state_up")


async def _ask(context: ResourceContext, method: str, path: str, **options: Any) -> Any:
    answer = await patiently(lambda: context.cloud.request(SERVICE, method, ROOT + path, **options))
    return answer.body


class FirstPool(Balanced):
    """A load balancer with a listener and the pool, in one request."""

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        return {}

    async def create(self, context: ResourceContext) -> str | None:
        values, vip = context.properties, context.properties["vip"]
        name = self.chosen_name(context)
        pool: Body = {
            "name": name,
            "description": values["description"],
            "protocol": values["protocol"],
            "lb_algorithm": values["lb_method"],
            "admin_state_up": values["admin_state_up"],
        }
        kept = vip.get("session_persistence")
        if kept:
            pool["session_persistence"] = {key: value for key, value in kept.items() if value is not None}
        limit = vip.get("connection_limit")
        listener = {
            "name": vip.get("name") or name,
            "protocol": values["protocol"],
            "protocol_port": vip["protocol_port"],
            "admin_state_up": vip.get("admin_state_up", True),
            "default_pool": pool,
            **({} if limit is None else {"connection_limit": limit}),
        }
        balancer = {
            "name": context.physical_name,
            "description": vip.get("description") or "",
            "vip_subnet_id": vip.get("subnet") or values["subnet"],
            "listeners": [listener],
            **({"vip_address": vip["address"]} if vip.get("address") else {}),
            **({"provider": values["provider"]} if values.get("provider") else {}),
        }
        made = (await _ask(context, "POST", "/loadbalancers", json={"loadbalancer": balancer}))[
            "loadbalancer"
        ]
        identity = str(made["pools"][0]["id"])
        await context.set_physical_id(identity)
        await self._check(context, identity, context.properties["monitors"])
        return identity

    async def find(self, context: ResourceContext) -> str | None:
        found = await _ask(context, "GET", "/loadbalancers", query={"name": context.physical_name})
        for balancer in found["loadbalancers"]:
            if balancer["pools"]:
                identity = str(balancer["pools"][0]["id"])
                await self._check(context, identity, context.properties["monitors"])
                return identity
        return None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        sent = self.body(context, {name: changes.after.get(name) for name in changes.names}, updating=True)
        if sent:
            await self.put(context, sent)
        if changes.has("monitors"):
            await self._check(context, context.physical_id or "", changes.after["monitors"])

    async def _check(self, context: ResourceContext, pool_id: str, monitors: Sequence[str]) -> None:
        """Have the pool checked as these monitors say, which is one at most."""
        if len(monitors) > 1:
            raise ResourceFailed(
                "A pool has one health monitor at most; this one names several.", kind="StackValidationFailed"
            )
        found = await _ask(context, "GET", "/healthmonitors", query={"pool_id": pool_id})
        for monitor in found["healthmonitors"]:
            if monitor["name"] in monitors:
                return
            await _ask(context, "DELETE", f"/healthmonitors/{segment(monitor['id'])}")
        for reference in monitors:
            wanted = await context.properties_of(reference)
            if wanted is None:
                raise ResourceFailed(
                    f"The monitor {reference} is no OS::Neutron::HealthMonitor of this stack.",
                    kind="StackValidationFailed",
                )
            sent = {**_monitor(wanted), "type": wanted["type"], "name": reference, "pool_id": pool_id}
            await _ask(context, "POST", "/healthmonitors", json={"healthmonitor": sent})

    async def _balancer(self, context: ResourceContext) -> Body:
        """The load balancer that the pool is of. Raises ResourceGone."""
        pool = await self.show(context)
        try:
            found = await _ask(context, "GET", f"/loadbalancers/{segment(pool['loadbalancers'][0]['id'])}")
        except CloudError as error:
            if error.not_found:
                raise ResourceGone("The load balancer of the pool is gone.") from None
            raise
        return dict(found["loadbalancer"])

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        try:
            balancer = await self._balancer(context)
            await _ask(
                context, "DELETE", f"/loadbalancers/{segment(balancer['id'])}", query={"cascade": "true"}
            )
        except ResourceGone:
            return
        except CloudError as error:
            if not error.not_found:
                raise

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        pool = await self.show(context)
        found = {name: pool if name == "show" else self.attribute(pool, name) for name in names}
        if names & {"vip", "subnet_id"}:
            balancer = await self._balancer(context)
            listener = (await _ask(context, "GET", f"/listeners/{segment(pool['listeners'][0]['id'])}"))[
                "listener"
            ]
            vip = {
                "id": balancer["vip_port_id"],
                "address": balancer["vip_address"],
                "port_id": balancer["vip_port_id"],
                "subnet_id": balancer["vip_subnet_id"],
                "pool_id": pool["id"],
                "session_persistence": pool.get("session_persistence"),
                **{
                    name: listener[name]
                    for name in ("name", "protocol", "protocol_port", "connection_limit", "admin_state_up")
                },
            }
            found |= {
                name: value
                for name, value in (("vip", vip), ("subnet_id", vip["subnet_id"]))
                if name in names
            }
        return found


def _monitor(values: Mapping[str, Any]) -> Body:
    """What a health monitor is changed with."""
    checked = (*CHECKED, *(HTTP_FIELDS if values["type"] in ("HTTP", "HTTPS") else ()))
    return {name: values[name] for name in checked if values.get(name) is not None}


class FirstMonitor(Behaviour):
    """Values; the monitors of the pools that name it change with them."""

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        found = await _ask(context, "GET", "/healthmonitors", query={"name": context.physical_id or "-"})
        for monitor in found["healthmonitors"]:
            sent = {"healthmonitor": _monitor(context.properties)}
            await _ask(context, "PUT", f"/healthmonitors/{segment(monitor['id'])}", json=sent)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        return {
            name: dict(context.properties) if name == "show" else context.properties.get(name)
            for name in names
        }


class FirstMember(Below):
    """A member, in the pool that `pool_id` names."""

    parent = "pool_id"

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        found = await super().attributes(context, names)
        return {**found, "pool_id": context.properties["pool_id"]} if "pool_id" in names else found


class Members(Behaviour):
    """Members of a pool, one for each server."""

    async def create(self, context: ResourceContext) -> str | None:
        await self._make(context, context.properties["pool_id"], context.properties["members"])
        return context.uuid

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has("pool_id"):
            await self._make(context, changes.before["pool_id"], [])
        await self._make(context, context.properties["pool_id"], context.properties["members"])

    async def delete(self, context: ResourceContext) -> None:
        try:
            await self._make(context, context.properties["pool_id"], [])
        except CloudError as error:
            if not error.not_found:
                raise

    async def _make(self, context: ResourceContext, pool_id: str, servers: Sequence[str]) -> None:
        """Have just these servers in the pool, as far as this resource is concerned."""
        path = f"/pools/{segment(pool_id)}/members"
        tag = f"resource-{context.uuid}"
        there = {
            each["name"]: each for each in (await _ask(context, "GET", path, query={"tags": tag}))["members"]
        }
        for server in servers:
            if server not in there:
                member = {
                    "name": server,
                    "address": await _address(context, server),
                    "protocol_port": context.properties["protocol_port"],
                    "tags": [tag],
                }
                await _ask(context, "POST", path, json={"member": member})
        for server, member in there.items():
            if server not in servers:
                await _ask(context, "DELETE", f"{path}/{segment(member['id'])}")


async def _address(context: ResourceContext, server: str) -> str:
    """The server's first address in its first network, an IPv4 one if it has any."""
    answer = await context.cloud.request("compute", "GET", f"/servers/{segment(server)}")
    given = [each for listed in answer.body["server"]["addresses"].values() for each in listed]
    fixed = [each for each in given if each.get("OS-EXT-IPS:type") != "floating"]
    for each in sorted(fixed, key=lambda each: int(each.get("version", 4))):
        return str(each["addr"])
    raise ResourceFailed(f"The server {server} has no address, so it cannot be a member.")


class LbaasListener(Balanced):
    """A listener that may leave out the load balancer: it is then the default pool's."""

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        if not sent.get("loadbalancer_id"):
            if not sent.get("default_pool_id"):
                raise ResourceFailed(
                    "A listener needs a loadbalancer or a default_pool.", kind="StackValidationFailed"
                )
            pool = await _ask(context, "GET", f"/pools/{segment(sent['default_pool_id'])}")
            sent = {**sent, "loadbalancer_id": pool["pool"]["loadbalancers"][0]["id"]}
        return await super().post(context, sent)


FIRST_POOL = FirstPool(
    Row(
        octavia("pool", "pools", "pool"),
        renames={"lb_method": "lb_algorithm"},
        omitted=frozenset({"monitors", "subnet", "vip", "provider"}),
        status=STATUS,
        observed=("admin_state_up", "description", "lb_method"),
        attributes={"lb_method": "lb_algorithm"},
    )
)
FIRST_MEMBER = FirstMember(
    Row(
        POOLS,
        omitted=frozenset({"pool_id"}),
        status=STATUS,
        observed=("admin_state_up", "weight"),
    )
)
FIRST_MONITOR = FirstMonitor()
FIRST_LOAD_BALANCER = Members()
LBAAS_LISTENER = LbaasListener(LISTENER.row)
