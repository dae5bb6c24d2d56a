# SPDX-License-Identifier: Apache-2.0
"""Changes that were accepted and could not be brought to the amphorae: asked for again and again."""

from __future__ import annotations

import datetime

from sqlalchemy import Connection, case, func, select, update

from samovar.database import utcnow

from .. import operations
from ..tables import load_balancers
from ..tables import operations as operation_table

__all__ = ["unfinished"]

FIRST_PAUSE, LONGEST_PAUSE = 15.0, 600.0
REMEMBERED = datetime.timedelta(hours=2)


def unfinished(connection: Connection, now: datetime.datetime | None = None) -> list[str]:
    """The operations that were asked for now: for load balancers whose amphorae do not carry their newest
    tree, whose last operation failed, and which nobody works on."""
    now = now or utcnow()
    lbs, theirs = load_balancers.c, operation_table.c
    failures = (
        select(
            theirs.load_balancer_id, func.count().label("times"), func.max(theirs.finished_at).label("last")
        )
        .where(theirs.status == "FAILED", theirs.finished_at > now - REMEMBERED)
        .group_by(theirs.load_balancer_id)
        .having(func.sum(case((theirs.kind == operations.DELETE, 1), else_=0)) == 0)
        .subquery()
    )
    query = (
        select(lbs.id, lbs.generation, failures.c.times, failures.c.last)
        .join(failures, failures.c.load_balancer_id == lbs.id)
        .where(lbs.provisioning_status.in_(("ACTIVE", "ERROR")), lbs.applied_generation < lbs.generation)
    )
    asked = []
    for lb_id, generation, times, last in connection.execute(query).all():
        pause = min(FIRST_PAUSE * 2.0 ** (times - 1), LONGEST_PAUSE)
        if now - last < datetime.timedelta(seconds=pause):
            continue
        change = update(load_balancers).where(lbs.id == lb_id)
        connection.execute(change.values(provisioning_status="PENDING_UPDATE"))
        asked.append(
            operations.request(
                connection,
                lb_id,
                operations.CONVERGE,
                generation=generation,
                requested_by="housekeeping",
            )
        )
    return asked
