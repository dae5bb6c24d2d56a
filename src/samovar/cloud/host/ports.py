# SPDX-License-Identifier: Apache-2.0
"""One port: a veth from its network's bridge into its server's namespace, addressed and guarded."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Mapping

from msgspec import Struct

from samovar.cloud.host.errors import HostError
from samovar.cloud.host.interfaces import (
    GONE,
    Addressing,
    WantedRoute,
    configure,
    drop_link,
    loopback_and_defaults,
)
from samovar.cloud.host.messages import add_veth, delete_link, set_link
from samovar.cloud.host.namespaces import server_namespace
from samovar.cloud.host.netlink import Link, Netlink
from samovar.cloud.host.nft import ABSENT, Table, delete_script, run_nft
from samovar.cloud.host.parts import Host
from samovar.cloud.host.security import security_table, security_table_name
from samovar.cloud.host.specs import PortSpec
from samovar.cloud.host.spoofing import port_link

__all__ = [
    "METADATA",
    "WiredPort",
    "ensure_server_namespace",
    "guard",
    "is_wired",
    "leave_server_namespace",
    "unwire",
    "wire",
]

METADATA = "169.254.169.254"
FIRST_METRIC = 100
Groups = Mapping[str, tuple[str, ...]]


class WiredPort(Struct, frozen=True):
    """What the agent did for a port. ``table`` None: its server is not guarded (no port security)."""

    spec: PortSpec
    interface: str
    mtu: int
    table: Table | None


def alias_of(port: PortSpec) -> str:
    """What both ends of a port's pair carry as their alias, so that they are found again without any
    memory.
    """
    return f"port:{port.id} server:{port.device_id}"


def is_wired(host: Host, known: WiredPort | None, port: PortSpec, mtu: int) -> bool:
    """Whether ``port`` stands as it should, as far as memory and a look at the namespace's name tell."""
    return (
        known is not None
        and known.spec == port
        and known.mtu == mtu
        and host.namespaces.alive(server_namespace(port.device_id))
    )


def trusts_groups(port: PortSpec) -> bool:
    """Whether the port's rules depend on who is in some group."""
    return port.port_security and any(rule.remote_group for rule in port.rules)


def wire(
    host: Host,
    network: Netlink,
    bridge: int,
    mtu: int,
    port: PortSpec,
    groups: Groups,
    known: WiredPort | None,
) -> WiredPort:
    """Make the port so. ``network``: a socket in its network's namespace; ``bridge``: its bridge's index
    there.
    """
    namespace = server_namespace(port.device_id)
    fresh = host.namespaces.ensure(namespace)
    with Netlink(host.namespaces, namespace) as server:
        if fresh:
            loopback_and_defaults(host.namespaces, namespace, server)
        links = server.links()
        existing = next((link for link in links.values() if link.alias == alias_of(port)), None)
        interface = port.interface or (existing.name if existing else _free_name(links))
        occupant = links.get(interface)
        if occupant is not None and occupant != existing and occupant.alias.startswith("port:"):
            other = occupant.alias.partition(" ")[0].removeprefix("port:")
            raise HostError(
                "clash", f"Port {port.id} cannot be {interface} of its server: port {other} is that already."
            )
        inner = port_link(port.id)
        outer = network.link(inner) if existing is not None or known is not None else None
        whole = (
            existing is not None
            and outer is not None
            and (existing.name, existing.mac, outer.index) == (interface, port.mac, existing.peer)
            and outer.master == bridge
        )
        if not whole:
            for end, socket in ((existing, server), (outer, network)):
                if end is not None:
                    socket.run(delete_link(end.index), ignore=GONE)
        remembered = known if whole and known is not None and known.interface == interface else None
        previous = ABSENT if fresh else remembered.table if remembered is not None else None
        table = guard(host, port, interface, groups, previous)
        if not whole:
            _make_pair(host, network, bridge, mtu, port, interface)
            server.run(set_link(interface, alias=alias_of(port)))
            existing = server.link(interface)
        if existing is None:
            raise HostError("kernel", f"The interface {interface} vanished from {namespace} as it was made.")
        if outer is not None and outer.mtu != mtu:
            network.run(set_link(outer.index, mtu=mtu))
        if existing.mtu != mtu or existing.up != port.admin_up:
            server.run(set_link(existing.index, up=port.admin_up, mtu=mtu))
        if port.admin_up:
            before = Addressing() if not whole else None
            configure(server, existing.index, _addressing(port, interface), before)
    return WiredPort(port, interface, mtu, table)


