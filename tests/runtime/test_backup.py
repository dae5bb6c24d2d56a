# SPDX-License-Identifier: Apache-2.0
"""Backups on each kind of database; what is damaged, too new or in use is refused before anything changes."""

import dataclasses
import stat
import tarfile
import threading

import msgspec
import pytest
from sqlalchemy import func, insert, select, update

from samovar.config import DatabaseSettings, Settings
from samovar.database import Database, utcnow
from samovar.database.migrate import upgrade
from samovar.orchestration.engine.tables import files as table
from samovar.runtime.backup import back_up, restore
from samovar.runtime.dumps import BackupError
from samovar.runtime.tables import processes
from servers import databases

TEXT = "naïve 'quotes' \\ 🫖 \n" + "x" * 70_000


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def settings(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/state/samovar.db"
    else:
        url = databases.server(request.param).new()
    state = tmp_path / "state"
    state.mkdir()
    (state / "passwords.json").write_text('{"admin": "first"}')
    (state / "loadbalancer").mkdir()
    (state / "loadbalancer" / "server-ca.key").write_text("the authority's key")
    (state / "logs").mkdir()
    (state / "logs" / "samovar.log").write_text("not kept")
    (state / "servers" / "x" / "upper").mkdir(parents=True)
    (state / "servers" / "x" / "upper" / "disk").write_text("not kept")
    return Settings(state, database=DatabaseSettings(connection=url))


@pytest.fixture
def database(settings):
    database = Database(settings.database_url)
    upgrade(database)
    yield database
    database.close_now()


def write(database, digest, content):
    database.migrate(lambda c: c.execute(insert(table).values(digest=digest, content=content)))


def rows(database):
    return database.migrate(lambda c: dict(c.execute(select(table.c.digest, table.c.content)).all()))


def test_what_was_backed_up_comes_back(settings, database, tmp_path):
    write(database, "a", TEXT)
    backup = tmp_path / "backup.tar.gz"
    manifest = back_up(settings, backup)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(manifest.files) == ["database", "state/loadbalancer/server-ca.key", "state/passwords.json"]
    write(database, "b", "made after the backup")
    database.migrate(
        lambda c: c.execute(update(table).where(table.c.digest == "a").values(content="spoiled"))
    )
    (settings.state_dir / "passwords.json").write_text("{}")
    (settings.state_dir / "loadbalancer" / "server-ca.key").unlink()
    database.close_now()

    restore(settings, backup)
    again = Database(settings.database_url)
    try:
        assert rows(again) == {"a": TEXT}
        upgrade(again)
    finally:
        again.close_now()
    assert (settings.state_dir / "passwords.json").read_text() == '{"admin": "first"}'
    assert (settings.state_dir / "loadbalancer" / "server-ca.key").read_text() == "the authority's key"
    assert [path.name for path in settings.state_dir.iterdir() if path.name.startswith(".restore")] == []


def test_a_backup_is_of_one_moment_while_others_write(settings, database, tmp_path):
    """Each transaction writes two rows; a backup has both or none."""
    stop = threading.Event()

    def busy():
        number = 0
        while not stop.is_set() and number < 5_000:  # an endless backup fills no disk
            number += 1
            pair = [{"digest": f"{number}-{side}", "content": TEXT} for side in ("left", "right")]
            database.migrate(lambda c, pair=pair: c.execute(insert(table), pair))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(2):  # the second one surely while rows come in
            back_up(settings, tmp_path / "backup.tar.gz")
    finally:
        stop.set()
        thread.join()
    database.close_now()
    restore(settings, tmp_path / "backup.tar.gz")
    again = Database(settings.database_url)
    try:
        found = rows(again)
    finally:
        again.close_now()
    sides = [name.rpartition("-") for name in found]
    left, right = ({number for number, _, side in sides if side == one} for one in ("left", "right"))
    assert left == right and left


def test_refusals(settings, database, tmp_path):
    write(database, "a", "kept")
    backup = tmp_path / "backup.tar.gz"
    back_up(settings, backup)

    (tmp_path / "half").write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    with pytest.raises(BackupError, match="is not a whole backup"):
        restore(settings, tmp_path / "half")
    with pytest.raises(BackupError, match="there is no backup"):
        restore(settings, tmp_path / "none")

    def spoil(name, content):
        with tarfile.open(backup) as archive:
            archive.extractall(tmp_path / "spoiled", filter="data")
        (tmp_path / "spoiled" / name).write_bytes(content)
        with tarfile.open(tmp_path / "spoiled.tar", "w") as archive:
            archive.add(tmp_path / "spoiled", ".")
        return tmp_path / "spoiled.tar"

    with pytest.raises(BackupError, match=r"damaged: state/passwords.json"):
        restore(settings, spoil("state/passwords.json", b"other"))
    with tarfile.open(backup) as archive:
        manifest = msgspec.json.decode(archive.extractfile("manifest.json").read())
    newer = msgspec.json.encode({**manifest, "revision": "9999", "version": "99"})
    with pytest.raises(BackupError, match=r"is of samovar 99 .*at least as new"):
        restore(settings, spoil("manifest.json", newer))

    now = utcnow()
    row = {"id": "p", "host": "b", "pid": 7, "services": [], "places": {}, "version": "1", "interval": 5}
    row |= {"state": "up", "figures": {}, "started_at": now, "reported_at": now}
    database.migrate(lambda c: c.execute(insert(processes).values(row)))
    with pytest.raises(BackupError, match=r"is used by b \(process 7\)"):
        restore(settings, backup)
    other = dataclasses.replace(
        settings, database=DatabaseSettings(connection=f"sqlite:///{tmp_path}/other.db")
    )
    if not settings.database_url.startswith("sqlite"):
        with pytest.raises(BackupError, match="to the kind that it came from"):
            restore(other, backup)
    assert rows(database) == {"a": "kept"}
    assert database.migrate(lambda c: c.execute(select(func.count()).select_from(table)).scalar()) == 1
