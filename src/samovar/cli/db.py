# SPDX-License-Identifier: Apache-2.0
"""samovar db: bring the database to a revision, tell which one it has, forget stacks deleted long ago,
back up everything and restore it."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING

from .main import CommandError
from .serve import settings
from .state_directory import StateDirectory

if TYPE_CHECKING:
    from samovar.database import Database


def run(options: argparse.Namespace) -> int:
    from samovar.database import Database, DatabaseUnavailable
    from samovar.database.migrate import MigrationError, current, upgrade

    state = StateDirectory(options.state_dir)
    state.make()
    if options.action in ("backup", "restore"):
        return _copy(options)
    try:
        database = Database(settings(options).database_url)
    except ValueError as error:
        raise CommandError(f"[database] connection: {error}") from error
    try:
        if options.action in ("purge-deleted", "purge_deleted"):
            return _purge(database, options)
        before = current(database)
        if options.action == "upgrade":
            upgrade(database, options.revision or "head")
        after = current(database)
    except (MigrationError, DatabaseUnavailable) as error:
        raise CommandError(str(error)) from error
    finally:
        database.close_now()
    if options.json:
        print(json.dumps({"before": before, "revision": after}))
    elif options.action == "version" or before == after:
        print(f"The database is at revision {after or 'none'}.")
    else:
        print(f"The database went from revision {before or 'none'} to {after}.")
    return 0


def _copy(options: argparse.Namespace) -> int:
    """Write a backup, or put one in place."""
    from samovar.runtime.backup import back_up, restore
    from samovar.runtime.dumps import BackupError

    if not options.revision:
        raise CommandError(f"name the file: samovar db {options.action} FILE")
    file = Path(options.revision).absolute()
    try:
        if options.action == "backup":
            manifest = back_up(settings(options), file)
        else:
            manifest = restore(settings(options), file, force=options.force)
    except BackupError as error:
        raise CommandError(str(error)) from error
    if options.json:
        print(json.dumps({"file": str(file), "revision": manifest.revision, "files": list(manifest.files)}))
    elif options.action == "backup":
        print(
            f"{file} holds the database at revision {manifest.revision} and {len(manifest.files) - 1} files."
        )
        print("It holds every key and password of the cloud: keep it as you keep those.")
    else:
        print(
            f"Restored what {manifest.host} had at {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC; start it again."
        )
    return 0


def _purge(database: Database, options: argparse.Namespace) -> int:
    """As heat-manage's command of this name: by age, unit, project, so many at once."""
    from samovar.database import utcnow
    from samovar.orchestration.engine.retention import forget_leftovers, purge_deleted

    try:
        age = datetime.timedelta(**{options.granularity: float(options.revision or 90)})
    except (ValueError, OverflowError):
        raise CommandError(f"{options.revision} is no age; give a number of {options.granularity}.") from None
    if age < datetime.timedelta() or options.batch_size < 1:
        raise CommandError("The age must not be negative, and at least one stack is forgotten at once.")
    before = utcnow() - age

    async def purge() -> int:
        forgotten = 0
        while found := await database.write(
            lambda c: purge_deleted(c, before, options.batch_size, options.project_id)
        ):
            forgotten += found
        await database.write(forget_leftovers)
        return forgotten

    forgotten = asyncio.run(purge())
    if options.json:
        print(json.dumps({"forgotten": forgotten, "deleted_before": before.isoformat()}))
    else:
        print(f"{forgotten} stacks that were deleted before {before:%Y-%m-%d %H:%M:%S} UTC are forgotten.")
    return 0
