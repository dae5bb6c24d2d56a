# SPDX-License-Identifier: Apache-2.0
"""The engine's tables: stacks, operations, resources, events, definitions, snapshots, credentials."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.dialects.mysql import LONGTEXT

from samovar.database import Json, Timestamp, metadata
from samovar.database.leases import lease_columns

LongText = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
Serial = BigInteger().with_variant(Integer(), "sqlite")

# `live_name` is the name while the stack is not deleted and NULL afterwards: the unique index on it
# keeps one undeleted stack of a name in a project, whatever races there are.
stacks = Table(
    "orchestration_stacks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("live_name", String(255), nullable=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("user_name", String(255), nullable=False),
    Column("owner_id", String(36), nullable=True),
    Column("root_id", String(36), nullable=False),
    Column("parent_resource", String(255), nullable=True),
    Column("depth", Integer, nullable=False),
    Column("action", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("definition_id", String(36), nullable=False),
    Column("previous_definition_id", String(36), nullable=True),
    Column("operation_id", String(36), nullable=True),
    Column("credentials_id", String(36), nullable=True),
    Column("user_project_id", String(64), nullable=True),
    Column("description", Text, nullable=False),
    Column("tags", Json, nullable=False),
    Column("timeout_mins", Integer, nullable=True),
    Column("disable_rollback", Boolean, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=True),
    Column("deleted_at", Timestamp, nullable=True),
    Index("uq_orchestration_stacks_live_name", "project_id", "live_name", unique=True),
    Index("ix_orchestration_stacks_listing", "project_id", "owner_id", "deleted_at", "created_at", "id"),
    Index("ix_orchestration_stacks_owner_id", "owner_id"),
    Index("ix_orchestration_stacks_root_id", "root_id"),
    Index("ix_orchestration_stacks_name", "project_id", "name"),
)

stack_tags = Table(
    "orchestration_stack_tags",
    metadata,
    Column(
        "stack_id", String(36), ForeignKey("orchestration_stacks.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("tag", String(80), primary_key=True),
    Index("ix_orchestration_stack_tags_tag", "tag"),
)

# What a stack should be: the template as given, the environment, the parameters. Hidden parameter values
# are in `secrets`, encrypted. `files` maps a name to the digest of its content.
definitions = Table(
    "orchestration_definitions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("stack_id", String(36), nullable=False),
    Column("template", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Column("secrets", LongText, nullable=True),
    Column("files", Json, nullable=False),
    Column("facade", Json, nullable=True),
    Column("file", String(255), nullable=True),
    Column("created_at", Timestamp, nullable=False),
    Index("ix_orchestration_definitions_stack_id", "stack_id"),
)

# The newest definitions of a root stack, numbered.
revisions = Table(
    "orchestration_revisions",
    metadata,
    Column("stack_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("definition_id", String(36), nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

files = Table(
    "orchestration_files",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("content", LongText, nullable=False),
)

# Which contents a definition refers to: one that none refers to is dropped.
definition_files = Table(
    "orchestration_definition_files",
    metadata,
    Column("definition_id", String(36), ForeignKey("orchestration_definitions.id"), primary_key=True),
    Column("digest", String(64), ForeignKey("orchestration_files.digest"), primary_key=True),
    Index("ix_orchestration_definition_files_digest", "digest"),
)

# One action on one stack. `turn` counts a stack's operations: they run one after the other.
operations = Table(
    "orchestration_operations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("stack_id", String(36), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("action", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("definition_id", String(36), nullable=True),
    Column("details", Json, nullable=False),
    Column("done", Json, nullable=True),
    Column("failures", Json, nullable=True),
    Column("requested_by", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("deadline_at", Timestamp, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("started_at", Timestamp, nullable=True),
    Column("finished_at", Timestamp, nullable=True),
    *lease_columns(),
    Index("uq_orchestration_operations_turn", "stack_id", "turn", unique=True),
    Index("ix_orchestration_operations_open", "status", "lease_expires_at"),
)

# A row is one physical object, meant or made. While a resource is being replaced there are two rows of
# its name; the one without `replaced_by` is current.
resources = Table(
    "orchestration_resources",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("stack_id", String(36), nullable=False),
    Column("name", String(255), nullable=False),
    Column("type", String(255), nullable=False),
    Column("action", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("physical_id", String(255), nullable=True),
    Column("operation_id", String(36), nullable=True),
    Column("fingerprint", String(64), nullable=True),
    Column("definition", Json, nullable=False),
    Column("properties", Json, nullable=True),
    Column("data", Json, nullable=False),
    Column("secrets", LongText, nullable=True),
    Column("metadata", Json, nullable=False),
    Column("requires", Json, nullable=False),
    Column("replaces", String(36), nullable=True),
    Column("replaced_by", String(36), nullable=True),
    Column("waiting", Json, nullable=True),
    Column("failure", Json, nullable=True),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=True),
    Index("ix_orchestration_resources_name", "stack_id", "name"),
    Index("ix_orchestration_resources_physical_id", "physical_id"),
)

events = Table(
    "orchestration_events",
    metadata,
    Column("sequence", Serial, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("stack_id", String(36), nullable=False),
    Column("resource_name", String(255), nullable=False),
    Column("physical_id", String(255), nullable=True),
    Column("resource_type", String(255), nullable=False),
    Column("action", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("properties", Json, nullable=True),
    Column("created_at", Timestamp, nullable=False),
    Index("ix_orchestration_events_stack", "stack_id", "sequence"),
    Index("uq_orchestration_events_id", "id", unique=True),
)

# A snapshot of a nested stack has the `root_id` of the snapshot it belongs to; others have their own id.
# `data` is what is shown, `sealed` what is needed to restore and remove it, encrypted.
snapshots = Table(
    "orchestration_snapshots",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("root_id", String(36), nullable=False),
    Column("stack_id", String(36), nullable=False),
    Column("name", String(255), nullable=True),
    Column("action", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", Text, nullable=False),
    Column("definition_id", String(36), nullable=False),
    Column("data", Json, nullable=True),
    Column("sealed", LongText, nullable=True),
    Column("created_at", Timestamp, nullable=False),
    Index("ix_orchestration_snapshots_stack_id", "stack_id"),
    Index("ix_orchestration_snapshots_root_id", "root_id"),
)

# What the engine acts with for a stack tree: a trust or an application credential, encrypted.
credentials = Table(
    "orchestration_credentials",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("secret", LongText, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

# The engines that report for duty, for the list of services.
engines = Table(
    "orchestration_engines",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("interval", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("reported_at", Timestamp, nullable=False),
    Column("stopped_at", Timestamp, nullable=True),
)
