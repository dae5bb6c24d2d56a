# SPDX-License-Identifier: Apache-2.0
"""The database as work under a lease sees it: while it does not answer, the work waits and nothing fails.

Whose lease has run out meanwhile is told so by what comes next: each write is fenced, each request of a
cloud looks at the clock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from samovar.database import Database, DatabaseUnavailable

from .parts import Parts

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
log = logging.getLogger(__name__)


class PatientDatabase:
    """Asks again until there is an answer. Changes must do no harm when they are made twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self._insist(lambda: self._database.read(query))

    async def read_much(self, query: Callable[[Connection], T]) -> T:
        return await self._insist(lambda: self._database.read_much(query))

    async def write(self, change: Callable[[Connection], T], *more: Any) -> T:
        return await self._insist(lambda: self._database.write(change, *more))

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        pause = FIRST_PAUSE
        while True:
            try:
                return await ask()
            except DatabaseUnavailable as error:
                log.warning("work on a stack waits for the database: %s", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def patient(parts: Parts) -> Parts:
    """The same parts for what is done under leases."""
    made = copy(parts)
    made.database = cast(Database, PatientDatabase(parts.database))
    return made
