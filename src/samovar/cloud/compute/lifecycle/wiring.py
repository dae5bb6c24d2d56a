# SPDX-License-Identifier: Apache-2.0
"""Servers and their ports: made, bound, waited for, released."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from samovar.cloud.compute.networks import Ports
from samovar.cloud.compute.server import Interface, Server, interfaces_of
from samovar.cloud.compute.tables import interfaces, servers
from samovar.database import Database
from samovar.messaging import Bus, Subscription

from .failures import Failure

ACTIVE_TOPIC = "network.ports.active"
"""On which the network service announces the ids of ports that carry traffic now."""
PLUGGING_SECONDS = 120.0
LOOK_SECONDS = 0.5


class Wiring:
    """`host`: the name that ports are bound to."""

    def __init__(self, database: Database, bus: Bus, ports: Ports, host: str) -> None:
        self._database = database
        self._bus = bus
        self._ports = ports
        self._host = host
        self._waited: dict[str, asyncio.Event] = {}
        self._subscription: Subscription | None = None

    def start(self) -> None:
        self._subscription = self._bus.listen(ACTIVE_TOPIC, self._announced)

    def stop(self) -> None:
        if self._subscription is not None:
            self._subscription.close()

    async def _announced(self, ids: Sequence[str]) -> None:
        for port_id in ids:
            if port_id in self._waited:
                self._waited[port_id].set()

    async def connect(self, server: Server) -> list[Interface]:
        """Have a port for each network that the server was asked to be in, and for those attached since.

        What an interrupted attempt has made is found by its device id and taken, not made again.
        """
        known = await self._database.read(lambda c: interfaces_of(c, server.id))
        if not server.networks:
            return known
        taken = {interface.position for interface in known}
        missing = [(i, want) for i, want in enumerate(server.networks) if i not in taken]
        if missing:
            recorded = {interface.port_id for interface in known}
            loose = [p for p in await self._ports.of_servers([server.id]) if p["id"] not in recorded]
            names = await self._names([want for _, want in missing])
            for position, want in missing:
                await self._attach(server, position, want, loose, names)
            known = await self._database.read(lambda c: interfaces_of(c, server.id))
        return known

    async def attach(self, server: Server, want: Mapping[str, Any]) -> Interface:
        """One more interface."""
        query = select(func.max(interfaces.c.position)).where(interfaces.c.server_id == server.id)
        last = await self._database.read(lambda c: c.execute(query).scalar())
        position = max(-1 if last is None else last, len(server.networks) - 1) + 1
        return await self._attach(server, position, want, [], await self._names([want]))

    async def _names(self, wanted: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """The names of the networks that these are in."""
        ids = list(dict.fromkeys(want["network_id"] for want in wanted))
        return {identity: network["name"] for identity, network in (await self._ports.networks(ids)).items()}

    async def _attach(
        self,
        server: Server,
        position: int,
        want: Mapping[str, Any],
        loose: list[dict[str, Any]],
        names: Mapping[str, str],
    ) -> Interface:
        if want["port_id"]:
            port = next((p for p in loose if p["id"] == want["port_id"]), None)
            if port is None:
                port = await self._ports.bind(want["port_id"], server.id, self._host)
        else:
            port = next((p for p in loose if _fits(p, want)), None)
            if port is None:
                port = await self._ports.make(
                    want["network_id"],
                    project_id=server.project_id,
                    server_id=server.id,
                    host=self._host,
                    fixed_ip=want["fixed_ip"],
                    groups=[group["id"] for group in server.security_groups],
                )
        if port in loose:
            loose.remove(port)
        interface = Interface(
            port_id=port["id"],
            server_id=server.id,
            position=position,
            network_id=port["network_id"],
            network_name=names.get(port["network_id"]) or port["network_id"],
            mac=port["mac_address"],
            addresses=[
                {"ip_address": each["ip_address"], "subnet_id": each["subnet_id"]}
                for each in port.get("fixed_ips", ())
            ],
            made_here=not want["port_id"],
            tag=want["tag"],
        )
        await self._database.write(lambda c: _record(c, interface))
        return interface

    async def ready(self, server_id: str, port_ids: Sequence[str]) -> None:
        """Wait until the ports carry traffic. Raises Failure when one cannot, or not in time."""
        changed = asyncio.Event()
        self._waited.update(dict.fromkeys(port_ids, changed))
        try:
            await self._until_active(server_id, set(port_ids), changed)
        finally:
            for port_id in port_ids:
                self._waited.pop(port_id, None)

    async def _until_active(self, server_id: str, wanted: set[str], changed: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PLUGGING_SECONDS
        while wanted:
            changed.clear()
            for port in await self._ports.of_servers([server_id]):
                if port["id"] in wanted and port.get("binding:vif_type") == "binding_failed":
                    raise Failure(
                        f"The network service could not bind the port {port['id']} to {self._host}."
                    )
                if port.get("status") == "ACTIVE" or not port.get("admin_state_up", True):
                    wanted.discard(port["id"])
            if not wanted:
                return
            if loop.time() > deadline:
                raise Failure(
                    f"The ports {', '.join(sorted(wanted))} did not become active "
                    f"within {PLUGGING_SECONDS:g} seconds."
                )
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await changed.wait()
            except TimeoutError:
                continue

    async def release(self, interface: Interface) -> None:
        """Delete a port that was made for the server, give back one that was brought."""
        if interface.made_here:
            await self._ports.delete(interface.port_id)
        else:
            await self._ports.unbind(interface.port_id)
        where = interfaces.c.port_id == interface.port_id
        await self._database.write(lambda c: c.execute(delete(interfaces).where(where)).rowcount)

    async def release_all(self, server: Server) -> None:
        """Release every port of the server, also one that an interrupted attempt left unrecorded."""
        known = await self._database.read(lambda c: interfaces_of(c, server.id))
        for interface in known:
            await self.release(interface)
        brought = {want["port_id"] for want in server.networks if want["port_id"]}
        for port in await self._ports.of_servers([server.id]):
            if port["id"] in brought:
                await self._ports.unbind(port["id"])
            else:
                await self._ports.delete(port["id"])


def _fits(port: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    addresses = {each["ip_address"] for each in port.get("fixed_ips", ())}
    return port["network_id"] == want["network_id"] and (
        not want["fixed_ip"] or want["fixed_ip"] in addresses
    )


def _record(connection: Connection, interface: Interface) -> None:
    values = {name: getattr(interface, name) for name in Interface.__dataclass_fields__}
    connection.execute(delete(interfaces).where(interfaces.c.port_id == interface.port_id))
    connection.execute(insert(interfaces).values(values))
    row = connection.execute(select(servers.c.addresses).where(servers.c.id == interface.server_id)).first()
    if row is None:
        return
    entries = [
        {
            "version": 6 if ":" in each["ip_address"] else 4,
            "addr": each["ip_address"],
            "OS-EXT-IPS:type": "fixed",
            "OS-EXT-IPS-MAC:mac_addr": interface.mac,
        }
        for each in interface.addresses
    ]
    name = interface.network_name
    kept = {**row.addresses, name: [*row.addresses.get(name, ()), *entries]}
    connection.execute(update(servers).where(servers.c.id == interface.server_id).values(addresses=kept))
