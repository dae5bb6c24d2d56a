# SPDX-License-Identifier: Apache-2.0
"""Ports: where a server, a router or a floating IP is attached to a network."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, false, or_, select, update

from samovar.auth import Context

from . import networks, security_groups
from .addresses import assign, of_ports
from .backend import Work
from .binding import is_bound, next_interface
from .faults import invalid, refuse
from .kind import REQUIRED, Attribute, Kind, Values, named, standard, tags_of
from .tables import addresses, floating_ips, port_groups, ports, tags
from .tables import networks as network_table
from .values import (
    address,
    boolean,
    cidr_or_address,
    dns_domain,
    dns_name,
    free_object,
    identity,
    list_of,
    mac_address,
    mapping,
    nullable,
    one_of,
    text,
)

DNS_DOMAIN = "openstacklocal."
MAC_PREFIX = "fa:16:3e"
OF_ROUTERS = ("network:router_interface", "network:router_gateway", "network:floatingip")

fixed_ip = mapping({}, {"subnet_id": identity, "ip_address": address})
address_pair = mapping({"ip_address": cidr_or_address}, {"mac_address": nullable(mac_address)})
dhcp_option = mapping(
    {"opt_name": text(64)}, {"opt_value": nullable(text()), "ip_version": one_of(4, 6, "4", "6")}
)

ATTRIBUTES = {
    **named(),
    "network_id": Attribute(identity, REQUIRED, update=False),
    "mac_address": Attribute(mac_address),
    "fixed_ips": Attribute(nullable(list_of(fixed_ip, 100))),
    "admin_state_up": Attribute(boolean, True),
    "device_id": Attribute(text(), ""),
    "device_owner": Attribute(text(), ""),
    "security_groups": Attribute(nullable(list_of(identity))),
    "allowed_address_pairs": Attribute(list_of(address_pair), []),
    "extra_dhcp_opts": Attribute(list_of(dhcp_option), []),
    "port_security_enabled": Attribute(nullable(boolean)),
    "binding:host_id": Attribute(text(), "", guarded=True),
    "binding:vnic_type": Attribute(one_of("normal"), "normal"),
    "binding:profile": Attribute(free_object, {}, guarded=True),
    "dns_name": Attribute(dns_name, ""),
    "dns_domain": Attribute(dns_domain, ""),
}
COLUMNS = {"binding:host_id": "host_id", "binding:vnic_type": "vnic_type", "binding:profile": "profile"}


def readable(context: Context) -> Sequence[ColumnElement[bool]]:
    """Whoever owns a network sees all its ports."""
    own = select(network_table.c.id).where(network_table.c.project_id == (context.project_id or "-"))
    return (ports.c.network_id.in_(own),)


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    ids = [row["id"] for row in rows]
    tagged, given, joined = (
        tags_of(connection, ids),
        of_ports(connection, ids),
        security_groups.of_ports(connection, ids),
    )
    described = []
    for row in rows:
        fixed = given[row["id"]]
        shown = standard(row, tagged) | {
            "network_id": row["network_id"],
            "mac_address": row["mac_address"],
            "admin_state_up": row["admin_state_up"],
            "status": row["status"],
            "device_id": row["device_id"],
            "device_owner": row["device_owner"],
            "fixed_ips": [{"subnet_id": i["subnet_id"], "ip_address": i["address"]} for i in fixed],
            "security_groups": joined[row["id"]],
            "allowed_address_pairs": row["allowed_address_pairs"],
            "extra_dhcp_opts": row["extra_dhcp_opts"],
            "port_security_enabled": row["port_security_enabled"],
            "binding:vnic_type": row["vnic_type"],
            "ip_allocation": "immediate",
            "dns_name": row["dns_name"],
            "dns_domain": row["dns_domain"],
            "dns_assignment": [_assignment(row["dns_name"], item["address"]) for item in fixed],
        }
        if context.is_admin:
            bound = bool(row["host_id"])
            shown["binding:host_id"] = row["host_id"]
            shown["binding:profile"] = row["profile"]
            shown["binding:vif_type"] = "bridge" if bound else "unbound"
            shown["binding:vif_details"] = {"port_filter": True} if bound else {}
        described.append(shown)
    return described


def create(work: Work, values: Values) -> str:
    network = networks.usable(work, values["network_id"])
    if network["external"] and not networks.owns(work.context, network) and not network["shared"]:
        work.policy.enforce("create_port:binding:host_id", work.context, {})
    _only_owners(work, network, values)
    work.spend("port", ports, values["project_id"])
    secure = values.get("port_security_enabled")
    values["port_security_enabled"] = network["port_security_enabled"] if secure is None else secure
    wanted = values.pop("security_groups", None)
    if wanted is None:
        own = not values["device_owner"].startswith("network:") and values["port_security_enabled"]
        wanted = [security_groups.ensure_default(work, values["project_id"])] if own else []
    return make(work, network, values, wanted)


def make(work: Work, network: RowMapping, values: Values, wanted: Sequence[str] = ()) -> str:
    """Insert a port with its addresses and groups; the values have passed the checks of who may what."""
    values = {COLUMNS.get(name, name): value for name, value in values.items()}
    requested = values.pop("fixed_ips", None)
    defaults: Values = {"allowed_address_pairs": [], "extra_dhcp_opts": [], "profile": {}}
    values = {**defaults, "network_id": network["id"], **values}
    values["mac_address"] = _mac(work, network["id"], values.get("mac_address"))
    _check_security(values["port_security_enabled"], wanted, values["allowed_address_pairs"])
    values["allowed_address_pairs"] = _pairs(values["allowed_address_pairs"], values["mac_address"])
    if is_bound(values):
        _not_outside(network)
        values["interface"] = next_interface(work.connection, values["device_id"])
        work.touch("network", network["id"])
    identity = work.add(ports, **values)
    assign(
        work,
        network_id=network["id"],
        port_id=identity,
        mac=values["mac_address"],
        owner=values.get("device_owner", ""),
        requested=requested,
    )
    security_groups.join(work, identity, wanted)
    return identity


def update_port(work: Work, row: RowMapping, values: Values) -> None:
    network = networks.KIND.fetch(work.connection, row["network_id"])
    connection, identity = work.connection, row["id"]
    _only_owners(work, network, values)
    if row["device_owner"] in OF_ROUTERS and not work.context.is_admin:
        for name in ("device_id", "device_owner", "mac_address"):
            if name in values and values[name] != row[name]:
                raise refuse(
                    "PortInUse", f"Port {identity} belongs to {row['device_owner']} {row['device_id']}."
                )
    had = security_groups.of_ports(connection, [identity])[identity]
    wanted = values.pop("security_groups", had)
    wanted = [] if wanted is None else wanted
    requested = values.pop("fixed_ips", None)
    values = {COLUMNS.get(name, name): value for name, value in values.items() if name != "project_id"}
    if values.get("port_security_enabled") is None:
        values.pop("port_security_enabled", None)
    new = dict(row) | values
    if is_bound(new):
        _not_outside(network)
    _check_security(new["port_security_enabled"], wanted, new["allowed_address_pairs"])
    if new["mac_address"] != row["mac_address"]:
        _mac(work, row["network_id"], new["mac_address"])
    if "allowed_address_pairs" in values:
        values["allowed_address_pairs"] = _pairs(values["allowed_address_pairs"], new["mac_address"])
    _rebind(work, row, new, values)
    if values:
        connection.execute(update(ports).where(ports.c.id == identity).values(**values))
    if requested is not None:
        assign(
            work,
            network_id=row["network_id"],
            port_id=identity,
            mac=new["mac_address"],
            owner=new["device_owner"],
            requested=requested,
        )
        _drop_floating(
            work, identity, keep=[a["address"] for a in of_ports(connection, [identity])[identity]]
        )
    if wanted != had:
        security_groups.join(work, identity, wanted)
    elif requested is not None or "allowed_address_pairs" in values:
        for group in had:
            work.touch("members", group)
    if is_bound(row) or is_bound(new):
        work.touch("network", row["network_id"])
    if row["device_owner"].startswith("network:router"):
        work.touch("router", row["device_id"])


def delete_port(work: Work, row: RowMapping) -> None:
    if row["device_owner"] in OF_ROUTERS:
        raise refuse(
            "ServicePortInUse",
            f"Port {row['id']} belongs to {row['device_owner']} {row['device_id']} and goes only with it.",
        )
    remove(work, row)


def remove(work: Work, row: RowMapping) -> None:
    """Delete a port with everything that hangs on it; its floating IPs stay, associated with nothing."""
    connection, identity = work.connection, row["id"]
    _drop_floating(work, identity, keep=())
    for group in security_groups.of_ports(connection, [identity])[identity]:
        work.touch("members", group)
    for table, column in ((tags, tags.c.resource_id), (port_groups, port_groups.c.port_id)):
        connection.execute(delete(table).where(column == identity))
    connection.execute(delete(addresses).where(addresses.c.port_id == identity))
    connection.execute(delete(ports).where(ports.c.id == identity))
    if is_bound(row):
        work.touch("network", row["network_id"])


def _not_outside(network: RowMapping) -> None:
    if network["external"]:
        raise refuse(
            "InvalidInput",
            f"Network {network['id']} is external, where no server can be attached in this cloud; "
            "attach it to another network and give it a floating IP.",
        )


def _rebind(work: Work, row: RowMapping, new: Values, values: Values) -> None:
    """A port that goes to another device, or to none, is down until it is wired there."""
    was, will = is_bound(row), is_bound(new)
    if was and not will:
        values.update(status="DOWN", interface=None)
    elif will and (not was or new["device_id"] != row["device_id"]):
        values.update(status="DOWN", interface=next_interface(work.connection, new["device_id"]))


def _only_owners(work: Work, network: RowMapping, values: Values) -> None:
    """In somebody else's network one takes what one is given."""
    if networks.owns(work.context, network):
        return
    chosen = [name for name in ("mac_address", "port_security_enabled") if values.get(name) is not None]
    if any(item.get("ip_address") for item in values.get("fixed_ips") or ()):
        chosen.append("fixed_ips")
    if str(values.get("device_owner", "")).startswith("network:"):
        chosen.append("device_owner")
    if chosen:
        raise refuse(
            "PolicyNotAuthorized",
            f"Only the owner of network {network['id']} may choose: {', '.join(chosen)}.",
        )


