# SPDX-License-Identifier: Apache-2.0
"""The store: the database, and a generation that tells caches of this process that something changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from samovar.database import Database

T = TypeVar("T")


class Store:
    """Identity's way to its tables. Each write begins a new generation before its caller goes on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.generation = 0

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self._database.read(query)

    async def write(self, change: Callable[[Connection], T]) -> T:
        try:
            return await self._database.write(change)
        finally:
            self.generation += 1
