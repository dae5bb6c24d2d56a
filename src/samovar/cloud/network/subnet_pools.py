# SPDX-License-Identifier: Apache-2.0
"""Subnet pools, from which subnets take prefixes, and address scopes, in which pools do not overlap."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update

from samovar.auth import Context

from .backend import Work
from .faults import refuse
from .kind import REQUIRED, Attribute, Kind, Values, named, shared_with, standard, tags_of
from .tables import address_scopes, subnet_pools, subnets
from .values import IpNetwork, boolean, identity, integer, list_of, nullable, one_of, overlap, prefix
from .values import cidr as parse_cidr

PREFIXES = list_of(parse_cidr)

SCOPE_ATTRIBUTES = {
    **named(),
    "ip_version": Attribute(one_of(4, 6), REQUIRED, update=False),
    "shared": Attribute(boolean, False, guarded=True),
}

ATTRIBUTES = {
    **named(),
    "prefixes": Attribute(PREFIXES, REQUIRED),
    "min_prefixlen": Attribute(nullable(integer(1, 128))),
    "max_prefixlen": Attribute(nullable(integer(1, 128))),
    "default_prefixlen": Attribute(nullable(integer(1, 128))),
    "default_quota": Attribute(nullable(integer(0, 2**31 - 1)), None),
    "shared": Attribute(boolean, False, update=False, guarded=True),
    "is_default": Attribute(boolean, False, guarded=True),
    "address_scope_id": Attribute(nullable(identity), None),
}


def describe_scopes(
    connection: Connection, rows: Sequence[RowMapping], context: Context
) -> list[dict[str, Any]]:
    shown = []
    for row in rows:
        item = standard(row) | {"ip_version": row["ip_version"], "shared": row["shared"]}
        for absent in ("description", "created_at", "updated_at", "revision_number"):
            del item[absent]
        shown.append(item)
    return shown


def create_scope(work: Work, values: Values) -> str:
    return work.add(address_scopes, **values)


def update_scope(work: Work, row: RowMapping, values: Values) -> None:
    if values:
        work.connection.execute(
            update(address_scopes).where(address_scopes.c.id == row["id"]).values(**values)
        )


def delete_scope(work: Work, row: RowMapping) -> None:
    used = select(subnet_pools.c.id).where(subnet_pools.c.address_scope_id == row["id"]).limit(1)
    if (pool := work.connection.execute(used).scalar()) is not None:
        raise refuse("AddressScopeInUse", f"Subnet pool {pool} is in address scope {row['id']}.")
    work.connection.execute(delete(address_scopes).where(address_scopes.c.id == row["id"]))


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    shown = []
    for row in rows:
        item = standard(row, tagged)
        for name in ("ip_version", "prefixes", "default_quota", "shared", "is_default", "address_scope_id"):
            item[name] = row[name]
        for name in ("min_prefixlen", "max_prefixlen", "default_prefixlen"):
            item[name] = str(row[name])
        shown.append(item)
    return shown


def create(work: Work, values: Values) -> str:
    work.spend("subnetpool", subnet_pools, values["project_id"])
    prefixes = _prefixes(values["prefixes"])
    version = prefixes[0].version
    values["prefixes"] = [str(p) for p in prefixes]
    values["ip_version"] = version
    shortest, longest = (8, 32) if version == 4 else (64, 128)
    values["min_prefixlen"] = values.get("min_prefixlen") or shortest
    values["max_prefixlen"] = values.get("max_prefixlen") or longest
    values["default_prefixlen"] = values.get("default_prefixlen") or values["min_prefixlen"]
    _check_lengths(values, version)
    _check_scope(work, values["address_scope_id"], version, prefixes, None)
    if values["is_default"]:
        _only_default(work, version)
    return work.add(subnet_pools, **values)


def update_pool(work: Work, row: RowMapping, values: Values) -> None:
    if "prefixes" in values:
        prefixes = _prefixes(values["prefixes"])
        for old in row["prefixes"]:
            inside = (p.version == row["ip_version"] and prefix(old).subnet_of(p) for p in prefixes)  # type: ignore[arg-type]
            if not any(inside):
                raise refuse("IllegalSubnetPoolPrefixUpdate", f"The prefix {old} cannot be taken away.")
        values["prefixes"] = [str(p) for p in prefixes]
    merged = dict(row) | {name: value for name, value in values.items() if value is not None}
    _check_lengths(merged, row["ip_version"])
    scope = values.get("address_scope_id", row["address_scope_id"])
    _check_scope(work, scope, row["ip_version"], [prefix(p) for p in merged["prefixes"]], row["id"])
    if values.get("is_default") and not row["is_default"]:
        _only_default(work, row["ip_version"])
    if values:
        work.connection.execute(update(subnet_pools).where(subnet_pools.c.id == row["id"]).values(**values))


def delete_pool(work: Work, row: RowMapping) -> None:
    used = select(subnets.c.id).where(subnets.c.subnetpool_id == row["id"]).limit(1)
    if (subnet := work.connection.execute(used).scalar()) is not None:
        raise refuse("SubnetPoolInUse", f"Subnet {subnet} is from subnet pool {row['id']}.")
    work.connection.execute(delete(subnet_pools).where(subnet_pools.c.id == row["id"]))


def take(
    work: Work,
    pool_id: str | None,
    wanted: str | None,
    prefixlen: int | None,
    version: int | None,
    project_id: str,
) -> tuple[str, str]:
    """A prefix of the pool (the default one without `pool_id`) that no subnet has, and the pool's id."""
    if pool_id is None:
        query = select(subnet_pools).where(
            subnet_pools.c.is_default.is_(True), subnet_pools.c.ip_version == (version or 4)
        )
        pool = work.connection.execute(query).mappings().first()
        if pool is None:
            raise refuse("BadRequest", f"There is no default subnet pool of IP version {version or 4}.")
    else:
        pool = POOLS.fetch(work.connection, pool_id, work.context)
    if version not in (None, pool["ip_version"]):
        raise refuse("BadRequest", f"Subnet pool {pool['id']} is of IP version {pool['ip_version']}.")
    rows = work.connection.execute(
        select(subnets.c.cidr, subnets.c.project_id).where(subnets.c.subnetpool_id == pool["id"])
    ).all()
    used = [prefix(row.cidr) for row in rows]
    if wanted is not None:
        length = prefix(wanted).prefixlen
    else:
        length = prefixlen if prefixlen is not None else pool["default_prefixlen"]
    if not pool["min_prefixlen"] <= length <= pool["max_prefixlen"]:
        kind = (
            "MinPrefixSubnetAllocationError"
            if length < pool["min_prefixlen"]
            else "MaxPrefixSubnetAllocationError"
        )
        raise refuse(
            kind,
            f"Subnet pool {pool['id']} gives prefixes of "
            f"/{pool['min_prefixlen']} to /{pool['max_prefixlen']}.",
        )
    _check_quota(pool, [prefix(row.cidr) for row in rows if row.project_id == project_id], length)
    if wanted is not None:
        _check_specific(pool, prefix(wanted), used)
        return wanted, pool["id"]
    found = _gap([prefix(p) for p in pool["prefixes"]], used, length)
    if found is None:
        raise refuse("SubnetAllocationError", f"Subnet pool {pool['id']} has no free /{length}.")
    return str(found), pool["id"]


