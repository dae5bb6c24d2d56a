# SPDX-License-Identifier: Apache-2.0
"""The tables of software configs and deployments."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from samovar.database import Json, Timestamp, metadata

software_configs = Table(
    "orchestration_software_configs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("group", String(255), nullable=False),
    Column("config", Json, nullable=True),
    Column("inputs", Json, nullable=False),
    Column("outputs", Json, nullable=False),
    Column("options", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index("ix_orchestration_software_configs_listing", "project_id", "created_at", "id"),
)

# `stack_user_project_id`: the project of the stack domain whose users may read it.
software_deployments = Table(
    "orchestration_software_deployments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("stack_user_project_id", String(64), nullable=True),
    Column("server_id", String(64), nullable=False),
    Column("config_id", String(36), nullable=True),
    Column("input_values", Json, nullable=False),
    Column("output_values", Json, nullable=False),
    Column("action", String(255), nullable=False),
    Column("status", String(255), nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=True),
    Index("ix_orchestration_software_deployments_listing", "project_id", "server_id"),
    Index("ix_orchestration_software_deployments_server", "server_id"),
    Index("ix_orchestration_software_deployments_config", "config_id"),
)
