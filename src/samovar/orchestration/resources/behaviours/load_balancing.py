# SPDX-License-Identifier: Apache-2.0
"""Load balancers and all below them: rows of the load balancing API.

Each change makes the whole load balancer pending for a moment. Where the service then refuses further changes
(409), they are asked for again; where it takes them, nothing waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from samovar.clients import CloudError, segment
from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceGone,
    Waiting,
)
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

T = TypeVar("T")
ROOT = "/v2.0/lbaas"
FIRST_PAUSE, LONGEST_PAUSE, PATIENCE = 0.2, 5.0, 600.0


def octavia(key: str, plural: str, noun: str, path: str = "") -> Collection:
    return Collection("load-balancer", f"{ROOT}/{path or plural}", key, plural, noun)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` gives, once the load balancer is not pending any more."""
    waited, pause = 0.0, FIRST_PAUSE
    while True:
        try:
            return await ask()
        except CloudError as error:
            if error.status != 409 or "immutable" not in str(error).lower() or waited > PATIENCE:
                raise
        await asyncio.sleep(pause)
        waited, pause = waited + pause, min(pause * 2, LONGEST_PAUSE)


class Balanced(RestObject):
    """An object with a provisioning status; its end takes a moment, too."""

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        return await patiently(lambda: super(Balanced, self).post(context, sent))

    async def put(self, context: ResourceContext, sent: Body) -> None:
        await patiently(lambda: super(Balanced, self).put(context, sent))

    async def delete(self, context: ResourceContext) -> None:
        await patiently(lambda: super(Balanced, self).delete(context))

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if action != "DELETE":
            return await super().progress(context, action)
        if context.physical_id is None:
            return None
        try:
            shown = await self.show(context)
        except ResourceGone:
            return None
        if shown.get("provisioning_status") == "DELETED":
            return None
        return Waiting(f"the {self.collection.noun} to be gone, which is {shown.get('provisioning_status')}")


class Pool(Balanced):
    """A pool; a listener it belongs to already names the load balancer."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if sent.get("listener_id"):
            sent.pop("loadbalancer_id", None)
        kept = sent.get("session_persistence")
        if kept:
            sent["session_persistence"] = {name: value for name, value in kept.items() if value is not None}
        return sent

    def attribute(self, shown: Body, name: str) -> Any:
        if name == "members":
            return [member["id"] for member in shown.get("members", ())]
        return super().attribute(shown, name)


class Below(Balanced):
    """An object in a collection of its parent, which a property names."""

    parent, inner = "pool", "members"

    def parent_path(self, context: ResourceContext) -> str:
        return f"{self.collection.path}/{segment(str(context.properties[self.parent]))}/{self.inner}"

    def object_path(self, context: ResourceContext, *steps: str) -> str:
        return "/".join((self.parent_path(context), segment(context.physical_id or ""), *steps))

    async def list(self, context: ResourceContext, **query: str) -> list[Body]:
        found = await self.request(context, "GET", self.parent_path(context), query=query)
        return [dict(each) for each in found[self.collection.plural]]

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        path = self.parent_path(context)
        wrapped = self.wrapped(sent)
        return self.unwrapped(await patiently(lambda: self.request(context, "POST", path, json=wrapped)))

    def attribute(self, shown: Body, name: str) -> Any:
        return shown.get(name)


class Rule(Below):
    """A rule has no name, so a tag tells which resource made it."""

    parent, inner = "l7policy", "rules"

    async def create(self, context: ResourceContext) -> str | None:
        sent = self.body(context, context.properties, updating=False) | {"tags": [self._tag(context)]}
        made = await self.post(context, sent)
        await context.set_physical_id(str(made["id"]))
        return str(made["id"])

    async def find(self, context: ResourceContext) -> str | None:
        found = await self.list(context, tags=self._tag(context))
        return str(found[0]["id"]) if found else None

    @staticmethod
    def _tag(context: ResourceContext) -> str:
        return f"resource-{context.uuid}"


class Quota(Behaviour):
    """A project's quotas: there always, and again as they were by default in the end."""

    async def create(self, context: ResourceContext) -> str | None:
        project = str(context.properties["project"])
        await self._put(context, project, context.properties)
        return project

    async def find(self, context: ResourceContext) -> str | None:
        return None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        changed = {name: changes.after.get(name) for name in changes.names}
        await self._put(context, context.physical_id or "", changed)

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is not None:
            path = f"{ROOT}/quotas/{segment(context.physical_id)}"
            try:
                await context.cloud.request("load-balancer", "DELETE", path)
            except CloudError as error:
                if not error.not_found:
                    raise

    async def _put(self, context: ResourceContext, project: str, values: Mapping[str, Any]) -> None:
        named = {name: value for name, value in values.items() if name != "project" and value is not None}
        path = f"{ROOT}/quotas/{segment(project)}"
        await context.cloud.request("load-balancer", "PUT", path, json={"quota": named})


