# SPDX-License-Identifier: Apache-2.0
"""samovar db: bring the database to a revision, or tell which one it has."""

from __future__ import annotations

import argparse
import json

from .main import CommandError
from .serve import settings
from .state_directory import StateDirectory


def run(options: argparse.Namespace) -> int:
    from samovar.database import Database
    from samovar.database.migrate import MigrationError, current, upgrade

    state = StateDirectory(options.state_dir)
    state.make()
    database = Database(settings(options).database_url)
    try:
        before = current(database)
        if options.action == "upgrade":
            upgrade(database, options.revision)
        after = current(database)
    except MigrationError as error:
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
