# SPDX-License-Identifier: Apache-2.0
"""Removing an object takes along all that cannot be without it."""

from __future__ import annotations

from sqlalchemy import Connection, delete, or_, select

from .tables import (
    application_credentials,
    assignments,
    credentials,
    domains,
    groups,
    implied_roles,
    memberships,
    projects,
    roles,
    trusts,
    users,
)


def remove_user(connection: Connection, user_id: str) -> None:
    connection.execute(delete(memberships).where(memberships.c.user_id == user_id))
    _remove_actor(connection, user_id)
    connection.execute(delete(credentials).where(credentials.c.user_id == user_id))
    connection.execute(delete(application_credentials).where(application_credentials.c.user_id == user_id))
    theirs = or_(trusts.c.trustor_user_id == user_id, trusts.c.trustee_user_id == user_id)
    for trust_id in connection.execute(select(trusts.c.id).where(theirs)).scalars().all():
        remove_trust(connection, trust_id)
    connection.execute(delete(users).where(users.c.id == user_id))


def remove_group(connection: Connection, group_id: str) -> None:
    connection.execute(delete(memberships).where(memberships.c.group_id == group_id))
    _remove_actor(connection, group_id)
    connection.execute(delete(groups).where(groups.c.id == group_id))


def remove_project(connection: Connection, project_id: str) -> None:
    connection.execute(delete(assignments).where(assignments.c.target_id == project_id))
    connection.execute(delete(credentials).where(credentials.c.project_id == project_id))
    connection.execute(
        delete(application_credentials).where(application_credentials.c.project_id == project_id)
    )
    held = select(trusts.c.id).where(trusts.c.project_id == project_id)
    for trust_id in connection.execute(held).scalars().all():
        remove_trust(connection, trust_id)
    connection.execute(delete(projects).where(projects.c.id == project_id))


def remove_domain(connection: Connection, domain_id: str) -> None:
    """The domain with its users, groups, projects and roles."""
    for table, remove in (
        (users, remove_user),
        (groups, remove_group),
        (projects, remove_project),
        (roles, remove_role),
    ):
        inside = select(table.c.id).where(table.c.domain_id == domain_id)
        for identity in connection.execute(inside).scalars().all():
            remove(connection, identity)
    connection.execute(delete(assignments).where(assignments.c.target_id == domain_id))
    connection.execute(delete(domains).where(domains.c.id == domain_id))


def remove_role(connection: Connection, role_id: str) -> None:
    connection.execute(delete(assignments).where(assignments.c.role_id == role_id))
    either = or_(implied_roles.c.prior_id == role_id, implied_roles.c.implied_id == role_id)
    connection.execute(delete(implied_roles).where(either))
    connection.execute(delete(roles).where(roles.c.id == role_id))


def remove_trust(connection: Connection, trust_id: str) -> None:
    """The trust, those made from it, and the ec2 keys that act through it."""
    made_from = select(trusts.c.id).where(trusts.c.redelegated_trust_id == trust_id)
    for below in connection.execute(made_from).scalars().all():
        remove_trust(connection, below)
    connection.execute(delete(credentials).where(credentials.c.trust_id == trust_id))
    connection.execute(delete(trusts).where(trusts.c.id == trust_id))


def remove_application_credential(connection: Connection, identity: str) -> None:
    connection.execute(delete(credentials).where(credentials.c.application_credential_id == identity))
    connection.execute(delete(application_credentials).where(application_credentials.c.id == identity))


def _remove_actor(connection: Connection, actor_id: str) -> None:
    connection.execute(delete(assignments).where(assignments.c.actor_id == actor_id))
