# SPDX-License-Identifier: Apache-2.0
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Integer, String, event, insert, select, text

from samovar.database import Database, tables
from samovar.database.expansion import contractions, contracts
from samovar.database.migrate import FOLDER, MigrationError, current, newest, upgrade
from samovar.orchestration.engine.tables import files
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


def test_a_migration_that_was_broken_off_is_gone_through_again(database):
    seen = 0

    def break_off(_connection, _cursor, statement, *_more):
        nonlocal seen
        seen += statement.lstrip().upper().startswith("CREATE")
        if seen == 40:
            raise ConnectionError("the power is gone")

    event.listen(database._writer, "before_cursor_execute", break_off)
    with pytest.raises(ConnectionError):
        upgrade(database)
    event.remove(database._writer, "before_cursor_execute", break_off)
    upgrade(database)
    assert current(database) == newest()


def at_revision(database, revision, oldest):
    """The database as a newer program would have left it."""

    def change(connection):
        connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})
        connection.execute(text("UPDATE database_compatibility SET oldest = :old"), {"old": oldest})

    database.migrate(change)


def test_a_database_that_a_newer_program_has_used_up_is_left_alone(database):
    upgrade(database)
    at_revision(database, "9999", "9998")
    with pytest.raises(MigrationError, match="a newer samovar has used it"):
        upgrade(database)


def test_two_versions_side_by_side(database):
    """N+1 widens the database while N runs; N goes on, and can be started again."""
    upgrade(database)
    write(database, "before")

    def widen(connection):
        operations = Operations(MigrationContext.configure(connection))
        operations.create_table("future_things", Column("id", String(36), primary_key=True))
        operations.add_column("orchestration_files", Column("future", String(10), nullable=True))
        operations.add_column(
            "orchestration_files", Column("counted", Integer, nullable=False, server_default="0")
        )

    database.migrate(widen)
    at_revision(database, "9999", "0001")
    write(database, "after")
    upgrade(database)
    again = Database(database.url.render_as_string(hide_password=False))
    try:
        upgrade(again)
        write(again, "again")
        found = again.migrate(lambda c: set(c.execute(select(files.c.digest)).scalars()))
    finally:
        again.close_now()
    assert found == {"before", "after", "again"}


def write(database, digest):
    database.migrate(lambda c: c.execute(insert(files).values(digest=digest, content="x")))


def test_many_processes_start_on_an_empty_database_at_once(database):
    url = database.url.render_as_string(hide_password=False)
    program = (
        "import sys; from samovar.database import Database; from samovar.database.migrate import upgrade\n"
        "database = Database(sys.argv[1]); upgrade(database); database.close_now()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    started = [
        subprocess.Popen([sys.executable, "-c", program, url], env=environment, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    assert current(database) == newest()


def test_another_process_makes_the_tables_while_this_one_looks_for_them(tmp_path, monkeypatch):
    database = Database(f"sqlite:///{tmp_path}/test.db")
    look, looked = database.look, 0

    def late(query):
        nonlocal looked
        looked += 1
        if looked == 2:
            monkeypatch.undo()
            upgrade(database)
        return look(query)

    monkeypatch.setattr(database, "look", late)
    assert current(database) == newest()
    database.close_now()


def test_every_migration_only_expands_or_says_what_it_needs():
    for file in sorted((FOLDER / "versions").glob("[0-9]*.py")):
        source = file.read_text()
        found = contractions(source)
        assert not found or contracts(source), f"{file.name}: {found}; see samovar/database/expansion.py"


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ('op.drop_table("a")', "drops a table"),
        ('op.rename_table("a", "b")', "renames a table"),
        ('op.add_column("a", sa.Column("b", sa.String(3), nullable=False))', "must be given"),
        ('op.add_column("a", sa.Column("b", sa.String(3), nullable=False, server_default=""))', ""),
        ('op.add_column("a", sa.Column("b", sa.String(3), nullable=True))', ""),
        ('op.create_index("i", "a", ["b"], unique=True)', "unique"),
        ('op.create_index("i", "a", ["b"], unique=False)', ""),
        ('op.execute("DELETE FROM a")', "nobody can judge"),
        ('with op.batch_alter_table("a") as batch_op:\n        batch_op.drop_column("b")', "drops a column"),
        ('with op.batch_alter_table("a") as batch_op:\n        batch_op.alter_column("b", nullable=False)', "forbids NULL"),
        ('with op.batch_alter_table("a") as batch_op:\n        batch_op.alter_column("b", new_column_name="c")', "renames"),
        ('with op.batch_alter_table("a") as batch_op:\n        batch_op.alter_column("b", type_=sa.Text())', "type"),
        ('op.create_table("n")\n    with op.batch_alter_table("n") as batch_op:\n'
         '        batch_op.create_index("i", ["b"], unique=True)', ""),
    ],
)  # fmt: skip
def test_what_would_hurt_the_version_before_is_found(step, told):
    found = contractions(f"def upgrade():\n    {step}\n\ndef downgrade():\n    op.drop_table('x')\n")
    assert (len(found) == 1 and told in found[0]) if told else found == []
    assert contracts('CONTRACTS = "0007"\n') == "0007" and contracts("") == ""
