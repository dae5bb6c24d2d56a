# SPDX-License-Identifier: Apache-2.0
"""Tenant networks: a namespace each, with one bridge that every port hangs on.

The bridge carries the service addresses of the subnets and 169.254.169.254, so that sockets opened there
answer every server of the network and no other. Nothing is forwarded: the way out is a router's leg.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterable

from msgspec import Struct

from samovar.cloud.host.calls import OpenListener
from samovar.cloud.host.errors import HostError, kernel_refusal
from samovar.cloud.host.interfaces import Addressing, WantedRoute, configure, loopback_and_defaults
from samovar.cloud.host.messages import add_bridge, set_link
from samovar.cloud.host.namespaces import network_namespace, server_namespace, set_sysctl
from samovar.cloud.host.netlink import Netlink
from samovar.cloud.host.nft import ABSENT, Table, run_nft
from samovar.cloud.host.parts import Host
from samovar.cloud.host.ports import (
    METADATA,
    WiredPort,
    check_port,
    guard,
    is_wired,
    trusts_groups,
    unwire,
    wire,
)
from samovar.cloud.host.reports import InterfaceReport, NetworkReport
from samovar.cloud.host.specs import Address, NetworkSpec, PortSpec
from samovar.cloud.host.spoofing import spoofing_table

__all__ = ["BRIDGE", "Networks", "stable_mac"]

BRIDGE = "br0"


class Known(Struct):
    """What was done for a network, so that the next change touches only what differs."""

    mtu: int = 0
    bridge: int = 0
    addressing: Addressing | None = None
    ports: dict[str, WiredPort] = {}
    groups: dict[str, tuple[str, ...]] = {}
    table: Table | None = None


class Networks:
    """All tenant networks of this host. Used from the network thread only."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, Known] = {}

    def ensure(self, spec: NetworkSpec, verify: bool) -> tuple[NetworkReport, bool]:
        """Make the network so; tells also whether routers' legs in it have to be looked at again."""
        ports = {port.id: port for port in spec.ports if port.device_id}
        remembered = self._known.get(spec.id, Known()).ports
        for port in ports.values():
            if port.id not in remembered or remembered[port.id].spec != port:
                check_port(port)
        name = network_namespace(spec.id)
        fresh = self._host.namespaces.ensure(name)
        known = Known() if fresh or verify else self._known.get(spec.id, Known())
        known.table = ABSENT if fresh else known.table
        rejoin = fresh or known.mtu not in (0, spec.mtu)
        changed: list[str] = []
        with Netlink(self._host.namespaces, name) as netlink:
            try:
                self._foundation(netlink, name, spec, known, fresh)
                self._remove_strays(netlink, ports.keys(), known, look=known.table is None)
                table = spoofing_table(ports.values())
                run_nft(self._host.namespaces, name, table.script(known.table))
                known.table = table
                refused = [
                    error
                    for port in ports.values()
                    if (error := self._attach(netlink, spec, known, port, changed)) is not None
                ]
                if refused:
                    raise refused[0]
                known.groups = spec.groups
            except BaseException:
                self._known.pop(spec.id, None)  # half done: look at the kernel next time
                raise
        self._known[spec.id] = known
        interfaces = tuple(
            InterfaceReport(port_id, server_namespace(wired.spec.device_id), wired.interface)
            for port_id, wired in known.ports.items()
        )
        return NetworkReport(interfaces, tuple(changed), fresh), rejoin

    def remove(self, network_id: str) -> None:
        """Remove the network and the ports in it."""
        name = network_namespace(network_id)
        self._known.pop(network_id, None)
        if self._host.namespaces.alive(name):
            with Netlink(self._host.namespaces, name) as netlink:
                for port_id, server_id in _ports_of(netlink):
                    unwire(self._host, None, port_id, server_id)
        self._host.namespaces.remove(name)

    def open_socket(self, request: OpenListener) -> int:
        """A descriptor of a bound socket in the network's namespace."""
        stream = request.protocol == "tcp"
        family = socket.AF_INET6 if ":" in request.address else socket.AF_INET
        with self._host.namespaces.inside(network_namespace(request.network_id)):
            opened = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        with opened:
            try:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                opened.bind((request.address, request.port))
                if stream:
                    opened.listen(1024)
            except OSError as error:
                where = f"{request.address}:{request.port} in network {request.network_id}"
                raise kernel_refusal(f"listen on {where}", error) from None
            return opened.detach()

    def _attach(
        self, netlink: Netlink, spec: NetworkSpec, known: Known, port: PortSpec, changed: list[str]
    ) -> HostError | None:
        """Wire one port; what is wrong with it is told at the end, so that it does not stop the others."""
        before = known.ports.get(port.id)
        try:
            if not is_wired(self._host, before, port, spec.mtu):
                if before is not None and before.spec.device_id != port.device_id:
                    unwire(self._host, netlink, port.id, before.spec.device_id)
                    before = None
                known.ports[port.id] = wire(
                    self._host, netlink, known.bridge, spec.mtu, port, spec.groups, before
                )
                changed.append(port.id)
            elif before is not None and known.groups != spec.groups and trusts_groups(port):
                table = guard(self._host, port, before.interface, spec.groups, before.table)
                known.ports[port.id] = WiredPort(port, before.interface, before.mtu, table)
        except HostError as error:
            return error
        return None

    def _foundation(self, netlink: Netlink, name: str, spec: NetworkSpec, known: Known, fresh: bool) -> None:
        """The bridge and its addresses."""
        if fresh:
            loopback_and_defaults(self._host.namespaces, name, netlink)
            with self._host.namespaces.inside(name):
                set_sysctl("net/ipv6/conf/default/disable_ipv6", 1)  # bridge ports speak for nobody
        if not known.bridge:
            bridge = netlink.link(BRIDGE)
            if bridge is None:
                netlink.run(add_bridge(BRIDGE, mac=stable_mac(spec.id), mtu=spec.mtu))
                bridge = netlink.link(BRIDGE)
                with self._host.namespaces.inside(name):
                    set_sysctl(f"net/ipv6/conf/{BRIDGE}/disable_ipv6", 0)
            if bridge is None:
                raise HostError("kernel", f"The bridge of network {spec.id} vanished as it was made.")
            known.bridge = bridge.index
            known.mtu = bridge.mtu
        if known.mtu != spec.mtu:
            netlink.run(set_link(known.bridge, mtu=spec.mtu))
            known.mtu = spec.mtu
        wanted = _addressing(spec)
        if known.addressing != wanted:
            configure(netlink, known.bridge, wanted, known.addressing)
            known.addressing = wanted

    def _remove_strays(self, netlink: Netlink, wanted: Iterable[str], known: Known, *, look: bool) -> None:
        keep = set(wanted)
        present = (
            _ports_of(netlink) if look else [(one, port.spec.device_id) for one, port in known.ports.items()]
        )
        for port_id, server_id in present:
            if port_id not in keep:
                unwire(self._host, netlink, port_id, server_id)
                known.ports.pop(port_id, None)


def stable_mac(thing: str) -> str:
    """A MAC that follows from an id, so that neighbours need not learn a new one after a rebuild."""
    return "fa:16:3f:" + hashlib.sha256(thing.encode()).digest()[:3].hex(":")


def _ports_of(netlink: Netlink) -> list[tuple[str, str]]:
    """The ports that the kernel itself shows, with their servers, by the aliases of their links."""
    found = []
    for link in netlink.links().values():
        with contextlib.suppress(ValueError):
            port, server = link.alias.split(" ")
            found.append((port.removeprefix("port:"), server.removeprefix("server:")))
    return found


def _addressing(spec: NetworkSpec) -> Addressing:
    addresses = {Address(METADATA, 32)}
    routes = set()
    for subnet in spec.subnets:
        length = int(subnet.cidr.partition("/")[2])
        if subnet.service_address:
            addresses.add(Address(subnet.service_address, length))
        else:
            routes.add(WantedRoute(subnet.cidr))
    return Addressing(frozenset(addresses), frozenset(routes))
