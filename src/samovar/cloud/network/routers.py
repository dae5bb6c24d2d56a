# SPDX-License-Identifier: Apache-2.0
"""Routers: they join subnets with each other and, through a gateway, with an external network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update

from samovar.auth import Context

from . import networks, ports
from .addresses import assign, of_ports, subnets_of
from .backend import Work
from .faults import refuse
from .kind import Attribute, Kind, Values, chunks, named, standard, tags_of
from .tables import addresses, floating_ips, routers, subnets
from .tables import ports as port_table
from .values import (
    address,
    boolean,
    identity,
    ip,
    list_of,
    mapping,
    not_here,
    one_of,
    overlap,
    prefix,
    routes,
)

GATEWAY = "network:router_gateway"
INTERFACE = "network:router_interface"

external_fixed_ip = mapping({}, {"subnet_id": identity, "ip_address": address})
gateway_info = mapping(
    {"network_id": identity},
    {"enable_snat": boolean, "external_fixed_ips": list_of(external_fixed_ip, 16)},
)


def parse_gateway(value: Any) -> Values:
    """The gateway's description; null and {} mean no gateway."""
    parsed: Values = gateway_info(value) if value else {}
    return parsed


ATTRIBUTES = {
    **named(),
    "admin_state_up": Attribute(boolean, True),
    "external_gateway_info": Attribute(parse_gateway, {}),
    "routes": Attribute(routes, [], create=False),
    "availability_zone_hints": Attribute(list_of(one_of(networks.ZONE)), [], update=False),
    "distributed": Attribute(not_here("distributed routers"), False, update=False),
    "ha": Attribute(not_here("highly available routers"), False, update=False),
}


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    outside = of_ports(connection, [row["gateway_port_id"] for row in rows if row["gateway_port_id"]])
    described = []
    for row in rows:
        gateway = None
        if row["gateway_port_id"]:
            gateway = {
                "network_id": row["gateway_network_id"],
                "enable_snat": row["enable_snat"],
                "external_fixed_ips": [
                    {"subnet_id": item["subnet_id"], "ip_address": item["address"]}
                    for item in outside[row["gateway_port_id"]]
                ],
            }
        shown = standard(row, tagged) | {
            "admin_state_up": row["admin_state_up"],
            "status": row["status"],
            "external_gateway_info": gateway,
            "routes": row["routes"],
            "availability_zone_hints": row["availability_zone_hints"],
            "availability_zones": [networks.ZONE],
            "flavor_id": None,
        }
        if context.is_admin:
            shown |= {"distributed": False, "ha": False}
        described.append(shown)
    return described


def create(work: Work, values: Values) -> str:
    work.spend("router", routers, values["project_id"])
    gateway = values.pop("external_gateway_info")
    for fixed in ("distributed", "ha"):
        values.pop(fixed)
    made = work.add(routers, routes=[], **values)
    if gateway:
        set_gateway(work, KIND.fetch(work.connection, made), gateway)
    work.touch("router", made)
    return made


def update_router(work: Work, row: RowMapping, values: Values) -> None:
    if "external_gateway_info" in values:
        set_gateway(work, row, values.pop("external_gateway_info"))
    if "routes" in values:
        check_routes(work, row["id"], values["routes"])
    if values:
        work.connection.execute(update(routers).where(routers.c.id == row["id"]).values(**values))
    work.touch("router", row["id"])


def delete_router(work: Work, row: RowMapping) -> None:
    left = interfaces(work.connection, row["id"])
    if left:
        raise refuse("RouterInUse", f"Router {row['id']} still has the interface {left[0]['id']}.")
    set_gateway(work, row, {})
    work.connection.execute(delete(routers).where(routers.c.id == row["id"]))
    work.bury("router", row["id"])


def interfaces(connection: Connection, router_id: str) -> Sequence[RowMapping]:
    """The router's ports in its networks."""
    query = select(port_table).where(
        port_table.c.device_id == router_id, port_table.c.device_owner == INTERFACE
    )
    return connection.execute(query.order_by(port_table.c.created_at, port_table.c.id)).mappings().all()


def connected(connection: Connection, router_id: str) -> Sequence[RowMapping]:
    """The subnets that the router has an interface in, with the interface's port and address."""
    query = (
        select(subnets, port_table.c.id.label("port_id"), addresses.c.address)
        .select_from(
            port_table.join(addresses, addresses.c.port_id == port_table.c.id).join(
                subnets, subnets.c.id == addresses.c.subnet_id
            )
        )
        .where(port_table.c.device_id == router_id, port_table.c.device_owner == INTERFACE)
        .order_by(port_table.c.created_at, port_table.c.id)
    )
    return connection.execute(query).mappings().all()


