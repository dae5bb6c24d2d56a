# SPDX-License-Identifier: Apache-2.0
"""Subnets: the addresses of a network, its gateway, routes and name servers."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, select, update

from samovar.auth import Context

from . import networks
from .addresses import STATELESS, give_everyone, subnets_of
from .backend import Work
from .faults import refuse
from .kind import REQUIRED, Attribute, Kind, Values, named, standard, tags_of
from .subnet_pools import take
from .tables import addresses, ports, subnets
from .tables import networks as network_table
from .values import (
    IpNetwork,
    address,
    boolean,
    identity,
    integer,
    ip,
    list_of,
    mapping,
    nullable,
    one_of,
    overlap,
    prefix,
    routes,
    text,
)
from .values import cidr as parse_cidr

MODES = nullable(one_of("slaac", "dhcpv6-stateful", "dhcpv6-stateless"))
pools = list_of(mapping({"start": address, "end": address}))

ATTRIBUTES = {
    **named(),
    "network_id": Attribute(identity, REQUIRED, update=False),
    "ip_version": Attribute(nullable(integer(4, 6)), None, update=False),
    "cidr": Attribute(nullable(parse_cidr), None, update=False),
    "prefixlen": Attribute(nullable(integer(0, 128)), None, update=False),
    "subnetpool_id": Attribute(nullable(identity), None, update=False),
    "use_default_subnetpool": Attribute(boolean, False, update=False),
    "gateway_ip": Attribute(nullable(address)),
    "allocation_pools": Attribute(nullable(pools)),
    "enable_dhcp": Attribute(boolean, True),
    "dns_nameservers": Attribute(list_of(address), []),
    "host_routes": Attribute(routes, []),
    "service_types": Attribute(list_of(text()), []),
    "ipv6_ra_mode": Attribute(MODES, None, update=False),
    "ipv6_address_mode": Attribute(MODES, None, update=False),
    "dns_publish_fixed_ip": Attribute(boolean, False),
}


def readable(context: Context) -> Sequence[ColumnElement[bool]]:
    """Subnets of networks that the bearer may use."""
    seen = networks.KIND.visible(context)
    if seen is None:
        return ()
    return (subnets.c.network_id.in_(select(network_table.c.id).where(seen)),)


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    names = (
        "network_id",
        "ip_version",
        "cidr",
        "gateway_ip",
        "allocation_pools",
        "enable_dhcp",
        "dns_nameservers",
        "host_routes",
        "service_types",
        "ipv6_ra_mode",
        "ipv6_address_mode",
        "dns_publish_fixed_ip",
        "subnetpool_id",
    )
    return [standard(row, tagged) | {name: row[name] for name in names} for row in rows]


def create(work: Work, values: Values) -> str:
    network = networks.usable(work, values["network_id"])
    if not networks.owns(work.context, network):
        work.policy.enforce("create_subnet", work.context, {"project_id": network["project_id"]})
    work.spend("subnet", subnets, values["project_id"])
    prefixlen, use_default = values.pop("prefixlen"), values.pop("use_default_subnetpool")
    if values["subnetpool_id"] or use_default:
        values["cidr"], values["subnetpool_id"] = take(
            work,
            values["subnetpool_id"],
            values["cidr"],
            prefixlen,
            values["ip_version"],
            values["project_id"],
        )
    elif prefixlen is not None:
        raise refuse("BadRequest", "prefixlen means something only together with a subnet pool.")
    if values["cidr"] is None:
        raise refuse("BadRequest", "A subnet needs a cidr, or a subnet pool to take it from.")
    network_prefix = prefix(values["cidr"])
    if values["ip_version"] not in (None, network_prefix.version):
        raise refuse("InvalidInput", f"{values['cidr']} is not of IP version {values['ip_version']}.")
    values["ip_version"] = network_prefix.version
    _check_size(network_prefix)
    _check_ipv6(values, network_prefix)
    others = [prefix(row["cidr"]) for row in subnets_of(work.connection, values["network_id"])]
    clash = overlap(others, network_prefix)
    if clash is not None:
        raise refuse(
            "InvalidInput", f"{network_prefix} overlaps {clash}, a subnet of network {network['id']} already."
        )
    if "gateway_ip" not in values:
        values["gateway_ip"] = _first_host(network_prefix)
    _check_gateway(values["gateway_ip"], network_prefix)
    given = values.get("allocation_pools")
    if not given:
        values["allocation_pools"] = default_pools(network_prefix, values["gateway_ip"])
    else:
        _check_pools(given, network_prefix, values["gateway_ip"])
    _check_versions(values, network_prefix.version)
    made = work.add(subnets, **values)
    if values["ipv6_address_mode"] in STATELESS:
        give_everyone(work, KIND.fetch(work.connection, made))
    work.touch("network", values["network_id"])
    return made


def update_subnet(work: Work, row: RowMapping, values: Values) -> None:
    network_prefix = prefix(row["cidr"])
    gateway = values.get("gateway_ip", row["gateway_ip"])
    if gateway != row["gateway_ip"]:
        _check_gateway(gateway, network_prefix)
        _gateway_not_in_use(work, row)
    if values.get("allocation_pools") is None:
        values.pop("allocation_pools", None)
    if "allocation_pools" in values or gateway != row["gateway_ip"]:
        _check_pools(values.get("allocation_pools", row["allocation_pools"]), network_prefix, gateway)
    _check_versions(values, network_prefix.version)
    if values:
        work.connection.execute(update(subnets).where(subnets.c.id == row["id"]).values(**values))
    work.touch("network", row["network_id"])
    for router_id in _routers_on(work, row["id"]):
        work.touch("router", router_id)


def delete_subnet(work: Work, row: RowMapping) -> None:
    used = select(addresses.c.port_id, addresses.c.address).where(addresses.c.subnet_id == row["id"]).limit(3)
    left = work.connection.execute(used).all()
    if left:
        which = ", ".join(f"{found} of port {port}" for port, found in left)
        raise refuse("SubnetInUse", f"Subnet {row['id']} still has addresses in use: {which}.")
    work.connection.execute(delete(subnets).where(subnets.c.id == row["id"]))
    work.touch("network", row["network_id"])


def default_pools(network: IpNetwork, gateway: str | None) -> list[dict[str, str]]:
    """All the addresses that hosts can have, without the gateway's."""
    low, high = host_range(network)
    spans = [(low, high)]
    if gateway is not None:
        at = int(ip(gateway))
        if low <= at <= high:
            spans = [(low, at - 1), (at + 1, high)]
    make = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    return [{"start": str(make(a)), "end": str(make(b))} for a, b in spans if a <= b]


