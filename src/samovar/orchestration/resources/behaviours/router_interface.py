# SPDX-License-Identifier: Apache-2.0
"""A router's interface on a subnet or port: made and taken away by requests to the router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import Behaviour, ResourceContext, ResourceFailed, ResourceGone

_SERVICE = "network"
_SEPARATOR = ":"


class RouterInterface(Behaviour):
    """Its physical id is `<router>:subnet_id=<subnet>` or `<router>:port_id=<port>`."""

    async def create(self, context: ResourceContext) -> str | None:
        router, what = self._ends(context)
        if await self._port(context, router, what) is None:
            await self._ask(context, router, "add_router_interface", what)
        ((name, value),) = what.items()
        return f"{router}{_SEPARATOR}{name}={value}"

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        router, _, end = context.physical_id.partition(_SEPARATOR)
        name, _, value = end.partition("=")
        try:
            await self._ask(context, router, "remove_router_interface", {name: value})
        except CloudError as error:
            if not error.not_found:
                raise

    async def check(self, context: ResourceContext) -> None:
        await self.observe(context)

    async def observe(self, context: ResourceContext) -> Mapping[str, Any] | None:
        router, what = self._ends(context)
        if await self._port(context, router, what) is None:
            raise ResourceGone(f"The router {router} has no such interface any more.")
        return {}

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        router, what = self._ends(context)
        shown = await self._port(context, router, what)
        return {name: shown if name == "show" else None for name in names}

    def _ends(self, context: ResourceContext) -> tuple[str, dict[str, str]]:
        values = context.properties
        router, subnet, port = values.get("router"), values.get("subnet"), values.get("port")
        if (subnet is None) == (port is None):
            raise ResourceFailed(
                'A router interface needs either the property "subnet" or the property "port".',
                kind="StackValidationFailed",
            )
        return str(router), {"subnet_id": str(subnet)} if subnet else {"port_id": str(port)}

    async def _port(
        self, context: ResourceContext, router: str, what: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """The interface's port, if the router has it."""
        query = {"device_id": router}
        query |= (
            {"id": what["port_id"]} if "port_id" in what else {"fixed_ips": f"subnet_id={what['subnet_id']}"}
        )
        answer = await context.cloud.request(_SERVICE, "GET", "/v2.0/ports", query=query)
        wanted = what.get("subnet_id")
        for port in answer.body["ports"]:
            if port.get("device_owner") == "network:router_gateway" or port.get("device_id") != router:
                continue
            if wanted is None or any(each["subnet_id"] == wanted for each in port["fixed_ips"]):
                return dict(port)
        return None

    async def _ask(self, context: ResourceContext, router: str, verb: str, what: Mapping[str, str]) -> None:
        await context.cloud.request(_SERVICE, "PUT", f"/v2.0/routers/{router}/{verb}", json=dict(what))
