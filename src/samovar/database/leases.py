# SPDX-License-Identifier: Apache-2.0
"""Leases: who works on a row, and until when.

A table that can be leased has the columns of `lease_columns()`. A claim succeeds when nobody holds
the row or its lease has run out; each claim adds one to the epoch, which never goes down. Every
write made under a lease first calls `guard` in the same transaction: a holder that was paused past
its lease finds a higher epoch and can change nothing (a fencing token). Time is the database's.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    Select,
    String,
    Table,
    Update,
    bindparam,
    or_,
    select,
    update,
)

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


@dataclass(frozen=True, slots=True)
class _Statements:
    """What is asked of one table again and again, put together once."""

    claim: Update
    epoch: Select[Any]
    renew: Update
    release: Update
    guard: Select[Any]


@cache
def _statements(table: Table) -> _Statements:
    columns = table.c
    row: Any = bindparam("row")
    held: Any = bindparam("held")
    until: Any = bindparam("until")
    mine = update(table).where(columns.id == row, columns.lease_epoch == held)
    free = or_(columns.lease_owner.is_(None), columns.lease_expires_at <= bindparam("moment"))
    claim = update(table).where(columns.id == row, free)
    epoch = select(columns.lease_epoch).where(columns.id == row)
    return _Statements(
        claim=claim.values(
            lease_owner=bindparam("new_owner"), lease_epoch=columns.lease_epoch + 1, lease_expires_at=until
        ),
        epoch=epoch,
        renew=mine.where(columns.lease_owner.is_not(None)).values(lease_expires_at=until),
        release=mine.values(lease_owner=None, lease_expires_at=None),
        guard=epoch.with_for_update(),
    )


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
    until = moment + datetime.timedelta(seconds=ttl)
    words = _statements(table)
    taken = connection.execute(
        words.claim, {"row": row_id, "moment": moment, "new_owner": owner, "until": until}
    )
    if taken.rowcount != 1:
        return None
    epoch: int = connection.execute(words.epoch, {"row": row_id}).scalar_one()
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
    kept = connection.execute(_statements(table).renew, {"row": row_id, "held": epoch, "until": expires})
    if kept.rowcount != 1:
        raise LeaseLost(f"{table.name} {row_id} is no longer held under epoch {epoch}")


def release(connection: Connection, table: Table, row_id: str, epoch: int) -> None:
    """Give the row back; harmless when it is already another's."""
    connection.execute(_statements(table).release, {"row": row_id, "held": epoch})


def guard(connection: Connection, table: Table, row_id: str, epoch: int) -> None:
    """Raise LeaseLost unless `epoch` is still the newest; call it first in each fenced change."""
    current = connection.execute(_statements(table).guard, {"row": row_id}).scalar()
    if current != epoch:
        raise LeaseLost(f"{table.name} {row_id} moved on to epoch {current}; ours was {epoch}")