def host_range(network: IpNetwork) -> tuple[int, int]:
    """The first and last address that a host can have."""
    low, high = int(network.network_address), int(network.broadcast_address)
    if network.version == 4 and network.prefixlen < 31:
        return low + 1, high - 1
    if network.version == 6 and network.prefixlen < 127:
        return low + 1, high
    return low, high


def _first_host(network: IpNetwork) -> str:
    low, _ = host_range(network)
    return str(network.network_address + (low - int(network.network_address)))


def _check_size(network: IpNetwork) -> None:
    if network.prefixlen == 0:
        raise refuse("InvalidInput", "A subnet cannot be the whole internet; give a longer prefix.")
    if network.is_multicast or network.is_loopback:
        raise refuse("InvalidInput", f"{network} is not a prefix that hosts can have addresses of.")


def _check_ipv6(values: Values, network: IpNetwork) -> None:
    ra_mode, address_mode = values["ipv6_ra_mode"], values["ipv6_address_mode"]
    if not (ra_mode or address_mode):
        return
    if network.version == 4:
        raise refuse("InvalidInput", "ipv6_ra_mode and ipv6_address_mode are for IPv6 subnets.")
    if not values["enable_dhcp"]:
        raise refuse("InvalidInput", "ipv6_ra_mode and ipv6_address_mode need enable_dhcp.")
    if ra_mode and address_mode and ra_mode != address_mode:
        raise refuse(
            "InvalidInput", "ipv6_ra_mode and ipv6_address_mode must be the same when both are given."
        )
    if "slaac" in (ra_mode, address_mode) and network.prefixlen != 64:
        raise refuse("InvalidInput", f"Hosts make their own addresses only in a /64, not in {network}.")


