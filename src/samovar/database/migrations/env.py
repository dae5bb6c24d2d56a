# SPDX-License-Identifier: Apache-2.0
"""How Alembic runs the steps: on the connection that it is given."""

from typing import Any, Literal

from alembic import context
from alembic.ddl.mysql import MySQLImpl

from samovar.database.tables import Json, Timestamp, metadata


def own_types(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """How a column type of ours is written in a step."""
    if kind == "type" and isinstance(item, (Json, Timestamp)):
        return f"{type(item).__name__}()"
    return False


class Repeatable(MySQLImpl):
    """MariaDB and MySQL keep each statement of a step at once: one that was broken off is gone through
    again. (MySQL cannot be told to make an index unless it is there.)"""

    __dialect__ = "mysql"

    def create_table(self, table: Any, **words: Any) -> None:
        super().create_table(table, **{**words, "if_not_exists": True})

    def create_index(self, index: Any, **words: Any) -> None:
        more = {"if_not_exists": True} if getattr(self.dialect, "is_mariadb", False) else {}
        super().create_index(index, **{**words, **more})


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=False,
    render_item=own_types,
)
with context.begin_transaction():
    context.run_migrations()
