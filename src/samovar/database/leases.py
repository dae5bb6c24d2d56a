# SPDX-License-Identifier: Apache-2.0
"""Leases: who works on a row, and until when.

A table that can be leased has the columns of `lease_columns()`. A claim succeeds when nobody holds
the row or its lease has run out; each claim adds one to the epoch, which never goes down. Every
write made under a lease first calls `guard` in the same transaction: a holder that was paused past
its lease finds a higher epoch and can change nothing (a fencing token). Time is the database's.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, String, Table, or_, select, update

from .clock import now as present
from .tables import Timestamp


class LeaseLost(RuntimeError):
    """Another holder has claimed the row since; whatever this one meant to write is void."""


def lease_columns() -> list[Column[Any]]:
    """The columns of a table whose rows can be leased."""
    return [
        Column("lease_owner", String(255), nullable=True),
        Column("lease_epoch", Integer, nullable=False, default=0, server_default="0"),
        Column("lease_expires_at", Timestamp, nullable=True),
    ]


def claim(
    connection: Connection,
    table: Table,
    row_id: str,
    owner: str,
    ttl: float,
    now: datetime.datetime | None = None,
) -> int | None:
    """Take the row for `ttl` seconds; return the new epoch, or None while another holds it."""
    moment = now or present(connection)
    columns = table.c
    free = or_(columns.lease_owner.is_(None), columns.lease_expires_at <= moment)
    taken = connection.execute(
        update(table)
        .where(columns.id == row_id, free)
        .values(
            lease_owner=owner,
            lease_epoch=columns.lease_epoch + 1,
            lease_expires_at=moment + datetime.timedelta(seconds=ttl),
        )
    )
    if taken.rowcount != 1:
        return None
    epoch: int = connection.execute(select(columns.lease_epoch).where(columns.id == row_id)).scalar_one()
    return epoch


def renew(
    connection: Connection,
    table: Table,
    row_id: str,
    epoch: int,
    ttl: float,
    now: datetime.datetime | None = None,
) -> None:
    """Hold the row for another `ttl` seconds from now. Raises LeaseLost."""
    expires = (now or present(connection)) + datetime.timedelta(seconds=ttl)
    kept = connection.execute(
        update(table)
        .where(table.c.id == row_id, table.c.lease_epoch == epoch)
        .where(table.c.lease_owner.is_not(None))
        .values(lease_expires_at=expires)
    )
    if kept.rowcount != 1:
        raise LeaseLost(f"{table.name} {row_id} is no longer held under epoch {epoch}")


def release(connection: Connection, table: Table, row_id: str, epoch: int) -> None:
    """Give the row back; harmless when it is already another's."""
    connection.execute(
        update(table)
        .where(table.c.id == row_id, table.c.lease_epoch == epoch)
        .values(lease_owner=None, lease_expires_at=None)
    )


def guard(connection: Connection, table: Table, row_id: str, epoch: int) -> None:
    """Raise LeaseLost unless `epoch` is still the newest; call it first in each fenced change."""
    current = connection.execute(
        select(table.c.lease_epoch).where(table.c.id == row_id).with_for_update()
    ).scalar()
    if current != epoch:
        raise LeaseLost(f"{table.name} {row_id} moved on to epoch {current}; ours was {epoch}")
