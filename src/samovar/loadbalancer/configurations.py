# SPDX-License-Identifier: Apache-2.0
"""What was brought to the amphorae, kept for administrators to read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from samovar.database import utcnow

from .tables import amphorae, configurations

__all__ = ["keep", "kept"]


def keep(connection: Connection, amphora_id: str, text: str) -> None:
    """Write down the configuration that an amphora runs with now; nothing for an amphora that is gone."""
    values: dict[str, Any] = {"text": text, "brought_at": utcnow()}
    changed = connection.execute(
        update(configurations).where(configurations.c.amphora_id == amphora_id).values(**values)
    ).rowcount
    if changed:
        return
    there = select(amphorae.c.id).where(amphorae.c.id == amphora_id)
    if connection.execute(there).first() is not None:
        connection.execute(insert(configurations).values(amphora_id=amphora_id, **values))


def kept(connection: Connection, lb_id: str) -> dict[str, str]:
    """The configurations of a load balancer's amphorae, by the amphora's id."""
    query = (
        select(configurations.c.amphora_id, configurations.c.text)
        .join(amphorae, amphorae.c.id == configurations.c.amphora_id)
        .where(amphorae.c.load_balancer_id == lb_id)
    )
    return {row[0]: row[1] for row in connection.execute(query).all()}
