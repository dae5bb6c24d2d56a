# SPDX-License-Identifier: Apache-2.0
"""The addresses of servers: always asked of the network service, with the last answer kept in the row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.database import Database

from .networks import Ports
from .server import Server
from .tables import interfaces, servers

log = logging.getLogger(__name__)
SETTLED = frozenset({"building", "deleted"})
"""States in which the row knows the addresses as well as anybody."""

Addresses = dict[str, list[dict[str, Any]]]


class AddressBook:
    """Reads addresses for many servers at once."""

    def __init__(self, database: Database, ports: Ports) -> None:
        self._database = database
        self._ports = ports

    async def read(self, found: Sequence[Server]) -> dict[str, Addresses]:
        """Server id → network name → addresses. Where the network service fails: what was kept last."""
        present = {server.id: server for server in found if server.vm_state not in SETTLED}
        kept = {server.id: server.addresses for server in found}
        if not present:
            return kept
        rows = await self._database.read(lambda c: _known(c, list(present)))
        wired = sorted({row["server_id"] for row in rows})
        if not wired:
            return kept
        try:
            current = {port["id"]: port for port in await self._ports.of_servers(wired)}
            floating = await self._ports.floating(list(current)) if current else {}
        except (CloudError, CloudUnreachable, ServiceNotInCatalog) as error:
            log.warning("the addresses shown are those of before: %s", error)
            return kept
        fresh: dict[str, Addresses] = {identity: {} for identity in wired}
        for row in rows:
            port = current.get(row["port_id"])
            if port is not None:
                entries = fresh[row["server_id"]].setdefault(row["network_name"], [])
                entries.extend(_entries(port, floating))
        changed = {key: value for key, value in fresh.items() if value != kept[key]}
        if changed:
            await self._database.write(lambda c: _keep(c, changed))
        return {**kept, **fresh}


def _known(connection: Connection, server_ids: list[str]) -> list[dict[str, Any]]:
    columns = (interfaces.c.port_id, interfaces.c.server_id, interfaces.c.network_name)
    query = select(*columns).order_by(interfaces.c.server_id, interfaces.c.position)
    if len(server_ids) <= 500:
        query = query.where(interfaces.c.server_id.in_(server_ids))
    wanted = set(server_ids)
    rows = connection.execute(query).mappings().all()
    return [dict(row) for row in rows if row["server_id"] in wanted]


def _keep(connection: Connection, changed: dict[str, Addresses]) -> None:
    for server_id, value in changed.items():
        connection.execute(update(servers).where(servers.c.id == server_id).values(addresses=value))


def _entries(port: dict[str, Any], floating: dict[tuple[str, str], list[str]]) -> list[dict[str, Any]]:
    found = []
    for fixed in port.get("fixed_ips", ()):
        address = fixed["ip_address"]
        found.append(_entry(address, "fixed", port["mac_address"]))
        for outer in floating.get((port["id"], address), ()):
            found.append(_entry(outer, "floating", port["mac_address"]))
    return found


def _entry(address: str, kind: str, mac: str) -> dict[str, Any]:
    return {
        "version": 6 if ":" in address else 4,
        "addr": address,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": mac,
    }
