# SPDX-License-Identifier: Apache-2.0
"""Blueprints: what the kernel should have of one network or router, read from the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, select

from samovar.cloud.host.specs import (
    Address,
    AddressPair,
    ExternalSpec,
    FloatingIp,
    NetworkSpec,
    PortSpec,
    Route,
    RouterGateway,
    RouterInterface,
    RouterSpec,
    RuleSpec,
    SubnetSpec,
)
from samovar.config import NetworkSettings

from .addresses import of_ports, subnets_of
from .binding import is_bound
from .kind import chunks
from .protocols import filter_name
from .routers import INTERFACE
from .security_groups import of_ports as groups_of_ports
from .tables import (
    addresses,
    floating_ips,
    networks,
    port_groups,
    ports,
    routers,
    rules,
    subnets,
)


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A network's spec, and what the database believes of its bound ports: device and status by port."""

    spec: NetworkSpec | ExternalSpec
    believed: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouterPlan:
    """A router's spec, its status, and which of its ports and floating IPs are not shown as active yet."""

    spec: RouterSpec
    status: str
    ports: Sequence[str]
    floating: Mapping[str, tuple[str, str]]
    networks: Sequence[str]


def network_plan(connection: Connection, network_id: str, settings: NetworkSettings) -> NetworkPlan | None:
    """What should be of this network; None when there is no such network."""
    query = select(networks).where(networks.c.id == network_id)
    network = connection.execute(query).mappings().first()
    if network is None:
        return None
    inside = subnets_of(connection, network_id)
    if network["external"]:
        own = [Address(s["gateway_ip"], _length(s["cidr"])) for s in inside if s["gateway_ip"]]
        return NetworkPlan(
            ExternalSpec(
                id=network_id, host_addresses=tuple(own), mtu=network["mtu"], masquerade=settings.egress
            )
        )
    every = connection.execute(
        select(ports).where(ports.c.network_id == network_id, ports.c.device_id != "").order_by(ports.c.id)
    )
    bound = [row for row in every.mappings().all() if is_bound(row)]
    ids = [row["id"] for row in bound]
    given, joined = of_ports(connection, ids), groups_of_ports(connection, ids)
    compiled = compile_rules(connection, {group for found in joined.values() for group in found})
    by_id = {subnet["id"]: subnet for subnet in inside}
    specs = []
    for row in bound:
        own_rules = [rule for group in joined[row["id"]] for rule in compiled[group]]
        specs.append(_port(row, given[row["id"]], by_id, own_rules, network["admin_state_up"], settings))
    remote = {rule.remote_group for found in compiled.values() for rule in found if rule.remote_group}
    spec = NetworkSpec(
        id=network_id,
        mtu=network["mtu"],
        subnets=tuple(SubnetSpec(cidr=subnet["cidr"]) for subnet in inside),
        ports=tuple(specs),
        groups=members(connection, sorted(remote)),
    )
    return NetworkPlan(spec, {row["id"]: (row["device_id"], row["status"]) for row in bound})


def router_plan(connection: Connection, router_id: str) -> RouterPlan | None:
    """What should be of this router; None when there is no such router."""
    query = select(routers).where(routers.c.id == router_id)
    router = connection.execute(query).mappings().first()
    if router is None:
        return None
    legs = (
        connection.execute(
            select(ports)
            .where(ports.c.device_id == router_id, ports.c.device_owner == INTERFACE)
            .order_by(ports.c.id)
        )
        .mappings()
        .all()
    )
    outside = None
    if router["gateway_port_id"]:
        found = select(ports).where(ports.c.id == router["gateway_port_id"])
        outside = connection.execute(found).mappings().one()
    own = [*legs, *([outside] if outside is not None else [])]
    given = _with_subnets(connection, [row["id"] for row in own])
    floating = (
        connection.execute(
            select(floating_ips).where(floating_ips.c.router_id == router_id).order_by(floating_ips.c.id)
        )
        .mappings()
        .all()
    )
    spec = RouterSpec(
        id=router_id,
        enabled=router["admin_state_up"],
        interfaces=tuple(
            RouterInterface(
                port_id=row["id"],
                network_id=row["network_id"],
                mac=row["mac_address"],
                addresses=_addresses(given[row["id"]]),
            )
            for row in legs
            if row["admin_state_up"]
        ),
        gateway=None
        if outside is None
        else RouterGateway(
            port_id=outside["id"],
            network_id=outside["network_id"],
            mac=outside["mac_address"],
            addresses=_addresses(given[outside["id"]]),
            nexthops=tuple(
                dict.fromkeys(item["gateway_ip"] for item in given[outside["id"]] if item["gateway_ip"])
            ),
        ),
        enable_snat=router["enable_snat"],
        floating_ips=tuple(
            FloatingIp(row["floating_ip_address"], row["fixed_ip_address"]) for row in floating
        ),
        routes=tuple(Route(route["destination"], route["nexthop"]) for route in router["routes"]),
    )
    return RouterPlan(
        spec,
        router["status"],
        [row["id"] for row in own if row["status"] != "ACTIVE"],
        {
            row["id"]: (row["port_id"], row["fixed_ip_address"])
            for row in floating
            if row["status"] != "ACTIVE"
        },
        list(dict.fromkeys(row["network_id"] for row in own)),
    )


