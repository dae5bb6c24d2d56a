# SPDX-License-Identifier: Apache-2.0
"""Key pairs, flavors and server groups: rows of the compute API with a few extras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import Changes, ResourceContext, Waiting
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

_PRIVATE_KEY = "private_key"


class KeyPair(RestObject):
    """The name is the id. The private key is kept only when asked for."""

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        return {"others": "yes"} if await self._exists(context) else {}

    async def make_way(self, context: ResourceContext) -> Waiting | None:
        """The replacement may have the same name."""
        await self.delete(context)
        return None

    async def create(self, context: ResourceContext) -> str | None:
        sent = self.body(context, context.properties, updating=False)
        shown = await self.post(context, sent)
        if context.properties.get("save_private_key") and shown.get("private_key"):
            await context.set_data(_PRIVATE_KEY, str(shown["private_key"]), secret=True)
        return str(shown["name"])

    async def find(self, context: ResourceContext) -> str | None:
        """A pair made just before a crash is made again when its private key, told only once, is wanted."""
        if context.data.get("others") or not await self._exists(context):
            return None
        name = str(context.properties["name"])
        if context.properties.get("save_private_key") and not context.properties.get("public_key"):
            await self.request(
                context, "DELETE", f"{self.collection.path}/{name}", query=self._owner(context)
            )
            return None
        return name

    async def request(self, context: ResourceContext, method: str, path: str, **options: Any) -> Any:
        options.setdefault("microversion", self._microversion(context))
        if method in ("GET", "DELETE") and self._owner(context):
            options.setdefault("query", self._owner(context))
        return await super().request(context, method, path, **options)

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if sent.get("user"):
            sent["user_id"] = sent.pop("user")
        return sent

    @staticmethod
    def _owner(context: ResourceContext) -> dict[str, str]:
        user = context.properties.get("user")
        return {"user_id": str(user)} if user else {}

    @staticmethod
    def _microversion(context: ResourceContext) -> str | None:
        """Types of keys came with 2.2, keys of other users with 2.10."""
        if context.properties.get("user"):
            return "2.10"
        return "2.2" if context.properties.get("type") else None

    async def _exists(self, context: ResourceContext) -> bool:
        path = f"{self.collection.path}/{context.properties['name']}"
        try:
            await self.request(context, "GET", path)
        except CloudError as error:
            if error.not_found:
                return False
            raise
        return True

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        found = dict(await super().attributes(context, names - {_PRIVATE_KEY}))
        if _PRIVATE_KEY in names:
            found[_PRIVATE_KEY] = context.data.get(_PRIVATE_KEY, "")
        return found


class Flavor(RestObject):
    """A flavor, its extra specs, and the projects that may use it. Its id is chosen here: it can be found."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        sent["id"] = values.get("flavorid") or context.uuid
        return sent

    async def find(self, context: ResourceContext) -> str | None:
        if context.data.get("others"):
            return None
        for shown in await self.list(context, is_public="None"):
            if str(shown["id"]) == (context.properties.get("flavorid") or context.uuid):
                await self.after_create(context, shown)
                return str(shown["id"])
        return None

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        wanted = context.properties.get("flavorid")
        taken = wanted and any(
            str(each["id"]) == wanted for each in await self.list(context, is_public="None")
        )
        return {"others": str(wanted)} if taken else {}

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        flavor = str(shown["id"])
        await self._specify(context, flavor, {}, context.properties.get("extra_specs") or {})
        await self._admit(context, flavor, set(), set(context.properties.get("tenants") or []))

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        flavor = str(context.physical_id)
        if changes.has("extra_specs"):
            before, after = changes.before.get("extra_specs") or {}, changes.after.get("extra_specs") or {}
            await self._specify(context, flavor, before, after)
        if changes.has("tenants"):
            before, after = changes.before.get("tenants") or [], changes.after.get("tenants") or []
            await self._admit(context, flavor, set(before), set(after))

    async def _specify(
        self, context: ResourceContext, flavor: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        path = f"{self.collection.path}/{flavor}/os-extra_specs"
        for key in sorted(before.keys() - after.keys()):
            await self.request(context, "DELETE", f"{path}/{key}")
        if after:
            await self.request(context, "POST", path, json={"extra_specs": dict(after)})

    async def _admit(self, context: ResourceContext, flavor: str, before: set[str], after: set[str]) -> None:
        if context.properties.get("is_public"):
            return
        path = f"{self.collection.path}/{flavor}/action"
        for verb, projects in (("addTenantAccess", after - before), ("removeTenantAccess", before - after)):
            for project in sorted(projects):
                try:
                    await self.request(context, "POST", path, json={verb: {"tenant": project}})
                except CloudError as error:
                    # Already so: an interrupted attempt did it.
                    if error.status not in (404, 409):
                        raise

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        found = dict(await super().attributes(context, names))
        if "extra_specs" in names:
            answer = await self.request(context, "GET", self.object_path(context, "os-extra_specs"))
            found["extra_specs"] = answer["extra_specs"]
        return found


class ServerGroup(RestObject):
    """A server group; limits came with a microversion that has one policy instead of a list."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        policies = list(values.get("policies") or [])
        rules = {key: value for key, value in (values.get("rules") or {}).items() if value is not None}
        if rules:
            return {"policy": policies[0], "rules": rules}
        return {"policies": policies}

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        soft = any(str(each).startswith("soft-") for each in sent.get("policies", ()))
        version = "2.64" if "rules" in sent else "2.15" if soft else None
        answer = await self.request(
            context, "POST", self.collection.path, json=self.wrapped(sent), microversion=version
        )
        return self.unwrapped(answer)

    async def list(self, context: ResourceContext, **query: str) -> list[Body]:
        found = await super().list(context)
        return [each for each in found if each.get("name") == query.get("name", each.get("name"))]


KEY_PAIR = KeyPair(
    Row(
        Collection("compute", "/os-keypairs", "keypair", "keypairs", "key pair"),
        omitted=frozenset({"save_private_key"}),
    )
)
FLAVOR = Flavor(
    Row(
        Collection("compute", "/flavors", "flavor", "flavors", "flavor"),
        renames={
            "ephemeral": "OS-FLV-EXT-DATA:ephemeral",
            "is_public": "os-flavor-access:is_public",
        },
        omitted=frozenset({"extra_specs", "tenants", "flavorid"}),
        attributes={"is_public": "os-flavor-access:is_public"},
    )
)
SERVER_GROUP = ServerGroup(
    Row(Collection("compute", "/os-server-groups", "server_group", "server_groups", "server group"))
)
