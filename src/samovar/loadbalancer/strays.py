# SPDX-License-Identifier: Apache-2.0
"""Strays: ports of VIPs whose load balancer never came to be.

The API makes a VIP's port before it writes the load balancer down; one that is killed in between
leaves the port behind. Whoever keeps house calls `remove_strays` from time to time. Ports without this
deployment's mark are not its own: another one works on the same cloud.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from sqlalchemy import Connection, select

from samovar.clients import Cloud, CloudError
from samovar.database import Database, utcnow

from .deployment import Deployment
from .tables import load_balancers

OWNER = "Octavia"
PREFIX = "lb-"
LATEST = datetime.timedelta(minutes=1)
"""How long after it began to make ports a request may still write its load balancer down."""
PATIENCE = 3 * LATEST
"""How long a port is left alone; clocks may differ."""


async def remove_strays(
    database: Database, own: Cloud, deployment: Deployment, now: datetime.datetime | None = None
) -> list[str]:
    """Remove VIP ports older than PATIENCE that belong to no load balancer; their ids.

    Raises CloudError, CloudUnreachable, ServiceNotInCatalog.
    """
    answer = await own.get("network", "/v2.0/ports", query={"device_owner": OWNER})
    latest = (now or utcnow()) - PATIENCE
    mark = await deployment.words()
    owners = {
        port["id"]: port["device_id"].removeprefix(PREFIX)
        for port in answer["ports"]
        if port["device_id"].startswith(PREFIX)
        and port.get("description") == mark
        and _made(port["created_at"]) < latest
    }
    known = await database.read(lambda connection: _known(connection, list(owners.values())))
    removed = []
    for port_id, lb_id in owners.items():
        if lb_id in known:
            continue
        try:
            await own.request("network", "DELETE", f"/v2.0/ports/{port_id}")
        except CloudError as error:
            if not error.not_found:
                raise
        removed.append(port_id)
    return removed


def _known(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        query = select(load_balancers.c.id).where(load_balancers.c.id.in_(ids[start : start + 500]))
        found.update(connection.execute(query).scalars())
    return found


def _made(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
