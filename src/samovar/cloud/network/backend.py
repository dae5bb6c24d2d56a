# SPDX-License-Identifier: Apache-2.0
"""How a request changes the database: one piece of Work in the journal, then the doorbell of the wiring."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from samovar.auth import Context, Policy
from samovar.config import NetworkSettings
from samovar.database import Database, new_id, utcnow
from samovar.messaging import Bus

from .faults import refuse
from .tables import quotas, removals

T = TypeVar("T")
WIRE_TOPIC = "network.wire"
ATTEMPTS = 4

DEFAULT_QUOTAS = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 500,
    "router": 10,
    "floatingip": 50,
    "security_group": 10,
    "security_group_rule": 100,
    "rbac_policy": 10,
}


@dataclass(slots=True)
class Work:
    """One change: the connection it is made on, who asked, and what the wiring must look at afterwards."""

    connection: Connection
    context: Context
    settings: NetworkSettings
    policy: Policy
    now: datetime.datetime = field(default_factory=utcnow)
    touched: dict[str, None] = field(default_factory=dict)

    def touch(self, kind: str, identity: str | None) -> None:
        """The kernel's side of this network or router has to be looked at."""
        if identity:
            self.touched[f"{kind}:{identity}"] = None

    def bury(self, kind: str, identity: str) -> None:
        """The network or router is gone; remembered until the kernel has let it go as well."""
        self.connection.execute(insert(removals).values(key=f"{kind}:{identity}"))
        self.touch(kind, identity)

    def add(self, table: Table, **values: Any) -> str:
        """Insert a row with the standard columns filled; return its id."""
        identity = str(values.pop("id", None) or new_id())
        row = {"id": identity, "created_at": self.now, "updated_at": self.now, "revision_number": 1, **values}
        self.connection.execute(insert(table).values(**row))
        return identity

    def spend(self, resource: str, table: Table, project_id: str) -> None:
        """Raise OverQuota when the project may not have one more."""
        limit = self.connection.execute(
            select(quotas.c.limit).where(quotas.c.project_id == project_id, quotas.c.resource == resource)
        ).scalar()
        limit = DEFAULT_QUOTAS[resource] if limit is None else limit
        if limit < 0:
            return
        count = select(func.count()).select_from(table).where(table.c.project_id == project_id)
        if self.connection.execute(count).scalar_one() >= limit:
            raise refuse("OverQuota", f"The project's quota of {limit} is used up for: {resource}.")


@dataclass(frozen=True, slots=True)
class Backend:
    """What the handlers of all resources share."""

    database: Database
    bus: Bus
    settings: NetworkSettings
    policy: Policy

    async def commit(self, context: Context, change: Callable[[Work], T]) -> T:
        """Run `change` in the journal and, when it is durable, ring for what it touched.

        A row that another process took in the same moment (an address, a MAC) makes it run again.
        """

        def run(connection: Connection) -> tuple[T, Sequence[str]]:
            work = Work(connection, context, self.settings, self.policy)
            return change(work), tuple(work.touched)

        for attempt in range(1, ATTEMPTS + 1):
            try:
                result, touched = await self.database.write(run)
            except IntegrityError:
                if attempt == ATTEMPTS:
                    raise refuse(
                        "InUse", "Other requests changed the same things at the same time; try again."
                    ) from None
                continue
            if touched:
                await self.bus.announce(WIRE_TOPIC, *touched)
            return result
        raise AssertionError("unreachable")
