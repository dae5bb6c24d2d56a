# SPDX-License-Identifier: Apache-2.0
"""The security group of a load balancer's VIP: what its listeners take, and what two amphorae say to each
other."""

from __future__ import annotations

import ipaddress
from typing import Any

from samovar.clients import Cloud, CloudError

from ..haproxy import PEER_PORT
from ..tree import Tree

__all__ = ["Groups", "wanted_rules"]

Rule = tuple[str, str, int | None, int | None, str | None]
VRRP = "112"
TRANSPORT = {"UDP": "udp", "SCTP": "sctp"}


def wanted_rules(tree: Tree) -> set[Rule]:
    """(ethertype, protocol, first port, last port, prefix); prefix "group" stands for the group itself."""
    rules: set[Rule] = set()
    versions = {ipaddress.ip_address(vip.address).version for vip in tree.vips}
    for listener in tree.listeners:
        protocol = TRANSPORT.get(listener.protocol, "tcp")
        open_to = listener.allowed_cidrs or tuple("0.0.0.0/0" if one == 4 else "::/0" for one in versions)
        for cidr in open_to:
            network = ipaddress.ip_network(cidr, strict=False)
            prefix = None if network.prefixlen == 0 else str(network)
            rules.add((f"IPv{network.version}", protocol, listener.port, listener.port, prefix))
    if tree.topology == "ACTIVE_STANDBY":
        for version in versions:
            rules.add((f"IPv{version}", VRRP, None, None, "group"))
            rules.add((f"IPv{version}", "tcp", PEER_PORT, PEER_PORT, "group"))
    return rules


class Groups:
    """One group for each load balancer, named ``lb-<id>``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def ensure(self, tree: Tree) -> tuple[str, ...]:
        """The groups of the VIP's ports: the user's own where the user named some."""
        name = f"lb-{tree.id}"
        found = await self._find(name)
        if found is None:
            body = {"name": name, "description": "Made for a load balancer; it follows its listeners."}
            made = await self._cloud.request(
                "network", "POST", "/v2.0/security-groups", json={"security_group": body}
            )
            found = made.body["security_group"]
        await self._rules(found, wanted_rules(tree) if not tree.vip_security_groups else _between(tree))
        return (*tree.vip_security_groups, found["id"])

    async def remove(self, lb_id: str) -> None:
        found = await self._find(f"lb-{lb_id}")
        if found is not None:
            try:
                await self._cloud.request("network", "DELETE", f"/v2.0/security-groups/{found['id']}")
            except CloudError as error:
                if error.status != 404:
                    raise

    async def _find(self, name: str) -> dict[str, Any] | None:
        query = {"name": name, "project_id": await self._cloud.project_id()}
        found = (await self._cloud.get("network", "/v2.0/security-groups", query=query))["security_groups"]
        return found[0] if found else None

    async def _rules(self, group: dict[str, Any], wanted: set[Rule]) -> None:
        present: dict[Rule, str] = {}
        for rule in group["security_group_rules"]:
            if rule["direction"] != "ingress":
                continue
            remote = "group" if rule.get("remote_group_id") else rule["remote_ip_prefix"]
            protocol = VRRP if rule["protocol"] in ("vrrp", VRRP) else rule["protocol"]
            key = (rule["ethertype"], protocol, rule["port_range_min"], rule["port_range_max"], remote)
            present[key] = rule["id"]
        for key, rule_id in present.items():
            if key not in wanted:
                await self._tolerant("DELETE", f"/v2.0/security-group-rules/{rule_id}", None, 404)
        for ethertype, protocol, first, last, prefix in sorted(wanted - present.keys(), key=str):
            rule = {
                "security_group_id": group["id"],
                "direction": "ingress",
                "ethertype": ethertype,
                "protocol": protocol,
                "port_range_min": first,
                "port_range_max": last,
                **({"remote_group_id": group["id"]} if prefix == "group" else {"remote_ip_prefix": prefix}),
            }
            await self._tolerant("POST", "/v2.0/security-group-rules", {"security_group_rule": rule}, 409)

    async def _tolerant(self, method: str, path: str, body: Any, done: int) -> None:
        try:
            await self._cloud.request("network", method, path, json=body)
        except CloudError as error:
            if error.status != done:
                raise


def _between(tree: Tree) -> set[Rule]:
    return {rule for rule in wanted_rules(tree) if rule[4] == "group"}