def _gap(prefixes: Sequence[IpNetwork], used: Sequence[IpNetwork], length: int) -> IpNetwork | None:
    """The first block of this length that overlaps nothing used."""
    spans = sorted((int(n.network_address), int(n.broadcast_address)) for n in used)
    for network in prefixes:
        if network.prefixlen > length:
            continue
        size = 1 << (network.max_prefixlen - length)
        at, end = int(network.network_address), int(network.broadcast_address)
        for low, high in spans:
            if high < at:
                continue
            if at + size - 1 < low:
                break
            at = -(-(high + 1) // size) * size
        if at + size - 1 <= end:
            return network.__class__((at, length))
    return None


def _check_specific(pool: RowMapping, wanted: IpNetwork, used: Sequence[IpNetwork]) -> None:
    inside = any(
        wanted.version == p.version and wanted.subnet_of(p)  # type: ignore[arg-type]
        for p in map(prefix, pool["prefixes"])
    )
    if not inside:
        raise refuse("SubnetAllocationError", f"{wanted} is not within subnet pool {pool['id']}.")
    clash = overlap(used, wanted)
    if clash is not None:
        raise refuse("SubnetAllocationError", f"{wanted} overlaps {clash}, which is taken from the pool.")


def _check_quota(pool: RowMapping, own: Sequence[IpNetwork], length: int) -> None:
    """A pool's quota counts addresses of IPv4 and /64 networks of IPv6."""
    if pool["default_quota"] is None:
        return
    unit = 32 if pool["ip_version"] == 4 else 64
    spent = sum(2 ** max(0, unit - n.prefixlen) for n in own) + 2 ** max(0, unit - length)
    if spent > pool["default_quota"]:
        raise refuse("SubnetPoolQuotaExceeded", f"The project's part of subnet pool {pool['id']} is used up.")


def _prefixes(given: Sequence[str]) -> list[IpNetwork]:
    networks = [prefix(item) for item in given]
    if not networks:
        raise refuse("SubnetPoolPrefixesMissing", "A subnet pool needs at least one prefix.")
    if len({network.version for network in networks}) > 1:
        raise refuse("PrefixVersionMismatch", "All prefixes of a subnet pool must be of one IP version.")
    if networks[0].version == 4:
        return list(ipaddress.collapse_addresses([n for n in networks if n.version == 4]))
    return list(ipaddress.collapse_addresses([n for n in networks if n.version == 6]))


def _check_lengths(values: Values, version: int) -> None:
    low, default, high = values["min_prefixlen"], values["default_prefixlen"], values["max_prefixlen"]
    if high > (32 if version == 4 else 128) or not low <= default <= high:
        raise refuse(
            "IllegalSubnetPoolPrefixBounds",
            f"/{low} (min), /{default} (default), /{high} (max) are not in order.",
        )


def _check_scope(
    work: Work, scope_id: str | None, version: int, prefixes: Sequence[IpNetwork], own: str | None
) -> None:
    if scope_id is None:
        return
    scope = SCOPES.fetch(work.connection, scope_id, work.context)
    if scope["ip_version"] != version:
        raise refuse(
            "IllegalSubnetPoolIpVersionAssociation",
            f"Address scope {scope_id} is of IP version {scope['ip_version']}.",
        )
    query = select(subnet_pools).where(subnet_pools.c.address_scope_id == scope_id)
    for row in work.connection.execute(query).mappings().all():
        if row["id"] == own:
            continue
        for item in prefixes:
            if overlap([prefix(p) for p in row["prefixes"]], item) is not None:
                raise refuse(
                    "AddressScopePrefixConflict", f"{item} overlaps subnet pool {row['id']} of the scope."
                )


def _only_default(work: Work, version: int) -> None:
    query = select(subnet_pools.c.id).where(
        subnet_pools.c.is_default.is_(True), subnet_pools.c.ip_version == version
    )
    if (other := work.connection.execute(query).scalar()) is not None:
        raise refuse("InvalidInput", f"The default subnet pool of IP version {version} is {other} already.")


SCOPES = Kind(
    name="address_scope",
    plural="address_scopes",
    path="address-scopes",
    table=address_scopes,
    missing="AddressScopeNotFound",
    attributes={n: a for n, a in SCOPE_ATTRIBUTES.items() if n != "description"},
    describe=describe_scopes,
    create=create_scope,
    update=update_scope,
    delete=delete_scope,
    readable=lambda context: (
        address_scopes.c.shared.is_(True),
        shared_with(address_scopes.c.id, "access_as_shared", context),
    ),
    taggable=False,
)

POOLS = Kind(
    name="subnetpool",
    plural="subnetpools",
    path="subnetpools",
    table=subnet_pools,
    missing="SubnetPoolNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_pool,
    delete=delete_pool,
    readable=lambda context: (
        subnet_pools.c.shared.is_(True),
        shared_with(subnet_pools.c.id, "access_as_shared", context),
    ),
)
