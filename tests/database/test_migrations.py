# SPDX-License-Identifier: Apache-2.0
import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from samovar.database import Database, tables
from samovar.database.migrate import MigrationError, current, newest, upgrade
from servers import databases

ROOT = Path(tables.__file__).parent.parent


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request, tmp_path):
    url = (
        f"sqlite:///{tmp_path}/test.db"
        if request.param == "sqlite"
        else databases.server(request.param).new()
    )
    database = Database(url)
    yield database
    database.close_now()


def test_the_migrations_make_the_tables_that_the_services_declare(database):
    for file in ROOT.rglob("tables.py"):
        importlib.import_module("samovar." + ".".join(file.relative_to(ROOT).with_suffix("").parts))
    upgrade(database)
    assert current(database) == newest()

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), tables.metadata)

    assert database.migrate(differences) == []
    upgrade(database)


def test_a_database_that_a_newer_program_has_used_is_left_alone(database):
    upgrade(database)
    database.migrate(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    with pytest.raises(MigrationError, match="a newer samovar has used it"):
        upgrade(database)
