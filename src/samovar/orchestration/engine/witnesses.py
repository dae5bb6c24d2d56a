# SPDX-License-Identifier: Apache-2.0
"""Who may know more of a failure than the resource that failed: servers by their consoles, load balancers.

A wait condition fails because a server did not signal: those that know its handle are asked. A listener
fails because of its load balancer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from samovar.clients import Cloud, CloudError, CloudUnreachable, ServiceNotInCatalog, segment

from .rows import Resource

SERVER = "OS::Nova::Server"
BALANCER = "OS::Octavia::LoadBalancer"
CONDITIONS = ("OS::Heat::WaitCondition", "AWS::CloudFormation::WaitCondition")
CONSOLE_LINES, ANSWER_SECONDS, STEPS = 20, 5.0, 4


def servers_of(rows: Iterable[Resource], row: Resource) -> list[str]:
    """The servers whose consoles may tell more of this row's failure."""
    rows = list(rows)
    if row.type == SERVER:
        return [row.physical_id] if row.physical_id else []
    if "Deployment" in row.type:
        server = (row.properties or {}).get("server")
        return [server] if isinstance(server, str) else []
    if row.type in CONDITIONS:
        return [each.physical_id for each in _signallers(rows, row) if each.physical_id]
    return []


def _signallers(rows: list[Resource], condition: Resource) -> list[Resource]:
    """The servers that know a handle of the condition, by themselves or by what they were made with."""
    knows = set(condition.requires)
    for _ in range(STEPS):  # handle ◀ config ◀ multipart ◀ server
        more = {row.id for row in rows if knows & set(row.requires)} - knows - {condition.id}
        if not more:
            break
        knows |= more
    servers = [row for row in rows if row.type == SERVER]
    found = [row for row in servers if row.id in knows and row.id not in condition.requires]
    return found or [row for row in servers if row.id in condition.requires]


def balancers_of(rows: Iterable[Resource], row: Resource) -> list[str]:
    """The load balancers that this row is or belongs to."""
    known: Mapping[str, Resource] = {each.id: each for each in rows}
    if not row.type.startswith("OS::Octavia::"):
        return []
    found, ways = [row], set(row.requires)
    for _ in range(STEPS):
        more = [known[identity] for identity in ways if identity in known]
        found += more
        ways = {identity for each in more for identity in each.requires}
    ids = {each.physical_id: None for each in found if each.type == BALANCER and each.physical_id}
    return [identity for identity in ids if identity]


async def console(cloud: Cloud, server: str) -> list[str]:
    """The last lines of a server's console; none when they are not to be had."""
    body = {"os-getConsoleOutput": {"length": CONSOLE_LINES}}
    path = f"/servers/{segment(server)}/action"
    try:
        answer = await cloud.request("compute", "POST", path, json=body, timeout=ANSWER_SECONDS)
    except (CloudError, CloudUnreachable, ServiceNotInCatalog):
        return []
    return str(answer.body.get("output") or "").rstrip().splitlines()[-CONSOLE_LINES:]


async def balancer_problems(cloud: Cloud, identity: str) -> list[str]:
    """What the load balancing service says is wrong, where it can tell."""
    path = f"/v2.0/lbaas/loadbalancers/{segment(identity)}/why"
    try:
        found = await cloud.get("load-balancer", path, timeout=ANSWER_SECONDS)
    except (CloudError, CloudUnreachable, ServiceNotInCatalog):
        return []
    problems = (found.get("why") or {}).get("problems") or []
    return [f"{each['what']}: {each['says']}" for each in problems]


__all__ = ["balancer_problems", "balancers_of", "console", "servers_of"]
