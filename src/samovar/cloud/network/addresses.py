# SPDX-License-Identifier: Apache-2.0
"""Which addresses are whose: subnets give addresses to ports.

The next free address of a subnet is looked for behind the one given last (``cursor``), so that an
address just given back is not given away at once and a long run of taken addresses is not walked again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, insert, select, update

from .backend import Work
from .faults import refuse
from .kind import chunks
from .tables import addresses, port_groups, ports, subnets
from .values import ip, prefix

LAST_POSITION = 2**63 - 1
STATELESS = ("slaac", "dhcpv6-stateless")


@dataclass(frozen=True, slots=True)
class Given:
    """An address of a subnet."""

    subnet: RowMapping
    address: str


def subnets_of(connection: Connection, network_id: str) -> Sequence[RowMapping]:
    return connection.execute(OF_NETWORK, {"network": network_id}).mappings().all()


def assign(
    work: Work,
    *,
    network_id: str,
    port_id: str,
    mac: str,
    owner: str,
    requested: Sequence[dict[str, str]] | None,
) -> list[Given]:
    """Make these the port's addresses: what it has and keeps stays, the rest is given back.

    `requested` None: one of each IP version that the network has. Raises the faults of port requests.
    """
    connection = work.connection
    available = subnets_of(connection, network_id)
    had = connection.execute(select(addresses).where(addresses.c.port_id == port_id)).mappings().all()
    connection.execute(delete(addresses).where(addresses.c.port_id == port_id))
    given: list[Given] = []
    if requested is None:
        given = automatic(work, network_id, available, mac, owner)
    else:
        wanted = [_choose(available, network_id, item) for item in requested]
        fixed = {address for _, address in wanted if address}
        spare = [row for row in had if row["address"] not in fixed]
        for subnet, address in wanted:
            if address is None:
                kept = next((row for row in spare if row["subnet_id"] == subnet["id"]), None)
                if kept is not None:
                    spare.remove(kept)
                    address = kept["address"]
            if address is None:
                address = pick(work, subnet, mac, avoid=fixed)
                if address is None:
                    raise _exhausted(network_id, [subnet])
            elif taken(connection, network_id, address) or any(g.address == address for g in given):
                raise refuse("IpAddressInUse", f"{address} is in use in network {network_id}.")
            given.append(Given(subnet, address))
            _record(work, network_id, port_id, given[-1], len(given) - 1)
        return given
    for ordinal, item in enumerate(given):
        _record(work, network_id, port_id, item, ordinal)
    return given


def automatic(
    work: Work, network_id: str, available: Sequence[RowMapping], mac: str, owner: str
) -> list[Given]:
    """One address of each IP version, and one of each subnet where hosts make their own."""
    serving = [s for s in available if owner in s["service_types"]] or [
        s for s in available if not s["service_types"]
    ]
    if available and not serving:
        raise refuse(
            "IpAddressGenerationFailureNoMatchingSubnet",
            f"No subnet of network {network_id} serves ports of {owner or 'no owner'}.",
        )
    given = []
    stateless = [s for s in serving if s["ipv6_address_mode"] in STATELESS]
    for version in (4, 6):
        candidates = [s for s in serving if s["ip_version"] == version and s not in stateless]
        for subnet in candidates:
            address = pick(work, subnet, mac)
            if address is not None:
                given.append(Given(subnet, address))
                break
        else:
            if candidates:
                raise _exhausted(network_id, candidates)
    for subnet in stateless:
        address = pick(work, subnet, mac)
        if address is not None:
            given.append(Given(subnet, address))
    return given


def pick(work: Work, subnet: RowMapping, mac: str, avoid: Set[str] = frozenset()) -> str | None:
    """A free address of the subnet, or None. The subnet remembers where to look next."""
    connection = work.connection
    network = prefix(subnet["cidr"])
    base = int(network.network_address)
    if subnet["ipv6_address_mode"] in STATELESS:
        return interface_address(network, mac)
    cursor = connection.execute(select(subnets.c.cursor).where(subnets.c.id == subnet["id"])).scalar_one()
    for low, high in _intervals(subnet["allocation_pools"], base, cursor):
        while (position := _first_free(connection, subnet["id"], low, high)) is not None:
            address = str(network.network_address + position)
            if address not in avoid:
                later = update(subnets).where(subnets.c.id == subnet["id"])
                connection.execute(later.values(cursor=position + 1))
                return address
            low = position + 1
    return None


def give_everyone(work: Work, subnet: RowMapping) -> None:
    """Give the ports that are there already their address in a subnet where hosts make their own."""
    query = select(ports).where(
        ports.c.network_id == subnet["network_id"], ports.c.device_owner.not_like("network:%")
    )
    for port in work.connection.execute(query).mappings().all():
        address = interface_address(prefix(subnet["cidr"]), port["mac_address"])
        last = len(of_ports(work.connection, [port["id"]])[port["id"]])
        _record(work, subnet["network_id"], port["id"], Given(subnet, address), last)
        for group in work.connection.execute(
            select(port_groups.c.security_group_id).where(port_groups.c.port_id == port["id"])
        ).scalars():
            work.touch("members", group)


def interface_address(network: ipaddress.IPv4Network | ipaddress.IPv6Network, mac: str) -> str:
    """The address that a host with this MAC makes itself in an IPv6 prefix (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    identifier = int.from_bytes(bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]]), "big")
    return str(ipaddress.IPv6Address(int(network.network_address) | identifier))


