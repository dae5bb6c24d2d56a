# SPDX-License-Identifier: Apache-2.0
"""The actions of routers: interfaces come and go, and single routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import RowMapping, select, update

from samovar.web import Api, Call

from . import networks, ports, routers, subnets
from .addresses import of_ports
from .backend import Backend, Work
from .collection import bump
from .faults import invalid, refuse
from .kind import Values
from .tables import floating_ips
from .tables import ports as port_table
from .tables import routers as router_table
from .tables import subnets as subnet_table
from .values import identity, ip, mapping, overlap, prefix
from .values import routes as parse_routes

parse_interface = mapping({}, {"subnet_id": identity, "port_id": identity, "tenant_id": identity})


class RouterActions:
    """``PUT /v2.0/routers/<id>/<action>``."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def routes(self, api: Api) -> None:
        for name, change in (("add_router_interface", add), ("remove_router_interface", remove)):
            api.route("PUT", f"/v2.0/routers/{{id}}/{name}", self._interface(name, change))
        for name, adding in (("add_extraroutes", True), ("remove_extraroutes", False)):
            api.route("PUT", f"/v2.0/routers/{{id}}/{name}", self._routes(name, adding))

    def _interface(self, name: str, change: Callable[[Work, RowMapping, Values], Values]) -> Any:
        async def handle(call: Call) -> Values:
            try:
                given = parse_interface(call.body or {})
            except ValueError as error:
                raise invalid("the interface", str(error)) from None

            def run(work: Work) -> Values:
                return change(work, self._router(work, call, name), given)

            return await self.backend.commit(call.context, run)

        return handle

    def _routes(self, name: str, adding: bool) -> Any:
        async def handle(call: Call) -> Values:
            try:
                given = parse_routes(call.object("router").get("routes"))
            except ValueError as error:
                raise invalid("routes", str(error)) from None

            def run(work: Work) -> Values:
                row = self._router(work, call, name)
                kept = [route for route in row["routes"] if route not in given]
                if adding:
                    kept += given
                    routers.check_routes(work, row["id"], kept)
                work.connection.execute(
                    update(router_table).where(router_table.c.id == row["id"]).values(routes=kept)
                )
                bump(work, routers.KIND, row["id"])
                work.touch("router", row["id"])
                fresh = routers.KIND.fetch(work.connection, row["id"])
                return {"router": routers.describe(work.connection, [fresh], call.context)[0]}

            return await self.backend.commit(call.context, run)

        return handle

    @staticmethod
    def _router(work: Work, call: Call, action: str) -> RowMapping:
        row = routers.KIND.fetch(work.connection, call.path["id"], call.context)
        work.policy.enforce(action, call.context, dict(row))
        return row


def add(work: Work, router: RowMapping, given: Values) -> Values:
    """Join the router to a subnet (it takes the subnet's gateway address), or to all subnets of a port."""
    if ("subnet_id" in given) == ("port_id" in given):
        raise refuse("BadRequest", "Give either subnet_id or port_id.")
    if "port_id" in given:
        port = _adopt(work, router, given["port_id"])
    else:
        port = _join(work, router, given["subnet_id"])
    work.touch("router", router["id"])
    bump(work, routers.KIND, router["id"])
    return _answer(work, router, port)


def remove(work: Work, router: RowMapping, given: Values) -> Values:
    """Take the router out of a subnet, or take away the interface that a port is."""
    if not given.get("subnet_id") and not given.get("port_id"):
        raise refuse("BadRequest", "Give subnet_id or port_id.")
    rows = [
        row
        for row in routers.connected(work.connection, router["id"])
        if given.get("port_id") in (None, row["port_id"])
    ]
    if not rows:
        raise refuse(
            "RouterInterfaceNotFound",
            f"Router {router['id']} has no interface with port {given['port_id']}."
            if "port_id" in given
            else f"Router {router['id']} has no interface.",
        )
    if given.get("subnet_id"):
        rows = [row for row in rows if row["id"] == given["subnet_id"]]
        if not rows:
            raise refuse(
                "RouterInterfaceNotFoundForSubnet",
                f"Router {router['id']} has no interface in subnet {given['subnet_id']}.",
            )
    port = ports.KIND.fetch(work.connection, rows[0]["port_id"])
    _check_unused(work, router, port)
    answer = _answer(work, router, port, given.get("subnet_id"))
    ports.remove(work, port)
    work.touch("router", router["id"])
    bump(work, routers.KIND, router["id"])
    return answer


