# SPDX-License-Identifier: Apache-2.0
"""Which roles somebody has somewhere: directly, by group, inherited from above, implied by other roles."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, RowMapping, and_, or_, select

from .tables import assignments, domains, implied_roles, memberships, projects, roles


def groups_of(connection: Connection, user_id: str) -> list[str]:
    """The ids of the groups that the user is in."""
    found = select(memberships.c.group_id).where(memberships.c.user_id == user_id)
    return list(connection.execute(found).scalars())


def ancestors(connection: Connection, project: RowMapping) -> list[str]:
    """The ids of the projects above, nearest first (the domain is not among them)."""
    above: list[str] = []
    parent = project["parent_id"]
    while parent is not None and parent not in above:
        row = connection.execute(select(projects.c.parent_id).where(projects.c.id == parent)).first()
        if row is None:
            break
        above.append(parent)
        parent = row.parent_id
    return above


_implications = select(implied_roles.c.prior_id, implied_roles.c.implied_id)


def implied(connection: Connection, role_ids: Iterable[str]) -> set[str]:
    """The roles and all that they imply, however far."""
    below: dict[str, list[str]] = {}
    for prior_id, implied_id in connection.execute(_implications):
        below.setdefault(prior_id, []).append(implied_id)
    having: set[str] = set()
    fresh = set(role_ids)
    while fresh:
        having |= fresh
        fresh = {role for prior in fresh for role in below.get(prior, ())} - having
    return having


def roles_on(connection: Connection, user_id: str, kind: str, target_id: str) -> dict[str, str]:
    """Role id → name of all that the user has on this project, domain, or the system ("all")."""
    actors = [user_id, *groups_of(connection, user_id)]
    columns = assignments.c
    places = [and_(columns.target_kind == kind, columns.target_id == target_id, columns.inherited.is_(False))]
    if kind == "project":
        project = (
            connection.execute(select(projects).where(projects.c.id == target_id)).mappings().one_or_none()
        )
        if project is None:
            return {}
        above = [project["domain_id"], *ancestors(connection, project)]
        places.append(and_(columns.target_id.in_(above), columns.inherited.is_(True)))
    found = select(columns.role_id).where(columns.actor_id.in_(actors), or_(*places))
    return role_names(connection, implied(connection, connection.execute(found).scalars()))


def role_names(connection: Connection, role_ids: Iterable[str]) -> dict[str, str]:
    """Role id → name, of those that exist."""
    ids = list(role_ids)
    if not ids:
        return {}
    found = connection.execute(select(roles.c.id, roles.c.name).where(roles.c.id.in_(ids))).all()
    return {row.id: row.name for row in sorted(found, key=lambda row: row.name)}


def projects_of(connection: Connection, user_id: str) -> list[str]:
    """The ids of the projects on which the user has any role."""
    actors = [user_id, *groups_of(connection, user_id)]
    rows = connection.execute(
        select(assignments.c.target_kind, assignments.c.target_id, assignments.c.inherited).where(
            assignments.c.actor_id.in_(actors)
        )
    ).all()
    ids = {row.target_id for row in rows if row.target_kind == "project" and not row.inherited}
    roots = {row.target_id for row in rows if row.inherited}
    while roots:
        below = select(projects.c.id).where(
            or_(projects.c.domain_id.in_(roots), projects.c.parent_id.in_(roots))
        )
        roots = set(connection.execute(below).scalars()) - ids
        ids |= roots
    return sorted(ids)


def domains_of(connection: Connection, user_id: str) -> list[str]:
    """The ids of the domains on which the user has any role that is not only for its projects."""
    actors = [user_id, *groups_of(connection, user_id)]
    found = select(assignments.c.target_id).where(
        assignments.c.actor_id.in_(actors),
        assignments.c.target_kind == "domain",
        assignments.c.inherited.is_(False),
    )
    existing = select(domains.c.id).where(domains.c.id.in_(found)).order_by(domains.c.id)
    return list(connection.execute(existing).scalars())
