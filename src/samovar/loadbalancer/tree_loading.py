# SPDX-License-Identifier: Apache-2.0
"""Reading the desired tree of a load balancer from the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Table, select

from .tables import (
    flavor_profiles,
    flavors,
    health_monitors,
    l7policies,
    l7rules,
    listeners,
    load_balancers,
    members,
    pools,
    zone_profiles,
    zones,
)
from .tree import (
    HealthMonitor,
    Listener,
    ListenerTls,
    Member,
    Policy,
    Pool,
    PoolTls,
    Rule,
    SessionPersistence,
    Tree,
    Vip,
)


def load_tree(connection: Connection, lb_id: str) -> Tree | None:
    """The tree as it is desired now; None when there is no such load balancer."""
    row = connection.execute(select(load_balancers).where(load_balancers.c.id == lb_id)).mappings().first()
    if row is None:
        return None
    in_pools: dict[str, list[RowMapping]] = _grouped(_rows(connection, members, lb_id), "pool_id")
    monitors = {item["pool_id"]: _monitor(item) for item in _rows(connection, health_monitors, lb_id)}
    in_policies = _grouped(_rows(connection, l7rules, lb_id), "l7policy_id")
    in_listeners = _grouped(
        sorted(_rows(connection, l7policies, lb_id), key=lambda item: int(item["position"])), "listener_id"
    )
    return Tree(
        id=row["id"],
        project_id=row["project_id"],
        name=row["name"],
        enabled=row["admin_state_up"],
        provider=row["provider"],
        topology=row["topology"],
        generation=row["generation"],
        status=row["provisioning_status"],
        vip=Vip(
            row["vip_address"],
            row["vip_port_id"],
            row["vip_network_id"],
            row["vip_subnet_id"],
            row["vip_owned"],
        ),
        additional_vips=tuple(
            Vip(vip["ip_address"], vip["port_id"], vip["network_id"], vip["subnet_id"], vip["owned"])
            for vip in row["additional_vips"]
        ),
        vip_security_groups=tuple(row["vip_sg_ids"]),
        vip_qos_policy_id=row["vip_qos_policy_id"],
        vip_vnic_type=row["vip_vnic_type"],
        server_group_id=row["server_group_id"],
        flavor=flavor_data(connection, row["flavor_id"]),
        availability_zone=zone_data(connection, row["availability_zone"]),
        listeners=tuple(
            _listener(
                item, [_policy(p, in_policies.get(p["id"], [])) for p in in_listeners.get(item["id"], [])]
            )
            for item in _rows(connection, listeners, lb_id)
        ),
        pools=tuple(
            _pool(item, in_pools.get(item["id"], []), monitors.get(item["id"]))
            for item in _rows(connection, pools, lb_id)
        ),
    )


def flavor_data(connection: Connection, flavor_id: str | None) -> Mapping[str, Any]:
    """What the flavor's profile says; {} without a flavor."""
    if flavor_id is None:
        return {}
    query = select(flavor_profiles.c.flavor_data).join(
        flavors, flavors.c.flavor_profile_id == flavor_profiles.c.id
    )
    return _decoded(connection.execute(query.where(flavors.c.id == flavor_id)).scalar())


def zone_data(connection: Connection, name: str | None) -> Mapping[str, Any]:
    """What the availability zone's profile says; {} without a zone."""
    if name is None:
        return {}
    query = select(zone_profiles.c.availability_zone_data).join(
        zones, zones.c.availability_zone_profile_id == zone_profiles.c.id
    )
    return _decoded(connection.execute(query.where(zones.c.name == name)).scalar())


