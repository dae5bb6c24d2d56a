# SPDX-License-Identifier: Apache-2.0
"""Write the next migration: what the tables have and the newest revision lacks.

python scripts/make_migration.py "what changes"
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from samovar.database import Database, tables
from samovar.database.migrate import FOLDER, newest, upgrade


def every_table() -> None:
    """Import each service's tables.py, so that the metadata knows all of them."""
    root = Path(tables.__file__).parent.parent
    for file in sorted(root.rglob("tables.py")):
        importlib.import_module("samovar." + ".".join(file.relative_to(root).with_suffix("").parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("message")
    message = parser.parse_args().message
    every_table()
    revision = f"{int(newest() or 0) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/now.db")
        upgrade(database)

        def write(connection: object) -> None:
            config = Config()
            config.set_main_option("script_location", str(FOLDER))
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=revision)

        database.migrate(write)
        database.close_now()


if __name__ == "__main__":
    main()
