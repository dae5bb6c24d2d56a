# SPDX-License-Identifier: Apache-2.0
"""Routers: a namespace each, with a leg in every network it joins and one in an external network.

Floating IPs are two maps: what arrives for a floating address goes to the fixed one, what the fixed one
sends outwards wears the floating one. Traffic between tenant networks is never translated, except a
server's call to a floating IP behind its own router (hairpin), whose answer has to come back this way.
"""

from __future__ import annotations

import errno
from ipaddress import ip_address, ip_interface

from msgspec import Struct

from samovar.cloud.host.errors import HostError
from samovar.cloud.host.interfaces import (
    Addressing,
    WantedRoute,
    announce,
    configure,
    drop_link,
    loopback_and_defaults,
)
from samovar.cloud.host.messages import add_veth, flush_connections, forget_connection, set_link
from samovar.cloud.host.namespaces import external_namespace, network_namespace, router_namespace
from samovar.cloud.host.netlink import NETLINK_NETFILTER, Link, Netlink
from samovar.cloud.host.networks import BRIDGE
from samovar.cloud.host.nft import ABSENT, Table, delete_script, run_nft
from samovar.cloud.host.parts import Host
from samovar.cloud.host.specs import Address, Route, RouterGateway, RouterInterface, RouterSpec

__all__ = ["Routers", "nat_table"]

GATEWAY = "qg"
FLOATING = "floating_to_fixed"
BODY = """\
map floating_to_fixed { type ipv4_addr : ipv4_addr; }
map fixed_to_floating { type ipv4_addr : ipv4_addr; }
chain arriving {
type nat hook prerouting priority -100; policy accept;
dnat to ip daddr map @floating_to_fixed
}
chain leaving {
type nat hook postrouting priority 100; policy accept;
iifname != "qg" oifname != "qg" ct status dnat masquerade
oifname "qg" snat to ip saddr map @fixed_to_floating
"""


class Leg(Struct, frozen=True):
    """One interface of a router as it should be: ``outside`` is the namespace of the bridge it hangs on."""

    name: str
    outside: str
    outside_link: str
    mac: str
    addressing: Addressing


class Known(Struct, frozen=True):
    spec: RouterSpec
    legs: dict[str, Leg]
    table: Table


