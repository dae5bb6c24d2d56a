# SPDX-License-Identifier: Apache-2.0
"""Gathering what a server's spec and its metadata say: its row, its interfaces, their subnets."""

from __future__ import annotations

from samovar.cloud.compute.metadata.documents import Facts
from samovar.cloud.compute.networks import Ports
from samovar.cloud.compute.server import Server, interfaces_of
from samovar.database import Database


async def gather(database: Database, ports: Ports, server: Server) -> Facts:
    found = await database.read(lambda c: interfaces_of(c, server.id))
    networks = list(dict.fromkeys(interface.network_id for interface in found))
    subnets, shown = await ports.subnets(networks), await ports.networks(networks)
    mtus = {network: int(shown.get(network, {}).get("mtu") or 1500) for network in networks}
    return Facts(server, found, subnets, mtus)
