# SPDX-License-Identifier: Apache-2.0
"""The key manager's tables. Payloads are there encrypted only."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table
from sqlalchemy.dialects.mysql import MEDIUMBLOB

from samovar.database import Json, Timestamp, metadata

Payload = LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")

# `acl`: {users, project-access, created, updated} once one was given. `consumers`: [{service, resource_type,
# resource_id}] of secrets, [{name, URL}] of containers.
secrets = Table(
    "key_manager_secrets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("creator_id", String(64), nullable=False),
    Column("name", String(255), nullable=True),
    Column("secret_type", String(32), nullable=False),
    Column("algorithm", String(255), nullable=True),
    Column("bit_length", Integer, nullable=True),
    Column("mode", String(255), nullable=True),
    Column("content_type", String(255), nullable=True),
    Column("payload", Payload, nullable=True),
    Column("expiration", Timestamp, nullable=True),
    Column("acl", Json, nullable=True),
    Column("metadata", Json, nullable=False),
    Column("consumers", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Index("ix_key_manager_secrets_listing", "project_id", "created_at", "id"),
)

# `secrets`: [{name, id}].
containers = Table(
    "key_manager_containers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("creator_id", String(64), nullable=False),
    Column("name", String(255), nullable=True),
    Column("type", String(32), nullable=False),
    Column("secrets", Json, nullable=False),
    Column("acl", Json, nullable=True),
    Column("consumers", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Index("ix_key_manager_containers_listing", "project_id", "created_at", "id"),
)

# `meta`: what was asked for, without the pass phrase.
orders = Table(
    "key_manager_orders",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("creator_id", String(64), nullable=False),
    Column("type", String(32), nullable=False),
    Column("meta", Json, nullable=False),
    Column("secret_id", String(36), nullable=True),
    Column("container_id", String(36), nullable=True),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Index("ix_key_manager_orders_listing", "project_id", "created_at", "id"),
)
