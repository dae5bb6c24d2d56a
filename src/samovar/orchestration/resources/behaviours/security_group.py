# SPDX-License-Identifier: Apache-2.0
"""Security groups with their rules, and single rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import Changes, ResourceContext
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.network import NetworkObject
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

GROUPS = Collection("network", "/v2.0/security-groups", "security_group", "security_groups", "security group")
RULES = Collection(
    "network",
    "/v2.0/security-group-rules",
    "security_group_rule",
    "security_group_rules",
    "security group rule",
)

_FIELDS = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


def rule_body(group_id: str, given: Mapping[str, Any]) -> Body:
    """A rule as the API has it. In the mode remote_group_id, no group means the group itself."""
    sent: Body = {name: given.get(name) for name in _FIELDS if given.get(name) is not None}
    sent["security_group_id"] = group_id
    if given.get("description"):
        sent["description"] = given["description"]
    if given.get("remote_mode") == "remote_group_id":
        sent.pop("remote_ip_prefix", None)
        sent.setdefault("remote_group_id", group_id)
    else:
        sent.pop("remote_group_id", None)
    return sent


def rule_key(rule: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes two rules of a group the same."""
    return tuple(str(rule.get(name) if rule.get(name) is not None else "") for name in _FIELDS)


class SecurityGroup(NetworkObject):
    """The rules of a group become exactly those given; without an egress rule the default ones stay."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if updating and "description" in sent:
            sent["description"] = sent["description"] or ""
        return sent

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        await self._converge(context, str(shown["id"]), context.properties.get("rules") or [])

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has("rules") and context.physical_id is not None:
            await self._converge(context, context.physical_id, changes.after.get("rules") or [])

    async def _converge(self, context: ResourceContext, group_id: str, given: list[Body]) -> None:
        lookup = Lookup(context.cloud)
        wanted = {}
        for each in given:
            body = rule_body(group_id, each)
            remote = body.get("remote_group_id")
            if remote is not None and remote != group_id:
                body["remote_group_id"] = await lookup.find("neutron", "security_group", str(remote))
            wanted[rule_key(body)] = body
        if not any(body["direction"] == "egress" for body in wanted.values()):
            for family in ("IPv4", "IPv6"):
                body = {"direction": "egress", "ethertype": family, "security_group_id": group_id}
                wanted[rule_key(body)] = body
        query = {"security_group_id": group_id}
        listed = await self.request(context, "GET", RULES.path, query=query)
        present = {rule_key(rule): rule for rule in listed[RULES.plural]}
        for key in present.keys() - wanted.keys():
            await self._delete_rule(context, str(present[key]["id"]))
        for key, body in wanted.items():
            if key not in present:
                await self.request(context, "POST", RULES.path, json={RULES.key: body})

    async def _delete_rule(self, context: ResourceContext, rule_id: str) -> None:
        try:
            await self.request(context, "DELETE", f"{RULES.path}/{rule_id}")
        except CloudError as error:
            if not error.not_found:
                raise


class SecurityGroupRule(RestObject):
    """One rule. The same rule can not be there twice, so that an interrupted create finds its own."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        remote = values.get("remote_group")
        given = dict(values) | {
            "remote_group_id": remote,
            "remote_mode": "remote_group_id" if remote else "remote_ip_prefix",
        }
        return rule_body(str(values["security_group"]), given)

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        same = await self._same(context)
        return {"others": str(same["id"])} if same else {}

    async def find(self, context: ResourceContext) -> str | None:
        same = await self._same(context)
        if same is None or str(same["id"]) == context.data.get("others"):
            return None
        return str(same["id"])

    async def _same(self, context: ResourceContext) -> Body | None:
        wanted = self.body(context, context.properties, updating=False)
        query = {"security_group_id": str(wanted["security_group_id"])}
        listed = await self.list(context, **query)
        return next((rule for rule in listed if rule_key(rule) == rule_key(wanted)), None)


SECURITY_GROUP = SecurityGroup(
    Row(GROUPS, omitted=frozenset({"rules"}), observed=("name", "description", "stateful"))
)
SECURITY_GROUP_RULE = SecurityGroupRule(Row(RULES, named=False))
