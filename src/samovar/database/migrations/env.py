# SPDX-License-Identifier: Apache-2.0
"""How Alembic runs the steps: on the connection that it is given."""

from typing import Any, Literal

from alembic import context

from samovar.database.tables import Json, Timestamp, metadata


def own_types(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """How a column type of ours is written in a step."""
    if kind == "type" and isinstance(item, (Json, Timestamp)):
        return f"{type(item).__name__}()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=False,
    render_item=own_types,
)
with context.begin_transaction():
    context.run_migrations()