def _join(work: Work, router: RowMapping, subnet_id: str) -> RowMapping:
    subnet = subnets.KIND.fetch(work.connection, subnet_id, work.context)
    if not subnet["gateway_ip"]:
        raise refuse("BadRequest", f"Subnet {subnet_id} has no gateway address for the router to take.")
    network = networks.KIND.fetch(work.connection, subnet["network_id"])
    _check_new(work, router, network, [subnet])
    work.spend("port", port_table, router["project_id"])
    port_id = ports.make(
        work,
        network,
        {
            "project_id": router["project_id"],
            "device_owner": routers.INTERFACE,
            "device_id": router["id"],
            "port_security_enabled": False,
            "fixed_ips": [{"subnet_id": subnet_id, "ip_address": subnet["gateway_ip"]}],
        },
    )
    return ports.KIND.fetch(work.connection, port_id)


def _adopt(work: Work, router: RowMapping, port_id: str) -> RowMapping:
    port = ports.KIND.fetch(work.connection, port_id, work.context)
    if port["device_id"] or port["device_owner"].startswith("network:"):
        raise refuse("PortInUse", f"Port {port_id} is in use by {port['device_owner']} {port['device_id']}.")
    ids = [item["subnet_id"] for item in of_ports(work.connection, [port_id])[port_id]]
    if not ids:
        raise refuse("BadRequest", f"Port {port_id} has no address for the router to take.")
    network = networks.KIND.fetch(work.connection, port["network_id"])
    _check_new(work, router, network, [subnets.KIND.fetch(work.connection, item) for item in ids])
    work.connection.execute(
        update(port_table)
        .where(port_table.c.id == port_id)
        .values(device_owner=routers.INTERFACE, device_id=router["id"], status="DOWN", interface=None)
    )
    bump(work, ports.KIND, port_id)
    return ports.KIND.fetch(work.connection, port_id)


def _check_new(work: Work, router: RowMapping, network: RowMapping, new: list[RowMapping]) -> None:
    if network["external"]:
        raise refuse(
            "BadRequest",
            f"Network {network['id']} is external; a router meets it by its gateway, not by an interface.",
        )
    present = routers.connected(work.connection, router["id"])
    outside: list[RowMapping] = []
    if router["gateway_network_id"]:
        query = select(subnet_table).where(subnet_table.c.network_id == router["gateway_network_id"])
        outside = list(work.connection.execute(query).mappings().all())
    for subnet in new:
        for other in present:
            if other["id"] == subnet["id"]:
                raise refuse(
                    "BadRequest", f"Router {router['id']} has an interface in subnet {subnet['id']} already."
                )
        clash = overlap([prefix(other["cidr"]) for other in (*present, *outside)], prefix(subnet["cidr"]))
        if clash is not None:
            raise refuse(
                "BadRequest",
                f"{subnet['cidr']} overlaps {clash}, which router {router['id']} is connected to.",
            )


def _check_unused(work: Work, router: RowMapping, port: RowMapping) -> None:
    """No floating IP and no route may depend on the interface."""
    rows = routers.connected(work.connection, router["id"])
    going = [row for row in rows if row["port_id"] == port["id"]]
    staying = [prefix(row["cidr"]) for row in rows if row["port_id"] != port["id"]]
    floating = select(floating_ips).where(floating_ips.c.router_id == router["id"])
    for row in work.connection.execute(floating).mappings().all():
        if any(ip(row["fixed_ip_address"]) in prefix(subnet["cidr"]) for subnet in going):
            raise refuse(
                "RouterInterfaceInUseByFloatingIP",
                f"Floating IP {row['floating_ip_address']} needs the router's interface {port['id']}.",
            )
    for route in router["routes"]:
        hop = ip(route["nexthop"])
        if any(hop in prefix(s["cidr"]) for s in going) and not any(hop in n for n in staying):
            raise refuse(
                "RouterInterfaceInUseByRoute",
                f"The route to {route['destination']} needs the router's interface {port['id']}.",
            )


def _answer(work: Work, router: RowMapping, port: RowMapping, subnet_id: str | None = None) -> Values:
    ids = [item["subnet_id"] for item in of_ports(work.connection, [port["id"]])[port["id"]]]
    return {
        "id": router["id"],
        "tenant_id": router["project_id"],
        "project_id": router["project_id"],
        "port_id": port["id"],
        "network_id": port["network_id"],
        "subnet_id": subnet_id or ids[0],
        "subnet_ids": ids,
    }