class Routers:
    """All routers of this host. Used from the network thread only."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, Known] = {}
        self._wanted: dict[str, RouterSpec] = {}

    def ensure(self, spec: RouterSpec, verify: bool) -> None:
        self._wanted[spec.id] = spec
        name = router_namespace(spec.id)
        fresh = self._host.namespaces.ensure(name)
        known = None if fresh or verify else self._known.get(spec.id)
        if known is not None and known.spec == spec:
            return
        self._known.pop(spec.id, None)
        legs = {leg.name: leg for leg in self._legs(spec)}
        with Netlink(self._host.namespaces, name) as netlink:
            if fresh:
                loopback_and_defaults(self._host.namespaces, name, netlink, forward=True)
            # Translation comes first: no packet may leave with an inside address.
            had = ABSENT if fresh else known.table if known is not None else None
            table = self._translate(name, nat_table(spec), had)
            present = known.legs.keys() if known is not None else netlink.links().keys()
            for stray in {one for one in present if one.startswith("q")} - legs.keys():
                drop_link(netlink, stray)
            for leg in legs.values():
                before = known.legs.get(leg.name) if known is not None else None
                if leg != before:
                    self._attach(name, netlink, leg, before)
        self._known[spec.id] = Known(spec, legs, table)

    def remove(self, router_id: str) -> None:
        self._known.pop(router_id, None)
        self._wanted.pop(router_id, None)
        self._host.namespaces.remove(router_namespace(router_id))

    def joined_to(self, network_id: str) -> list[RouterSpec]:
        """The routers with a leg in the network, as they were last asked for."""
        return [spec for spec in self._wanted.values() if network_id in _network_ids(spec)]

    def _legs(self, spec: RouterSpec) -> list[Leg]:
        if not spec.enabled:
            return []
        legs = [self._inner_leg(interface, spec.routes) for interface in spec.interfaces]
        if spec.gateway is not None:
            legs.append(self._outer_leg(spec, spec.gateway))
        reachable = {route for leg in legs for route in leg.addressing.routes}
        for route in spec.routes:
            if WantedRoute(route.destination, route.nexthop) not in reachable:
                raise HostError(
                    "invalid",
                    f"Router {spec.id} cannot send {route.destination} to {route.nexthop}: "
                    "none of its subnets has that address.",
                )
        return legs

    def _inner_leg(self, interface: RouterInterface, routes: tuple[Route, ...]) -> Leg:
        short = interface.port_id.replace("-", "")[:11]
        addressing = Addressing(frozenset(interface.addresses), _routes_by(interface.addresses, routes))
        outside = network_namespace(interface.network_id)
        return Leg(f"q{short}", outside, f"r{short}", interface.mac, addressing)

    def _outer_leg(self, spec: RouterSpec, gateway: RouterGateway) -> Leg:
        short = gateway.port_id.replace("-", "")[:11]
        floating = {Address(one.floating, 128 if ":" in one.floating else 32) for one in spec.floating_ips}
        routes = set(_routes_by(gateway.addresses, spec.routes))
        for nexthop in gateway.nexthops:
            routes.add(WantedRoute("::/0" if ":" in nexthop else "0.0.0.0/0", nexthop))
        addressing = Addressing(frozenset({*gateway.addresses, *floating}), frozenset(routes))
        outside = external_namespace(self._host.tag_of(gateway.network_id))
        return Leg(GATEWAY, outside, f"r{short}", gateway.mac, addressing)

    def _attach(self, router: str, netlink: Netlink, leg: Leg, before: Leg | None) -> None:
        """Make the leg so: its pair, its MTU (that of the network's bridge), its addresses and routes."""
        if not self._host.namespaces.alive(leg.outside):
            raise HostError(
                "missing",
                f"{router} has a leg in {leg.outside}, which is not on this host: ensure that network first.",
            )
        existing: Link | None = None
        if before is not None and _same_pair(before, leg):
            existing = netlink.link(leg.name)
        fresh = existing is None
        if existing is None:
            existing, fresh = self._pair(router, netlink, leg)
        previous = Addressing() if fresh else (before.addressing if before is not None else None)
        added = configure(netlink, existing.index, leg.addressing, previous)
        announce(self._host.namespaces, router, leg.name, leg.mac, added)

    def _pair(self, router: str, netlink: Netlink, leg: Leg) -> tuple[Link, bool]:
        """The leg's interface, kept if it is whole, made otherwise; tells whether it was made."""
        with Netlink(self._host.namespaces, leg.outside) as outside:
            bridge = outside.link(BRIDGE)
            if bridge is None:
                raise HostError("missing", f"{leg.outside} has no bridge yet: ensure that network first.")
            outer, existing = outside.link(leg.outside_link), netlink.link(leg.name)
            if (
                outer is not None
                and existing is not None
                and (outer.index, outer.peer, outer.master) == (existing.peer, existing.index, bridge.index)
                and existing.mac == leg.mac
            ):
                outside.run(set_link(outer.index, up=True, mtu=bridge.mtu))
                netlink.run(set_link(existing.index, up=True, mtu=bridge.mtu))
                return existing, False
            drop_link(outside, leg.outside_link)
            drop_link(netlink, leg.name)
            with self._host.namespaces.opened(router) as descriptor:
                outside.run(
                    add_veth(
                        leg.outside_link,
                        leg.name,
                        descriptor,
                        mtu=bridge.mtu,
                        master=bridge.index,
                        peer_mac=leg.mac,
                    )
                )
        made = netlink.link(leg.name)
        if made is None:
            raise HostError("kernel", f"The interface {leg.name} vanished from {router} as it was made.")
        netlink.run(set_link(made.index, up=True))
        return made, True

    def _translate(self, name: str, table: Table | None, previous: Table | None) -> Table:
        if table is None:
            if previous is not ABSENT:
                run_nft(self._host.namespaces, name, delete_script("ip", "samovar"))
            return ABSENT
        run_nft(self._host.namespaces, name, table.script(previous))
        if previous is not None and table.narrows(previous):
            self._forget(name, table, previous)
        return table

    def _forget(self, name: str, table: Table, previous: Table) -> None:
        """End the connections that wear an address that is not theirs any more, and no others."""
        with Netlink(self._host.namespaces, name, protocol=NETLINK_NETFILTER) as netfilter:
            if table.body != previous.body:  # the router's own address
                netfilter.run(flush_connections())
                return
            gone = previous.elements[FLOATING] - table.elements[FLOATING]
            found = netfilter.connections_to({pair.partition(" ")[0] for pair in gone})
            netfilter.run(*map(forget_connection, found), ignore=(errno.ENOENT,))


def nat_table(spec: RouterSpec) -> Table | None:
    """Address translation of a router; None where there is nothing to translate for. Pure."""
    if spec.gateway is None or not spec.enabled:
        return None
    own = next((one.address for one in spec.gateway.addresses if ":" not in one.address), None)
    last = f'oifname "{GATEWAY}" snat to {own}\n' if spec.enable_snat and own is not None else ""
    pairs = [one for one in spec.floating_ips if ":" not in one.floating]
    elements = {
        FLOATING: frozenset(f"{one.floating} : {one.fixed}" for one in pairs),
        "fixed_to_floating": frozenset(f"{one.fixed} : {one.floating}" for one in pairs),
    }
    return Table("ip", "samovar", BODY + last + "}\n", elements)


def _network_ids(spec: RouterSpec) -> set[str]:
    inner = {interface.network_id for interface in spec.interfaces}
    return inner | ({spec.gateway.network_id} if spec.gateway is not None else set())


def _same_pair(one: Leg, other: Leg) -> bool:
    return (one.outside, one.outside_link, one.mac) == (other.outside, other.outside_link, other.mac)


def _routes_by(addresses: tuple[Address, ...], routes: tuple[Route, ...]) -> frozenset[WantedRoute]:
    """The static routes whose next hop lies in one of the leg's own subnets."""
    subnets = [ip_interface(f"{one.address}/{one.prefixlen}").network for one in addresses]
    return frozenset(
        WantedRoute(route.destination, route.nexthop)
        for route in routes
        if any(ip_address(route.nexthop) in subnet for subnet in subnets)
    )
