# SPDX-License-Identifier: Apache-2.0
"""What administrators and routers add to networks: pools, scopes, sharing, gateways and static routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import Behaviour, Changes, ResourceContext, ResourceFailed
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.network import NETWORKS, NetworkObject, neutron
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

Route = Mapping[str, Any]


class SubnetPool(NetworkObject):
    """A subnet pool; its address scope may be given by name."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        sent.pop("value_specs", None)
        return sent

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        return await super().post(context, await self._scoped(context, sent))

    async def put(self, context: ResourceContext, sent: Body) -> None:
        await super().put(context, await self._scoped(context, sent))

    @staticmethod
    async def _scoped(context: ResourceContext, sent: Body) -> Body:
        scope = sent.get("address_scope_id")
        if not scope:
            return sent
        found = await Lookup(context.cloud).find("neutron", "address_scope", str(scope))
        return sent | {"address_scope_id": found}


class RbacPolicy(RestObject):
    """Sharing of an object with a project: two policies of one object, action and project cannot be."""

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        kind, wanted = str(sent["object_type"]), str(sent["object_id"])
        found = await Lookup(context.cloud).find("neutron", kind, wanted)
        return await super().post(context, sent | {"object_id": found})

    async def find(self, context: ResourceContext) -> str | None:
        values = context.properties
        wanted = {name: str(values[name]) for name in ("action", "object_type", "target_tenant")}
        object_id = await Lookup(context.cloud).find(
            "neutron", wanted["object_type"], str(values["object_id"])
        )
        found = await self.list(context, object_id=object_id, **wanted)
        return str(found[0]["id"]) if found else None


class ProviderNet(NetworkObject):
    """A network on a physical one."""

    renamed: Mapping[str, str] = {
        "network_type": "provider:network_type",
        "physical_network": "provider:physical_network",
        "segmentation_id": "provider:segmentation_id",
        "router_external": "router:external",
    }

    def attribute(self, shown: Body, name: str) -> Any:
        return shown.get(self.renamed.get(name, name))


class RouterGateway(Behaviour):
    """The way of a router to an external network, as an object of its own."""

    async def create(self, context: ResourceContext) -> str | None:
        values = context.properties
        await _set_gateway(context, str(values["router_id"]), {"network_id": values["network"]})
        return f"{values['router_id']}:{values['network']}"

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is not None:
            try:
                await _set_gateway(context, context.physical_id.partition(":")[0], {})
            except CloudError as error:
                if not error.not_found:
                    raise


async def _set_gateway(context: ResourceContext, router: str, info: Body) -> None:
    sent = {"router": {"external_gateway_info": info}}
    await context.cloud.request("network", "PUT", f"/v2.0/routers/{router}", json=sent)


class ExtraRouteSet(Behaviour):
    """Static routes of a router that others may have routes on, too."""

    def routes(self, values: Mapping[str, Any]) -> Sequence[Route]:
        return values.get("routes") or []

    def router(self, values: Mapping[str, Any]) -> str:
        return str(values["router"])

    async def create(self, context: ResourceContext) -> str | None:
        router = await Lookup(context.cloud).find("neutron", "router", self.router(context.properties))
        wanted = _plain(self.routes(context.properties))
        shown = (await context.cloud.get("network", f"/v2.0/routers/{router}"))["router"]
        taken = [each for each in wanted if each in _plain(shown["routes"])]
        if taken:
            route = taken[0]
            raise ResourceFailed(
                f"The router has the route to {route['destination']} by {route['nexthop']} already.",
                kind="PhysicalResourceExists",
            )
        await self._change(context, router, "add_extraroutes", wanted)
        return router

    async def find(self, context: ResourceContext) -> str | None:
        """All or none of the routes are there: they are added at once."""
        router = await Lookup(context.cloud).find("neutron", "router", self.router(context.properties))
        shown = (await context.cloud.get("network", f"/v2.0/routers/{router}"))["router"]
        wanted, present = _plain(self.routes(context.properties)), _plain(shown["routes"])
        return router if wanted and all(each in present for each in wanted) else None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        before, after = _plain(self.routes(changes.before)), _plain(self.routes(changes.after))
        router = str(context.physical_id)
        leaving = [each for each in before if each not in after]
        await self._change(context, router, "remove_extraroutes", leaving)
        coming = [each for each in after if each not in before]
        await self._change(context, router, "add_extraroutes", coming)

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        routes = _plain(self.routes(context.properties))
        try:
            await self._change(context, context.physical_id, "remove_extraroutes", routes)
        except CloudError as error:
            if not error.not_found:
                raise

    @staticmethod
    async def _change(context: ResourceContext, router: str, action: str, routes: Sequence[Route]) -> None:
        if routes:
            sent = {"router": {"routes": list(routes)}}
            await context.cloud.request("network", "PUT", f"/v2.0/routers/{router}/{action}", json=sent)


class ExtraRoute(ExtraRouteSet):
    """One static route of a router."""

    def routes(self, values: Mapping[str, Any]) -> Sequence[Route]:
        return [values]

    def router(self, values: Mapping[str, Any]) -> str:
        return str(values["router_id"])


def _plain(routes: Sequence[Route]) -> list[dict[str, str]]:
    return [{name: str(each[name]) for name in ("destination", "nexthop")} for each in routes]


SUBNET_POOL = SubnetPool(
    Row(
        neutron("subnetpool", "subnetpools", "subnet pool"),
        renames={"address_scope": "address_scope_id"},
        omitted=frozenset({"tags"}),
        observed=("name", "default_prefixlen", "max_prefixlen", "min_prefixlen", "prefixes"),
    )
)
ADDRESS_SCOPE = RestObject(
    Row(Collection("network", "/v2.0/address-scopes", "address_scope", "address_scopes", "address scope"))
)
RBAC_POLICY = RbacPolicy(
    Row(
        Collection("network", "/v2.0/rbac-policies", "rbac_policy", "rbac_policies", "RBAC policy"),
        named=False,
    )
)
PROVIDER_NET = ProviderNet(
    Row(NETWORKS, renames=ProviderNet.renamed, omitted=frozenset({"tags"}), status="status")
)