def taken(connection: Connection, network_id: str, address: str) -> bool:
    """Whether a port of the network has the address."""
    query = select(addresses.c.port_id).where(
        addresses.c.network_id == network_id, addresses.c.address == address
    )
    return connection.execute(query).first() is not None


OF_PORTS = (
    select(addresses)
    .where(addresses.c.port_id.in_(bindparam("ids", expanding=True)))
    .order_by(addresses.c.ordinal)
)
OF_NETWORK = (
    select(subnets)
    .where(subnets.c.network_id == bindparam("network"))
    .order_by(subnets.c.created_at, subnets.c.id)
)


def of_ports(connection: Connection, ids: Sequence[str]) -> dict[str, list[RowMapping]]:
    """The addresses of each port, in their order."""
    found: dict[str, list[RowMapping]] = {identity: [] for identity in ids}
    for part in chunks(ids):
        for row in connection.execute(OF_PORTS, {"ids": part}).mappings().all():
            found[row["port_id"]].append(row)
    return found


def _choose(
    available: Sequence[RowMapping], network_id: str, item: dict[str, Any]
) -> tuple[RowMapping, str | None]:
    """The subnet that one entry of fixed_ips means, and its address if it names one."""
    address, subnet_id = item.get("ip_address"), item.get("subnet_id")
    if subnet_id:
        subnet = next((s for s in available if s["id"] == subnet_id), None)
        if subnet is None:
            raise refuse("InvalidInput", f"Subnet {subnet_id} is not one of network {network_id}.")
        if address and not _usable(subnet, address):
            raise refuse("InvalidIpForSubnet", f"{address} is not an address of subnet {subnet['cidr']}.")
        return subnet, address
    if not address:
        raise refuse("InvalidInput", "An entry of fixed_ips needs subnet_id, ip_address or both.")
    for subnet in available:
        if _usable(subnet, address):
            return subnet, address
    raise refuse("InvalidIpForNetwork", f"{address} is in none of the subnets of network {network_id}.")


def _usable(subnet: RowMapping, address: str) -> bool:
    network, candidate = prefix(subnet["cidr"]), ip(address)
    if candidate not in network:
        return False
    if network.version == 4 and network.prefixlen < 31:
        return candidate not in (network.network_address, network.broadcast_address)
    return True


def _intervals(pools: Sequence[dict[str, str]], base: int, cursor: int) -> Iterator[tuple[int, int]]:
    """The positions of the pools, beginning at the cursor and coming round to it."""
    spans = [(int(ip(pool["start"])) - base, int(ip(pool["end"])) - base) for pool in pools]
    spans = [(low, min(high, LAST_POSITION - 1)) for low, high in spans if low < LAST_POSITION]
    for low, high in spans:
        if high >= cursor:
            yield max(low, cursor), high
    for low, high in spans:
        if low < cursor:
            yield low, min(high, cursor - 1)


def _first_free(connection: Connection, subnet_id: str, low: int, high: int) -> int | None:
    """The first position from `low` to `high` that no port has: `low`, or the one behind the first run."""
    if low > high:
        return None
    here = addresses.alias("here")
    there = addresses.alias("there")
    at_low = select(here.c.position).where(here.c.subnet_id == subnet_id, here.c.position == low)
    if connection.execute(at_low).first() is None:
        return low
    query = (
        select(here.c.position + 1)
        .select_from(
            here.outerjoin(
                there,
                and_(there.c.subnet_id == here.c.subnet_id, there.c.position == here.c.position + 1),
            )
        )
        .where(here.c.subnet_id == subnet_id, here.c.position >= low, here.c.position < high)
        .where(there.c.position.is_(None))
        .order_by(here.c.position)
        .limit(1)
    )
    found: int | None = connection.execute(query).scalar()
    return found


def _record(work: Work, network_id: str, port_id: str, item: Given, ordinal: int) -> None:
    position = int(ip(item.address)) - int(prefix(item.subnet["cidr"]).network_address)
    work.connection.execute(
        insert(addresses).values(
            network_id=network_id,
            address=item.address,
            subnet_id=item.subnet["id"],
            position=position if position <= LAST_POSITION else None,
            port_id=port_id,
            ordinal=ordinal,
        )
    )


def _exhausted(network_id: str, tried: Sequence[RowMapping]) -> Exception:
    cidrs = ", ".join(subnet["cidr"] for subnet in tried)
    return refuse("IpAddressGenerationFailure", f"No address is free in {cidrs} of network {network_id}.")
