# SPDX-License-Identifier: Apache-2.0
"""Domains, projects, users, groups, roles and the catalog: rows of the identity API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from samovar.clients import CloudError, segment
from samovar.orchestration.resources.behaviour import Behaviour, Changes, ResourceContext, ResourceFailed
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.rest import OTHERS, Body, Collection, RestObject, Row

Roles = Sequence[Mapping[str, Any]] | None
Grant = tuple[str, str, str]  # "projects" or "domains", its id, the role's id


def keystone(key: str) -> Collection:
    return Collection("identity", f"/{key}s", key, f"{key}s", key)


class IdentityObject(RestObject):
    """An object of the identity service; what a search by name gives is looked at again."""

    async def list(self, context: ResourceContext, **query: str) -> list[Body]:
        found = await super().list(context, **query)
        return [each for each in found if all(each.get(key) == value for key, value in query.items())]


class Domain(IdentityObject):
    """A domain; it must be disabled before it can go."""

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        try:
            await self.put(context, {"enabled": False})
        except CloudError as error:
            if not error.not_found:
                raise
            return
        await super().delete(context)


class Assignee(IdentityObject):
    """A user or a group, with the roles it is given."""

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        await change_roles(
            context, self.collection.plural, str(shown["id"]), None, context.properties.get("roles")
        )

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has("roles"):
            before, after = changes.before.get("roles"), changes.after.get("roles")
            await change_roles(context, self.collection.plural, str(context.physical_id), before, after)


class User(Assignee):
    """A user, and the groups it belongs to."""

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        await super().after_create(context, shown)
        await self._join(context, str(shown["id"]), (), context.properties.get("groups") or ())

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        await super().after_update(context, changes)
        if changes.has("groups"):
            before, after = changes.before.get("groups") or (), changes.after.get("groups") or ()
            await self._join(context, str(context.physical_id), before, after)

    async def _join(
        self, context: ResourceContext, user: str, before: Sequence[str], after: Sequence[str]
    ) -> None:
        for verb, groups in (("DELETE", set(before) - set(after)), ("PUT", set(after) - set(before))):
            for group in sorted(groups):
                await _done(context, verb, f"/groups/{segment(group)}/users/{user}")


class Region(RestObject):
    """A region: its id is chosen, by the template or here."""

    def _id(self, context: ResourceContext) -> str:
        return str(context.properties.get("id") or context.physical_name)

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if sent.get("enabled") is True:
            del sent["enabled"]  # not a field of the API; only who turns it off sends it
        return sent if updating else {**sent, "id": self._id(context)}

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        return {OTHERS: self._id(context)} if await self._exists(context) else {}

    async def find(self, context: ResourceContext) -> str | None:
        exists = not context.data.get(OTHERS) and await self._exists(context)
        return self._id(context) if exists else None

    async def _exists(self, context: ResourceContext) -> bool:
        regions = await self.list(context)
        return any(each["id"] == self._id(context) for each in regions)


class RoleAssignment(Behaviour):
    """Roles for a user or a group that is there already."""

    def __init__(self, plural: str, entity: str) -> None:
        self._plural, self._entity = plural, entity

    async def create(self, context: ResourceContext) -> str | None:
        assignee = await self._assignee(context, context.properties)
        await change_roles(context, self._plural, assignee, None, context.properties.get("roles"))
        return context.uuid

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        before, after = changes.before.get("roles"), changes.after.get("roles")
        old = await self._assignee(context, changes.before)
        new = await self._assignee(context, changes.after)
        if old != new:
            await change_roles(context, self._plural, old, before, None)
            before = None
        await change_roles(context, self._plural, new, before, after)

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        try:
            assignee = await self._assignee(context, context.properties)
        except ResourceFailed:
            return  # who had them is gone, and the roles with it
        await change_roles(context, self._plural, assignee, context.properties.get("roles"), None)

    async def _assignee(self, context: ResourceContext, values: Mapping[str, Any]) -> str:
        return await Lookup(context.cloud).find("keystone", self._entity, str(values[self._entity]))


async def change_roles(
    context: ResourceContext, plural: str, assignee: str, before: Roles, after: Roles
) -> None:
    """Take away and give what differs between two lists of roles."""
    old, new = await _grants(context, before), await _grants(context, after)
    for verb, grants in (("DELETE", old - new), ("PUT", new - old)):
        for scope, target, role in sorted(grants):
            path = f"/{scope}/{segment(target)}/{plural}/{segment(assignee)}/roles/{segment(role)}"
            await _done(context, verb, path)


async def _grants(context: ResourceContext, roles: Roles) -> set[Grant]:
    lookup, found = Lookup(context.cloud), set()
    for each in roles or ():
        given = [name for name in ("project", "domain") if each.get(name)]
        if len(given) != 1:
            raise ResourceFailed(
                'A role is given either in a "project" or in a "domain".', kind="StackValidationFailed"
            )
        target = await lookup.find("keystone", given[0], str(each[given[0]]))
        role = await lookup.find("keystone", "role", str(each["role"]))
        found.add((f"{given[0]}s", target, role))
    return found


async def _done(context: ResourceContext, verb: str, path: str) -> None:
    """Ask; what is gone already need not be taken away."""
    try:
        await context.cloud.request("identity", verb, path)
    except CloudError as error:
        if verb != "DELETE" or not error.not_found:
            raise


_DOMAIN_ID = {"domain": "domain_id"}
_PLAIN = ("name", "description", "enabled")

DOMAIN = Domain(Row(keystone("domain"), update_method="PATCH", observed=_PLAIN))
PROJECT = IdentityObject(
    Row(
        keystone("project"),
        renames={**_DOMAIN_ID, "parent": "parent_id"},
        update_method="PATCH",
        observed=_PLAIN,
    )
)
GROUP = Assignee(
    Row(
        keystone("group"),
        renames=_DOMAIN_ID,
        omitted=frozenset({"roles"}),
        update_method="PATCH",
        observed=("name", "description"),
    )
)
USER = User(
    Row(
        keystone("user"),
        renames={**_DOMAIN_ID, "default_project": "default_project_id"},
        omitted=frozenset({"roles", "groups"}),
        update_method="PATCH",
        observed=_PLAIN,
    )
)
ROLE = IdentityObject(Row(keystone("role"), renames=_DOMAIN_ID, update_method="PATCH"))
SERVICE = IdentityObject(Row(keystone("service"), update_method="PATCH"))
ENDPOINT = IdentityObject(
    Row(
        keystone("endpoint"),
        renames={"service": "service_id", "region": "region_id"},
        update_method="PATCH",
        observed=("interface", "url", "enabled"),
    )
)
REGION = Region(
    Row(keystone("region"), renames={"parent_region": "parent_region_id"}, named=False, update_method="PATCH")
)
USER_ROLE_ASSIGNMENT = RoleAssignment("users", "user")
GROUP_ROLE_ASSIGNMENT = RoleAssignment("groups", "group")
