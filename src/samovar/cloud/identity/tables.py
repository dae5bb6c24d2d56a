# SPDX-License-Identifier: Apache-2.0
"""The tables of identity. Ids are 32 hexadecimal digits, except `default` and the regions' names."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from samovar.database import Json, Timestamp, metadata


def _id(name: str = "id", *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, String(64), primary_key=primary_key, nullable=nullable)


domains = Table(
    "identity_domains",
    metadata,
    _id(primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("description", Text, nullable=False, default=""),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("extra", Json, nullable=False, default=dict),
)

projects = Table(
    "identity_projects",
    metadata,
    _id(primary_key=True),
    Column("name", String(64), nullable=False),
    _id("domain_id"),
    _id("parent_id", nullable=True),
    Column("description", Text, nullable=False, default=""),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("tags", Json, nullable=False, default=list),
    Column("extra", Json, nullable=False, default=dict),
    UniqueConstraint("domain_id", "name"),
    Index(None, "parent_id"),
)

users = Table(
    "identity_users",
    metadata,
    _id(primary_key=True),
    Column("name", String(255), nullable=False),
    _id("domain_id"),
    _id("default_project_id", nullable=True),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("password_hash", String(255), nullable=True),
    Column("password_created_at", Timestamp, nullable=True),
    Column("password_expires_at", Timestamp, nullable=True),
    Column("extra", Json, nullable=False, default=dict),
    UniqueConstraint("domain_id", "name"),
)

groups = Table(
    "identity_groups",
    metadata,
    _id(primary_key=True),
    Column("name", String(64), nullable=False),
    _id("domain_id"),
    Column("description", Text, nullable=False, default=""),
    Column("extra", Json, nullable=False, default=dict),
    UniqueConstraint("domain_id", "name"),
)

memberships = Table(
    "identity_memberships",
    metadata,
    _id("group_id", primary_key=True),
    _id("user_id", primary_key=True),
    Index(None, "user_id"),
)

roles = Table(
    "identity_roles",
    metadata,
    _id(primary_key=True),
    Column("name", String(255), nullable=False),
    Column("domain_id", String(64), nullable=False, default=""),  # "" for a role of all domains
    Column("description", Text, nullable=True),
    Column("extra", Json, nullable=False, default=dict),
    UniqueConstraint("domain_id", "name"),
)

implied_roles = Table(
    "identity_implied_roles",
    metadata,
    _id("prior_id", primary_key=True),
    _id("implied_id", primary_key=True),
)

assignments = Table(
    "identity_assignments",
    metadata,
    Column("actor_kind", String(8), primary_key=True),  # user, group
    _id("actor_id", primary_key=True),
    Column("target_kind", String(8), primary_key=True),  # project, domain, system
    _id("target_id", primary_key=True),  # of the system: "all"
    _id("role_id", primary_key=True),
    Column("inherited", Boolean, primary_key=True, default=False),
    Index(None, "actor_id"),
    Index(None, "target_id"),
)

regions = Table(
    "identity_regions",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("parent_region_id", String(255), nullable=True),
    Column("description", Text, nullable=False, default=""),
    Column("extra", Json, nullable=False, default=dict),
)

services = Table(
    "identity_services",
    metadata,
    _id(primary_key=True),
    Column("type", String(255), nullable=False),
    Column("name", String(255), nullable=False, default=""),
    Column("description", Text, nullable=True),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("extra", Json, nullable=False, default=dict),
)

endpoints = Table(
    "identity_endpoints",
    metadata,
    _id(primary_key=True),
    _id("service_id"),
    Column("region_id", String(255), nullable=True),
    Column("interface", String(8), nullable=False),
    Column("url", Text, nullable=False),  # {origin} stands for the scheme and host that a client used
    Column("enabled", Boolean, nullable=False, default=True),
    Column("extra", Json, nullable=False, default=dict),
    Index(None, "service_id"),
)

credentials = Table(
    "identity_credentials",
    metadata,
    _id(primary_key=True),
    _id("user_id"),
    _id("project_id", nullable=True),
    Column("type", String(255), nullable=False),
    Column("blob", Text, nullable=False),
    _id("trust_id", nullable=True),
    _id("application_credential_id", nullable=True),
    Index(None, "user_id"),
)

application_credentials = Table(
    "identity_application_credentials",
    metadata,
    _id(primary_key=True),
    Column("name", String(255), nullable=False),
    _id("user_id"),
    _id("project_id"),
    Column("description", Text, nullable=True),
    Column("secret_hash", String(255), nullable=False),
    Column("expires_at", Timestamp, nullable=True),
    Column("unrestricted", Boolean, nullable=False, default=False),
    Column("role_ids", Json, nullable=False),
    UniqueConstraint("user_id", "name"),
)

trusts = Table(
    "identity_trusts",
    metadata,
    _id(primary_key=True),
    _id("trustor_user_id"),
    _id("trustee_user_id"),
    _id("project_id", nullable=True),
    Column("impersonation", Boolean, nullable=False),
    Column("expires_at", Timestamp, nullable=True),
    Column("remaining_uses", Integer, nullable=True),
    Column("redelegation_count", Integer, nullable=False, default=0),
    _id("redelegated_trust_id", nullable=True),
    Column("role_ids", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Index(None, "trustor_user_id"),
    Index(None, "trustee_user_id"),
)

revocations = Table(
    "identity_revocations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subject", String(64), nullable=False),  # audit id, or id of user, project, domain, trust …
    Column("kind", String(32), nullable=False),
    Column("issued_before", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Index(None, "subject"),
)

token_keys = Table(
    "identity_token_keys",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),  # the newest signs
    Column("secret", LargeBinary(32), nullable=False),
    Column("created_at", Timestamp, nullable=False),
)
