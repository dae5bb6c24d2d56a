# SPDX-License-Identifier: Apache-2.0
"""Security groups: what may pass to and from the ports that are in them. Each project has a default one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from samovar.auth import Context

from . import security_rules
from .backend import Work
from .collection import bump
from .faults import refuse
from .kind import (
    REQUIRED,
    Attribute,
    Kind,
    Preparation,
    Values,
    chunks,
    named,
    shared_with,
    standard,
    tags_of,
)
from .tables import groups, port_groups, sharing, tags
from .tables import rules as rule_table
from .values import boolean, text

DEFAULT = "default"

ATTRIBUTES = {**named(), "name": Attribute(text(), REQUIRED), "stateful": Attribute(boolean, True)}


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    ids = [row["id"] for row in rows]
    tagged = tags_of(connection, ids)
    contained: dict[str, list[RowMapping]] = {identity: [] for identity in ids}
    for part in chunks(ids):
        query = select(rule_table).where(rule_table.c.security_group_id.in_(part))
        query = query.order_by(rule_table.c.created_at, rule_table.c.id)
        for rule in connection.execute(query).mappings().all():
            contained[rule["security_group_id"]].append(rule)
    return [
        standard(row, tagged)
        | {
            "stateful": row["stateful"],
            "shared": row["shared"],
            "security_group_rules": security_rules.describe(connection, contained[row["id"]], context),
        }
        for row in rows
    ]


def create(work: Work, values: Values) -> str:
    if values["name"].lower() == DEFAULT:
        raise refuse("SecurityGroupDefaultAlreadyExists", "Each project has its default group already.")
    ensure_default(work, values["project_id"])
    work.spend("security_group", groups, values["project_id"])
    _check_stateful(values)
    identity = work.add(groups, **values)
    for ethertype in ("IPv4", "IPv6"):
        security_rules.insert_rule(work, identity, values["project_id"], "egress", ethertype)
    return identity


def update_group(work: Work, row: RowMapping, values: Values) -> None:
    if row["default_of"] is not None and values.get("name", row["name"]) != row["name"]:
        raise refuse("SecurityGroupCannotUpdateDefault", "The default group keeps its name.")
    if row["default_of"] is None and str(values.get("name", "")).lower() == DEFAULT:
        raise refuse("SecurityGroupDefaultAlreadyExists", "Each project has its default group already.")
    _check_stateful(values)
    if values:
        work.connection.execute(update(groups).where(groups.c.id == row["id"]).values(**values))


def delete_group(work: Work, row: RowMapping) -> None:
    connection, identity = work.connection, row["id"]
    if row["default_of"] is not None and not work.context.is_admin:
        raise refuse("SecurityGroupCannotRemoveDefault", "The default group cannot be deleted.")
    used = select(port_groups.c.port_id).where(port_groups.c.security_group_id == identity).limit(3)
    left = connection.execute(used).scalars().all()
    if left:
        raise refuse("SecurityGroupInUse", f"Security group {identity} is on port {', '.join(left)}.")
    referring = select(rule_table.c.security_group_id).where(rule_table.c.remote_group_id == identity)
    for other in connection.execute(referring.distinct()).scalars().all():
        if other != identity:
            work.touch("rules", other)
            bump(work, KIND, other)
    connection.execute(delete(rule_table).where(rule_table.c.remote_group_id == identity))
    connection.execute(delete(rule_table).where(rule_table.c.security_group_id == identity))
    connection.execute(delete(sharing).where(sharing.c.object_id == identity))
    connection.execute(delete(tags).where(tags.c.resource_id == identity))
    connection.execute(delete(groups).where(groups.c.id == identity))


def ensure_default(work: Work, project_id: str) -> str:
    """The id of the project's default group, which is made when it is first needed.

    It lets out everything and lets in what its own members send.
    """
    query = select(groups.c.id).where(groups.c.default_of == project_id)
    found: str | None = work.connection.execute(query).scalar()
    if found is not None:
        return found
    identity = work.add(
        groups,
        project_id=project_id,
        name=DEFAULT,
        description="Default security group",
        default_of=project_id,
    )
    for ethertype in ("IPv4", "IPv6"):
        security_rules.insert_rule(work, identity, project_id, "egress", ethertype)
        security_rules.insert_rule(work, identity, project_id, "ingress", ethertype, remote_group_id=identity)
    return identity


def _has_no_default(connection: Connection, context: Context) -> bool:
    query = select(groups.c.id).where(groups.c.default_of == context.project_id)
    return bool(context.project_id) and connection.execute(query).first() is None


DEFAULT_OF_CALLER: Preparation = Preparation(
    _has_no_default, lambda work: ensure_default(work, work.context.project_id or "")
)


def join(work: Work, port_id: str, wanted: Sequence[str]) -> None:
    """Put the port into exactly these groups; they must be the bearer's to use."""
    had = of_ports(work.connection, [port_id])[port_id]
    for identity in wanted:
        if identity not in had:
            KIND.fetch(work.connection, identity, work.context)
    work.connection.execute(delete(port_groups).where(port_groups.c.port_id == port_id))
    for ordinal, identity in enumerate(wanted):
        work.connection.execute(
            insert(port_groups).values(port_id=port_id, security_group_id=identity, ordinal=ordinal)
        )
    for identity in {*had, *wanted}:
        work.touch("members", identity)


OF_PORTS = (
    select(port_groups)
    .where(port_groups.c.port_id.in_(bindparam("ids", expanding=True)))
    .order_by(port_groups.c.ordinal)
)


def of_ports(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The groups of each port."""
    found: dict[str, list[str]] = {identity: [] for identity in ids}
    for part in chunks(ids):
        for row in connection.execute(OF_PORTS, {"ids": part}).mappings().all():
            found[row["port_id"]].append(row["security_group_id"])
    return found


def _check_stateful(values: Values) -> None:
    if values.get("stateful") is False:
        raise refuse("InvalidInput", "Only stateful security groups are supported by this cloud.")


KIND = Kind(
    name="security_group",
    plural="security_groups",
    path="security-groups",
    table=groups,
    missing="SecurityGroupNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_group,
    delete=delete_group,
    readable=lambda context: (
        groups.c.shared.is_(True),
        shared_with(groups.c.id, "access_as_shared", context),
    ),
    unlisted=frozenset({"default_of"}),
    preparation=DEFAULT_OF_CALLER,
)
