# SPDX-License-Identifier: Apache-2.0
"""Rows that a database does not take, as PostgreSQL and MariaDB refuse texts that are too long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DataError
from stand import Stand

from samovar.orchestration.engine import scribe


async def test_an_operation_whose_rows_are_refused_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = scribe.insert_rows

    def strict(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        if any(len(row["name"]) > 20 for row in rows):
            raise DataError("INSERT", {}, ValueError("value too long"))
        insert(connection, table, rows)

    monkeypatch.setattr(scribe, "insert_rows", strict)
    stand = Stand(tmp_path)
    await stand.engine()
    try:
        none = {"type": "OS::Heat::None"}
        good = {"heat_template_version": "2021-04-16", "resources": {"a": none}}
        bad = {**good, "resources": {"a": none, "b" * 30: none}}
        identity = await stand.create(good)
        await stand.settled(identity)
        await stand.update(identity, bad)
        stack = await stand.settled(identity)
        assert (stack.action, stack.status) == ("UPDATE", "FAILED")
        assert stack.status_reason.endswith("value too long")
        await stand.update(identity, good)
        assert (await stand.settled(identity)).status == "COMPLETE"
        other = await stand.create(bad, name="t")
        assert (await stand.settled(other)).status == "FAILED"
        await stand.act(other, "DELETE")
        assert (await stand.settled(other)).status == "COMPLETE"
    finally:
        await stand.close()