def set_gateway(work: Work, row: RowMapping, wanted: Values) -> None:
    """Give the router this way out, or none."""
    _permit(work, row, wanted)
    same = bool(wanted) and row["gateway_network_id"] == wanted["network_id"]
    if same:
        _change_gateway(work, row, wanted)
        return
    if row["gateway_port_id"]:
        _remove_gateway(work, row)
    if not wanted:
        return
    network = networks.usable(work, wanted["network_id"])
    if not network["external"]:
        raise refuse("BadRequest", f"Network {network['id']} is not external, so it cannot be a gateway.")
    if not subnets_of(work.connection, network["id"]):
        raise refuse("BadRequest", f"External network {network['id']} has no subnet to take an address from.")
    port_id = ports.make(
        work,
        network,
        {
            "project_id": "",
            "device_owner": GATEWAY,
            "device_id": row["id"],
            "port_security_enabled": False,
            "fixed_ips": _requested(wanted),
        },
    )
    _no_overlap(work, row["id"], port_id)
    work.connection.execute(
        update(routers)
        .where(routers.c.id == row["id"])
        .values(
            gateway_network_id=network["id"],
            gateway_port_id=port_id,
            enable_snat=wanted.get("enable_snat", True),
        )
    )


def check_routes(work: Work, router_id: str, given: Sequence[dict[str, str]]) -> None:
    """Each next hop must be a neighbour of the router."""
    row = KIND.fetch(work.connection, router_id)
    near = [prefix(subnet["cidr"]) for subnet in connected(work.connection, router_id)]
    if row["gateway_network_id"]:
        near += [prefix(s["cidr"]) for s in subnets_of(work.connection, row["gateway_network_id"])]
    own = {subnet["address"] for subnet in connected(work.connection, router_id)}
    for route in given:
        hop = ip(route["nexthop"])
        if not any(hop in network for network in near if network.version == hop.version):
            raise refuse("InvalidRoutes", f"{hop} is in no subnet that router {router_id} is connected to.")
        if str(hop) in own:
            raise refuse("InvalidRoutes", f"{hop} is an address of router {router_id} itself.")


def _requested(wanted: Values) -> list[dict[str, str]] | None:
    fixed: list[dict[str, str]] = [item for item in wanted.get("external_fixed_ips", ()) if item]
    return fixed or None


def _permit(work: Work, row: RowMapping, wanted: Values) -> None:
    target = {"project_id": row["project_id"]}
    if wanted.get("enable_snat", row["enable_snat"]) != row["enable_snat"]:
        work.policy.enforce("create_router:external_gateway_info:enable_snat", work.context, target)
    if any(item.get("ip_address") for item in wanted.get("external_fixed_ips", ())):
        work.policy.enforce("create_router:external_gateway_info:external_fixed_ips", work.context, target)


def _change_gateway(work: Work, row: RowMapping, wanted: Values) -> None:
    if "enable_snat" in wanted:
        work.connection.execute(
            update(routers).where(routers.c.id == row["id"]).values(enable_snat=wanted["enable_snat"])
        )
    requested = _requested(wanted)
    if requested is None:
        return
    port = ports.KIND.fetch(work.connection, row["gateway_port_id"])
    assign(
        work,
        network_id=port["network_id"],
        port_id=port["id"],
        mac=port["mac_address"],
        owner=GATEWAY,
        requested=requested,
    )


def _remove_gateway(work: Work, row: RowMapping) -> None:
    used = select(floating_ips.c.floating_ip_address).where(floating_ips.c.router_id == row["id"]).limit(1)
    floating = work.connection.execute(used).scalar()
    if floating is not None:
        raise refuse(
            "RouterExternalGatewayInUseByFloatingIp",
            f"The gateway of router {row['id']} is in use by floating IP {floating}.",
        )
    near = [prefix(s["cidr"]) for s in connected(work.connection, row["id"])]
    for route in row["routes"]:
        if not any(ip(route["nexthop"]) in network for network in near):
            raise refuse(
                "RouterInterfaceInUseByRoute", f"The route to {route['destination']} needs the gateway."
            )
    work.connection.execute(
        update(routers)
        .where(routers.c.id == row["id"])
        .values(gateway_network_id=None, gateway_port_id=None, enable_snat=True)
    )
    ports.remove(work, ports.KIND.fetch(work.connection, row["gateway_port_id"]))


def _no_overlap(work: Work, router_id: str, gateway_port: str) -> None:
    inside = [prefix(s["cidr"]) for s in connected(work.connection, router_id)]
    ids = [item["subnet_id"] for item in of_ports(work.connection, [gateway_port])[gateway_port]]
    for part in chunks(ids):
        query = select(subnets.c.cidr).where(subnets.c.id.in_(part))
        for (found,) in work.connection.execute(query).all():
            clash = overlap(inside, prefix(found))
            if clash is not None:
                raise refuse("BadRequest", f"The gateway's subnet {found} overlaps {clash} of the router.")


KIND = Kind(
    name="router",
    plural="routers",
    path="routers",
    table=routers,
    missing="RouterNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_router,
    delete=delete_router,
    unlisted=frozenset({"gateway_port_id", "gateway_network_id", "enable_snat"}),
)
