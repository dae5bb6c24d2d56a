# SPDX-License-Identifier: Apache-2.0
"""What the machines of one cluster share through their database."""

import dataclasses

import pytest

from samovar.config import EngineSettings, Settings
from samovar.database import Database
from samovar.runtime.secrets import FILES, SecretsDiffer, share
from servers import databases


def machine(folder, key=None):
    folder.mkdir()
    return Settings(folder, engine=dataclasses.replace(EngineSettings(), auth_encryption_key=key))


@pytest.fixture
async def database(tmp_path):
    opened = Database(databases.url(tmp_path, "postgresql"))
    opened.create_tables()
    yield opened
    await opened.close()


async def test_one_key_is_copied_and_every_other_secret_follows(tmp_path, database):
    first, second = machine(tmp_path / "a", "the same"), machine(tmp_path / "b", "the same")
    await share(database, first)
    await share(database, second)
    for name in FILES:
        assert (first.state_dir / name).read_bytes() == (second.state_dir / name).read_bytes()
        assert (second.state_dir / name).stat().st_mode & 0o077 == 0


async def test_a_machine_with_another_key_is_told_whose_key_it_needs(tmp_path, database):
    await share(database, machine(tmp_path / "a"))  # its key is made and kept in its state directory
    with pytest.raises(SecretsDiffer, match="auth_encryption_key of"):
        await share(database, machine(tmp_path / "b", "another"))
    key = (tmp_path / "a" / "auth_encryption_key").read_text().strip()
    await share(database, machine(tmp_path / "c", key))


async def test_on_sqlite_nothing_is_put_into_the_database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/samovar.db")
    try:
        await share(database, machine(tmp_path / "a"))
        assert list((tmp_path / "a").iterdir()) == []
    finally:
        await database.close()
