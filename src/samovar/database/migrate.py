# SPDX-License-Identifier: Apache-2.0
"""Migrations: one history for all services, run by Alembic.

Alembic costs a quarter of a second to import; a database that already is at the newest revision is
recognised without it.
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from .engine import Database

FOLDER = Path(__file__).parent / "migrations"


class MigrationError(RuntimeError):
    """The database cannot be brought to the revision asked for."""


def newest() -> str:
    """The last revision that this program knows: files are named NNNN_what.py."""
    return max((file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py")), default="")


def current(database: Database) -> str | None:
    """The revision the database is at; None for an empty one."""

    def look(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    return database.migrate(look)


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`, each step in its own transaction. Raises MigrationError."""
    at = current(database)
    last = newest()
    if at is not None and re.fullmatch(r"\d{4}", at) and at > last:
        raise MigrationError(
            f"the database is at revision {at}, this program knows only {last}: a newer samovar has used it"
        )
    if at == ((last or None) if revision == "head" else revision):
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    try:

        def run(connection: Connection) -> None:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

        database.migrate(run)
    except CommandError as error:
        raise MigrationError(str(error)) from error
