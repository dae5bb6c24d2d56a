# SPDX-License-Identifier: Apache-2.0
"""Security groups in the words of EC2: those of the network service, with their rules under other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.behaviour import Changes, ResourceContext
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.rest import Body, Row
from samovar.orchestration.resources.behaviours.security_group import GROUPS, SecurityGroup

_DIRECTIONS = {"SecurityGroupIngress": "ingress", "SecurityGroupEgress": "egress"}
_EVERY_PROTOCOL = ("-1", "all", "")


class InstanceSecurityGroup(SecurityGroup):
    """The rules become exactly those of the template; without one for egress, everything may go out."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        return {} if updating else {"description": values.get("GroupDescription") or ""}

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        await self._converge(context, str(shown["id"]), await self._rules(context, context.properties))

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has(*_DIRECTIONS) and context.physical_id is not None:
            await self._converge(context, context.physical_id, await self._rules(context, changes.after))

    async def _rules(self, context: ResourceContext, values: Mapping[str, Any]) -> list[Body]:
        lookup = Lookup(context.cloud)
        found = []
        for name, direction in _DIRECTIONS.items():
            for given in values.get(name) or []:
                remote = given.get("SourceSecurityGroupId") or given.get("SourceSecurityGroupName")
                rule = rule_of(direction, given)
                if remote:
                    rule["remote_mode"] = "remote_group_id"
                    rule["remote_group_id"] = await lookup.find("neutron", "security_group", str(remote))
                found.append(rule)
        return found


def rule_of(direction: str, given: Mapping[str, Any]) -> Body:
    """One rule as OS::Neutron::SecurityGroup has it. ICMP's ports are a type and a code, -1 for any."""
    protocol = str(given.get("IpProtocol") or "").lower()
    rule: Body = {"direction": direction, "ethertype": "IPv4"}
    if protocol not in _EVERY_PROTOCOL:
        rule["protocol"] = protocol
        for ours, theirs in (("FromPort", "port_range_min"), ("ToPort", "port_range_max")):
            port = given.get(ours)
            if port not in (None, "") and int(port) >= 0:
                rule[theirs] = int(port)
    if given.get("CidrIp"):
        rule["remote_ip_prefix"] = given["CidrIp"]
        rule["ethertype"] = "IPv6" if ":" in str(given["CidrIp"]) else "IPv4"
    return rule


INSTANCE_SECURITY_GROUP = InstanceSecurityGroup(Row(GROUPS))