def compile_rules(connection: Connection, groups: set[str]) -> dict[str, list[RuleSpec]]:
    """The rules of each group as the packet filter wants them, in a stable order."""
    compiled: dict[str, list[RuleSpec]] = {group: [] for group in groups}
    for part in chunks(sorted(groups)):
        query = select(rules).where(rules.c.security_group_id.in_(part)).order_by(rules.c.id)
        for row in connection.execute(query).mappings().all():
            remote = (row["remote_ip_prefix"],) if row["remote_ip_prefix"] else None
            compiled[row["security_group_id"]].append(
                RuleSpec(
                    direction=row["direction"],
                    ethertype=row["ethertype"],
                    protocol=filter_name(row["protocol"], row["ethertype"]),
                    port_min=row["port_range_min"],
                    port_max=row["port_range_max"],
                    remote_cidrs=remote,
                    remote_group=row["remote_group_id"] or "",
                )
            )
    return compiled


def members(connection: Connection, groups: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The addresses of each group's ports, their allowed address pairs included."""
    found: dict[str, set[str]] = {group: set() for group in groups}
    for part in chunks(groups):
        here = port_groups.c.security_group_id.in_(part)
        query = select(port_groups.c.security_group_id, addresses.c.address).select_from(
            port_groups.join(addresses, addresses.c.port_id == port_groups.c.port_id)
        )
        for group, address in connection.execute(query.where(here)).all():
            found[group].add(_single(address))
        pairs = select(port_groups.c.security_group_id, ports.c.allowed_address_pairs).select_from(
            port_groups.join(ports, ports.c.id == port_groups.c.port_id)
        )
        for group, allowed in connection.execute(pairs.where(here)).all():
            found[group].update(_single(pair["ip_address"]) for pair in allowed)
    return {group: tuple(sorted(found[group])) for group in groups}


def networks_with_rules_of(connection: Connection, group: str) -> Sequence[str]:
    """The networks in which a port is in the group."""
    query = (
        select(ports.c.network_id)
        .select_from(ports.join(port_groups, port_groups.c.port_id == ports.c.id))
        .where(port_groups.c.security_group_id == group, ports.c.device_id != "")
    )
    return connection.execute(query.distinct()).scalars().all()


def networks_that_trust(connection: Connection, group: str) -> Sequence[str]:
    """The networks in which a port's rules speak of the group's members."""
    trusting = select(rules.c.security_group_id).where(rules.c.remote_group_id == group).distinct()
    query = (
        select(ports.c.network_id)
        .select_from(ports.join(port_groups, port_groups.c.port_id == ports.c.id))
        .where(port_groups.c.security_group_id.in_(trusting), ports.c.device_id != "")
    )
    return connection.execute(query.distinct()).scalars().all()


def _port(
    row: RowMapping,
    given: Sequence[RowMapping],
    by_id: Mapping[str, RowMapping],
    own_rules: Sequence[RuleSpec],
    network_up: bool,
    settings: NetworkSettings,
) -> PortSpec:
    home = [by_id[item["subnet_id"]] for item in given]
    servers = [server for subnet in home for server in subnet["dns_nameservers"]]
    return PortSpec(
        id=row["id"],
        mac=row["mac_address"],
        fixed_ips=tuple(
            Address(item["address"], _length(by_id[item["subnet_id"]]["cidr"])) for item in given
        ),
        device_id=row["device_id"],
        interface=f"eth{row['interface']}" if row["interface"] is not None else "",
        gateways=tuple(dict.fromkeys(subnet["gateway_ip"] for subnet in home if subnet["gateway_ip"])),
        routes=tuple(
            dict.fromkeys(
                Route(route["destination"], route["nexthop"])
                for subnet in home
                for route in subnet["host_routes"]
            )
        ),
        nameservers=tuple(dict.fromkeys(servers or settings.dns_nameservers)),
        allowed_address_pairs=tuple(
            AddressPair(_single(pair["ip_address"]), pair["mac_address"])
            for pair in row["allowed_address_pairs"]
        ),
        port_security=row["port_security_enabled"],
        rules=tuple(dict.fromkeys(own_rules)),
        admin_up=row["admin_state_up"] and network_up,
    )


def _with_subnets(connection: Connection, ids: Sequence[str]) -> dict[str, list[RowMapping]]:
    """The addresses of ports together with their subnets' prefixes and gateways."""
    found: dict[str, list[RowMapping]] = {identity: [] for identity in ids}
    for part in chunks(ids):
        query = (
            select(addresses, subnets.c.cidr, subnets.c.gateway_ip)
            .select_from(addresses.join(subnets, subnets.c.id == addresses.c.subnet_id))
            .where(addresses.c.port_id.in_(part))
            .order_by(addresses.c.ordinal)
        )
        for row in connection.execute(query).mappings().all():
            found[row["port_id"]].append(row)
    return found


def _addresses(given: Sequence[RowMapping]) -> tuple[Address, ...]:
    return tuple(Address(row["address"], _length(row["cidr"])) for row in given)


def _length(cidr: str) -> int:
    return int(cidr.rpartition("/")[2])


def _single(address: str) -> str:
    """An address as a prefix; a prefix as it is."""
    if "/" in address:
        return address
    return f"{address}/128" if ":" in address else f"{address}/32"