STATUS = "provisioning_status"
COMMON = ("admin_state_up", "description")
POOLS = octavia("member", "members", "pool member", "pools")
RULES = octavia("rule", "rules", "L7 rule", "l7policies")

LOAD_BALANCER = Balanced(
    Row(
        octavia("loadbalancer", "loadbalancers", "load balancer"),
        renames={"vip_subnet": "vip_subnet_id", "flavor": "flavor_id", "tenant_id": "project_id"},
        status=STATUS,
        observed=COMMON,
    )
)
LISTENER = Balanced(
    Row(
        octavia("listener", "listeners", "listener"),
        renames={"loadbalancer": "loadbalancer_id", "default_pool": "default_pool_id"},
        omitted=frozenset({"tenant_id"}),
        status=STATUS,
        observed=(*COMMON, "connection_limit"),
    )
)
POOL = Pool(
    Row(
        octavia("pool", "pools", "pool"),
        renames={"listener": "listener_id", "loadbalancer": "loadbalancer_id"},
        status=STATUS,
        observed=(*COMMON, "lb_algorithm"),
    )
)
POOL_MEMBER = Below(
    Row(
        POOLS,
        renames={"subnet": "subnet_id"},
        omitted=frozenset({"pool"}),
        status=STATUS,
        observed=("admin_state_up", "weight"),
    )
)
HEALTH_MONITOR = Balanced(
    Row(
        octavia("healthmonitor", "healthmonitors", "health monitor"),
        renames={"pool": "pool_id"},
        omitted=frozenset({"tenant_id"}),
        status=STATUS,
        observed=("admin_state_up", "delay", "timeout", "max_retries"),
    )
)
L7_POLICY = Balanced(
    Row(
        octavia("l7policy", "l7policies", "L7 policy"),
        renames={"listener": "listener_id", "redirect_pool": "redirect_pool_id"},
        status=STATUS,
        observed=(*COMMON, "action"),
    )
)
L7_RULE = Rule(
    Row(
        RULES,
        omitted=frozenset({"l7policy"}),
        named=False,
        status=STATUS,
        observed=("admin_state_up", "type", "compare_type", "value", "invert"),
    )
)
FLAVOR = RestObject(
    Row(
        octavia("flavor", "flavors", "flavor of load balancers"),
        renames={"flavor_profile": "flavor_profile_id"},
        observed=("enabled", "description"),
    )
)
FLAVOR_PROFILE = RestObject(
    Row(
        octavia("flavorprofile", "flavorprofiles", "flavor profile"),
        observed=("provider_name", "flavor_data"),
    )
)
AVAILABILITY_ZONE_PROFILE = RestObject(
    Row(
        octavia(
            "availability_zone_profile",
            "availability_zone_profiles",
            "availability zone profile",
            "availabilityzoneprofiles",
        ),
        observed=("provider_name", "availability_zone_data"),
    )
)


class AvailabilityZone(RestObject):
    """Known by its name, which never changes."""

    async def create(self, context: ResourceContext) -> str | None:
        name = self.chosen_name(context)
        await self.post(context, self.body(context, context.properties, updating=False) | {"name": name})
        await context.set_physical_id(name)
        return name

    async def find(self, context: ResourceContext) -> str | None:
        others = context.data.get("others", "")
        found = await self.list(context, name=self.chosen_name(context))
        return self.chosen_name(context) if found and not others else None

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        found = await self.list(context, name=self.chosen_name(context))
        return {"others": "yes"} if found else {}


AVAILABILITY_ZONE = AvailabilityZone(
    Row(
        octavia("availability_zone", "availability_zones", "availability zone", "availabilityzones"),
        renames={"availability_zone_profile": "availability_zone_profile_id"},
        observed=("enabled", "description"),
    )
)
QUOTA = Quota()
