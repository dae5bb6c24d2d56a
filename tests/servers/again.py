# SPDX-License-Identifier: Apache-2.0
"""Every change of the journal twice, the first time undone: a change must be able to run again."""

from __future__ import annotations

import contextlib
from typing import Any

from sqlalchemy import Connection

from samovar.database.journal import Journal


def run_changes_twice() -> None:
    """From now on, in this process (SAMOVAR_TEST_AGAIN=1)."""
    apply = Journal._apply

    def twice(connection: Connection, waiting: Any, savepoint: bool) -> None:
        undone = connection.begin_nested()
        with contextlib.suppress(Exception):
            waiting.change(connection)
        if undone.is_active:
            undone.rollback()
        apply(connection, waiting, savepoint)

    Journal._apply = staticmethod(twice)  # type: ignore[method-assign]