def _decoded(text: str | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = msgspec.json.decode(text) if text else {}
    return found


def _rows(connection: Connection, table: Table, lb_id: str) -> list[RowMapping]:
    query = select(table).where(
        table.c.load_balancer_id == lb_id, table.c.provisioning_status.not_in(("PENDING_DELETE", "DELETED"))
    )
    return list(connection.execute(query.order_by(table.c.created_at, table.c.id)).mappings())


def _grouped(rows: Iterable[RowMapping], key: str) -> dict[str, list[RowMapping]]:
    groups: dict[str, list[RowMapping]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _monitor(row: RowMapping) -> HealthMonitor:
    return HealthMonitor(
        id=row["id"],
        name=row["name"],
        enabled=row["admin_state_up"],
        type=row["type"],
        delay=row["delay"],
        timeout=row["timeout"],
        rise=row["max_retries"],
        fall=row["max_retries_down"],
        http_method=row["http_method"],
        url_path=row["url_path"],
        expected_codes=row["expected_codes"],
        http_version=row["http_version"],
        domain_name=row["domain_name"],
        status=row["provisioning_status"],
    )


def _pool(row: RowMapping, inside: Iterable[RowMapping], monitor: HealthMonitor | None) -> Pool:
    kept = row["session_persistence"]
    return Pool(
        id=row["id"],
        name=row["name"],
        enabled=row["admin_state_up"],
        protocol=row["protocol"],
        algorithm=row["lb_algorithm"],
        persistence=None
        if not kept
        else SessionPersistence(
            kept["type"], kept["cookie_name"], kept["persistence_timeout"], kept["persistence_granularity"]
        ),
        tls=None
        if not row["tls_enabled"]
        else PoolTls(
            row["tls_container_ref"],
            row["ca_tls_container_ref"],
            row["crl_container_ref"],
            row["tls_ciphers"],
            tuple(row["tls_versions"]),
            tuple(row["alpn_protocols"]),
        ),
        members=tuple(
            Member(
                id=item["id"],
                name=item["name"],
                enabled=item["admin_state_up"],
                address=item["address"],
                port=item["protocol_port"],
                weight=item["weight"],
                backup=item["backup"],
                subnet_id=item["subnet_id"],
                monitor_address=item["monitor_address"],
                monitor_port=item["monitor_port"],
                vnic_type=item["vnic_type"],
                status=item["provisioning_status"],
            )
            for item in inside
        ),
        monitor=monitor,
        status=row["provisioning_status"],
    )


def _policy(row: RowMapping, inside: Iterable[RowMapping]) -> Policy:
    return Policy(
        id=row["id"],
        name=row["name"],
        enabled=row["admin_state_up"],
        action=row["action"],
        position=row["position"],
        redirect_pool_id=row["redirect_pool_id"],
        redirect_url=row["redirect_url"],
        redirect_prefix=row["redirect_prefix"],
        redirect_http_code=row["redirect_http_code"],
        rules=tuple(
            Rule(
                item["id"],
                item["admin_state_up"],
                item["type"],
                item["compare_type"],
                item["key"],
                item["value"],
                item["invert"],
            )
            for item in inside
        ),
        status=row["provisioning_status"],
    )


def ends_tls(listener: RowMapping | Mapping[str, Any]) -> bool:
    """Whether TLS ends at the listener: always or, for figures, where it has a certificate."""
    if listener["protocol"] == "PROMETHEUS":
        return bool(listener["default_tls_container_ref"] or listener["sni_container_refs"])
    return bool(listener["protocol"] == "TERMINATED_HTTPS")


def _listener(row: RowMapping, policies: Iterable[Policy]) -> Listener:
    terminates = ends_tls(row)
    return Listener(
        id=row["id"],
        name=row["name"],
        enabled=row["admin_state_up"],
        protocol=row["protocol"],
        port=row["protocol_port"],
        connection_limit=row["connection_limit"],
        default_pool_id=row["default_pool_id"],
        insert_headers=row["insert_headers"],
        timeout_client_data=row["timeout_client_data"],
        timeout_member_connect=row["timeout_member_connect"],
        timeout_member_data=row["timeout_member_data"],
        timeout_tcp_inspect=row["timeout_tcp_inspect"],
        allowed_cidrs=tuple(row["allowed_cidrs"] or ()),
        tls=None
        if not terminates
        else ListenerTls(
            certificate=row["default_tls_container_ref"],
            sni=tuple(row["sni_container_refs"]),
            client_authentication=row["client_authentication"],
            client_ca=row["client_ca_tls_container_ref"],
            client_crl=row["client_crl_container_ref"],
            ciphers=row["tls_ciphers"],
            versions=tuple(row["tls_versions"]),
            alpn=tuple(row["alpn_protocols"]),
            hsts_max_age=row["hsts_max_age"],
            hsts_include_subdomains=row["hsts_include_subdomains"],
            hsts_preload=row["hsts_preload"],
        ),
        policies=tuple(policies),
        status=row["provisioning_status"],
    )
