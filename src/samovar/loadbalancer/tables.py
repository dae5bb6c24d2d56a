# SPDX-License-Identifier: Apache-2.0
"""The tables of load balancing: the desired tree, what is to be done about it, and what was observed.

Every object of a tree carries `generation`: the generation of its load balancer in which it last
changed. A worker that has brought generation N to the amphorae settles everything up to N.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.dialects.mysql import LONGTEXT

from samovar.database import Json, Timestamp, metadata
from samovar.database.leases import lease_columns

Ref = String(255)
Id = String(36)


def _standard(*, described: bool = True) -> list[Column[Any]]:
    columns: list[Column[Any]] = [
        Column("id", Id, primary_key=True),
        Column("project_id", String(64), nullable=False),
        Column("name", String(255), nullable=False),
        Column("admin_state_up", Boolean, nullable=False),
        Column("provisioning_status", String(16), nullable=False),
        Column("operating_status", String(16), nullable=False),
        Column("generation", Integer, nullable=False),
        Column("created_at", Timestamp, nullable=False),
        Column("updated_at", Timestamp, nullable=True),
    ]
    if described:
        columns.append(Column("description", String(255), nullable=False))
    return columns


def _in_tree() -> Column[Any]:
    return Column(
        "load_balancer_id",
        Id,
        ForeignKey("loadbalancer_load_balancers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    )


# One row: which load balancing this is, among all those over one cloud.
deployments = Table(
    "loadbalancer_deployments",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
)

# `additional_vips`: [{subnet_id, ip_address, port_id, network_id, owned}]. `vip_owned`: the service made the
# port and removes it with the load balancer. `applied_generation`: what the amphorae carry.
load_balancers = Table(
    "loadbalancer_load_balancers",
    metadata,
    *_standard(),
    Column("provider", String(64), nullable=False),
    Column("topology", String(16), nullable=False),
    Column("flavor_id", Id, nullable=True),
    Column("availability_zone", String(255), nullable=True),
    Column("vip_address", String(64), nullable=False),
    Column("vip_subnet_id", Id, nullable=True),
    Column("vip_network_id", Id, nullable=False),
    Column("vip_port_id", Id, nullable=False),
    Column("vip_qos_policy_id", Id, nullable=True),
    Column("vip_vnic_type", String(16), nullable=False),
    Column("vip_sg_ids", Json, nullable=False),
    Column("vip_owned", Boolean, nullable=False),
    Column("additional_vips", Json, nullable=False),
    Column("server_group_id", Id, nullable=True),
    Column("status_reason", Text, nullable=False),
    Column("applied_generation", Integer, nullable=False),
    Index("ix_loadbalancer_load_balancers_listing", "project_id", "created_at", "id"),
)

listeners = Table(
    "loadbalancer_listeners",
    metadata,
    *_standard(),
    _in_tree(),
    Column("protocol", String(24), nullable=False),
    Column("protocol_port", Integer, nullable=False),
    Column("connection_limit", Integer, nullable=False),
    Column("default_pool_id", Id, nullable=True, index=True),
    Column("default_tls_container_ref", Ref, nullable=True),
    Column("sni_container_refs", Json, nullable=False),
    Column("client_ca_tls_container_ref", Ref, nullable=True),
    Column("client_authentication", String(16), nullable=False),
    Column("client_crl_container_ref", Ref, nullable=True),
    Column("insert_headers", Json, nullable=False),
    Column("timeout_client_data", BigInteger, nullable=False),
    Column("timeout_member_connect", BigInteger, nullable=False),
    Column("timeout_member_data", BigInteger, nullable=False),
    Column("timeout_tcp_inspect", BigInteger, nullable=False),
    Column("allowed_cidrs", Json, nullable=True),
    Column("tls_ciphers", Text, nullable=True),
    Column("tls_versions", Json, nullable=False),
    Column("alpn_protocols", Json, nullable=False),
    Column("hsts_max_age", BigInteger, nullable=True),
    Column("hsts_include_subdomains", Boolean, nullable=False),
    Column("hsts_preload", Boolean, nullable=False),
    Index("ix_loadbalancer_listeners_listing", "project_id", "created_at", "id"),
)

pools = Table(
    "loadbalancer_pools",
    metadata,
    *_standard(),
    _in_tree(),
    Column("protocol", String(24), nullable=False),
    Column("lb_algorithm", String(32), nullable=False),
    Column("session_persistence", Json, nullable=True),
    Column("tls_enabled", Boolean, nullable=False),
    Column("tls_container_ref", Ref, nullable=True),
    Column("ca_tls_container_ref", Ref, nullable=True),
    Column("crl_container_ref", Ref, nullable=True),
    Column("tls_ciphers", Text, nullable=True),
    Column("tls_versions", Json, nullable=False),
    Column("alpn_protocols", Json, nullable=False),
    Index("ix_loadbalancer_pools_listing", "project_id", "created_at", "id"),
)

members = Table(
    "loadbalancer_members",
    metadata,
    *_standard(described=False),
    _in_tree(),
    Column("pool_id", Id, nullable=False, index=True),
    Column("address", String(64), nullable=False),
    Column("protocol_port", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("backup", Boolean, nullable=False),
    Column("subnet_id", Id, nullable=True),
    Column("monitor_address", String(64), nullable=True),
    Column("monitor_port", Integer, nullable=True),
    Column("vnic_type", String(16), nullable=False),
)

health_monitors = Table(
    "loadbalancer_health_monitors",
    metadata,
    *_standard(described=False),
    _in_tree(),
    Column("pool_id", Id, nullable=False, index=True),
    Column("type", String(16), nullable=False),
    Column("delay", Integer, nullable=False),
    Column("timeout", Integer, nullable=False),
    Column("max_retries", Integer, nullable=False),
    Column("max_retries_down", Integer, nullable=False),
    Column("http_method", String(16), nullable=True),
    Column("url_path", Text, nullable=True),
    Column("expected_codes", Text, nullable=True),
    Column("http_version", String(8), nullable=True),
    Column("domain_name", String(255), nullable=True),
    Index("ix_loadbalancer_health_monitors_listing", "project_id", "created_at", "id"),
)

l7policies = Table(
    "loadbalancer_l7policies",
    metadata,
    *_standard(),
    _in_tree(),
    Column("listener_id", Id, nullable=False, index=True),
    Column("action", String(24), nullable=False),
    Column("redirect_pool_id", Id, nullable=True, index=True),
    Column("redirect_url", Text, nullable=True),
    Column("redirect_prefix", Text, nullable=True),
    Column("redirect_http_code", Integer, nullable=True),
    Column("position", Integer, nullable=False),
    Index("ix_loadbalancer_l7policies_listing", "project_id", "created_at", "id"),
)

l7rules = Table(
    "loadbalancer_l7rules",
    metadata,
    *_standard(),
    _in_tree(),
    Column("l7policy_id", Id, nullable=False, index=True),
    Column("type", String(24), nullable=False),
    Column("compare_type", String(16), nullable=False),
    Column("key", String(255), nullable=True),
    Column("value", String(255), nullable=False),
    Column("invert", Boolean, nullable=False),
)

CHILDREN = (listeners, pools, members, health_monitors, l7policies, l7rules)
"""The tables of everything below a load balancer."""

tags = Table(
    "loadbalancer_tags",
    metadata,
    Column("resource_id", Id, primary_key=True),
    Column("tag", String(255), primary_key=True),
    Index("ix_loadbalancer_tags_tag", "tag"),
)

quotas = Table(
    "loadbalancer_quotas",
    metadata,
    Column("project_id", String(64), primary_key=True),
    Column("resource", String(32), primary_key=True),
    Column("limit", Integer, nullable=False),
)

flavor_profiles = Table(
    "loadbalancer_flavor_profiles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("provider_name", String(255), nullable=False),
    Column("flavor_data", Text, nullable=False),
)

flavors = Table(
    "loadbalancer_flavors",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("description", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("flavor_profile_id", Id, ForeignKey("loadbalancer_flavor_profiles.id"), nullable=False),
)

zone_profiles = Table(
    "loadbalancer_availability_zone_profiles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("provider_name", String(255), nullable=False),
    Column("availability_zone_data", Text, nullable=False),
)

zones = Table(
    "loadbalancer_availability_zones",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("description", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column(
        "availability_zone_profile_id",
        Id,
        ForeignKey("loadbalancer_availability_zone_profiles.id"),
        nullable=False,
    ),
)

# `lacks`: protocol → why its host cannot carry it, as the agent found out.
amphorae = Table(
    "loadbalancer_amphorae",
    metadata,
    Column("id", Id, primary_key=True),
    Column("load_balancer_id", Id, nullable=True, index=True),
    Column("status", String(24), nullable=False),
    Column("role", String(16), nullable=True),
    Column("compute_id", Id, nullable=True, index=True),
    Column("lb_network_ip", String(64), nullable=True),
    Column("vrrp_ip", String(64), nullable=True),
    Column("ha_ip", String(64), nullable=True),
    Column("vrrp_port_id", Id, nullable=True),
    Column("ha_port_id", Id, nullable=True),
    Column("cert_expiration", Timestamp, nullable=True),
    Column("cert_busy", Boolean, nullable=False, default=False),
    Column("vrrp_interface", String(16), nullable=True),
    Column("vrrp_id", Integer, nullable=True),
    Column("vrrp_priority", Integer, nullable=True),
    Column("cached_zone", String(255), nullable=True),
    Column("image_id", Id, nullable=True),
    Column("compute_flavor", String(255), nullable=True),
    Column("lacks", Json, nullable=True),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=True),
)

# What passed through a listener on one amphora since the listener was made.
statistics = Table(
    "loadbalancer_listener_statistics",
    metadata,
    Column("listener_id", Id, primary_key=True),
    Column("amphora_id", Id, primary_key=True),
    Column("load_balancer_id", Id, nullable=False, index=True),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("active_connections", BigInteger, nullable=False),
    Column("total_connections", BigInteger, nullable=False),
    Column("request_errors", BigInteger, nullable=False),
)

# What an amphora said of itself last: the newest heartbeat that was news, or that was due again. `pools` are
# HAProxy's words about each member by pool and listener, `listeners` its words about each listener.
reports = Table(
    "loadbalancer_amphora_reports",
    metadata,
    Column("amphora_id", Id, ForeignKey("loadbalancer_amphorae.id", ondelete="CASCADE"), primary_key=True),
    Column("load_balancer_id", Id, nullable=False, index=True),
    Column("heard_at", Timestamp, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("vrrp", String(16), nullable=False),
    Column("configuration", String(128), nullable=False),
    Column("listeners", Json, nullable=False),
    Column("pools", Json, nullable=False),
)

# The newest heartbeat that was believed of each amphora, so that none is believed again after a restart.
heard = Table(
    "loadbalancer_heard",
    metadata,
    Column("amphora_id", Id, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

# HAProxy's configuration as it was last brought to an amphora. Keys are in files of the amphora, not in it.
configurations = Table(
    "loadbalancer_amphora_configurations",
    metadata,
    Column("amphora_id", Id, ForeignKey("loadbalancer_amphorae.id", ondelete="CASCADE"), primary_key=True),
    Column("text", Text().with_variant(LONGTEXT(), "mysql", "mariadb"), nullable=False),
    Column("brought_at", Timestamp, nullable=False),
)

# What a worker has to do. `generation` is the newest that was asked for; an open operation takes the
# changes that come while it waits or runs. It outlives its load balancer as history.
operations = Table(
    "loadbalancer_operations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("load_balancer_id", Id, nullable=False),
    Column("amphora_id", Id, nullable=True),
    Column("kind", String(24), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("finished_at", Timestamp, nullable=True),
    *lease_columns(),
    Index("ix_loadbalancer_operations_load_balancer_id", "load_balancer_id", "status"),
    Index("ix_loadbalancer_operations_open", "status", "lease_expires_at"),
)
