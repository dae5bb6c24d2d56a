# SPDX-License-Identifier: Apache-2.0
"""Migrations: one history for all services, run by Alembic.

Alembic costs a quarter of a second to import; a database that already is at the newest revision is
recognised without it.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, delete, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from .engine import Database
from .expansion import contracts
from .tables import compatibility

log = logging.getLogger(__name__)
FOLDER = Path(__file__).parent / "migrations"
FIRST = "0001"
LOCK, LOCK_NAME = 7263_0001, "samovar migrations"
WAIT_SECONDS = 120


class MigrationError(RuntimeError):
    """The database cannot be brought to the revision asked for."""


def newest() -> str:
    """The last revision that this program knows: files are named NNNN_what.py."""
    return max((file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py")), default="")


def current(database: Database) -> str | None:
    """The revision the database is at; None for an empty one. Raises DatabaseUnavailable."""
    for first in (True, False):
        try:
            return database.look(
                lambda c: c.execute(text("SELECT version_num FROM alembic_version")).scalar()
            )
        except DBAPIError:
            if not database.look(lambda c: inspect(c).has_table("alembic_version")):
                return None
            if not first:  # the first time another process may have made it just now
                raise
    raise AssertionError("unreachable")


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`, one process at a time. Raises MigrationError.

    A database that a newer program has widened is used as it is, as long as that program's migrations
    left it usable for this one (see `expansion`): so two versions run side by side during an upgrade.
    """
    at = current(database)
    last = newest()
    if at is not None and re.fullmatch(r"\d{4}", at) and at > last:
        oldest = _oldest(database)
        if revision == "head" and oldest is not None and oldest <= last:
            log.warning(
                "the database is at revision %s of a newer samovar; this one goes by revision %s", at, last
            )
            return
        raise MigrationError(
            f"the database is at revision {at}, this program knows only {last}: a newer samovar has used it "
            "and left nothing for this one"
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
            with _alone(connection):
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
                _promise(connection)

        database.migrate(run)
    except CommandError as error:
        raise MigrationError(str(error)) from error


@contextlib.contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Wait until no other process migrates this database. SQLite: whoever writes is alone anyway."""
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
    elif kind in ("mysql", "mariadb"):
        got = connection.execute(
            text("SELECT GET_LOCK(:name, :seconds)"), {"name": LOCK_NAME, "seconds": WAIT_SECONDS}
        ).scalar()
        if got != 1:
            raise MigrationError(f"another process has been migrating the database for {WAIT_SECONDS} s")
    try:
        yield
    finally:
        if kind in ("mysql", "mariadb") and not connection.invalidated:  # a lost one has released it
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK_NAME})


def _promise(connection: Connection) -> None:
    """Write down the oldest revision whose programs can use the database from now on."""
    sources = [file.read_text() for file in sorted((FOLDER / "versions").glob("[0-9]*.py"))]
    oldest = max((contracts(source) for source in sources), default="") or FIRST
    if inspect(connection).has_table(compatibility.name):
        connection.execute(delete(compatibility))
        connection.execute(insert(compatibility).values(id=1, oldest=oldest))


def _oldest(database: Database) -> str | None:
    def look(connection: Connection) -> str | None:
        if not inspect(connection).has_table(compatibility.name):
            return None
        return connection.execute(select(compatibility.c.oldest)).scalar()

    return database.look(look)
