# SPDX-License-Identifier: Apache-2.0
"""Floating IPs: an address of an external network that leads to a port behind a router."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update

from samovar.auth import Context

from . import networks, ports, routers, subnets
from .addresses import of_ports, subnets_of
from .backend import Work
from .faults import refuse
from .kind import REQUIRED, Attribute, Kind, Values, chunks, named, standard, tags_of
from .tables import addresses, floating_ips
from .tables import ports as port_table
from .tables import routers as router_table
from .tables import subnets as subnet_table
from .values import address, dns_domain, dns_name, identity, ip, nullable

OWNER = "network:floatingip"

ATTRIBUTES = {
    **{name: attribute for name, attribute in named().items() if name != "name"},
    "floating_network_id": Attribute(identity, REQUIRED, update=False),
    "floating_ip_address": Attribute(nullable(address), None, update=False, guarded=True),
    "subnet_id": Attribute(nullable(identity), None, update=False),
    "port_id": Attribute(nullable(identity)),
    "fixed_ip_address": Attribute(nullable(address)),
    "dns_name": Attribute(dns_name, ""),
    "dns_domain": Attribute(dns_domain, ""),
}


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    details: dict[str, dict[str, Any]] = {}
    for part in chunks([row["port_id"] for row in rows if row["port_id"]]):
        query = select(port_table).where(port_table.c.id.in_(part))
        for port in connection.execute(query).mappings().all():
            details[port["id"]] = {
                name: port[name]
                for name in (
                    "name",
                    "network_id",
                    "mac_address",
                    "admin_state_up",
                    "status",
                    "device_id",
                    "device_owner",
                )
            }
    names = (
        "floating_network_id",
        "floating_ip_address",
        "port_id",
        "fixed_ip_address",
        "router_id",
        "status",
        "dns_name",
        "dns_domain",
    )
    described = []
    for row in rows:
        shown = standard(row, tagged) | {name: row[name] for name in names}
        del shown["name"]
        shown["port_details"] = details.get(row["port_id"] or "")
        described.append(shown)
    return described


def create(work: Work, values: Values) -> str:
    network = networks.usable(work, values["floating_network_id"])
    if not network["external"]:
        raise refuse("BadRequest", f"Network {network['id']} is not external, so it has no floating IPs.")
    work.spend("floatingip", floating_ips, values["project_id"])
    wanted, subnet_id = values.pop("floating_ip_address"), values.pop("subnet_id")
    port_id, fixed = values.pop("port_id", None), values.pop("fixed_ip_address", None)
    own_port = _reserve(work, network, wanted, subnet_id)
    given = of_ports(work.connection, [own_port])[own_port]
    made = work.add(
        floating_ips,
        floating_ip_address=given[0]["address"],
        floating_port_id=own_port,
        status="DOWN",
        **values,
    )
    work.connection.execute(update(port_table).where(port_table.c.id == own_port).values(device_id=made))
    if port_id:
        _associate(work, KIND.fetch(work.connection, made), port_id, fixed)
    elif fixed:
        raise refuse("BadRequest", "fixed_ip_address means something only together with port_id.")
    return made


def update_floating(work: Work, row: RowMapping, values: Values) -> None:
    port_id = values.pop("port_id", row["port_id"])
    fixed = values.pop("fixed_ip_address", None if port_id != row["port_id"] else row["fixed_ip_address"])
    if (port_id, fixed) != (row["port_id"], row["fixed_ip_address"]):
        if port_id is None:
            if fixed:
                raise refuse("BadRequest", "fixed_ip_address means something only together with port_id.")
            _set(work, row, port_id=None, fixed_ip_address=None, router_id=None, status="DOWN")
            work.touch("router", row["router_id"])
        else:
            _associate(work, row, port_id, fixed)
    if values:
        _set(work, row, **values)


def delete_floating(work: Work, row: RowMapping) -> None:
    work.connection.execute(delete(floating_ips).where(floating_ips.c.id == row["id"]))
    ports.remove(work, ports.KIND.fetch(work.connection, row["floating_port_id"]))
    work.touch("router", row["router_id"])


def _reserve(work: Work, network: RowMapping, wanted: str | None, subnet_id: str | None) -> str:
    """A port of the external network that holds the address."""
    available = [s for s in subnets_of(work.connection, network["id"]) if s["ip_version"] == 4]
    if not available:
        raise refuse("BadRequest", f"External network {network['id']} has no IPv4 subnet.")
    if subnet_id:
        subnets.KIND.fetch(work.connection, subnet_id, work.context)
    requests: list[dict[str, str]] = [{"subnet_id": subnet["id"]} for subnet in available]
    if wanted and subnet_id:
        requests = [{"ip_address": wanted, "subnet_id": subnet_id}]
    elif wanted:
        requests = [{"ip_address": wanted}]
    elif subnet_id:
        requests = [{"subnet_id": subnet_id}]
    else:
        free = [s for s in available if not s["service_types"] or OWNER in s["service_types"]]
        requests = [{"subnet_id": subnet["id"]} for subnet in free]
    for request in requests:
        savepoint = work.connection.begin_nested()
        try:
            made = ports.make(
                work,
                network,
                {
                    "project_id": "",
                    "device_owner": OWNER,
                    "device_id": "",
                    "status": "N/A",
                    "port_security_enabled": False,
                    "fixed_ips": [request],
                },
            )
        except Exception as error:
            savepoint.rollback()
            if getattr(error, "type", "") != "IpAddressGenerationFailure":
                raise
        else:
            savepoint.commit()
            return made
    raise refuse("ExternalIpAddressExhausted", f"External network {network['id']} has no free address left.")


def _associate(work: Work, row: RowMapping, port_id: str, fixed: str | None) -> None:
    port = ports.KIND.fetch(work.connection, port_id, work.context)
    own = [item for item in of_ports(work.connection, [port_id])[port_id] if ip(item["address"]).version == 4]
    if fixed:
        own = [item for item in own if item["address"] == fixed]
        if not own:
            raise refuse("BadRequest", f"Port {port_id} does not have the IPv4 address {fixed}.")
    if not own:
        raise refuse("BadRequest", f"Port {port_id} has no IPv4 address for a floating IP to lead to.")
    if len(own) > 1:
        raise refuse("BadRequest", f"Port {port_id} has several addresses; say which by fixed_ip_address.")
    target = own[0]
    router_id = _router_between(work, target["subnet_id"], row["floating_network_id"])
    if router_id is None:
        raise refuse(
            "ExternalGatewayForFloatingIPNotFound",
            f"No router leads from network {row['floating_network_id']} to subnet {target['subnet_id']} "
            f"of port {port['id']}.",
        )
    other = work.connection.execute(
        select(floating_ips.c.floating_ip_address).where(
            floating_ips.c.port_id == port_id,
            floating_ips.c.fixed_ip_address == target["address"],
            floating_ips.c.floating_network_id == row["floating_network_id"],
            floating_ips.c.id != row["id"],
        )
    ).scalar()
    if other is not None:
        raise refuse(
            "FloatingIPPortAlreadyAssociated",
            f"{target['address']} of port {port_id} has the floating IP {other} already.",
        )
    _set(
        work,
        row,
        port_id=port_id,
        fixed_ip_address=target["address"],
        router_id=router_id,
        status="DOWN",
    )
    work.touch("router", row["router_id"])
    work.touch("router", router_id)


def _router_between(work: Work, subnet_id: str, external_id: str) -> str | None:
    """The router that joins the two; the one that is the subnet's gateway before any other."""
    query = (
        select(router_table.c.id, addresses.c.address, subnet_table.c.gateway_ip)
        .select_from(
            addresses.join(port_table, port_table.c.id == addresses.c.port_id)
            .join(router_table, router_table.c.id == port_table.c.device_id)
            .join(subnet_table, subnet_table.c.id == addresses.c.subnet_id)
        )
        .where(
            addresses.c.subnet_id == subnet_id,
            port_table.c.device_owner == routers.INTERFACE,
            router_table.c.gateway_network_id == external_id,
        )
        .order_by(router_table.c.created_at)
    )
    found = work.connection.execute(query).all()
    for router_id, own, gateway in found:
        if own == gateway:
            return str(router_id)
    return str(found[0][0]) if found else None


def _set(work: Work, row: RowMapping, **values: Any) -> None:
    work.connection.execute(update(floating_ips).where(floating_ips.c.id == row["id"]).values(**values))


KIND = Kind(
    name="floatingip",
    plural="floatingips",
    path="floatingips",
    table=floating_ips,
    missing="FloatingIPNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_floating,
    delete=delete_floating,
    unlisted=frozenset({"name", "floating_port_id"}),
)
