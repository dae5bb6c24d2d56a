# SPDX-License-Identifier: Apache-2.0
"""/v3/role_assignments: who has which role where, as granted or (``effective``) as it comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, select

from samovar.web import Api, BadRequest, Call

from ..assignments import implied
from ..store import Store
from ..tables import assignments, domains, groups, memberships, projects, roles, users
from .collection import list_links, true
from .projects import descendants


@dataclass(frozen=True, slots=True)
class _Assignment:
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    role_id: str
    inherited: bool
    group_id: str = ""  # by which group a user has it
    prior_id: str = ""  # by which role it is implied


class RoleAssignmentsApi:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v3/role_assignments", self.list)

    async def list(self, call: Call) -> Any:
        query = call.query
        effective, subtree = true(query.get("effective")), true(query.get("include_subtree"))
        if effective and "group.id" in query:
            raise BadRequest("effective lists users; it cannot be combined with group.id.")
        target: dict[str, Any] = {}
        if query.get("user.id"):
            target["target.user.id"] = query["user.id"]
        if call.context.domain_id:
            target["target.domain_id"] = call.context.domain_id
        rule = "identity:list_role_assignments_for_tree" if subtree else "identity:list_role_assignments"
        call.enforce(rule, target)

        def find(connection: Connection) -> list[dict[str, Any]]:
            found = [_Assignment(**row) for row in connection.execute(select(assignments)).mappings()]
            if effective:
                found = _effective(connection, found)
            places = None
            if query.get("scope.project.id"):
                places = {query["scope.project.id"]}
                if subtree:
                    places |= {child["id"] for child in descendants(connection, query["scope.project.id"])}
            if call.context.domain_id and not call.context.is_admin:
                allowed = _inside(connection, call.context.domain_id)
                found = [assignment for assignment in found if assignment.target_id in allowed]
            chosen = [assignment for assignment in found if _matches(assignment, query, places)]
            return _Rendering(connection, call, true(query.get("include_names"))).bodies(chosen)

        return {"role_assignments": await self._store.read(find), "links": list_links(call)}


def _matches(assignment: _Assignment, query: Mapping[str, str], places: set[str] | None) -> bool:
    kind = assignment.target_kind
    wanted = (
        ("user.id", assignment.actor_id if assignment.actor_kind == "user" else None),
        ("group.id", assignment.actor_id if assignment.actor_kind == "group" else None),
        ("role.id", assignment.role_id),
        ("scope.domain.id", assignment.target_id if kind == "domain" else None),
    )
    if any(query.get(name) and query[name] != value for name, value in wanted):
        return False
    if places is not None and not (kind == "project" and assignment.target_id in places):
        return False
    if "scope.system" in query and kind != "system":
        return False
    return not query.get("scope.OS-INHERIT:inherited_to") or assignment.inherited


def _effective(connection: Connection, found: Iterable[_Assignment]) -> list[_Assignment]:
    """Groups as their members, inherited roles as roles on the projects below, implied roles added."""
    members: dict[str, list[str]] = {}
    for group_id, user_id in connection.execute(select(memberships.c.group_id, memberships.c.user_id)):
        members.setdefault(group_id, []).append(user_id)
    expanded: dict[tuple[str, str, str, str], _Assignment] = {}
    for assignment in found:
        people = [assignment]
        if assignment.actor_kind == "group":
            people = [
                replace(assignment, actor_kind="user", actor_id=user_id, group_id=assignment.actor_id)
                for user_id in members.get(assignment.actor_id, ())
            ]
        places = [(assignment.target_kind, assignment.target_id)]
        if assignment.inherited:
            places = [("project", identity) for identity in _below(connection, assignment)]
        for role_id in sorted(implied(connection, [assignment.role_id])):
            prior = assignment.role_id if role_id != assignment.role_id else ""
            for person in people:
                for kind, identity in places:
                    key = (person.actor_id, kind, identity, role_id)
                    one = replace(
                        person,
                        target_kind=kind,
                        target_id=identity,
                        role_id=role_id,
                        inherited=False,
                        prior_id=prior,
                    )
                    expanded.setdefault(key, one)
    return list(expanded.values())


def _below(connection: Connection, assignment: _Assignment) -> list[str]:
    if assignment.target_kind == "domain":
        inside = select(projects.c.id).where(projects.c.domain_id == assignment.target_id)
        return list(connection.execute(inside).scalars())
    return [child["id"] for child in descendants(connection, assignment.target_id)]


def _inside(connection: Connection, domain_id: str) -> set[str]:
    inside = select(projects.c.id).where(projects.c.domain_id == domain_id)
    return {domain_id, *connection.execute(inside).scalars()}


class _Rendering:
    """Assignments as the API shows them, names looked up once for all."""

    def __init__(self, connection: Connection, call: Call, names: bool) -> None:
        self._base = f"{call.base_url}/v3"
        self._names = names
        self._known: dict[str, dict[str, Any]] = {}
        if names:
            for kind, table in _TABLES.items():
                self._known[kind] = {row["id"]: row for row in connection.execute(select(table)).mappings()}

    def bodies(self, chosen: Iterable[_Assignment]) -> list[dict[str, Any]]:
        return [self._body(assignment) for assignment in chosen]

    def _body(self, assignment: _Assignment) -> dict[str, Any]:
        kind, place = assignment.target_kind, assignment.target_id
        scope: dict[str, Any] = (
            {"system": {"all": True}} if kind == "system" else {kind: self._named(kind, place)}
        )
        if assignment.inherited:
            scope["OS-INHERIT:inherited_to"] = "projects"
        body: dict[str, Any] = {
            "role": self._named("role", assignment.role_id),
            assignment.actor_kind: self._named(assignment.actor_kind, assignment.actor_id),
            "scope": scope,
        }
        actor_kind, actor_id = assignment.actor_kind, assignment.actor_id
        links = {}
        if assignment.group_id:
            links["membership"] = f"{self._base}/groups/{assignment.group_id}/users/{actor_id}"
            actor_kind, actor_id = "group", assignment.group_id
        where = "system" if kind == "system" else f"{kind}s/{place}"
        role_id = assignment.prior_id or assignment.role_id
        links["assignment"] = f"{self._base}/{where}/{actor_kind}s/{actor_id}/roles/{role_id}"
        if assignment.prior_id:
            links["prior_role"] = f"{self._base}/prior_role/{role_id}/implied_role/{assignment.role_id}"
        body["links"] = links
        return body

    def _named(self, kind: str, identity: str) -> dict[str, Any]:
        if not self._names:
            return {"id": identity}
        row = self._known[kind].get(identity)
        if row is None:
            return {"id": identity, "name": ""}
        body = {"id": identity, "name": row["name"]}
        if row.get("domain_id"):
            body["domain"] = {"id": row["domain_id"], "name": self._known["domain"][row["domain_id"]]["name"]}
        return body


_TABLES: Mapping[str, Table] = {
    "user": users,
    "group": groups,
    "role": roles,
    "project": projects,
    "domain": domains,
}
