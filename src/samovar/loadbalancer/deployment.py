# SPDX-License-Identifier: Apache-2.0
"""Which load balancing this is: an id in the database that marks what is made in clouds.

Two of them may use one cloud, even one project of it; each keeps house among its own only.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from samovar.database import Database, new_id

from .tables import deployments

__all__ = ["MARK", "Deployment"]

MARK = "load_balancing"
"""The name of the mark among the metadata of a server."""
ONLY = 1


class Deployment:
    """The id that all the processes over one database share, made by whichever asks first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._id: str | None = None

    async def id(self) -> str:
        if self._id is None:
            found = await self._database.read(_find)
            self._id = found or await self._make()
        return self._id

    async def _make(self) -> str:
        try:
            return await self._database.write(_make)
        except IntegrityError:  # another process was quicker
            found: str | None = await self._database.read(_find)
            if found is None:
                raise
            return found

    async def words(self) -> str:
        """The mark as the description of a port."""
        return f"Made by load balancing {await self.id()}"


def _find(connection: Connection) -> str | None:
    return connection.execute(select(deployments.c.id).where(deployments.c.number == ONLY)).scalar()


def _make(connection: Connection) -> str:
    found = _find(connection)
    if found is None:
        found = new_id()
        connection.execute(insert(deployments).values(number=ONLY, id=found))
    return found
