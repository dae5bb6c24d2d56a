# SPDX-License-Identifier: Apache-2.0
"""RBAC policies: which other projects may use a network, subnet pool, address scope or security group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, exists, select, update

from samovar.auth import Context

from . import networks, security_groups
from .backend import Work
from .faults import refuse
from .kind import REQUIRED, Attribute, Kind, Values
from .subnet_pools import POOLS, SCOPES
from .tables import address_scopes, groups, ports, sharing, subnet_pools
from .tables import networks as network_table
from .values import identity, one_of, text

SHARED, EXTERNAL = "access_as_shared", "access_as_external"
OBJECTS = {
    "network": (networks.KIND, network_table, (SHARED, EXTERNAL)),
    "security_group": (security_groups.KIND, groups, (SHARED,)),
    "subnetpool": (POOLS, subnet_pools, (SHARED,)),
    "address_scope": (SCOPES, address_scopes, (SHARED,)),
}

ATTRIBUTES = {
    "project_id": Attribute(text(), update=False),
    "object_type": Attribute(one_of(*OBJECTS), REQUIRED, update=False),
    "object_id": Attribute(identity, REQUIRED, update=False),
    "action": Attribute(one_of(SHARED, EXTERNAL), REQUIRED, update=False),
    "target_tenant": Attribute(text(), REQUIRED),
}


def readable(context: Context) -> Sequence[ColumnElement[bool]]:
    return (sharing.c.target_tenant == (context.project_id or "-"),)


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    names = ("id", "project_id", "object_type", "object_id", "action", "target_tenant")
    return [{**{name: row[name] for name in names}, "tenant_id": row["project_id"]} for row in rows]


def create(work: Work, values: Values) -> str:
    kind, table, actions = OBJECTS[values["object_type"]]
    row = kind.fetch(work.connection, values["object_id"], work.context)
    if not work.context.is_admin and row["project_id"] != work.context.project_id:
        raise refuse(kind.missing, f"There is no {kind.name.replace('_', ' ')} {values['object_id']}.")
    if values["action"] not in actions:
        raise refuse("RbacPolicyInvalidAction", f"{values['action']} means nothing for a {kind.name}.")
    _only_admins_for_all(work, values["target_tenant"], values["action"])
    work.spend("rbac_policy", sharing, values["project_id"])
    _check_new(work, values)
    made = work.add(sharing, **values)
    _settle(work, table, values["object_id"])
    return made


def update_policy(work: Work, row: RowMapping, values: Values) -> None:
    if values.get("target_tenant", row["target_tenant"]) == row["target_tenant"]:
        return
    _only_admins_for_all(work, values["target_tenant"], row["action"])
    _not_in_use(work, row)
    _check_new(work, dict(row) | values)
    work.connection.execute(update(sharing).where(sharing.c.id == row["id"]).values(**values))
    _settle(work, OBJECTS[row["object_type"]][1], row["object_id"])


def delete_policy(work: Work, row: RowMapping) -> None:
    _not_in_use(work, row)
    work.connection.execute(delete(sharing).where(sharing.c.id == row["id"]))
    _settle(work, OBJECTS[row["object_type"]][1], row["object_id"])


def _only_admins_for_all(work: Work, target: str, action: str) -> None:
    if (target == "*" or action == EXTERNAL) and not work.context.is_admin:
        raise refuse("PolicyNotAuthorized", "Only an admin may share something with every project.")


def _check_new(work: Work, values: Values) -> None:
    query = select(sharing.c.id).where(
        sharing.c.object_id == values["object_id"],
        sharing.c.action == values["action"],
        sharing.c.target_tenant == values["target_tenant"],
    )
    if (other := work.connection.execute(query).scalar()) is not None:
        raise refuse("DuplicateRbacPolicy", f"This is what policy {other} says already.")


def _not_in_use(work: Work, row: RowMapping) -> None:
    """A project that was let in must have left before it is shut out."""
    if row["object_type"] != "network" or row["action"] != SHARED:
        return
    query = select(ports.c.id).where(ports.c.network_id == row["object_id"])
    if row["target_tenant"] == "*":
        owner = select(network_table.c.project_id).where(network_table.c.id == row["object_id"])
        query = query.where(ports.c.project_id != owner.scalar_subquery(), ports.c.project_id != "")
    else:
        query = query.where(ports.c.project_id == row["target_tenant"])
    if (port := work.connection.execute(query.limit(1)).scalar()) is not None:
        raise refuse("RbacPolicyInUse", f"Port {port} needs policy {row['id']}.")


def _settle(work: Work, table: Any, object_id: str) -> None:
    """Keep the object's own shared and external in step with its policies."""

    def everyone(action: str) -> ColumnElement[bool]:
        return exists().where(
            sharing.c.object_id == object_id,
            sharing.c.action == action,
            sharing.c.target_tenant == "*",
        )

    shared = work.connection.execute(select(everyone(SHARED))).scalar_one()
    values = {"shared": bool(shared)}
    if table is network_table:
        values["external"] = bool(work.connection.execute(select(everyone(EXTERNAL))).scalar_one())
        work.touch("network", object_id)
    work.connection.execute(update(table).where(table.c.id == object_id).values(**values))


KIND = Kind(
    name="rbac_policy",
    plural="rbac_policies",
    path="rbac-policies",
    table=sharing,
    missing="RbacPolicyNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_policy,
    delete=delete_policy,
    readable=readable,
    unlisted=frozenset({"name", "description"}),
    taggable=False,
)
