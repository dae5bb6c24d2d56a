# SPDX-License-Identifier: Apache-2.0
"""The network part of the agent: its handlers, each a piece of work in the network thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.cloud.host.calls import Call
from samovar.cloud.host.parts import Handler, Host
from samovar.cloud.host.reports import Inventory

__all__ = ["Networking"]


class Networking:
    """Networks, routers and external networks of this host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def handlers(self) -> Mapping[Call[Any, Any], Handler]:
        return {}

    async def start(self) -> None:
        await self._host.in_network_thread(self._host.namespaces.prepare)

    async def stop(self) -> None:
        pass

    async def inventory(self) -> Inventory:
        return Inventory(namespaces=tuple(self._host.namespaces.living()))

    async def purge(self) -> None:
        for name in self._host.namespaces.registered():
            await self._host.in_network_thread(self._host.namespaces.remove, name)
