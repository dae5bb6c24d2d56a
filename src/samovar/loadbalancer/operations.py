# SPDX-License-Identifier: Apache-2.0
"""Operations: how a change of the desired tree reaches a worker, and how the worker says what became of it.

The API writes the change and `request` in one transaction and rings TOPIC with the operation's id.
A worker claims it (`claim`), reads the tree, makes it true and settles it:

    claim ─ load_tree (generation N) ─ … ─ settle(N) ─┬─ nothing newer: COMPLETE
                                                      └─ newer changes came: still open, begin again
                                     └─ fail(reason)

A load balancer has one worker at a time, and one open operation of a kind; changes that come while it
is open raise its generation, so that the newest tree wins and nothing queues up.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, case, delete, insert, or_, select, update

from samovar.database import leases, new_id, utcnow
from samovar.database import now as present

from .tables import (
    CHILDREN,
    amphorae,
    health_monitors,
    l7policies,
    l7rules,
    listeners,
    load_balancers,
    operations,
    statistics,
    tags,
)

TOPIC = "loadbalancer.operations"
"""The bus topic on which the ids of open operations are rung."""

CONVERGE = "converge"
DELETE = "delete"
FAILOVER = "failover"
FAILOVER_AMPHORA = "failover-amphora"
CONFIGURE_AMPHORA = "configure-amphora"
DELETE_AMPHORA = "delete-amphora"
KINDS = (DELETE, FAILOVER, FAILOVER_AMPHORA, DELETE_AMPHORA, CONFIGURE_AMPHORA, CONVERGE)
"""In the order in which a load balancer's open operations are taken."""

OPEN = "OPEN"
PENDING = ("PENDING_CREATE", "PENDING_UPDATE", "PENDING_DELETE")
REASON_LENGTH = 4000


class Operation(msgspec.Struct, frozen=True):
    """One piece of work. `amphora_id` for the kinds that are about one amphora."""

    id: str
    load_balancer_id: str
    amphora_id: str | None
    kind: str
    generation: int
    request_id: str
    requested_by: str
    created_at: datetime.datetime
    epoch: int


def request(
    connection: Connection,
    lb_id: str,
    kind: str,
    *,
    generation: int = 0,
    amphora_id: str | None = None,
    request_id: str = "",
    requested_by: str = "",
) -> str:
    """Write down that this is to be done; the id of the open operation that will do it."""
    same = operations.c.amphora_id.is_(None) if amphora_id is None else operations.c.amphora_id == amphora_id
    found: str | None = connection.execute(
        select(operations.c.id).where(
            operations.c.load_balancer_id == lb_id,
            operations.c.kind == kind,
            operations.c.status == OPEN,
            same,
        )
    ).scalar()
    if found is not None:
        connection.execute(
            update(operations)
            .where(operations.c.id == found)
            .values(generation=generation, request_id=request_id, requested_by=requested_by)
        )
        return found
    identity = new_id()
    connection.execute(
        insert(operations).values(
            id=identity,
            load_balancer_id=lb_id,
            amphora_id=amphora_id,
            kind=kind,
            status=OPEN,
            reason="",
            generation=generation,
            request_id=request_id,
            requested_by=requested_by,
            created_at=utcnow(),
            lease_epoch=0,
        )
    )
    return identity


def waiting(connection: Connection, now: datetime.datetime | None = None) -> list[str]:
    """The ids of open operations that nobody holds, the most pressing of each load balancer first."""
    columns = operations.c
    free = or_(columns.lease_owner.is_(None), columns.lease_expires_at <= (now or present(connection)))
    rank = case({kind: place for place, kind in enumerate(KINDS)}, value=columns.kind, else_=len(KINDS))
    query = select(columns.id).where(columns.status == OPEN, free).order_by(rank, columns.created_at)
    return list(connection.execute(query).scalars())


def claim(connection: Connection, operation_id: str, owner: str, ttl: float) -> Operation | None:
    """Take the operation for `ttl` seconds.

    None when it is over, held, or when another operation of the same load balancer is being worked on
    or more pressing; whoever finishes that one looks at `waiting` again.
    """
    columns = operations.c
    row = connection.execute(select(operations).where(columns.id == operation_id)).mappings().first()
    if row is None or row["status"] != OPEN:
        return None
    now = present(connection)
    others = connection.execute(
        select(columns.kind, columns.lease_owner, columns.lease_expires_at).where(
            columns.load_balancer_id == row["load_balancer_id"],
            columns.status == OPEN,
            columns.id != operation_id,
        )
    ).all()
    for kind, holder, expires in others:
        if holder is not None and expires > now:
            return None
        if KINDS.index(kind) < KINDS.index(row["kind"]):
            return None
    epoch = leases.claim(connection, operations, operation_id, owner, ttl, now)
    if epoch is None:
        return None
    return Operation(
        id=row["id"],
        load_balancer_id=row["load_balancer_id"],
        amphora_id=row["amphora_id"],
        kind=row["kind"],
        generation=row["generation"],
        request_id=row["request_id"],
        requested_by=row["requested_by"],
        created_at=row["created_at"],
        epoch=epoch,
    )


def renew(connection: Connection, operation: Operation, ttl: float) -> None:
    """Hold the operation for another `ttl` seconds. Raises LeaseLost."""
    leases.renew(connection, operations, operation.id, operation.epoch, ttl)


def give_back(connection: Connection, operation: Operation) -> None:
    """Let another worker take the operation (draining)."""
    leases.release(connection, operations, operation.id, operation.epoch)


def guard(connection: Connection, operation: Operation) -> None:
    """Raise LeaseLost unless this worker still holds the operation; first in each change it writes."""
    leases.guard(connection, operations, operation.id, operation.epoch)


