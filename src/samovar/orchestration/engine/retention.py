# SPDX-License-Identifier: Apache-2.0
"""What is forgotten, so that a database stays of one size however long stacks come and go.

Of a stack that lives: all but its newest events and operations. Of one that was deleted: everything, once
it was deleted long enough ago.
"""

from __future__ import annotations

import datetime

from sqlalchemy import Connection, bindparam, delete, exists, select

from samovar.database import utcnow

from .deferred import LEFT
from .definitions import drop_unused_definitions
from .rows import OPEN
from .tables import credentials, engines, events, operations, resources, revisions, stack_tags, stacks

SILENT_ENGINES = datetime.timedelta(days=1)
_first_too_many = (
    select(operations.c.turn)
    .where(operations.c.stack_id == bindparam("stack"))
    .order_by(operations.c.turn.desc())
    .offset(bindparam("keep"))
    .limit(1)
)
_forget = delete(operations).where(
    operations.c.stack_id == bindparam("stack"),
    operations.c.turn <= bindparam("oldest"),
    operations.c.status.not_in(OPEN),
)


def prune_operations(connection: Connection, stack_id: str, keep: int) -> None:
    """Forget all but the newest `keep` operations of a stack (-1: none); open ones stay."""
    if keep < 0:
        return
    oldest = connection.execute(_first_too_many, {"stack": stack_id, "keep": max(keep, 1)}).scalar()
    if oldest is not None:
        connection.execute(_forget, {"stack": stack_id, "oldest": oldest})


def purge_deleted(
    connection: Connection, before: datetime.datetime, batch: int = 20, project_id: str | None = None
) -> int:
    """Forget at most `batch` stacks that were deleted before that time; how many there were."""
    query = select(stacks.c.id).where(stacks.c.deleted_at <= before).order_by(stacks.c.deleted_at)
    if project_id is not None:
        query = query.where(stacks.c.project_id == project_id)
    gone = list(connection.execute(query.limit(batch)).scalars())
    if not gone:
        return 0
    for table in (events, resources, operations, revisions, stack_tags):
        connection.execute(delete(table).where(table.c.stack_id.in_(gone)))
    for stack_id in gone:
        drop_unused_definitions(connection, stack_id, ())
    connection.execute(delete(stacks).where(stacks.c.id.in_(gone)))
    return len(gone)


def forget_leftovers(connection: Connection) -> None:
    """Forget credentials that no stack has, and engines that are silent for long."""
    old = utcnow() - SILENT_ENGINES
    used = exists().where(stacks.c.credentials_id == credentials.c.id)
    left = credentials.c.kind.like(f"{LEFT}%")  # they are still to be taken back
    connection.execute(delete(credentials).where(credentials.c.created_at < old, ~used, ~left))
    connection.execute(delete(engines).where(engines.c.reported_at < old))
