# SPDX-License-Identifier: Apache-2.0
"""Quotas: how many of each kind a project may have; -1 is any number."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from samovar.web import Api, Call, Reply

from .backend import DEFAULT_QUOTAS, Backend, Work
from .faults import invalid, refuse
from .tables import (
    floating_ips,
    groups,
    networks,
    ports,
    quotas,
    routers,
    rules,
    sharing,
    subnet_pools,
    subnets,
)
from .values import integer

COUNTED = {
    "network": networks,
    "subnet": subnets,
    "subnetpool": subnet_pools,
    "port": ports,
    "router": routers,
    "floatingip": floating_ips,
    "security_group": groups,
    "security_group_rule": rules,
    "rbac_policy": sharing,
}
parse_limit = integer(-1, 2**31 - 1)


class Quotas:
    """``/v2.0/quotas``."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def routes(self, api: Api) -> None:
        root = "/v2.0/quotas"
        api.route("GET", root, self.index)
        for word in ("tenant", "project"):
            api.route("GET", f"{root}/{word}", self.owner)
        for suffix in ("", ".json"):
            api.route("GET", f"{root}/{{id}}/default{suffix}", self.default)
            api.route("GET", f"{root}/{{id}}/details{suffix}", self.details)
        api.route("GET", root + "/{id}", self.show)
        api.route("PUT", root + "/{id}", self.update)
        api.route("DELETE", root + "/{id}", self.delete)

    async def index(self, call: Call) -> Any:
        call.enforce("update_quota", {"project_id": call.context.project_id})

        def run(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(select(quotas).order_by(quotas.c.project_id)).mappings().all()
            found: dict[str, dict[str, Any]] = {}
            for row in rows:
                owner = row["project_id"]
                own = found.setdefault(owner, {**DEFAULT_QUOTAS, "tenant_id": owner, "project_id": owner})
                own[row["resource"]] = row["limit"]
            return list(found.values())

        return {"quotas": await self.backend.database.read(run)}

    async def owner(self, call: Call) -> Any:
        project = call.context.project_id
        return {"tenant": {"tenant_id": project, "project_id": project}}

    async def default(self, call: Call) -> Any:
        self._may_read(call)
        return {"quota": DEFAULT_QUOTAS}

    async def show(self, call: Call) -> Any:
        self._may_read(call)
        project = call.path["id"].removesuffix(".json")
        return {"quota": await self.backend.database.read(lambda connection: limits(connection, project))}

    async def details(self, call: Call) -> Any:
        self._may_read(call)
        project = call.path["id"]

        def run(connection: Connection) -> dict[str, Any]:
            return {
                name: {
                    "limit": limit,
                    "used": connection.execute(
                        select(func.count())
                        .select_from(COUNTED[name])
                        .where(COUNTED[name].c.project_id == project)
                    ).scalar_one(),
                    "reserved": 0,
                }
                for name, limit in limits(connection, project).items()
            }

        return {"quota": await self.backend.database.read(run)}

    async def update(self, call: Call) -> Any:
        project = call.path["id"].removesuffix(".json")
        call.enforce("update_quota", {"project_id": project})
        wanted = {}
        for name, value in call.object("quota").items():
            if name in ("tenant_id", "project_id", "force", "check_limit"):
                continue
            if name not in DEFAULT_QUOTAS:
                raise refuse("HTTPBadRequest", f"There is no quota for {name!r}.")
            try:
                wanted[name] = parse_limit(value)
            except ValueError as error:
                raise invalid(name, str(error)) from None

        def change(work: Work) -> dict[str, int]:
            for name, limit in wanted.items():
                own = (quotas.c.project_id == project, quotas.c.resource == name)
                work.connection.execute(delete(quotas).where(*own))
                work.connection.execute(insert(quotas).values(project_id=project, resource=name, limit=limit))
            return limits(work.connection, project)

        return {"quota": await self.backend.commit(call.context, change)}

    async def delete(self, call: Call) -> Reply:
        project = call.path["id"].removesuffix(".json")
        call.enforce("delete_quota", {"project_id": project})

        def change(work: Work) -> None:
            work.connection.execute(delete(quotas).where(quotas.c.project_id == project))

        await self.backend.commit(call.context, change)
        return Reply(204)

    @staticmethod
    def _may_read(call: Call) -> None:
        call.enforce("get_quota", {"project_id": call.path["id"].removesuffix(".json")})


def limits(connection: Connection, project_id: str) -> dict[str, int]:
    """The project's limits."""
    rows = connection.execute(
        select(quotas.c.resource, quotas.c.limit).where(quotas.c.project_id == project_id)
    ).all()
    return DEFAULT_QUOTAS | {row.resource: row.limit for row in rows if row.resource in DEFAULT_QUOTAS}
