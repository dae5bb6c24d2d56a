# SPDX-License-Identifier: Apache-2.0
"""How rows are shown: one function for each kind, asked for many rows at once."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, RowMapping, Select, Table, Text, select, type_coerce

from samovar.database import Json, Timestamp

from ..tables import health_monitors, l7policies, l7rules, listeners, load_balancers, members, pools, tags
from .owned import owned

Shown = dict[str, Any]
Row = RowMapping | Mapping[str, Any]
"""A row of a table, or of a list: see `listed`."""
Describe = Callable[[Connection, Sequence[Any]], list[Shown]]
UNLISTED = frozenset(
    ("generation", "applied_generation", "status_reason", "vip_owned", "topology", "server_group_id")
)
USED = frozenset(("additional_vips",))
NOTHING: Mapping[str, Any] = {"[]": (), "{}": {}, "null": None}


def listed(table: Table) -> Select[Any]:
    """What a list reads of a table: what is shown, moments and JSON as they are stored. What is only passed
    on need not be taken apart; with that a list would take twice as long."""
    return select(
        *(
            type_coerce(column, Text()).label(column.name)
            if isinstance(column.type, (Json, Timestamp)) and column.name not in USED
            else column
            for column in table.c
            if column.name not in UNLISTED
        )
    )


def moment(value: datetime.datetime | str | None) -> str | None:
    """UTC without a zone; microseconds when there are any."""
    if isinstance(value, str):  # as SQLite stores it
        return f"{value[:10]}T{value[11:]}".removesuffix(".000000")
    return None if value is None else value.isoformat().removesuffix("+00:00")


class _Kind:
    """The columns of a table that are shown under their own names; `stored`: those of them that hold JSON."""

    def __init__(
        self, table: Table, *names: str, stored: tuple[str, ...] = (), described: bool = True
    ) -> None:
        always = ("id", "name", "provisioning_status", "operating_status", "admin_state_up", "project_id")
        self._names = (*always, *(("description",) if described else ()), *names, *stored)
        self._values = itemgetter(*self._names)
        self._stored = stored
        shown = {*self._names, "created_at", "updated_at"}
        self._unshown = [c.name for c in table.columns if c.name not in shown | UNLISTED]

    def show(self, row: Row, tagged: Mapping[str, list[str]]) -> Shown:
        """The row as it is shown; that of a list is used up."""
        if type(row) is dict:
            shown: Shown = row
            for name in self._unshown:
                del shown[name]
        else:
            shown = dict(zip(self._names, self._values(row), strict=True))
        for name in self._stored:
            text = shown[name]
            if type(text) is str:
                nothing = NOTHING.get(text, text)
                shown[name] = msgspec.Raw(text) if nothing is text else nothing
        shown["tenant_id"] = shown["project_id"]
        shown["created_at"] = moment(row["created_at"])
        shown["updated_at"] = moment(row["updated_at"])
        shown["tags"] = tagged[shown["id"]]
        return shown


LOAD_BALANCER = _Kind(
    load_balancers,
    "vip_address",
    "vip_port_id",
    "vip_subnet_id",
    "vip_network_id",
    "vip_qos_policy_id",
    "vip_vnic_type",
    "provider",
    "flavor_id",
    "availability_zone",
    stored=("vip_sg_ids",),
)


def load_balancers_view(connection: Connection, rows: Sequence[Row]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    inside = ids_by(connection, listeners, listeners.c.load_balancer_id, ids)
    behind = ids_by(connection, pools, pools.c.load_balancer_id, ids)
    shown = []
    for row in rows:
        further = [
            {name: vip[name] for name in ("subnet_id", "ip_address", "port_id")}
            for vip in row["additional_vips"]
        ]
        item = LOAD_BALANCER.show(row, tagged)
        item["additional_vips"] = further
        item["listeners"], item["pools"] = inside[item["id"]], behind[item["id"]]
        shown.append(item)
    return shown


LISTENER = _Kind(
    listeners,
    "protocol",
    "protocol_port",
    "connection_limit",
    "default_tls_container_ref",
    "default_pool_id",
    "timeout_client_data",
    "timeout_member_connect",
    "timeout_member_data",
    "timeout_tcp_inspect",
    "client_ca_tls_container_ref",
    "client_authentication",
    "client_crl_container_ref",
    "tls_ciphers",
    "hsts_max_age",
    "hsts_include_subdomains",
    "hsts_preload",
    stored=("sni_container_refs", "insert_headers", "allowed_cidrs", "tls_versions", "alpn_protocols"),
)


def listeners_view(connection: Connection, rows: Sequence[Row]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    policies = ids_by(connection, l7policies, l7policies.c.listener_id, ids, l7policies.c.position)
    shown = []
    for row in rows:
        above = [{"id": row["load_balancer_id"]}]
        item = LISTENER.show(row, tagged)
        item["l7policies"] = policies[item["id"]]
        item["loadbalancers"] = above
        shown.append(item)
    return shown


POOL = _Kind(
    pools,
    "protocol",
    "lb_algorithm",
    "tls_container_ref",
    "ca_tls_container_ref",
    "crl_container_ref",
    "tls_enabled",
    "tls_ciphers",
    stored=("session_persistence", "tls_versions", "alpn_protocols"),
)


def pools_view(connection: Connection, rows: Sequence[Row]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    inside = ids_by(connection, members, members.c.pool_id, ids)
    senders = ids_by(connection, listeners, listeners.c.default_pool_id, ids)
    redirects = _redirecting(connection, ids)
    monitors = ids_by(connection, health_monitors, health_monitors.c.pool_id, ids)
    shown = []
    for row in rows:
        above = [{"id": row["load_balancer_id"]}]
        item = POOL.show(row, tagged)
        identity = item["id"]
        item["loadbalancers"] = above
        item["listeners"] = _distinct((*senders[identity], *redirects[identity]))
        item["members"] = inside[identity]
        if monitors[identity]:
            item["healthmonitor_id"] = monitors[identity][-1]["id"]
        shown.append(item)
    return shown


MEMBER = _Kind(
    members,
    "address",
    "protocol_port",
    "weight",
    "backup",
    "subnet_id",
    "monitor_address",
    "monitor_port",
    "vnic_type",
    described=False,
)


def members_view(connection: Connection, rows: Sequence[Row]) -> list[Shown]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    return [MEMBER.show(row, tagged) for row in rows]


HEALTH_MONITOR = _Kind(
    health_monitors,
    "type",
    "delay",
    "timeout",
    "max_retries",
    "max_retries_down",
    "http_method",
    "url_path",
    "expected_codes",
    "domain_name",
    described=False,
)


def health_monitors_view(connection: Connection, rows: Sequence[Row]) -> list[Shown]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    shown = []
    for row in rows:
        version, above = row["http_version"], [{"id": row["pool_id"]}]
        item = HEALTH_MONITOR.show(row, tagged)
        item["http_version"] = None if version is None else float(version)
        item["pools"] = above
        shown.append(item)
    return shown


L7POLICY = _Kind(
    l7policies,
    "action",
    "listener_id",
    "redirect_pool_id",
    "redirect_url",
    "redirect_prefix",
    "redirect_http_code",
    "position",
)


def l7policies_view(connection: Connection, rows: Sequence[Row]) -> list[Shown]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    inside = ids_by(connection, l7rules, l7rules.c.l7policy_id, ids)
    return [L7POLICY.show(row, tagged) | {"rules": inside[row["id"]]} for row in rows]


L7RULE = _Kind(l7rules, "type", "compare_type", "key", "value", "invert", described=False)


def l7rules_view(connection: Connection, rows: Sequence[Row]) -> list[Shown]:
    tagged = tags_of(connection, [row["id"] for row in rows])
    shown = []
    for row in rows:
        item = L7RULE.show(row, tagged)
        del item["name"]
        shown.append(item)
    return shown


def whole_view(connection: Connection, row: Row) -> Shown:
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
