# SPDX-License-Identifier: Apache-2.0
"""`samovar db purge-deleted`: as operators know it from heat-manage."""

from __future__ import annotations

import asyncio
import datetime
import json
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from samovar.cli.main import main
from samovar.database import Database, new_id, utcnow
from samovar.orchestration.engine.tables import stacks


def add_deleted(database: Database, days_ago: int, project: str) -> None:
    identity = new_id()
    values = {
        "id": identity, "name": "s", "project_id": project, "user_id": "u", "user_name": "u",
        "root_id": identity, "depth": 0, "action": "DELETE", "status": "COMPLETE", "status_reason": "",
        "definition_id": "", "description": "", "tags": [], "disable_rollback": True,
        "created_at": utcnow(), "deleted_at": utcnow() - datetime.timedelta(days=days_ago),
    }  # fmt: skip
    asyncio.run(database.write(lambda c: c.execute(insert(stacks).values(values))))


def test_deleted_stacks_are_forgotten_by_age_and_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state-dir", str(tmp_path)]
    assert main(["db", "upgrade", *state]) == 0
    database = Database(f"sqlite:///{tmp_path / 'samovar.db'}")
    for days, project in ((100, "a"), (100, "b"), (50, "a"), (0, "a")):
        add_deleted(database, days, project)
    capsys.readouterr()

    def forgotten(*words: str) -> int:
        assert main(["db", "purge-deleted", *words, "--json", *state]) == 0
        return int(json.loads(capsys.readouterr().out)["forgotten"])

    assert forgotten("-p", "b") == 1
    assert forgotten() == 1  # older than 90 days
    assert forgotten("-g", "hours", "--batch-size", "1", "1199") == 1  # the order of heat-manage
    left = asyncio.run(database.read(lambda c: c.execute(select(stacks.c.project_id)).scalars().all()))
    assert left == ["a"]
    assert main(["db", "purge-deleted", "soon", *state]) == 1
    assert "soon is no age" in capsys.readouterr().err
    database.close_now()