def settle(
    connection: Connection, operation: Operation, generation: int, *, broken: dict[str, str] | None = None
) -> bool:
    """The amphorae carry generation `generation`: what was pending up to it becomes ACTIVE or vanishes.

    `broken`: objects (by id) that could not be carried, with the reason; they become ERROR and their
    load balancer does not. Returns whether the operation is complete; if not, newer changes came while
    it ran: it is still held, and the caller begins again with the newest tree. Raises LeaseLost.
    """
    guard(connection, operation)
    lb_id, now = operation.load_balancer_id, utcnow()
    broken = broken or {}
    for table in CHILDREN:
        columns = table.c
        mine = (columns.load_balancer_id == lb_id, columns.generation <= generation)
        gone = list(
            connection.execute(
                select(columns.id).where(*mine, columns.provisioning_status == "PENDING_DELETE")
            ).scalars()
        )
        forget(connection, table, gone)
        connection.execute(
            update(table)
            .where(*mine, columns.provisioning_status.in_((*PENDING, "ERROR")))
            .values(provisioning_status="ACTIVE", updated_at=now, **_operating(table))
        )
        if broken:
            connection.execute(
                update(table)
                .where(columns.load_balancer_id == lb_id, columns.id.in_(broken))
                .values(provisioning_status="ERROR")
            )
    columns = load_balancers.c
    newest = connection.execute(select(columns.generation).where(columns.id == lb_id)).scalar()
    values: dict[str, Any] = {
        "applied_generation": generation,
        "status_reason": " ".join(broken.values())[:REASON_LENGTH],
    }
    if newest is not None and newest <= generation:
        values |= {"provisioning_status": "ACTIVE", "updated_at": now}
    connection.execute(
        update(load_balancers)
        .where(columns.id == lb_id, columns.provisioning_status != "PENDING_DELETE")
        .values(values)
    )
    asked: int = connection.execute(
        select(operations.c.generation).where(operations.c.id == operation.id)
    ).scalar_one()
    if asked <= generation:
        finish(connection, operation, "COMPLETE", now=now)
    return asked <= generation


def _operating(table: Any) -> dict[str, Any]:
    """The operating status of what no heartbeat need tell of: it works once it is there."""
    if table not in (health_monitors, l7policies, l7rules):
        return {}
    return {"operating_status": case((table.c.admin_state_up, "ONLINE"), else_="OFFLINE")}


def fail(connection: Connection, operation: Operation, reason: str, *, status: str = "ERROR") -> None:
    """The operation cannot be done: its load balancer becomes `status` and says why. Raises LeaseLost.

    A load balancer that carries traffic is given status ACTIVE. What is pending stays desired, and what is
    being deleted stays that: the next change tries again, or housekeeping does.
    """
    guard(connection, operation)
    lb_id, cut = operation.load_balancer_id, reason[:REASON_LENGTH]
    for table in CHILDREN:
        connection.execute(
            update(table)
            .where(table.c.load_balancer_id == lb_id, table.c.provisioning_status.in_(PENDING[:2]))
            .values(provisioning_status="ERROR")
        )
    connection.execute(
        update(load_balancers)
        .where(load_balancers.c.id == lb_id)
        .values(provisioning_status=status, status_reason=cut)
    )
    finish(connection, operation, "FAILED", reason=cut)


def finish(
    connection: Connection,
    operation: Operation,
    status: str,
    *,
    reason: str = "",
    now: datetime.datetime | None = None,
) -> None:
    """The operation is over: COMPLETE or FAILED. Raises LeaseLost."""
    guard(connection, operation)
    connection.execute(
        update(operations)
        .where(operations.c.id == operation.id)
        .values(
            status=status,
            reason=reason[:REASON_LENGTH],
            finished_at=now or utcnow(),
            lease_owner=None,
            lease_expires_at=None,
        )
    )


def bury(connection: Connection, operation: Operation) -> None:
    """Nothing of the load balancer is left in the cloud: its rows go, the operation is COMPLETE.

    Other open operations of it are over as well. Raises LeaseLost.
    """
    guard(connection, operation)
    lb_id = operation.load_balancer_id
    for table in CHILDREN:
        rows = connection.execute(select(table.c.id).where(table.c.load_balancer_id == lb_id))
        forget(connection, table, list(rows.scalars()))
    connection.execute(delete(statistics).where(statistics.c.load_balancer_id == lb_id))
    connection.execute(delete(amphorae).where(amphorae.c.load_balancer_id == lb_id))
    connection.execute(delete(tags).where(tags.c.resource_id == lb_id))
    connection.execute(delete(load_balancers).where(load_balancers.c.id == lb_id))
    finish(connection, operation, "COMPLETE")
    connection.execute(
        update(operations)
        .where(operations.c.load_balancer_id == lb_id, operations.c.status == OPEN)
        .values(
            status="COMPLETE",
            reason="The load balancer was deleted.",
            finished_at=utcnow(),
            lease_owner=None,
            lease_expires_at=None,
        )
    )


def forget(connection: Connection, table: Any, ids: Iterable[str]) -> None:
    """Remove rows with what hangs on them alone: tags, statistics."""
    for identity in ids:
        if table is listeners:
            connection.execute(delete(statistics).where(statistics.c.listener_id == identity))
        connection.execute(delete(tags).where(tags.c.resource_id == identity))
        connection.execute(delete(table).where(table.c.id == identity))


__all__ = [
    "CONFIGURE_AMPHORA",
    "CONVERGE",
    "DELETE",
    "DELETE_AMPHORA",
    "FAILOVER",
    "FAILOVER_AMPHORA",
    "TOPIC",
    "Operation",
    "bury",
    "claim",
    "fail",
    "finish",
    "give_back",
    "guard",
    "renew",
    "request",
    "settle",
    "waiting",
]