def guard(host: Host, port: PortSpec, interface: str, groups: Groups, previous: Table | None) -> Table | None:
    """Bring the port's rules up to date."""
    namespace = server_namespace(port.device_id)
    if not port.port_security:
        if previous is not ABSENT:
            run_nft(host.namespaces, namespace, delete_script("inet", security_table_name(interface)))
        return None
    table = security_table(port, interface, groups)
    run_nft(host.namespaces, namespace, table.script(previous))
    return table


def unwire(host: Host, network: Netlink | None, port_id: str, server_id: str) -> None:
    """Take the port away. The last one takes along the namespace, unless a server lives (or will live) in
    it.
    """
    namespace = server_namespace(server_id)
    if host.namespaces.alive(namespace):
        with Netlink(host.namespaces, namespace) as server:
            links = [link for link in server.links().values() if link.alias.startswith("port:")]
            mine = [link for link in links if link.alias.startswith(f"port:{port_id} ")]
            if len(links) == len(mine) and not host.has_server(server_id):
                host.namespaces.remove(namespace)
                return
            for link in mine:
                server.run(delete_link(link.index), ignore=GONE)
                script = delete_script("inet", security_table_name(link.name))
                run_nft(host.namespaces, namespace, script)
    if network is not None:
        drop_link(network, port_link(port_id))


def ensure_server_namespace(host: Host, server_id: str) -> None:
    """The namespace of a server, also of one without any port."""
    namespace = server_namespace(server_id)
    if host.namespaces.ensure(namespace):
        with Netlink(host.namespaces, namespace) as server:
            loopback_and_defaults(host.namespaces, namespace, server)


def leave_server_namespace(host: Host, server_id: str) -> None:
    """A server is gone: its namespace goes too, unless a port is still wired into it (then with that)."""
    namespace = server_namespace(server_id)
    if host.namespaces.alive(namespace):
        with Netlink(host.namespaces, namespace) as server:
            if any(link.alias.startswith("port:") for link in server.links().values()):
                return
    host.namespaces.remove(namespace)


def _make_pair(host: Host, network: Netlink, bridge: int, mtu: int, port: PortSpec, interface: str) -> None:
    name = port_link(port.id)
    namespace = server_namespace(port.device_id)
    with host.namespaces.opened(namespace) as descriptor:
        message = add_veth(
            name,
            interface,
            descriptor,
            mtu=mtu,
            master=bridge,
            peer_mac=port.mac,
        )
        try:
            network.run(message)
        except HostError as error:
            if error.number != errno.EEXIST:
                raise
            drop_link(network, name)  # a leftover whose other end is in a namespace that is going away
            network.run(message)
    network.run(set_link(name, alias=alias_of(port)))


def _free_name(links: Mapping[str, Link]) -> str:
    return next(name for name in (f"eth{number}" for number in range(len(links) + 1)) if name not in links)


def _addressing(port: PortSpec, interface: str) -> Addressing:
    """Addresses, the way to the metadata address, default gateways, further routes: the first interface
    wins.
    """
    digits = "".join(character for character in interface if character.isdigit())
    metric = FIRST_METRIC + int(digits or 0)
    routes = [
        WantedRoute(destination=route.destination, nexthop=route.nexthop, metric=metric)
        for route in port.routes
    ]
    for everything, colon in (("0.0.0.0/0", False), ("::/0", True)):
        gateway = next((one for one in port.gateways if (":" in one) is colon), None)
        if gateway is not None:
            routes.append(WantedRoute(everything, gateway, metric))
    if any(":" not in one.address for one in port.fixed_ips):
        routes.append(WantedRoute(f"{METADATA}/32", "", metric))
    return Addressing(frozenset(port.fixed_ips), frozenset(routes))


def check_port(port: PortSpec) -> None:
    """HostError "invalid" for addresses that are not."""
    try:
        for one in port.fixed_ips:
            ipaddress.ip_interface(f"{one.address}/{one.prefixlen}")
        for route in port.routes:
            ipaddress.ip_network(route.destination)
            ipaddress.ip_address(route.nexthop)
        for pair in port.allowed_address_pairs:
            ipaddress.ip_network(pair.address, strict=False)
        for address in port.gateways:
            ipaddress.ip_address(address)
    except ValueError as error:
        raise HostError("invalid", f"Port {port.id} cannot be made: {error}.") from None
