# SPDX-License-Identifier: Apache-2.0
"""/os-server-groups: servers that shall share a host, or not."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select

from samovar.cloud.compute import quota
from samovar.cloud.compute.faults import OverQuota, refuse_unknown
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.tables import groups, servers
from samovar.database import Database, new_id, utcnow
from samovar.web import BadRequest, Call, NotFound, Reply

from . import fields
from .routes import Routes

POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")
RULE = "os_compute_api:os-server-groups:"


class GroupsApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, routes: Routes) -> None:
        routes.add("GET", "/os-server-groups", self.index, rule=RULE + "index")
        routes.add("POST", "/os-server-groups", self.create, rule=RULE + "create")
        routes.add("GET", "/os-server-groups/{id}", self.show)
        routes.add("DELETE", "/os-server-groups/{id}", self.delete)

    async def index(self, call: Call, version: Version) -> Any:
        query = select(groups).order_by(groups.c.created_at, groups.c.id)
        if not (call.context.is_admin and "all_projects" in call.query):
            query = query.where(groups.c.project_id == (call.context.project_id or ""))
        start = fields.whole(call.query, "offset", 0)
        query = query.offset(start).limit(min(fields.whole(call.query, "limit", 1000), 1000))

        def read(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(query).mappings().all()
            return [_view(row, _members(connection, row["id"]), version) for row in rows]

        return {"server_groups": await self._database.read(read)}

    async def show(self, call: Call, version: Version) -> Any:
        row = await self._find(call, "index")
        members = await self._database.read(lambda c: _members(c, row["id"]))
        return {"server_group": _view(row, members, version)}

    async def create(self, call: Call, version: Version) -> Any:
        body = call.object("server_group")
        modern = version >= (2, 64)
        refuse_unknown(
            body, frozenset({"name", "policy", "rules"} if modern else {"name", "policies"}), "server_group"
        )
        if modern:
            policy = body.get("policy")
        else:
            policies = body.get("policies")
            policy = policies[0] if isinstance(policies, list) and len(policies) == 1 else None
        if policy not in POLICIES[: None if version >= (2, 15) else 2]:
            raise BadRequest(f"Invalid input for server_group: choose one policy of {', '.join(POLICIES)}.")
        rules = body.get("rules") or {}
        refuse_unknown(
            rules if isinstance(rules, dict) else {"rules": rules},
            frozenset({"max_server_per_host"}),
            "rules",
        )
        if rules and policy != "anti-affinity":
            raise BadRequest("Only anti-affinity policy supports rules.")
        if rules:
            rules = {"max_server_per_host": fields.whole(rules, "max_server_per_host", 1, minimum=1)}
        project = call.context.project_id or ""
        row = {
            "id": new_id(),
            "project_id": project,
            "user_id": call.context.user_id,
            "name": fields.name(body),
            "policy": policy,
            "rules": rules,
            "created_at": utcnow(),
        }

        def change(connection: Connection) -> None:
            limit, used = (
                quota.limits(connection, project)["server_groups"],
                quota.count_groups(connection, project),
            )
            if 0 <= limit <= used:
                raise OverQuota("server_groups", 1, used, limit)
            connection.execute(insert(groups).values(row))

        await self._database.write(change)
        return {"server_group": _view(row, [], version)}

    async def delete(self, call: Call, version: Version) -> Any:
        row = await self._find(call, "delete")
        await self._database.write(
            lambda c: c.execute(delete(groups).where(groups.c.id == row["id"])).rowcount
        )
        return Reply(204)

    async def _find(self, call: Call, what: str) -> RowMapping:
        identity, context = call.path["id"], call.context
        query = select(groups).where(groups.c.id == identity)
        row = await self._database.read(lambda c: c.execute(query).mappings().first())
        if row is None or not (context.is_admin or row["project_id"] == context.project_id):
            raise NotFound(f"Instance group {identity} could not be found.")
        call.enforce(RULE + what, {"project_id": row["project_id"], "user_id": row["user_id"]})
        return row


def _members(connection: Connection, group_id: str) -> list[str]:
    where = (servers.c.group_id == group_id, servers.c.deleted.is_(False))
    return list(
        connection.execute(select(servers.c.id).where(*where).order_by(servers.c.created_at)).scalars()
    )


def _view(row: Any, members: list[str], version: Version) -> dict[str, Any]:
    shown = {"id": row["id"], "name": row["name"], "members": members}
    if version >= (2, 64):
        shown.update(policy=row["policy"], rules=row["rules"])
    else:
        shown.update(policies=[row["policy"]], metadata={})
    if version >= (2, 13):
        shown.update(project_id=row["project_id"], user_id=row["user_id"])
    return shown
