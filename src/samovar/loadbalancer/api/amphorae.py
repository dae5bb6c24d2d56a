# SPDX-License-Identifier: Apache-2.0
"""Amphorae, as administrators see them: ``/v2.0/octavia/amphorae``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from samovar.web import Api, Call, Reply

from .. import operations as work
from ..tables import amphorae, load_balancers
from .change import GOING, Backend, Change
from .collection import IN_TREE
from .faults import immutable, not_found, refuse
from .listing import Kind, chosen, index
from .statistics import of_amphora
from .views import Shown, moment

ROOT = "/v2.0/octavia/amphorae"
NAMES = (
    "id",
    "compute_id",
    "lb_network_ip",
    "vrrp_ip",
    "ha_ip",
    "vrrp_port_id",
    "ha_port_id",
    "cert_busy",
    "role",
    "status",
    "vrrp_interface",
    "vrrp_id",
    "vrrp_priority",
    "cached_zone",
    "image_id",
    "compute_flavor",
)


def _amphora(row: RowMapping) -> Shown:
    return {
        **{name: row[name] for name in NAMES},
        "loadbalancer_id": row["load_balancer_id"],
        "cert_expiration": moment(row["cert_expiration"]),
        "created_at": moment(row["created_at"]),
        "updated_at": moment(row["updated_at"]),
    }


def _view(_connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    return [_amphora(row) for row in rows]


KIND = Kind(
    name="amphora",
    plural="amphorae",
    table=amphorae,
    view=_view,
    policy="amphora",
    owned=False,
    filters={**IN_TREE, "provisioning_status": "status"},
)


class Amphorae:
    """Lists and shows amphorae; asks workers to fail them over, configure them, remove broken ones."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def routes(self, api: Api) -> None:
        api.route("GET", ROOT, self.index)
        api.route("GET", ROOT + "/{id}", self.show)
        api.route("DELETE", ROOT + "/{id}", self.delete)
        api.route("GET", ROOT + "/{id}/stats", self.statistics)
        api.route("PUT", ROOT + "/{id}/config", self.configure)
        api.route("PUT", ROOT + "/{id}/failover", self.failover)

    async def index(self, call: Call) -> Any:
        return await index(self.backend, KIND, call)

    async def show(self, call: Call) -> Any:
        self._enforce(call, "get_one")
        row = await self.backend.database.read(lambda connection: _find(connection, call.path["id"]))
        return {"amphora": chosen(call, _amphora(row))}

    async def statistics(self, call: Call) -> Any:
        self._enforce(call, "get_stats")

        def run(connection: Connection) -> list[dict[str, Any]]:
            _find(connection, call.path["id"])
            return of_amphora(connection, call.path["id"])

        found = await self.backend.database.read(run)
        if not found:
            raise not_found("Amphora statistics", call.path["id"])
        wanted = call.query.get("listener_id")
        return {"amphora_stats": [item for item in found if wanted in (None, item["listener_id"])]}

    async def configure(self, call: Call) -> Reply:
        self._enforce(call, "put_config")

        def run(change: Change) -> None:
            row = _find(change.connection, call.path["id"])
            change.ask(row["load_balancer_id"] or "", work.CONFIGURE_AMPHORA, 0, row["id"])

        await self.backend.commit(call, run)
        return Reply(202)

    async def failover(self, call: Call) -> Reply:
        self._enforce(call, "put_failover")

        def run(change: Change) -> None:
            row = _find(change.connection, call.path["id"])
            query = select(load_balancers).where(load_balancers.c.id == row["load_balancer_id"])
            lb = change.connection.execute(query).mappings().first()
            if lb is None:
                raise not_found("Load Balancer of amphora", row["id"])
            status = lb["provisioning_status"]
            if status in GOING or (self.backend.settings.strict_immutable and status != "ACTIVE"):
                raise immutable("Load Balancer", lb["id"])
            generation = change.begin(lb)
            change.ask(lb["id"], work.FAILOVER_AMPHORA, generation, row["id"])

        await self.backend.commit(call, run)
        return Reply(202)

    async def delete(self, call: Call) -> Reply:
        self._enforce(call, "delete")

        def run(change: Change) -> None:
            row = _find(change.connection, call.path["id"])
            if row["status"] != "ERROR":
                raise refuse(
                    409, f"Amphora {row['id']} is {row['status']}; only one in ERROR can be deleted."
                )
            change.ask(row["load_balancer_id"] or "", work.DELETE_AMPHORA, 0, row["id"])

        await self.backend.commit(call, run)
        return Reply(204)

    def _enforce(self, call: Call, action: str) -> None:
        self.backend.enforce(call, f"amphora:{action}", call.context.project_id)


def _find(connection: Connection, identity: str) -> RowMapping:
    row = connection.execute(select(amphorae).where(amphorae.c.id == identity)).mappings().first()
    if row is None:
        raise not_found("Amphora", identity)
    return row
