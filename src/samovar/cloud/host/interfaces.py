# SPDX-License-Identifier: Apache-2.0
"""Making an interface carry exactly the addresses and routes it should, leaving alone what others put
there.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable

from msgspec import Struct

from samovar.cloud.host.closing import close_later
from samovar.cloud.host.messages import (
    Message,
    add_address,
    add_route,
    delete_address,
    delete_link,
    delete_route,
    set_link,
)
from samovar.cloud.host.namespaces import Namespaces, set_sysctl
from samovar.cloud.host.netlink import Netlink
from samovar.cloud.host.specs import Address

__all__ = [
    "NOWHERE",
    "Addressing",
    "WantedRoute",
    "announce",
    "configure",
    "drop_link",
    "loopback_and_defaults",
]

GONE = (errno.EADDRNOTAVAIL, errno.ESRCH, errno.ENODEV)


class WantedRoute(Struct, frozen=True):
    """A route by way of ``nexthop``, or on the interface itself where that is ""."""

    destination: str
    nexthop: str = ""
    metric: int = 0


class Addressing(Struct, frozen=True):
    """Everything of ours on an interface."""

    addresses: frozenset[Address] = frozenset()
    routes: frozenset[WantedRoute] = frozenset()


NOWHERE = Addressing()


def configure(netlink: Netlink, index: int, wanted: Addressing, previous: Addressing | None) -> list[Address]:
    """Turn ``previous`` (None = look at the kernel) into ``wanted``; returns the addresses that are new.

    Addresses come before the routes that need them, and go after.
    """
    had = _observe(netlink, index) if previous is None else previous
    fresh = sorted(wanted.addresses - had.addresses, key=lambda one: one.prefixlen)
    netlink.run(
        *(_delete_route(index, route) for route in had.routes - wanted.routes),
        *(delete_address(index, one.address, one.prefixlen) for one in had.addresses - wanted.addresses),
        ignore=GONE,
    )
    # A removed address may have taken routes along that are still wanted, so all of them are said again.
    routes = wanted.routes if had.addresses - wanted.addresses else wanted.routes - had.routes
    netlink.run(
        *(add_address(index, one.address, one.prefixlen) for one in fresh),
        *(
            add_route(route.destination, nexthop=route.nexthop, index=index, metric=route.metric)
            for route in sorted(routes, key=lambda route: route.nexthop)
        ),
    )
    return fresh


def loopback_and_defaults(
    namespaces: Namespaces, name: str, netlink: Netlink, *, forward: bool = False
) -> None:
    """What every new namespace gets, whatever the host's own settings are."""
    with namespaces.inside(name):
        for scope in ("all", "default"):
            set_sysctl(f"net/ipv4/conf/{scope}/rp_filter", 0)
            set_sysctl(f"net/ipv6/conf/{scope}/accept_ra", 0)
            set_sysctl(f"net/ipv6/conf/{scope}/accept_dad", 0)
            set_sysctl(f"net/ipv6/conf/{scope}/forwarding", int(forward))
        set_sysctl("net/ipv4/ip_forward", int(forward))
        set_sysctl("net/ipv4/ip_unprivileged_port_start", 0)
        for last in (2147483647, 65535, 0):  # as many groups as the user namespace maps
            try:
                set_sysctl("net/ipv4/ping_group_range", f"0 {last}")
                break
            except OSError:
                continue
        for kind in ("iptables", "ip6tables", "arptables"):
            set_sysctl(f"net/bridge/bridge-nf-call-{kind}", 0)
    bring_up(netlink, "lo")


def bring_up(netlink: Netlink, name: str) -> None:
    link = netlink.link(name)
    if link is not None:
        netlink.run(set_link(link.index, up=True))


def drop_link(netlink: Netlink, name: str) -> None:
    """Remove an interface, if it is there."""
    link = netlink.link(name)
    if link is not None:
        netlink.run(delete_link(link.index), ignore=GONE)


def announce(
    namespaces: Namespaces, name: str, interface: str, mac: str, addresses: Iterable[Address]
) -> None:
    """Gratuitous ARP (RFC 5227): tell the neighbours at once that these IPv4 addresses are here now."""
    wanted = [one.address for one in addresses if ":" not in one.address]
    if not wanted:
        return
    with namespaces.inside(name):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        sock.bind((interface, 0))
        own = bytes.fromhex(mac.replace(":", ""))
        for address in wanted:
            raw = socket.inet_aton(address)
            frame = b"\xff" * 6 + own + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
            sock.send(frame + own + raw + bytes(6) + raw)
    finally:
        close_later(sock.close)


def _observe(netlink: Netlink, index: int) -> Addressing:
    addresses = (one for one in netlink.addresses() if one.index == index and one.ours)
    routes = (one for one in netlink.routes() if one.index == index and one.ours)
    return Addressing(
        frozenset(Address(one.address, one.prefixlen) for one in addresses),
        frozenset(WantedRoute(one.destination, one.nexthop, one.metric) for one in routes),
    )


def _delete_route(index: int, route: WantedRoute) -> Message:
    return delete_route(route.destination, nexthop=route.nexthop, index=index, metric=route.metric)
