# SPDX-License-Identifier: Apache-2.0
"""What compute remembers."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from samovar.database import Json, Timestamp, metadata
from samovar.database.leases import lease_columns

servers = Table(
    "compute_servers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", String(255)),
    Column("hostname", String(255), nullable=False),
    Column("vm_state", String(32), nullable=False),
    Column("task_state", String(32)),
    Column("power_state", Integer, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("flavor", Json, nullable=False),
    Column("flavor_id", String(255), nullable=False),
    Column("image_id", String(36)),
    Column("user_data", Text),
    Column("key_name", String(255)),
    Column("public_key", Text),
    Column("admin_password", String(255)),
    Column("properties", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("availability_zone", String(255)),
    Column("pinned_zone", String(255)),
    Column("config_drive", Boolean, nullable=False),
    Column("networks", Json, nullable=False),
    Column("security_groups", Json, nullable=False),
    Column("personality", Json, nullable=False),
    Column("hints", Json, nullable=False),
    Column("group_id", String(36)),
    Column("locked", Boolean, nullable=False),
    Column("locked_reason", String(255)),
    Column("fault", Json),
    Column("disk_config", String(16), nullable=False),
    Column("access_ipv4", String(64), nullable=False),
    Column("access_ipv6", String(64), nullable=False),
    Column("host", String(255)),
    Column("launch_index", Integer, nullable=False),
    Column("reservation_id", String(64), nullable=False),
    Column("addresses", Json, nullable=False),
    Column("previous", Json),
    Column("operation", Json),
    Column("operation_number", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("launched_at", Timestamp),
    Column("terminated_at", Timestamp),
    Column("deleted", Boolean, nullable=False),
    *lease_columns(),
    Index("ix_compute_servers_project_id_deleted", "project_id", "deleted"),
    Index("ix_compute_servers_lease_expires_at", "lease_expires_at"),
)
"""One row a server. `operation` is what is being done to it (None: nothing): its name, arguments and
the action it is recorded under; `operation_number` grows with each, so that a worker sees when a
newer one (a delete) has taken its place. `flavor` is a copy: flavors may go while servers stay."""

interfaces = Table(
    "compute_interfaces",
    metadata,
    Column("port_id", String(36), primary_key=True),
    Column("server_id", String(36), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("network_id", String(36), nullable=False, index=True),
    Column("network_name", String(255), nullable=False),
    Column("mac", String(32), nullable=False),
    Column("addresses", Json, nullable=False),
    Column("made_here", Boolean, nullable=False),
    Column("tag", String(60)),
)
"""The ports of the servers that are not deleted. `made_here`: the port goes with its server."""

actions = Table(
    "compute_actions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("server_id", String(36), nullable=False, index=True),
    Column("action", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("started_at", Timestamp, nullable=False),
    Column("finished_at", Timestamp),
    Column("message", Text),
)
"""What was asked of a server, by whom, and how it ended."""

flavors = Table(
    "compute_flavors",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("description", Text),
    Column("ram", Integer, nullable=False),
    Column("vcpus", Integer, nullable=False),
    Column("disk", Integer, nullable=False),
    Column("ephemeral", Integer, nullable=False),
    Column("swap", Integer, nullable=False),
    Column("rxtx_factor", String(16), nullable=False),
    Column("public", Boolean, nullable=False),
    Column("extra_specs", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

flavor_access = Table(
    "compute_flavor_access",
    metadata,
    Column("flavor_id", String(255), primary_key=True),
    Column("project_id", String(64), primary_key=True),
)

keypairs = Table(
    "compute_keypairs",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("type", String(16), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("fingerprint", String(255), nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

groups = Table(
    "compute_server_groups",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False, index=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("policy", String(64), nullable=False),
    Column("rules", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

quotas = Table(
    "compute_quotas",
    metadata,
    Column("project_id", String(255), primary_key=True),
    Column("limits", Json, nullable=False),
)
"""Limits that differ from the defaults, by name; the row ``class:default`` changes the defaults."""

aggregates = Table(
    "compute_aggregates",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("uuid", String(36), nullable=False),
    Column("name", String(255), nullable=False, unique=True),
    Column("properties", Json, nullable=False),
    Column("hosts", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp),
)

nodes = Table(
    "compute_nodes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("uuid", String(36), nullable=False),
    Column("host", String(255), nullable=False, unique=True),
    Column("disabled_reason", String(255)),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
)
"""The machines that run servers: a service (nova-compute) and a hypervisor in one row."""
