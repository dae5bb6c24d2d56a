# SPDX-License-Identifier: Apache-2.0
"""Quotas: how many of each kind a project may have; -1 is any number.

Two kinds have a second spelling that old clients use: both are taken, both are shown.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from samovar.web import Api, Call, Reply

from ..tables import quotas
from . import values
from .change import Backend, Change, default_limits
from .collection import ROOT
from .faults import bad, invalid, missing
from .fields import unknown, wrapped
from .listing import page_of
from .rules import PREFIX

SPELLINGS = {"load_balancer": "loadbalancer", "health_monitor": "healthmonitor"}
parse_limit = values.integer(-1, 2_000_000_000)


class Quotas:
    """``/v2.0/lbaas/quotas``."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def routes(self, api: Api) -> None:
        root = f"{ROOT}/quotas"
        api.route("GET", root, self.index)
        api.route("GET", root + "/{id}", self.show)
        api.route("GET", root + "/{id}/default", self.default)
        api.route("PUT", root + "/{id}", self.update)
        api.route("DELETE", root + "/{id}", self.delete)

    async def index(self, call: Call) -> Any:
        context = call.context
        project = call.query.get("project_id")
        if not self.backend.policy.allows(PREFIX + "quota:get_all-global", context, {}):
            self.backend.enforce(call, "quota:get_all", context.project_id)
            if project not in (None, context.project_id):
                return {"quotas": []}
            project = context.project_id

        def run(connection: Connection) -> list[dict[str, Any]]:
            query = select(quotas.c.project_id).distinct().order_by(quotas.c.project_id)
            if project is not None:
                query = query.where(quotas.c.project_id == project)
            owners = list(connection.execute(query).scalars())
            return [{**self._limits(connection, owner), **_owner(owner)} for owner in owners]

        found = await self.backend.database.read(run)
        return page_of(self.backend, call, "quotas", found, "project_id")

    async def show(self, call: Call) -> Any:
        project = call.path["id"]
        self.backend.enforce(call, "quota:get_one", self._asked(call))
        return {
            "quota": await self.backend.database.read(lambda connection: self._limits(connection, project))
        }

    async def default(self, call: Call) -> Any:
        self.backend.enforce(call, "quota:get_defaults", self._asked(call))
        return {"quota": _shown(default_limits(self.backend.settings))}

    async def update(self, call: Call) -> Any:
        project = call.path["id"]
        self.backend.enforce(call, "quota:put", project)
        wanted: dict[str, int | None] = {}
        given = wrapped(call.body, "quotas", "quota")
        known = default_limits(self.backend.settings)
        for name, value in given.items():
            kind = SPELLINGS.get(name, name)
            if name in ("project_id", "tenant_id"):
                continue
            if kind not in known:
                raise unknown("quotas", "quota", name)
            try:
                wanted[kind] = None if value is None else parse_limit(value)
            except ValueError as error:
                raise invalid(name, value, str(error)) from None
        if not wanted:
            raise missing("quota") if not given else bad("No quota is given.")

        def run(change: Change) -> dict[str, int]:
            for kind, limit in wanted.items():
                own = (quotas.c.project_id == project, quotas.c.resource == kind)
                change.connection.execute(delete(quotas).where(*own))
                if limit is not None:
                    change.connection.execute(
                        insert(quotas).values(project_id=project, resource=kind, limit=limit)
                    )
            return self._limits(change.connection, project)

        return Reply(202, {"quota": await self.backend.commit(call, run)})

    async def delete(self, call: Call) -> Reply:
        project = call.path["id"]
        self.backend.enforce(call, "quota:delete", project)

        def run(change: Change) -> None:
            change.connection.execute(delete(quotas).where(quotas.c.project_id == project))

        await self.backend.commit(call, run)
        return Reply(202)

    def _asked(self, call: Call) -> str | None:
        """The project that is asked about; the defaults are everybody's."""
        return call.context.project_id if call.path["id"] == "defaults" else call.path["id"]

    def _limits(self, connection: Connection, project: str) -> dict[str, int]:
        limits = default_limits(self.backend.settings)
        query = select(quotas.c.resource, quotas.c.limit).where(quotas.c.project_id == project)
        limits.update({row.resource: row.limit for row in connection.execute(query)})
        return _shown(limits)


def _shown(limits: dict[str, int]) -> dict[str, int]:
    return {**limits, **{old: limits[name] for old, name in SPELLINGS.items()}}


def _owner(project: str) -> dict[str, str]:
    return {"project_id": project, "tenant_id": project}
