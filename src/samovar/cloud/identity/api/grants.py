# SPDX-License-Identifier: Apache-2.0
"""Grants: giving a user or a group a role on a project, a domain or the system.

/v3/{projects|domains}/{place}/{users|groups}/{actor}/roles[/{role}]
/v3/OS-INHERIT/…/inherited_to_projects     the same, for all the projects below
/v3/system/{users|groups}/{actor}/roles[/{role}]
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select

from samovar.web import Api, Call, NotFound, Reply

from ..faults import unknown
from ..standing import row
from ..store import Store
from ..tables import assignments, domains, groups, projects, roles, users
from .collection import list_links
from .rendering import role_body

ACTORS = {"users": ("user", users), "groups": ("group", groups)}
PLACES = {"projects": ("project", projects), "domains": ("domain", domains)}


@dataclass(frozen=True, slots=True)
class _Route:
    """Which of the many paths a request came by."""

    place: str  # projects, domains, system
    actor: str  # users, groups
    inherited: bool = False

    @property
    def rules(self) -> tuple[str, str, str, str]:
        """The rules of list, check, create, revoke."""
        if self.place == "system":
            actor = ACTORS[self.actor][0]
            return (
                f"identity:list_system_grants_for_{actor}",
                f"identity:check_system_grant_for_{actor}",
                f"identity:create_system_grant_for_{actor}",
                f"identity:revoke_system_grant_for_{actor}",
            )
        return (
            "identity:list_grants",
            "identity:check_grant",
            "identity:create_grant",
            "identity:revoke_grant",
        )


Handle = Callable[[_Route, Call], Awaitable[Any]]


class GrantsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        for actor in ACTORS:
            self._add(api, f"/v3/system/{actor}/{{actor}}/roles", "", _Route("system", actor))
            for place in PLACES:
                path = f"/{place}/{{place}}/{actor}/{{actor}}/roles"
                self._add(api, f"/v3{path}", "", _Route(place, actor))
                inherited = _Route(place, actor, inherited=True)
                self._add(api, f"/v3/OS-INHERIT{path}", "/inherited_to_projects", inherited)

    def _add(self, api: Api, path: str, end: str, route: _Route) -> None:
        api.route("GET", path + end, partial(self.list, route))
        for method, handle in (
            ("GET", self.check),
            ("HEAD", self.check),
            ("PUT", self.create),
            ("DELETE", self.revoke),
        ):
            bound: Handle = handle
            api.route(method, f"{path}/{{role}}{end}", partial(bound, route))

    async def list(self, route: _Route, call: Call) -> Any:
        await self._enforce(route, call, 0)

        def query(connection: Connection) -> list[RowMapping]:
            having = select(assignments.c.role_id).where(*_key(route, call))
            return list(
                connection.execute(
                    select(roles).where(roles.c.id.in_(having)).order_by(roles.c.name)
                ).mappings()
            )

        found = await self._store.read(query)
        return {"roles": [role_body(call, role) for role in found], "links": list_links(call)}

    async def check(self, route: _Route, call: Call) -> Reply:
        key = await self._enforce(route, call, 1)
        if await self._store.read(
            lambda connection: connection.execute(select(assignments).where(*key)).first()
        ):
            return Reply(204)
        raise self._missing(call)

    async def create(self, route: _Route, call: Call) -> Reply:
        key = await self._enforce(route, call, 2)
        values = {
            "actor_kind": ACTORS[route.actor][0],
            "actor_id": call.path["actor"],
            "target_kind": "system" if route.place == "system" else PLACES[route.place][0],
            "target_id": call.path.get("place", "all"),
            "role_id": call.path["role"],
            "inherited": route.inherited,
        }

        def change(connection: Connection) -> None:
            if connection.execute(select(assignments).where(*key)).first() is None:
                connection.execute(insert(assignments).values(values))

        await self._store.write(change)
        return Reply(204)

    async def revoke(self, route: _Route, call: Call) -> Reply:
        key = await self._enforce(route, call, 3)

        def change(connection: Connection) -> None:
            if connection.execute(delete(assignments).where(*key)).rowcount == 0:
                raise self._missing(call)

        await self._store.write(change)
        return Reply(204)

    async def _enforce(self, route: _Route, call: Call, rule: int) -> tuple[ColumnElement[bool], ...]:
        """The key of the assignment, once all that it names is there and the caller may."""

        def targets(connection: Connection) -> dict[str, Any]:
            what, table = ACTORS[route.actor]
            actor = row(connection, table, call.path["actor"])
            if actor is None:
                raise unknown(what, call.path["actor"])
            target = {"target.actor.domain_id": actor["domain_id"]}
            if route.place != "system":
                kind, place_table = PLACES[route.place]
                place = row(connection, place_table, call.path["place"])
                if place is None:
                    raise unknown(kind, call.path["place"])
                target["target.place.domain_id"] = place["domain_id"] if kind == "project" else place["id"]
            if "role" in call.path:
                role = row(connection, roles, call.path["role"])
                if role is None:
                    raise unknown("role", call.path["role"])
                target["target.role.name"] = role["name"]
            return target

        call.enforce(route.rules[rule], await self._store.read(targets))
        return _key(route, call)

    @staticmethod
    def _missing(call: Call) -> NotFound:
        return NotFound(
            f"Could not find role assignment with role: {call.path['role']}, "
            f"user or group: {call.path['actor']}, "
            f"project, domain, or system: {call.path.get('place', 'all')}."
        )


def _key(route: _Route, call: Call) -> tuple[ColumnElement[bool], ...]:
    columns = assignments.c
    key: tuple[ColumnElement[bool], ...] = (
        columns.actor_kind == ACTORS[route.actor][0],
        columns.actor_id == call.path["actor"],
        columns.target_kind == ("system" if route.place == "system" else PLACES[route.place][0]),
        columns.target_id == call.path.get("place", "all"),
        columns.inherited.is_(route.inherited),
    )
    return (*key, columns.role_id == call.path["role"]) if "role" in call.path else key