def _mac(work: Work, network_id: str, wanted: str | None) -> str:
    """The MAC, checked to be free in the network; a random one when none is given."""
    while True:
        mac = wanted or MAC_PREFIX + "".join(f":{octet:02x}" for octet in secrets.token_bytes(3))
        used = select(ports.c.id).where(ports.c.network_id == network_id, ports.c.mac_address == mac)
        if work.connection.execute(used).first() is None:
            return mac
        if wanted:
            raise refuse("MacAddressInUse", f"The MAC address {mac} is in use in network {network_id}.")


def _pairs(given: Sequence[dict[str, Any]], mac: str) -> list[dict[str, str]]:
    pairs = [
        {"ip_address": item["ip_address"], "mac_address": item.get("mac_address") or mac} for item in given
    ]
    if len({(p["ip_address"], p["mac_address"]) for p in pairs}) != len(pairs):
        raise refuse("DuplicateAddressPairInRequest", "An allowed address pair is there twice.")
    return pairs


def _check_security(secure: bool, wanted: Sequence[str], pairs: Sequence[dict[str, Any]]) -> None:
    if secure:
        return
    if wanted:
        raise refuse(
            "PortSecurityPortHasSecurityGroup",
            "A port has security groups only with port_security_enabled; take them away first.",
        )
    if pairs:
        raise refuse(
            "AddressPairAndPortSecurityRequired", "Allowed address pairs need port_security_enabled."
        )


