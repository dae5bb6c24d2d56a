# SPDX-License-Identifier: Apache-2.0
"""A Change: one request's part of a transaction, and the operations it asks a worker for.

Everything that a request changes below one load balancer happens under that load balancer's row, in
one generation: the object and what stands above it become PENDING_UPDATE together.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Table, delete, func, insert, select, update

from samovar.auth import Context, Policy
from samovar.clients import Cloud
from samovar.config import LoadBalancerSettings
from samovar.database import Database, new_id, utcnow
from samovar.messaging import Bus
from samovar.web import Call

from .. import operations as work
from ..deployment import Deployment
from ..tables import (
    health_monitors,
    l7policies,
    l7rules,
    listeners,
    load_balancers,
    members,
    pools,
    quotas,
    tags,
)
from .faults import immutable, not_found, refuse
from .rules import PREFIX

T = TypeVar("T")
Row = RowMapping | Mapping[str, Any]
"""A row as the database gave it, or as it is going to be."""

GOING = ("PENDING_DELETE", "DELETED")
LABELS: Mapping[Table, str] = {
    load_balancers: "Load Balancer",
    listeners: "Listener",
    pools: "Pool",
    members: "Member",
    health_monitors: "Health Monitor",
    l7policies: "L7policy",
    l7rules: "L7rule",
}
COUNTED: Mapping[str, tuple[str, Table]] = {
    "loadbalancer": ("Load Balancer", load_balancers),
    "listener": ("Listener", listeners),
    "pool": ("Pool", pools),
    "member": ("Member", members),
    "healthmonitor": ("Health Monitor", health_monitors),
    "l7policy": ("L7policy", l7policies),
    "l7rule": ("L7rule", l7rules),
}


def default_limits(settings: LoadBalancerSettings) -> dict[str, int]:
    """The limit of each kind for a project that has none of its own."""
    return {
        "loadbalancer": settings.default_load_balancer_quota,
        "listener": settings.default_listener_quota,
        "pool": settings.default_pool_quota,
        "member": settings.default_member_quota,
        "healthmonitor": settings.default_health_monitor_quota,
        "l7policy": settings.default_l7policy_quota,
        "l7rule": settings.default_l7rule_quota,
    }


@dataclass(slots=True)
class Change:
    """`enforce` in it is always about the load balancer's project."""

    connection: Connection
    context: Context
    settings: LoadBalancerSettings
    policy: Policy
    request_id: str
    now: datetime.datetime = field(default_factory=utcnow)
    rung: dict[str, None] = field(default_factory=dict)

    def find(self, table: Table, identity: str) -> RowMapping:
        """The row. Raises 404."""
        row = self.connection.execute(select(table).where(table.c.id == identity)).mappings().first()
        if row is None:
            raise not_found(LABELS[table], identity)
        return row

    def enforce(self, rule: str, project_id: str) -> None:
        self.policy.enforce(PREFIX + rule, self.context, {"project_id": project_id})

    def open(self, lb_id: str, *, addressed: bool = False) -> RowMapping:
        """The load balancer, locked for a change. Raises 404, and 409 where its state forbids changes.

        `addressed`: the request is about the load balancer itself.
        """
        query = select(load_balancers).where(load_balancers.c.id == lb_id).with_for_update()
        row = self.connection.execute(query).mappings().first()
        if row is None:
            raise not_found(LABELS[load_balancers], lb_id)
        status = row["provisioning_status"]
        if status in GOING or (self.settings.strict_immutable and status != "ACTIVE"):
            if addressed:
                raise refuse(409, f"Invalid state {status} of loadbalancer resource {lb_id}")
            raise immutable(LABELS[load_balancers], lb_id)
        return row

    def begin(self, lb: RowMapping, kind: str = work.CONVERGE) -> int:
        """Begin the load balancer's next generation: it is pending, and a worker is asked for it."""
        generation: int = lb["generation"] + 1
        status = "PENDING_UPDATE"
        if lb["provisioning_status"] == "PENDING_CREATE":
            status = "PENDING_CREATE"
        self.connection.execute(
            update(load_balancers)
            .where(load_balancers.c.id == lb["id"])
            .values(generation=generation, provisioning_status=status)
        )
        self.ask(lb["id"], kind, generation)
        return generation

    def ask(self, lb_id: str, kind: str, generation: int, amphora_id: str | None = None) -> None:
        """Write the operation down; it is rung once all is durable."""
        identity = work.request(
            self.connection,
            lb_id,
            kind,
            generation=generation,
            amphora_id=amphora_id,
            request_id=self.request_id,
            requested_by=self.context.user_id,
        )
        self.rung[identity] = None

    def changeable(self, table: Table, row: RowMapping) -> None:
        """Raise 409 when the object itself cannot be changed now."""
        status = row["provisioning_status"]
        if status in GOING or (self.settings.strict_immutable and status != "ACTIVE"):
            raise immutable(LABELS[table], row["id"])

    def add(self, table: Table, lb: Row, generation: int, **values: Any) -> str:
        """A new row of the tree, PENDING_CREATE; its id."""
        return self.add_all(table, lb, generation, [values])[0]

    def add_all(self, table: Table, lb: Row, generation: int, many: Iterable[Mapping[str, Any]]) -> list[str]:
        """New rows of the tree, PENDING_CREATE; their ids. All have values for the same columns."""
        rows, tagged = [], []
        for values in many:
            row = {
                "project_id": lb["project_id"],
                "provisioning_status": "PENDING_CREATE",
                "operating_status": "OFFLINE",
                "generation": generation,
                "updated_at": None,
                **values,
            }
            given = row.pop("tags", [])
            row["id"] = str(row.get("id") or new_id())
            # What comes in one request is listed in the order in which it was given.
            self.now += datetime.timedelta(microseconds=1)
            row["created_at"] = self.now
            if table is not load_balancers:
                row["load_balancer_id"] = lb["id"]
            rows.append(row)
            tagged += [{"resource_id": row["id"], "tag": tag} for tag in dict.fromkeys(given)]
        if rows:
            self.connection.execute(insert(table), rows)
        if tagged:
            self.connection.execute(insert(tags), tagged)
        return [row["id"] for row in rows]

    def set(self, table: Table, row: RowMapping, generation: int, values: Mapping[str, Any]) -> None:
        """Change a row of the tree; it is pending until the generation is settled."""
        stored = dict(values)
        if "tags" in stored:
            self.tag(row["id"], stored.pop("tags") or [])
        status = "PENDING_CREATE" if row["provisioning_status"] == "PENDING_CREATE" else "PENDING_UPDATE"
        self.connection.execute(
            update(table)
            .where(table.c.id == row["id"])
            .values(**stored, provisioning_status=status, generation=generation, updated_at=self.now)
        )

    def touch(self, table: Table, ids: Iterable[str | None], generation: int) -> None:
        """What stands above a changed object is pending with it."""
        wanted = [identity for identity in ids if identity]
        if not wanted:
            return
        mine = (table.c.id.in_(wanted), table.c.provisioning_status.not_in(GOING))
        self.connection.execute(
            update(table)
            .where(*mine, table.c.provisioning_status.in_(("ACTIVE", "ERROR")))
            .values(provisioning_status="PENDING_UPDATE")
        )
        self.connection.execute(update(table).where(*mine).values(generation=generation))

    def drop(self, table: Table, ids: Sequence[str], generation: int) -> None:
        """These are to go; they are out of the desired tree from now on."""
        if ids:
            self.connection.execute(
                update(table)
                .where(table.c.id.in_(ids))
                .values(provisioning_status="PENDING_DELETE", generation=generation, updated_at=self.now)
            )

    def alive(self, table: Table, *conditions: Any) -> list[RowMapping]:
        """Rows that are not being deleted, oldest first."""
        query = select(table).where(table.c.provisioning_status.not_in(GOING), *conditions)
        return list(self.connection.execute(query.order_by(table.c.created_at, table.c.id)).mappings())

    def listeners_of_pool(self, pool_id: str) -> list[str]:
        """The ids of the listeners that send to the pool, by default or by an L7 policy."""
        found = [row["id"] for row in self.alive(listeners, listeners.c.default_pool_id == pool_id)]
        for row in self.alive(l7policies, l7policies.c.redirect_pool_id == pool_id):
            found.append(row["listener_id"])
        return found

    def tag(self, identity: str, wanted: Sequence[str]) -> None:
        self.connection.execute(delete(tags).where(tags.c.resource_id == identity))
        for tag in dict.fromkeys(wanted):
            self.connection.execute(insert(tags).values(resource_id=identity, tag=tag))

    def spend(self, resource: str, project_id: str, count: int = 1) -> None:
        """Raise 403 when the project may not have `count` more of this."""
        if count == 0:
            return
        label, table = COUNTED[resource]
        limit = self.connection.execute(
            select(quotas.c.limit).where(quotas.c.project_id == project_id, quotas.c.resource == resource)
        ).scalar()
        limit = default_limits(self.settings)[resource] if limit is None else limit
        if limit < 0:
            return
        used = self.connection.execute(
            select(func.count())
            .select_from(table)
            .where(table.c.project_id == project_id, table.c.provisioning_status.not_in(GOING))
        ).scalar_one()
        if used + count > limit:
            raise refuse(403, f"Quota has been met for resources: {label}")


@dataclass(frozen=True, slots=True)
class Clouds:
    """`own`: this service's credentials, an administrator's; `caller(token)`: what the caller may see."""

    own: Cloud
    caller: Callable[[str], Cloud]


@dataclass(frozen=True, slots=True)
class Backend:
    """What the handlers of all resources share."""

    database: Database
    bus: Bus
    settings: LoadBalancerSettings
    policy: Policy
    clouds: Clouds
    deployment: Deployment

    async def commit(self, call: Call, change: Callable[[Change], T]) -> T:
        """Run `change` in one transaction; when it is durable, ring for the operations it asked for."""

        def run(connection: Connection) -> tuple[T, tuple[str, ...]]:
            made = Change(connection, call.context, self.settings, self.policy, call.request_id)
            return change(made), tuple(made.rung)

        result, rung = await self.database.write(run)
        if rung:
            await self.bus.ring(work.TOPIC, *rung)
        return result

    def enforce(self, call: Call, rule: str, project_id: str | None) -> None:
        self.policy.enforce(PREFIX + rule, call.context, {"project_id": project_id})
