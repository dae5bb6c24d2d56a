# SPDX-License-Identifier: Apache-2.0
"""Turns and receipts: what makes many writing processes as safe as one.

A *turn* is a name that one transaction of the whole cluster holds at a time, until it ends. Changes
that read before they write (is there room under the quota, is this address free) are handed to the
journal with the turn of their room. A turn is a row that is written, not only locked, so that it
also holds between the nodes of a Galera cluster: there the later of two transactions fails at its
commit and is run again.

A *receipt* is the number of a process's last batch, written in the batch's own transaction. When
the connection is lost while a commit is under way, the number tells whether it happened: the next
attempt waits for the row if the lost transaction still holds it, then reads it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, delete, insert, select, update
from sqlalchemy.dialects import mysql, postgresql

from .clock import now
from .tables import Timestamp, metadata, new_id

KEPT = datetime.timedelta(days=7)
"""How long the receipt of a process that writes no more is kept."""

turns = Table(
    "database_turns",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("taken", BigInteger, nullable=False),
)

receipts = Table(
    "database_receipts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("batch", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
    Column("written_at", Timestamp, nullable=False),
)


def take(connection: Connection, names: Iterable[str]) -> None:
    """Hold these turns until the transaction ends; wait for whoever holds them now.

    On SQLite a transaction that writes is alone anyway.
    """
    dialect = connection.dialect.name
    if dialect == "sqlite":
        return
    for name in sorted(names):
        if dialect == "postgresql":
            wanted = postgresql.insert(turns).values(name=name, taken=1)
            connection.execute(
                wanted.on_conflict_do_update(index_elements=["name"], set_={"taken": turns.c.taken + 1})
            )
        else:
            connection.execute(
                mysql.insert(turns)
                .values(name=name, taken=1)
                .on_duplicate_key_update(taken=turns.c.taken + 1)
            )


class Receipts:
    """The receipts of one process."""

    def __init__(self) -> None:
        self.id = new_id()
        self._number = 0
        self._uncertain: int | None = None

    def next(self) -> None:
        """Another batch begins."""
        self._number += 1

    def lost(self) -> None:
        """The connection was lost: whether the present batch was committed is to be found out."""
        self._uncertain = self._number

    @property
    def uncertain(self) -> bool:
        """Whether the present batch may have been committed already."""
        return self._uncertain == self._number

    def settled(self) -> None:
        """Whether earlier batches were committed is known, or nobody waits for it any more."""
        self._uncertain = None

    def sign(self, connection: Connection) -> bool:
        """Write the number into this transaction; False when the batch has been committed before."""
        mine = receipts.c.id == self.id
        if self.uncertain:
            found = connection.execute(select(receipts.c.batch).where(mine).with_for_update()).scalar()
            if found == self._number:
                return False
        moment = now(connection)
        signed = connection.execute(
            update(receipts).where(mine).values(batch=self._number, written_at=moment)
        )
        if signed.rowcount == 0:
            connection.execute(insert(receipts).values(id=self.id, batch=self._number, written_at=moment))
            forgotten = receipts.c.written_at < moment - KEPT
            connection.execute(delete(receipts).where(forgotten))
        return True
