# SPDX-License-Identifier: Apache-2.0
"""Rows of amphorae: written before the cloud is asked for anything, so that nothing made is forgotten."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from samovar.database import new_id, utcnow

from ..operations import Operation, guard
from ..tables import amphorae, statistics

__all__ = ["GOING", "Amphora", "amphora", "amphorae_of", "drop", "expected", "note", "restore"]

GOING = "PENDING_DELETE"


class Amphora(msgspec.Struct, frozen=True):
    """One amphora as it is written down. `going`: it is to be replaced or removed. `vrrp_interface` is known
    once it was brought into service. `fresh`: written down just now, so that the cloud has nothing of it."""

    id: str
    load_balancer_id: str | None
    status: str
    role: str | None
    compute_id: str | None
    lb_network_ip: str | None
    vrrp_ip: str | None
    vrrp_port_id: str | None
    cert_expiration: datetime.datetime | None
    vrrp_interface: str | None
    created_at: datetime.datetime
    fresh: bool = False

    @property
    def going(self) -> bool:
        return self.status in (GOING, "ERROR", "DELETED", "FAILOVER_STOPPED")

    @property
    def server_name(self) -> str:
        return f"amphora-{self.id}"


FIELDS = [name for name in Amphora.__struct_fields__ if name != "fresh"]


def amphorae_of(connection: Connection, lb_id: str) -> list[Amphora]:
    """All amphorae of a load balancer, the oldest first."""
    query = select(amphorae).where(amphorae.c.load_balancer_id == lb_id)
    rows = connection.execute(query.order_by(amphorae.c.created_at, amphorae.c.id)).mappings()
    return [Amphora(**{name: row[name] for name in FIELDS}) for row in rows]


def amphora(connection: Connection, amphora_id: str) -> Amphora | None:
    row = connection.execute(select(amphorae).where(amphorae.c.id == amphora_id)).mappings().first()
    return None if row is None else Amphora(**{name: row[name] for name in FIELDS})


def expected(connection: Connection, operation: Operation, roles: tuple[str, ...]) -> list[Amphora]:
    """The amphorae that fill `roles`, in their order; those missing are written down now.

    What is neither wanted nor going already is marked as going.
    """
    guard(connection, operation)
    present = amphorae_of(connection, operation.load_balancer_id)
    staying = {one.role: one for one in present if not one.going}
    for one in present:
        if (not one.going and staying.get(one.role) is not one) or one.role not in roles:
            note(connection, one.id, status=GOING)
    made = {role: new_id() for role in roles if role not in staying}
    for role, identity in made.items():
        connection.execute(
            insert(amphorae).values(
                id=identity,
                load_balancer_id=operation.load_balancer_id,
                status="PENDING_CREATE",
                role=role,
                cert_busy=False,
                created_at=utcnow(),
            )
        )
    found = {one.role: one for one in amphorae_of(connection, operation.load_balancer_id) if not one.going}
    return [msgspec.structs.replace(found[role], fresh=role in made) for role in roles]


def restore(connection: Connection, operation: Operation, alive: Collection[str]) -> bool:
    """After an operation that failed: what was to be replaced and is `alive` stays in service, and what was
    to take its place goes. Returns whether any amphora is in service."""
    guard(connection, operation)
    present = amphorae_of(connection, operation.load_balancer_id)
    back = {one.role: one for one in present if one.status == GOING and one.id in alive}
    for one in present:
        if one.status != "ALLOCATED" and one.role in back:
            note(connection, one.id, status="ALLOCATED" if back[one.role] is one else GOING)
    return bool(back) or any(one.status == "ALLOCATED" for one in present)


def note(connection: Connection, amphora_id: str, **values: Any) -> None:
    """Write down what became of an amphora."""
    connection.execute(
        update(amphorae).where(amphorae.c.id == amphora_id).values(updated_at=utcnow(), **values)
    )


def drop(connection: Connection, amphora_id: str) -> None:
    """Nothing of it is left. What passed through it stays counted under its id until its listeners go."""
    connection.execute(
        update(statistics).where(statistics.c.amphora_id == amphora_id).values(active_connections=0)
    )
    connection.execute(delete(amphorae).where(amphorae.c.id == amphora_id))
