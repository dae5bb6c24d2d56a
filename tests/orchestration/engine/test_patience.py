# SPDX-License-Identifier: Apache-2.0
"""Work under a lease waits for its database."""

from __future__ import annotations

from typing import Any

import pytest

from samovar.database import DatabaseUnavailable
from samovar.orchestration.engine import patience
from samovar.orchestration.engine.patience import PatientDatabase


class Away:
    """A database that does not answer some times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def read(self, query: Any) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise DatabaseUnavailable("the database did not answer")
        return query("a connection")

    async def write(self, change: Any, *turns: str) -> Any:
        return *turns, await self.read(change)


async def test_what_is_asked_of_a_database_that_is_away_is_asked_again(monkeypatch: Any) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    patient = PatientDatabase(Away(3))  # type: ignore[arg-type]
    assert await patient.read(lambda connection: connection) == "a connection"
    patient = PatientDatabase(Away(3))  # type: ignore[arg-type]
    assert await patient.write(lambda connection: connection, "a turn") == ("a turn", "a connection")


async def test_what_is_wrong_with_the_question_is_told_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        await PatientDatabase(Away(0)).read(lambda _connection: 1 / 0)  # type: ignore[arg-type]
