# SPDX-License-Identifier: Apache-2.0
"""/servers/{id}/os-interface: ports of a server, attached and detached while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.cloud.compute.addresses import AddressBook
from samovar.cloud.compute.clouds import Clouds, as_fault
from samovar.cloud.compute.faults import WrongState, refuse_unknown
from samovar.cloud.compute.lifecycle.failures import Failure
from samovar.cloud.compute.lifecycle.wiring import Wiring
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.networks import Ports, resolve
from samovar.cloud.compute.operations import Asker, record_action, unlocked
from samovar.cloud.compute.server import Interface, Server, find_server, interfaces_of
from samovar.database import Database
from samovar.web import BadRequest, Call, Fault, NotFound, Reply

from .routes import Routes
from .server_request import network_requests
from .servers import ServersApi

RULE = "os_compute_api:os-attach-interfaces:"
READY = frozenset({"active", "stopped", "paused"})


class InterfacesApi:
    def __init__(
        self,
        database: Database,
        clouds: Clouds,
        ports: Ports,
        book: AddressBook,
        wiring: Wiring,
        servers_api: ServersApi,
    ) -> None:
        self._database = database
        self._clouds = clouds
        self._ports = ports
        self._book = book
        self._wiring = wiring
        self._servers = servers_api

    def add(self, routes: Routes) -> None:
        routes.add("GET", "/servers/{id}/os-interface", self.index)
        routes.add("POST", "/servers/{id}/os-interface", self.attach)
        routes.add("GET", "/servers/{id}/os-interface/{port}", self.show)
        routes.add("DELETE", "/servers/{id}/os-interface/{port}", self.detach)

    async def index(self, call: Call, version: Version) -> Any:
        server = await self._servers.find(call, RULE + "list")
        known = await self._database.read(lambda c: interfaces_of(c, server.id))
        states = {port["id"]: port for port in await self._ports.of_servers([server.id])}
        shown = [_view(each, states[each.port_id], version) for each in known if each.port_id in states]
        return {"interfaceAttachments": shown}

    async def show(self, call: Call, version: Version) -> Any:
        server = await self._servers.find(call, RULE + "list")
        interface = await self._find(server, call.path["port"])
        port = await self._ports.show(interface.port_id)
        if port is None:
            raise _missing(interface.port_id)
        return {"interfaceAttachment": _view(interface, port, version)}

    async def attach(self, call: Call, version: Version) -> Any:
        server = await self._servers.find(call, RULE + "create")
        body = call.body.get("interfaceAttachment") if isinstance(call.body, dict) else None
        if not isinstance(body or {}, dict):
            raise BadRequest("Invalid input for interfaceAttachment. It must be an object.")
        want = _wanted(body or {}, version)
        _ready(server, "attach_interface")
        context, asker = call.context, Asker.of(call.context, call.request_id)
        await self._database.write(lambda c: _note(c, server.id, "attach_interface", asker))
        try:
            cloud = self._clouds.caller(context.token)
            found = await resolve(cloud, want, server.project_id, context.is_admin)
            if not found:
                raise BadRequest("The project has no network that the server could be attached to.")
            interface = await self._wiring.attach(server, found[0])
            try:
                await self._wiring.ready(server.id, [interface.port_id])
            except Failure as error:
                await self._wiring.release(interface)
                raise Fault(error.message, status=500) from error
            port = await self._ports.show(interface.port_id)
        except CloudError as error:
            raise as_fault(error) from error
        await self._refresh(server.id)
        return {"interfaceAttachment": _view(interface, port or {}, version)}

    async def detach(self, call: Call, version: Version) -> Any:
        server = await self._servers.find(call, RULE + "delete")
        interface = await self._find(server, call.path["port"])
        _ready(server, "detach_interface")
        asker = Asker.of(call.context, call.request_id)
        await self._database.write(lambda c: _note(c, server.id, "detach_interface", asker))
        try:
            await self._wiring.release(interface)
        except CloudError as error:
            raise as_fault(error) from error
        await self._refresh(server.id)
        return Reply(202)

    async def _find(self, server: Server, port_id: str) -> Interface:
        known = await self._database.read(lambda c: interfaces_of(c, server.id))
        for interface in known:
            if interface.port_id == port_id:
                return interface
        raise _missing(port_id)

    async def _refresh(self, server_id: str) -> None:
        """Keep the addresses as they are now."""
        server = await self._database.read(lambda c: find_server(c, server_id))
        if server is not None:
            await self._book.read([server])


def _note(connection: Any, server_id: str, action: str, asker: Asker) -> None:
    unlocked(connection, server_id, asker)
    record_action(connection, server_id, action, asker, finished=True)


def _ready(server: Server, action: str) -> None:
    if server.vm_state not in READY:
        raise WrongState(action, server.id, "vm_state", server.vm_state)
    if server.operation is not None:
        raise WrongState(action, server.id, "task_state", server.task_state)


def _wanted(body: Mapping[str, Any], version: Version) -> list[dict[str, Any]] | None:
    """The one network or port asked for; None: whichever network the project has."""
    refuse_unknown(body, frozenset({"net_id", "port_id", "fixed_ips", "tag"}), "interfaceAttachment")
    if body.get("net_id") and body.get("port_id"):
        raise BadRequest("Must not input both network_id and port_id")
    fixed = body.get("fixed_ips") or []
    if fixed and not body.get("net_id"):
        raise BadRequest("Must input network_id when request IP address")
    if "tag" in body and version < (2, 49):
        raise BadRequest("Invalid input for interfaceAttachment: 'tag' needs microversion 2.49.")
    if not isinstance(fixed, list) or len(fixed) > 1 or not all(isinstance(f, dict) for f in fixed):
        raise BadRequest("Invalid input for fixed_ips: give a list of one object with an 'ip_address'.")
    if not (body.get("net_id") or body.get("port_id")):
        return None
    request = {"uuid": body.get("net_id"), "port": body.get("port_id")}
    if fixed:
        request["fixed_ip"] = fixed[0].get("ip_address")
    if "tag" in body:
        request["tag"] = body["tag"]
    return network_requests([request], (2, 42))


def _missing(port_id: str) -> NotFound:
    return NotFound(f"Port {port_id} could not be found on this server.")


def _view(interface: Interface, port: Mapping[str, Any], version: Version) -> dict[str, Any]:
    shown = {
        "net_id": interface.network_id,
        "port_id": interface.port_id,
        "mac_addr": port.get("mac_address", interface.mac),
        "port_state": port.get("status", "DOWN"),
        "fixed_ips": port.get("fixed_ips", interface.addresses),
    }
    if version >= (2, 70):
        shown["tag"] = interface.tag
    return shown