def _drop_floating(work: Work, port_id: str, keep: Sequence[str]) -> None:
    """Take away the floating IPs of addresses that the port no longer has."""
    query = select(floating_ips).where(floating_ips.c.port_id == port_id)
    for row in work.connection.execute(query).mappings().all():
        if row["fixed_ip_address"] in keep:
            continue
        work.connection.execute(
            update(floating_ips)
            .where(floating_ips.c.id == row["id"])
            .values(
                port_id=None,
                fixed_ip_address=None,
                router_id=None,
                status="DOWN",
                revision_number=row["revision_number"] + 1,
                updated_at=work.now,
            )
        )
        work.touch("router", row["router_id"])


def _assignment(name: str, given: str) -> dict[str, str]:
    hostname = name or "host-" + given.replace(".", "-").replace(":", "-")
    return {"ip_address": given, "hostname": hostname, "fqdn": f"{hostname}.{DNS_DOMAIN}"}


def by_fixed_ips(values: Sequence[str]) -> ColumnElement[bool]:
    """``fixed_ips=ip_address=…`` and ``fixed_ips=subnet_id=…``: each kind's values are alternatives."""
    wanted: dict[str, list[str]] = {}
    for value in values:
        name, separator, text_ = value.partition("=")
        if not separator or name not in ("ip_address", "subnet_id", "ip_address_substr"):
            raise invalid("fixed_ips", f"{value!r} is neither ip_address=… nor subnet_id=…")
        wanted.setdefault(name, []).append(text_)
    query = select(addresses.c.port_id)
    for name, found in wanted.items():
        if name == "ip_address_substr":
            like = [addresses.c.address.contains(item, autoescape=True) for item in found]
            query = query.where(or_(false(), *like))
        else:
            query = query.where(addresses.c["address" if name == "ip_address" else name].in_(found))
    return ports.c.id.in_(query)


def by_groups(values: Sequence[str]) -> ColumnElement[bool]:
    members = select(port_groups.c.port_id).where(port_groups.c.security_group_id.in_(values))
    return ports.c.id.in_(members)


KIND = Kind(
    name="port",
    plural="ports",
    path="ports",
    table=ports,
    missing="PortNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_port,
    delete=delete_port,
    readable=readable,
    columns=COLUMNS,
    unlisted=frozenset({"interface"}),
    filters={
        "fixed_ips": by_fixed_ips,
        "security_groups": by_groups,
        "security_group_ids": by_groups,
        "mac_address": lambda values: ports.c.mac_address.in_([value.lower() for value in values]),
    },
)
