# SPDX-License-Identifier: Apache-2.0
"""Networks: an own layer 2 each, private to a project unless shared, or external: reachable from the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, exists, select, update

from samovar.auth import Context

from .backend import Work
from .faults import refuse
from .kind import Attribute, Kind, Values, chunks, named, shared_with, standard, tags_of
from .tables import (
    floating_ips,
    networks,
    ports,
    routers,
    sharing,
    subnet_pools,
    subnets,
    tags,
)
from .values import boolean, dns_domain, integer, list_of, nullable, one_of, text

LARGEST_MTU = 65535
SMALLEST_MTU = 68
ZONE = "nova"

ATTRIBUTES = {
    **named(),
    "admin_state_up": Attribute(boolean, True),
    "mtu": Attribute(integer(SMALLEST_MTU, LARGEST_MTU)),
    "shared": Attribute(boolean, False, guarded=True),
    "router:external": Attribute(boolean, False, guarded=True),
    "is_default": Attribute(boolean, False, guarded=True),
    "port_security_enabled": Attribute(boolean, True),
    "dns_domain": Attribute(dns_domain, ""),
    "availability_zone_hints": Attribute(list_of(one_of(ZONE)), [], update=False),
    "provider:network_type": Attribute(nullable(one_of("local")), None, update=False, guarded=True),
    "provider:physical_network": Attribute(nullable(text(64)), None, update=False, guarded=True),
    "provider:segmentation_id": Attribute(nullable(integer(1, 2**24 - 1)), None, update=False, guarded=True),
}


def readable(context: Context) -> Sequence[ColumnElement[bool]]:
    """Networks of others that the bearer may read and use."""
    return (
        networks.c.shared.is_(True),
        networks.c.external.is_(True),
        shared_with(networks.c.id, "access_as_shared", context),
        shared_with(networks.c.id, "access_as_external", context),
    )


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    children: dict[str, list[str]] = {identity: [] for identity in ids}
    scopes: dict[tuple[str, int], str] = {}
    for part in chunks(ids):
        query = (
            select(subnets.c.network_id, subnets.c.id, subnets.c.ip_version, subnet_pools.c.address_scope_id)
            .select_from(subnets.outerjoin(subnet_pools, subnet_pools.c.id == subnets.c.subnetpool_id))
            .where(subnets.c.network_id.in_(part))
            .order_by(subnets.c.created_at, subnets.c.id)
        )
        for network_id, subnet_id, version, scope in connection.execute(query).all():
            children[network_id].append(subnet_id)
            if scope:
                scopes[network_id, version] = scope
    described = []
    for row in rows:
        shown = standard(row, tagged) | {
            "admin_state_up": row["admin_state_up"],
            "status": row["status"],
            "mtu": row["mtu"],
            "shared": row["shared"],
            "router:external": row["external"],
            "port_security_enabled": row["port_security_enabled"],
            "dns_domain": row["dns_domain"],
            "subnets": children[row["id"]],
            "availability_zone_hints": row["availability_zone_hints"],
            "availability_zones": [ZONE],
            "ipv4_address_scope": scopes.get((row["id"], 4)),
            "ipv6_address_scope": scopes.get((row["id"], 6)),
        }
        if row["external"]:
            shown["is_default"] = row["is_default"]
        if context.is_admin:
            shown["provider:network_type"] = "local"
            shown["provider:physical_network"] = None
            shown["provider:segmentation_id"] = None
        described.append(shown)
    return described


def create(work: Work, values: Values) -> str:
    if values.pop("provider:physical_network") or values.pop("provider:segmentation_id"):
        raise refuse("InvalidInput", "A local network has neither a physical network nor a segment id.")
    values.pop("provider:network_type")
    values.pop("provider:segmentation_id", None)
    work.spend("network", networks, values["project_id"])
    external = values.pop("router:external")
    if values["is_default"]:
        _only_default(work, external)
    values.setdefault("mtu", work.settings.mtu)
    identity = work.add(networks, external=external, **values)
    if values["shared"]:
        share(work, identity, "access_as_shared", values["project_id"])
    if external:
        share(work, identity, "access_as_external", values["project_id"])
    work.touch("network", identity)
    return identity


def update_network(work: Work, row: RowMapping, values: Values) -> None:
    identity = row["id"]
    if "router:external" in values:
        values["external"] = values.pop("router:external")
        if row["external"] and not values["external"]:
            _not_in_use_outside(work, identity)
        if values["external"] != row["external"]:
            used = exists().where(ports.c.network_id == identity)
            if work.connection.execute(select(used)).scalar():
                raise refuse(
                    "NetworkInUse", f"Network {identity} has ports; it can become external only without."
                )
            _set_sharing(work, identity, "access_as_external", row["project_id"], values["external"])
    if values.get("shared", row["shared"]) != row["shared"]:
        if not values["shared"]:
            _no_strangers(work, row)
        _set_sharing(work, identity, "access_as_shared", row["project_id"], values["shared"])
    if values.get("is_default") and not row["is_default"]:
        _only_default(work, values.get("external", row["external"]))
    if values:
        work.connection.execute(update(networks).where(networks.c.id == identity).values(**values))
    work.touch("network", identity)


def delete_network(work: Work, row: RowMapping) -> None:
    """A network goes with its subnets, and only when no port is left."""
    identity, connection = row["id"], work.connection
    left = (
        connection.execute(select(ports.c.id).where(ports.c.network_id == identity).limit(3)).scalars().all()
    )
    if left:
        raise refuse("NetworkInUse", f"Network {identity} still has ports, for instance {', '.join(left)}.")
    ids = connection.execute(select(subnets.c.id).where(subnets.c.network_id == identity)).scalars().all()
    for gone in (identity, *ids):
        connection.execute(delete(tags).where(tags.c.resource_id == gone))
        connection.execute(delete(sharing).where(sharing.c.object_id == gone))
    connection.execute(delete(subnets).where(subnets.c.network_id == identity))
    connection.execute(delete(networks).where(networks.c.id == identity))
    work.bury("network", identity)


def share(work: Work, identity: str, action: str, project_id: str, target: str = "*") -> str:
    """An RBAC policy that lets `target` use the network."""
    return work.add(
        sharing,
        project_id=project_id,
        object_type="network",
        object_id=identity,
        action=action,
        target_tenant=target,
    )


def _set_sharing(work: Work, identity: str, action: str, project_id: str, on: bool) -> None:
    if on:
        share(work, identity, action, project_id)
        return
    work.connection.execute(
        delete(sharing).where(
            sharing.c.object_id == identity, sharing.c.action == action, sharing.c.target_tenant == "*"
        )
    )


def _only_default(work: Work, external: bool) -> None:
    if not external:
        raise refuse("InvalidInput", "Only an external network can be the default one.")
    other = select(networks.c.id).where(networks.c.is_default.is_(True))
    found = work.connection.execute(other).scalar()
    if found:
        raise refuse("DefaultExternalNetworkExists", f"The default external network is {found} already.")


def _not_in_use_outside(work: Work, identity: str) -> None:
    gateway = exists().where(routers.c.gateway_network_id == identity)
    floating = exists().where(floating_ips.c.floating_network_id == identity)
    if work.connection.execute(select(gateway | floating)).scalar():
        raise refuse("ExternalNetworkInUse", f"Network {identity} has router gateways or floating IPs.")


def _no_strangers(work: Work, row: RowMapping) -> None:
    stranger = (
        select(ports.c.id)
        .where(ports.c.network_id == row["id"], ports.c.project_id.not_in((row["project_id"], "")))
        .limit(1)
    )
    if work.connection.execute(stranger).first() is not None:
        raise refuse("InvalidSharedSetting", f"Other projects have ports in network {row['id']}.")


def usable(work: Work, identity: str) -> RowMapping:
    """The network, when the bearer may attach something to it."""
    return KIND.fetch(work.connection, identity, work.context)


def owns(context: Context, network: RowMapping) -> bool:
    """Whether the bearer rules over the network."""
    return context.is_admin or network["project_id"] == context.project_id


KIND = Kind(
    name="network",
    plural="networks",
    path="networks",
    table=networks,
    missing="NetworkNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_network,
    delete=delete_network,
    readable=readable,
    columns={"router:external": "external"},
    filters={
        "provider:network_type": lambda values: (
            networks.c.id.is_not(None) if "local" in values else networks.c.id.is_(None)
        ),
        "subnets": lambda values: networks.c.id.in_(
            select(subnets.c.network_id).where(subnets.c.id.in_(values))
        ),
    },
)

__all__ = ["KIND", "ZONE", "owns", "share", "usable"]
