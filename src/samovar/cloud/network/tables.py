# SPDX-License-Identifier: Apache-2.0
"""The tables of the network service.

    networks ─┬─ subnets ── addresses ── ports ── port_groups ── groups ── rules
              └─ ports                     │
    routers ──── ports (device_id)         └── floating_ips

An address belongs to a port and is unique in its network: the primary key keeps two requests from
getting the same one. ``position`` is its distance from the subnet's first address, by which free ones are
found with an index.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from samovar.database import Json, Timestamp, metadata

ID = String(36)
NAME = String(255)
ADDRESS = String(64)


def standard() -> list[Column[Any]]:
    """The columns that everything of the API has."""
    return [
        Column("id", ID, primary_key=True),
        Column("project_id", NAME, nullable=False, default="", index=True),
        Column("name", NAME, nullable=False, default=""),
        Column("description", Text, nullable=False, default=""),
        Column("created_at", Timestamp, nullable=False),
        Column("updated_at", Timestamp, nullable=False),
        Column("revision_number", Integer, nullable=False, default=0),
    ]


networks = Table(
    "network_networks",
    metadata,
    *standard(),
    Column("admin_state_up", Boolean, nullable=False, default=True),
    Column("status", String(16), nullable=False, default="ACTIVE"),
    Column("mtu", Integer, nullable=False),
    Column("shared", Boolean, nullable=False, default=False),
    Column("external", Boolean, nullable=False, default=False, index=True),
    Column("is_default", Boolean, nullable=False, default=False),
    Column("port_security_enabled", Boolean, nullable=False, default=True),
    Column("dns_domain", NAME, nullable=False, default=""),
    Column("availability_zone_hints", Json, nullable=False),
)

address_scopes = Table(
    "network_address_scopes",
    metadata,
    *standard(),
    Column("ip_version", Integer, nullable=False),
    Column("shared", Boolean, nullable=False, default=False),
)

subnet_pools = Table(
    "network_subnet_pools",
    metadata,
    *standard(),
    Column("ip_version", Integer, nullable=False),
    Column("prefixes", Json, nullable=False),
    Column("min_prefixlen", Integer, nullable=False),
    Column("max_prefixlen", Integer, nullable=False),
    Column("default_prefixlen", Integer, nullable=False),
    Column("default_quota", Integer, nullable=True),
    Column("shared", Boolean, nullable=False, default=False),
    Column("is_default", Boolean, nullable=False, default=False),
    Column("address_scope_id", ID, ForeignKey("network_address_scopes.id"), nullable=True, index=True),
)

subnets = Table(
    "network_subnets",
    metadata,
    *standard(),
    Column(
        "network_id", ID, ForeignKey("network_networks.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", ADDRESS, nullable=False),
    Column("gateway_ip", ADDRESS, nullable=True),
    Column("allocation_pools", Json, nullable=False),
    Column("enable_dhcp", Boolean, nullable=False, default=True),
    Column("dns_nameservers", Json, nullable=False),
    Column("host_routes", Json, nullable=False),
    Column("service_types", Json, nullable=False),
    Column("ipv6_ra_mode", String(32), nullable=True),
    Column("ipv6_address_mode", String(32), nullable=True),
    Column("dns_publish_fixed_ip", Boolean, nullable=False, default=False),
    Column("subnetpool_id", ID, ForeignKey("network_subnet_pools.id"), nullable=True, index=True),
    Column("cursor", BigInteger, nullable=False, default=0),
)

ports = Table(
    "network_ports",
    metadata,
    *standard(),
    Column("network_id", ID, ForeignKey("network_networks.id"), nullable=False),
    Column("mac_address", String(17), nullable=False),
    Column("admin_state_up", Boolean, nullable=False, default=True),
    Column("status", String(16), nullable=False, default="DOWN"),
    Column("device_id", NAME, nullable=False, default="", index=True),
    Column("device_owner", NAME, nullable=False, default=""),
    Column("interface", Integer, nullable=True),
    Column("port_security_enabled", Boolean, nullable=False, default=True),
    Column("allowed_address_pairs", Json, nullable=False),
    Column("extra_dhcp_opts", Json, nullable=False),
    Column("host_id", NAME, nullable=False, default=""),
    Column("vnic_type", String(64), nullable=False, default="normal"),
    Column("profile", Json, nullable=False),
    Column("dns_name", NAME, nullable=False, default=""),
    Column("dns_domain", NAME, nullable=False, default=""),
    UniqueConstraint("network_id", "mac_address"),
)

addresses = Table(
    "network_addresses",
    metadata,
    Column("network_id", ID, ForeignKey("network_networks.id"), primary_key=True),
    Column("address", ADDRESS, primary_key=True),
    Column("subnet_id", ID, ForeignKey("network_subnets.id"), nullable=False),
    Column("position", BigInteger, nullable=True),
    Column("port_id", ID, ForeignKey("network_ports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False, default=0),
    UniqueConstraint("subnet_id", "position"),
)

routers = Table(
    "network_routers",
    metadata,
    *standard(),
    Column("admin_state_up", Boolean, nullable=False, default=True),
    Column("status", String(16), nullable=False, default="BUILD"),
    Column("gateway_network_id", ID, ForeignKey("network_networks.id"), nullable=True, index=True),
    Column("gateway_port_id", ID, ForeignKey("network_ports.id"), nullable=True, index=True),
    Column("enable_snat", Boolean, nullable=False, default=True),
    Column("routes", Json, nullable=False),
    Column("availability_zone_hints", Json, nullable=False),
)

floating_ips = Table(
    "network_floating_ips",
    metadata,
    *standard(),
    Column("floating_network_id", ID, ForeignKey("network_networks.id"), nullable=False),
    Column("floating_ip_address", ADDRESS, nullable=False),
    Column("floating_port_id", ID, ForeignKey("network_ports.id"), nullable=False, index=True),
    Column("port_id", ID, ForeignKey("network_ports.id"), nullable=True, index=True),
    Column("fixed_ip_address", ADDRESS, nullable=True),
    Column("router_id", ID, ForeignKey("network_routers.id"), nullable=True, index=True),
    Column("status", String(16), nullable=False, default="DOWN"),
    Column("dns_name", NAME, nullable=False, default=""),
    Column("dns_domain", NAME, nullable=False, default=""),
    UniqueConstraint("floating_network_id", "floating_ip_address"),
    UniqueConstraint("floating_network_id", "port_id", "fixed_ip_address"),
)

groups = Table(
    "network_security_groups",
    metadata,
    *standard(),
    Column("stateful", Boolean, nullable=False, default=True),
    Column("shared", Boolean, nullable=False, default=False),
    Column("default_of", NAME, nullable=True, unique=True),
)

rules = Table(
    "network_security_group_rules",
    metadata,
    *standard(),
    Column(
        "security_group_id",
        ID,
        ForeignKey("network_security_groups.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("direction", String(8), nullable=False),
    Column("ethertype", String(8), nullable=False),
    Column("protocol", String(40), nullable=True),
    Column("port_range_min", Integer, nullable=True),
    Column("port_range_max", Integer, nullable=True),
    Column("remote_ip_prefix", ADDRESS, nullable=True),
    Column(
        "remote_group_id",
        ID,
        ForeignKey("network_security_groups.id", ondelete="CASCADE"),
        nullable=True,
        index=True,
    ),
    Column("fingerprint", NAME, nullable=False),
    UniqueConstraint("security_group_id", "fingerprint"),
)

port_groups = Table(
    "network_port_security_groups",
    metadata,
    Column("port_id", ID, ForeignKey("network_ports.id", ondelete="CASCADE"), primary_key=True),
    Column("security_group_id", ID, ForeignKey("network_security_groups.id"), primary_key=True, index=True),
    Column("ordinal", Integer, nullable=False, default=0),
)

tags = Table(
    "network_tags",
    metadata,
    Column("resource_id", ID, primary_key=True),
    Column("tag", NAME, primary_key=True, index=True),
)

quotas = Table(
    "network_quotas",
    metadata,
    Column("project_id", NAME, primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("limit", Integer, nullable=False),
)

sharing = Table(
    "network_rbac_policies",
    metadata,
    *standard(),
    Column("object_type", String(32), nullable=False),
    Column("object_id", ID, nullable=False),
    Column("action", String(32), nullable=False),
    Column("target_tenant", NAME, nullable=False),
    UniqueConstraint("object_id", "action", "target_tenant"),
)

removals = Table(
    "network_removals",
    metadata,
    Column("key", String(64), primary_key=True),
)
"""What is gone from the other tables and may still be in the kernel: ``network:<id>``, ``router:<id>``."""

Index("ix_network_ports_device_owner", ports.c.device_owner, ports.c.network_id)
