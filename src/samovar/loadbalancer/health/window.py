# SPDX-License-Identifier: Apache-2.0
"""Which heartbeat of each amphora was the newest that was believed: kept over restarts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, or_, select, update

from ..tables import heard
from .heartbeats import Heartbeat
from .recording import insert_unless_there

__all__ = ["recall", "remember"]

Moment = tuple[int, int]


def recall(connection: Connection) -> dict[str, Moment]:
    """Amphora → epoch and sequence."""
    rows = connection.execute(select(heard.c.amphora_id, heard.c.epoch, heard.c.seq)).all()
    return {row[0]: (row[1], row[2]) for row in rows}


def remember(connection: Connection, newest: Iterable[Heartbeat]) -> None:
    """Write down what is newer than what is written down: other health managers hear the same amphorae."""
    moments: Mapping[str, Moment] = {one.id: (one.epoch, one.seq) for one in newest}
    query = select(heard.c.amphora_id).where(heard.c.amphora_id.in_(moments))
    known = set(connection.execute(query).scalars())
    rows = [{"one": name, "new_epoch": epoch, "new_seq": seq} for name, (epoch, seq) in moments.items()]
    older = or_(
        heard.c.epoch < bindparam("new_epoch"),
        (heard.c.epoch == bindparam("new_epoch")) & (heard.c.seq < bindparam("new_seq")),
    )
    change = update(heard).where(heard.c.amphora_id == bindparam("one"), older)
    changed = [row for row in rows if row["one"] in known]
    if changed:
        connection.execute(change.values(epoch=bindparam("new_epoch"), seq=bindparam("new_seq")), changed)
    fresh = [row for row in rows if row["one"] not in known]
    if fresh:
        values = [
            {"amphora_id": row["one"], "epoch": row["new_epoch"], "seq": row["new_seq"]} for row in fresh
        ]
        insert_unless_there(connection, heard, values)  # another health manager may just be doing the same
