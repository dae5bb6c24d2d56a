# SPDX-License-Identifier: Apache-2.0
"""How rows are shown: one function for each kind, asked for many rows at once."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, Table, select

from ..tables import health_monitors, l7policies, l7rules, listeners, load_balancers, members, pools, tags
from .owned import owned

Shown = dict[str, Any]
Describe = Callable[[Connection, Sequence[RowMapping]], list[Shown]]


def moment(value: datetime.datetime | None) -> str | None:
    """UTC without a zone; microseconds when there are any."""
    return None if value is None else value.isoformat().removesuffix("+00:00")


def load_balancers_view(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    inside = ids_by(connection, listeners, listeners.c.load_balancer_id, ids)
    behind = ids_by(connection, pools, pools.c.load_balancer_id, ids)
    return [
        {
            **_standard(row, tagged),
            "vip_address": row["vip_address"],
            "vip_port_id": row["vip_port_id"],
            "vip_subnet_id": row["vip_subnet_id"],
            "vip_network_id": row["vip_network_id"],
            "vip_qos_policy_id": row["vip_qos_policy_id"],
            "vip_vnic_type": row["vip_vnic_type"],
            "vip_sg_ids": row["vip_sg_ids"],
            "additional_vips": [
                {name: vip[name] for name in ("subnet_id", "ip_address", "port_id")}
                for vip in row["additional_vips"]
            ],
            "listeners": inside[row["id"]],
            "pools": behind[row["id"]],
            "provider": row["provider"],
            "flavor_id": row["flavor_id"],
            "availability_zone": row["availability_zone"],
        }
        for row in rows
    ]


def listeners_view(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    policies = ids_by(connection, l7policies, l7policies.c.listener_id, ids, l7policies.c.position)
    names = (
        "protocol",
        "protocol_port",
        "connection_limit",
        "default_tls_container_ref",
        "sni_container_refs",
        "default_pool_id",
        "insert_headers",
        "timeout_client_data",
        "timeout_member_connect",
        "timeout_member_data",
        "timeout_tcp_inspect",
        "client_ca_tls_container_ref",
        "client_authentication",
        "client_crl_container_ref",
        "allowed_cidrs",
        "tls_ciphers",
        "tls_versions",
        "alpn_protocols",
        "hsts_max_age",
        "hsts_include_subdomains",
        "hsts_preload",
    )
    return [
        {
            **_standard(row, tagged),
            **{name: row[name] for name in names},
            "l7policies": policies[row["id"]],
            "loadbalancers": [{"id": row["load_balancer_id"]}],
        }
        for row in rows
    ]


def pools_view(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    inside = ids_by(connection, members, members.c.pool_id, ids)
    senders = ids_by(connection, listeners, listeners.c.default_pool_id, ids)
    redirects = _redirecting(connection, ids)
    monitors = ids_by(connection, health_monitors, health_monitors.c.pool_id, ids)
    names = (
        "protocol",
        "lb_algorithm",
        "session_persistence",
        "tls_container_ref",
        "ca_tls_container_ref",
        "crl_container_ref",
        "tls_enabled",
        "tls_ciphers",
        "tls_versions",
        "alpn_protocols",
    )
    shown = []
    for row in rows:
        item = {
            **_standard(row, tagged),
            **{name: row[name] for name in names},
            "loadbalancers": [{"id": row["load_balancer_id"]}],
            "listeners": _distinct((*senders[row["id"]], *redirects[row["id"]])),
            "members": inside[row["id"]],
        }
        if monitors[row["id"]]:
            item["healthmonitor_id"] = monitors[row["id"]][-1]["id"]
        shown.append(item)
    return shown


def members_view(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    names = (
        "address",
        "protocol_port",
        "weight",
        "backup",
        "subnet_id",
        "monitor_address",
        "monitor_port",
        "vnic_type",
    )
    return [
        {**_standard(row, tagged, described=False), **{name: row[name] for name in names}} for row in rows
    ]


def health_monitors_view(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    names = (
        "type",
        "delay",
        "timeout",
        "max_retries",
        "max_retries_down",
        "http_method",
        "url_path",
        "expected_codes",
        "domain_name",
    )
    return [
        {
            **_standard(row, tagged, described=False),
            **{name: row[name] for name in names},
            "http_version": None if row["http_version"] is None else float(row["http_version"]),
            "pools": [{"id": row["pool_id"]}],
        }
        for row in rows
    ]


def l7policies_view(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    inside = ids_by(connection, l7rules, l7rules.c.l7policy_id, ids)
    names = (
        "action",
        "listener_id",
        "redirect_pool_id",
        "redirect_url",
        "redirect_prefix",
        "redirect_http_code",
        "position",
    )
    return [
        {**_standard(row, tagged), **{name: row[name] for name in names}, "rules": inside[row["id"]]}
        for row in rows
    ]


def l7rules_view(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    shown = []
    for row in rows:
        item = _standard(row, tagged, described=False)
        del item["name"]
        names = ("type", "compare_type", "key", "value", "invert")
        shown.append({**item, **{name: row[name] for name in names}})
    return shown


def whole_view(connection: Connection, row: RowMapping) -> Shown:
    """A load balancer with everything below it in full."""
    shown = load_balancers_view(connection, [row])[0]

    def inside(table: Table, view: Describe) -> dict[str, Shown]:
        query = select(table).where(table.c.load_balancer_id == row["id"])
        rows = connection.execute(query.order_by(table.c.created_at, table.c.id)).mappings().all()
        return {item["id"]: item for item in view(connection, rows)}

    def filled(holders: Mapping[str, Shown], name: str, found: Mapping[str, Shown]) -> None:
        for holder in holders.values():
            holder[name] = [found[item["id"]] for item in holder[name]]

    policies, rules = inside(l7policies, l7policies_view), inside(l7rules, l7rules_view)
    filled(policies, "rules", rules)
    heard, behind = inside(listeners, listeners_view), inside(pools, pools_view)
    filled(heard, "l7policies", policies)
    filled(behind, "members", inside(members, members_view))
    monitors = inside(health_monitors, health_monitors_view)
    for pool in behind.values():
        if "healthmonitor_id" in pool:
            pool["healthmonitor"] = monitors[pool["healthmonitor_id"]]
    shown["listeners"], shown["pools"] = list(heard.values()), list(behind.values())
    return shown


def _standard(row: RowMapping, tagged: Mapping[str, list[str]], *, described: bool = True) -> Shown:
    shown = {
        "id": row["id"],
        "name": row["name"],
        "provisioning_status": row["provisioning_status"],
        "operating_status": row["operating_status"],
        "admin_state_up": row["admin_state_up"],
        "project_id": row["project_id"],
        "tenant_id": row["project_id"],
        "created_at": moment(row["created_at"]),
        "updated_at": moment(row["updated_at"]),
        "tags": tagged[row["id"]],
    }
    if described:
        shown["description"] = row["description"]
    return shown


def tags_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The tags of each id."""
    found: dict[str, list[str]] = {identity: [] for identity in ids}
    for resource_id, tag in owned(connection, ids, tags.c.resource_id, tags.c.tag, tags.c.tag):
        found[resource_id].append(tag)
    return found


def ids_by(
    connection: Connection,
    table: Table,
    owner: Column[Any],
    owners: Sequence[str],
    order: Column[Any] | None = None,
) -> dict[str, list[dict[str, str]]]:
    """``[{"id": …}, …]`` of the rows that belong to each owner."""
    found: dict[str, list[dict[str, str]]] = {identity: [] for identity in owners}
    first = table.c.created_at if order is None else order
    for holder, identity in owned(connection, owners, owner, table.c.id, first, table.c.id):
        found[holder].append({"id": identity})
    return found


def _redirecting(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {identity: [] for identity in ids}
    columns = l7policies.c
    for pool_id, listener_id in owned(
        connection, ids, columns.redirect_pool_id, columns.listener_id, columns.created_at
    ):
        found[pool_id].append({"id": listener_id})
    return found


def _distinct(items: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return list({item["id"]: item for item in items}.values())


VIEWS: Mapping[Table, Describe] = {
    load_balancers: load_balancers_view,
    listeners: listeners_view,
    pools: pools_view,
    members: members_view,
    health_monitors: health_monitors_view,
    l7policies: l7policies_view,
    l7rules: l7rules_view,
}
"""How the rows of each table of the tree are shown."""
