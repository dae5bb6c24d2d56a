# SPDX-License-Identifier: Apache-2.0
"""The network part of the agent: its handlers, each a piece of work in the network thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.cloud.host import calls
from samovar.cloud.host.calls import Call, EnsureNetwork, EnsureRouter, Named, OpenListener
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.external import Externals
from samovar.cloud.host.needs import check_privileges
from samovar.cloud.host.networks import Networks
from samovar.cloud.host.parts import Handler, Host, WithDescriptors
from samovar.cloud.host.reports import Inventory, NetworkReport
from samovar.cloud.host.routers import Routers
from samovar.cloud.host.specs import ExternalSpec

__all__ = ["Networking"]


class Networking:
    """Networks, routers and external networks of this host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._networks = Networks(host)
        self._routers = Routers(host)
        self._externals = Externals(host)

    def handlers(self) -> Mapping[Call[Any, Any], Handler]:
        return {
            calls.NETWORK_ENSURE: self._ensure_network,
            calls.NETWORK_REMOVE: self._remove_network,
            calls.ROUTER_ENSURE: self._ensure_router,
            calls.ROUTER_REMOVE: self._remove_router,
            calls.EXTERNAL_ENSURE: self._ensure_external,
            calls.EXTERNAL_REMOVE: self._remove_external,
            calls.LISTENER_OPEN: self._open_listener,
        }

    async def start(self) -> None:
        privileges = check_privileges()
        if not privileges.met:
            sentence = f"The host agent may not make networks here ({privileges.found}). {privileges.fix}"
            raise HostError("lacking", sentence)
        await self._host.in_network_thread(self._host.namespaces.prepare)

    async def stop(self) -> None:
        pass

    async def inventory(self) -> Inventory:
        return await self._host.in_network_thread(self._list)

    async def purge(self) -> None:
        await self._host.in_network_thread(self._purge)

    async def _ensure_network(self, request: EnsureNetwork) -> NetworkReport:
        def work() -> NetworkReport:
            report, rejoin = self._networks.ensure(request.spec, request.verify)
            if rejoin:
                self._rejoin(request.spec.id)
            return report

        return await self._host.in_network_thread(work)

    async def _remove_network(self, request: Named) -> None:
        await self._host.in_network_thread(self._networks.remove, request.id)

    async def _ensure_router(self, request: EnsureRouter) -> None:
        await self._host.in_network_thread(self._routers.ensure, request.spec, request.verify)

    async def _remove_router(self, request: Named) -> None:
        await self._host.in_network_thread(self._routers.remove, request.id)

    async def _ensure_external(self, spec: ExternalSpec) -> None:
        def work() -> None:
            if self._externals.ensure(spec):
                self._rejoin(spec.id)

        await self._host.in_network_thread(work)

    async def _remove_external(self, request: Named) -> None:
        await self._host.in_network_thread(self._externals.remove, request.id)

    async def _open_listener(self, request: OpenListener) -> WithDescriptors:
        descriptor = await self._host.in_network_thread(self._networks.open_socket, request)
        return WithDescriptors(None, (descriptor,))

    def _rejoin(self, network_id: str) -> None:
        """Give the routers their legs back in a network whose namespace or MTU is new.

        A router that joins another network, which is not there yet either, gets its legs when that one comes.
        """
        for spec in self._routers.joined_to(network_id):
            try:
                self._routers.ensure(spec, verify=True)
            except HostError as error:
                if error.code != "missing":
                    raise

    def _list(self) -> Inventory:
        return Inventory(
            namespaces=tuple(self._host.namespaces.living()),
            links=tuple(self._externals.links()),
            tables=tuple(self._externals.tables()),
        )

    def _purge(self) -> None:
        self._externals.purge()
        self._networks = Networks(self._host)
        self._routers = Routers(self._host)
        for name in self._host.namespaces.registered():
            self._host.namespaces.remove(name)
        self._host.namespaces.leave()