def _check_gateway(gateway: str | None, network: IpNetwork) -> None:
    if gateway is None:
        return
    candidate = ip(gateway)
    low, high = host_range(network)
    anycast = network.version == 6 and candidate == network.network_address
    if candidate.version != network.version or not (low <= int(candidate) <= high or anycast):
        raise refuse("InvalidInput", f"The gateway {gateway} is not an address of a host in {network}.")


def _check_pools(given: Sequence[dict[str, str]], network: IpNetwork, gateway: str | None) -> None:
    low, high = host_range(network)
    spans = []
    for pool in given:
        start, end = ip(pool["start"]), ip(pool["end"])
        if start.version != network.version or end.version != network.version or int(start) > int(end):
            raise refuse("InvalidAllocationPool", f"{start}-{end} is not a range of addresses of {network}.")
        if int(start) < low or int(end) > high:
            raise refuse("OutOfBoundsAllocationPool", f"{start}-{end} is not within {network}.")
        if gateway is not None and int(start) <= int(ip(gateway)) <= int(end):
            raise refuse(
                "GatewayConflictWithAllocationPools",
                f"The gateway {gateway} lies within the pool {start}-{end}.",
            )
        spans.append((int(start), int(end), f"{start}-{end}"))
    spans.sort()
    for (_, end_before, one), (start_after, _, other) in itertools.pairwise(spans):
        if start_after <= end_before:
            raise refuse("OverlappingAllocationPools", f"The pools {one} and {other} overlap.")


def _check_versions(values: Values, version: int) -> None:
    for server in values.get("dns_nameservers", ()):
        if ip(server).version != version and version == 4:
            raise refuse("InvalidInput", f"The name server {server} is not of IP version {version}.")
    for route in values.get("host_routes", ()):
        if ip(route["nexthop"]).version != version:
            raise refuse("InvalidInput", f"The route via {route['nexthop']} is not of IP version {version}.")


def _gateway_not_in_use(work: Work, row: RowMapping) -> None:
    query = (
        select(ports.c.id)
        .select_from(ports.join(addresses, addresses.c.port_id == ports.c.id))
        .where(addresses.c.subnet_id == row["id"], addresses.c.address == (row["gateway_ip"] or ""))
        .where(ports.c.device_owner == "network:router_interface")
    )
    port_id = work.connection.execute(query).scalar()
    if port_id:
        raise refuse("GatewayIpInUse", f"The gateway {row['gateway_ip']} is in use by port {port_id}.")


def _routers_on(work: Work, subnet_id: str) -> Sequence[str]:
    query = (
        select(ports.c.device_id)
        .select_from(ports.join(addresses, addresses.c.port_id == ports.c.id))
        .where(addresses.c.subnet_id == subnet_id, ports.c.device_owner.like("network:router%"))
    )
    return work.connection.execute(query).scalars().all()


KIND = Kind(
    name="subnet",
    plural="subnets",
    path="subnets",
    table=subnets,
    missing="SubnetNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_subnet,
    delete=delete_subnet,
    readable=readable,
    unlisted=frozenset({"cursor"}),
    filters={
        "shared": lambda values: subnets.c.network_id.in_(
            select(network_table.c.id).where(network_table.c.shared.in_([boolean(value) for value in values]))
        ),
        "router:external": lambda values: subnets.c.network_id.in_(
            select(network_table.c.id).where(
                network_table.c.external.in_([boolean(value) for value in values])
            )
        ),
    },
)
