# SPDX-License-Identifier: Apache-2.0
"""Making a tree true: the amphorae that should be, with the configuration that they should have.

    expected rows ─ servers and ports ─ agents answer ─ what is going goes ─ addresses ─ configuration ─ VRRP

Creating, changing and failing over are this one walk: it finds what is there and does what is missing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from samovar.clients import Cloud, CloudError
from samovar.config import AmphoraSettings
from samovar.database import Database

from ..configurations import keep
from ..datagrams import datagrams
from ..haproxy import DIRECTORY, Peer, Place, Rendered, blame, difference, render, without
from ..operations import CONVERGE, Operation
from ..tree import Tree
from .agent import Agent, AgentRefused, AgentUnreachable
from .amphorae import Amphorae, Standing
from .briefly import Briefly
from .groups import Groups, wanted_rules
from .materials import Materials, fetch
from .rows import GOING, Amphora, amphorae_of, drop, expected, note
from .vrrp import PRIORITIES, ROUTER_ID, render_vrrp

__all__ = ["Converger", "roles_of"]

log = logging.getLogger(__name__)
MOST_BLAMED = 100  # it names one policy at a time, and takes some milliseconds for each
MANAGEMENT_TABLE, VIP_TABLE = 1, 2
HEALTH = "health manager"


def roles_of(tree: Tree) -> tuple[str, ...]:
    return ("MASTER", "BACKUP") if tree.topology == "ACTIVE_STANDBY" else ("STANDALONE",)


@dataclass(frozen=True, slots=True)
class _Brought:
    """Where a load balancer's amphorae stood after they were last brought to a tree; `shape`: what of a tree
    the cloud, and not only the amphorae, must be asked for."""

    shape: Any
    standing: tuple[Standing, ...]


class Converger:
    def __init__(
        self, database: Database, cloud: Cloud, settings: AmphoraSettings, amphorae: Amphorae
    ) -> None:
        self._database, self._cloud, self._settings = database, cloud, settings
        self.amphorae, self.groups = amphorae, Groups(cloud)
        self._brought: dict[str, _Brought] = {}
        self._lacking: dict[str, Mapping[str, str]] = {}
        self._subnet: Briefly[Mapping[str, Any]] = Briefly()

    def forget(self, lb_id: str) -> None:
        """Look at everything again next time."""
        self._brought.pop(lb_id, None)

    async def converge(self, operation: Operation, tree: Tree) -> dict[str, str]:
        """Make `tree` true; what could not be carried: object id → why. Raises what the cloud or an agent
        said when the amphorae cannot be brought there at all."""
        known = await self._known(operation, tree)
        self.forget(tree.id)
        if known is not None:
            materials = await fetch(self._cloud, tree)
            agents = [self.amphorae.agent(one.row.id, one.address) for one in known.standing]
            found = await asyncio.gather(
                *(
                    self._configure(agent, tree, self._place(one, known.standing, materials), materials)
                    for agent, one in zip(agents, known.standing, strict=True)
                )
            )
            self._brought[tree.id] = known
        else:
            found = await self._walk(operation, tree)
        return {identity: reason for each in found for identity, reason in each.items()}

    async def _known(self, operation: Operation, tree: Tree) -> _Brought | None:
        """Where the amphorae stand, if this worker brought them there, nothing of theirs has changed since,
        and `tree` asks nothing new of the cloud."""
        known = self._brought.get(tree.id)
        if known is None or operation.kind != CONVERGE or operation.requested_by == HEALTH:
            return None
        rows = await self._database.read(lambda c: amphorae_of(c, tree.id))
        same = {(row.id, row.compute_id) for row in rows if row.status == "ALLOCATED"}
        theirs = {(one.row.id, one.server_id) for one in known.standing}
        whole = len(rows) == len(known.standing) and same == theirs
        return known if whole and known.shape == _shape(tree) else None

    async def _walk(self, operation: Operation, tree: Tree) -> list[dict[str, str]]:
        roles = roles_of(tree)
        for row in await self._database.read(lambda c: amphorae_of(c, tree.id)):
            if not row.going and await self.amphorae.lost(row):
                await self._note(row.id, status=GOING)
        rows = await self._database.write(lambda c: expected(c, operation, roles))
        groups, subnets = await asyncio.gather(self.groups.ensure(tree), self._subnets(tree))
        standing = await asyncio.gather(
            *(self.amphorae.ensure(row, tree, groups, list(subnets)) for row in rows)
        )
        for one in standing:
            await self._note(one.row.id, **one.noted)
        agents = await self._answering(standing)
        materials = await fetch(self._cloud, tree)
        known = await self._known_subnets(standing, subnets)

        async def bring(agent: Agent, one: Standing) -> dict[str, str]:
            return await self._bring(agent, one, standing, tree, materials, known)

        found = await asyncio.gather(*map(bring, agents, standing))
        for one in standing:
            await self._note(
                one.row.id,
                status="ALLOCATED",
                vrrp_interface="eth1",
                vrrp_id=ROUTER_ID,
                vrrp_priority=PRIORITIES.get(one.row.role or ""),
            )
        # Only now: until here what is going may have carried the traffic.
        if await self.clear(tree.id):
            await asyncio.gather(
                *(
                    self._plug(agent, self._interfaces(one, standing, tree, known))
                    for agent, one in zip(agents, standing, strict=True)
                )
            )
        settled = tuple(
            dataclasses.replace(one, row=msgspec.structs.replace(one.row, status="ALLOCATED", fresh=False))
            for one in standing
        )
        self._brought[tree.id] = _Brought(_shape(tree), settled)
        return found

    async def _answering(self, standing: Sequence[Standing]) -> list[Agent]:
        """The agents of all. One of two that was in service and does not answer is to be replaced: the other
        carries the traffic meanwhile."""
        found = await asyncio.gather(*(self.amphorae.wait(one) for one in standing), return_exceptions=True)
        failed = [
            (one, error) for one, error in zip(standing, found, strict=True) if not isinstance(error, Agent)
        ]
        if failed and len(failed) < len(standing):
            for one, error in failed:
                if isinstance(error, AgentUnreachable) and one.row.status == "ALLOCATED":
                    log.warning("amphora %s does not answer and is replaced", one.row.id)
                    await self._note(one.row.id, status=GOING)
        for _, error in failed:
            assert isinstance(error, BaseException)
            raise error
        return [agent for agent in found if isinstance(agent, Agent)]

    async def clear(self, lb_id: str) -> bool:
        """Remove every amphora of the load balancer that is going; whether there was one."""
        rows = await self._database.read(lambda c: [row for row in amphorae_of(c, lb_id) if row.going])
        for row in rows:
            await self.remove(row)
        return bool(rows)

    async def remove(self, row: Amphora) -> None:
        self._lacking.pop(row.id, None)
        await self.amphorae.remove(row)
        await self._database.write(lambda c: drop(c, row.id))

    async def _note(self, amphora_id: str, **values: Any) -> None:
        await self._database.write(lambda c: note(c, amphora_id, **values))

    async def _subnets(self, tree: Tree) -> dict[str, Mapping[str, Any]]:
        """The subnets of members that are on other networks than the VIP; without one that is gone, all else
        is carried."""
        named = {member.subnet_id for pool in tree.pools for member in pool.members if member.subnet_id}
        found: dict[str, Mapping[str, Any]] = {}
        for subnet_id in sorted(named - {vip.subnet_id for vip in tree.vips}):
            try:
                subnet = await self._shown(subnet_id)
            except CloudError as error:
                if not error.not_found:
                    raise
                continue
            if subnet["network_id"] != tree.vip.network_id:
                found[subnet_id] = subnet
        return found

    async def _known_subnets(
        self, standing: Sequence[Standing], found: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Mapping[str, Any]]:
        known = dict(found)
        wanted = {
            fixed["subnet_id"]
            for one in standing
            for port in (one.management, one.vip)
            for fixed in port["fixed_ips"]
        }
        for subnet_id in sorted(wanted - known.keys()):
            known[subnet_id] = await self._subnet.get(subnet_id, lambda one=subnet_id: self._shown(one))  # type: ignore[misc]
        return known

    async def _shown(self, subnet_id: str) -> Mapping[str, Any]:
        subnet: Mapping[str, Any] = (await self._cloud.get("network", f"/v2.0/subnets/{subnet_id}"))["subnet"]
        return subnet

    async def _bring(
        self,
        agent: Agent,
        one: Standing,
        all_standing: Sequence[Standing],
        tree: Tree,
        materials: Materials,
        subnets: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, str]:
        """Bring one amphora to `tree`."""
        pair = len(all_standing) > 1
        vips = [vip.address for vip in tree.vips]
        plugged = self._interfaces(one, all_standing, tree, subnets)
        names = (await self._plug(agent, plugged))["interfaces"]
        place = self._place(one, all_standing, materials)
        broken = await self._configure(agent, tree, place, materials)
        text = ""
        if pair:
            text = render_vrrp(
                interface=names[one.vip["mac_address"].lower()],
                own=one.own_address() or one.own_address(6) or "",
                peers=[
                    other.own_address() or other.own_address(6) or ""
                    for other in all_standing
                    if other is not one
                ],
                vips=vips,
                role=one.row.role or "BACKUP",
                advert=self._settings.vrrp_advert_int,
                directory=DIRECTORY,
            )
        await agent.put("/1/keepalived", {"text": text})
        return broken

    def _interfaces(
        self,
        one: Standing,
        all_standing: Sequence[Standing],
        tree: Tree,
        subnets: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, Any]:
        moving = len(all_standing) > 1
        vips = [vip.address for vip in tree.vips]
        others = (
            interface(port, subnets, VIP_TABLE + 1 + number, [], moving=False)
            for number, port in enumerate(one.members.values())
        )
        return {
            "interfaces": [
                interface(one.management, subnets, MANAGEMENT_TABLE, [], moving=False),
                interface(one.vip, subnets, VIP_TABLE, vips, moving=moving),
                *others,
            ]
        }

    async def _plug(self, agent: Agent, wanted: Mapping[str, Any]) -> Any:
        """A port that was attached just now may take a moment to be there."""
        for _ in range(50):
            try:
                return await agent.put("/1/network", wanted)
            except AgentRefused as error:
                if "no interface" not in str(error):
                    raise
                await asyncio.sleep(0.1)
        return await agent.put("/1/network", wanted)

    def _place(self, one: Standing, all_standing: Sequence[Standing], materials: Materials) -> Place:
        sources = {version: address for version in (4, 6) if (address := one.own_address(version))}
        own = one.own_address() or one.own_address(6)
        pair = len(all_standing) > 1 and own is not None
        return Place(
            files=materials.names,
            sources=sources,
            subnet_sources={
                subnet: port["fixed_ips"][0]["ip_address"] for subnet, port in one.members.items()
            },
            own=Peer(one.row.server_name, own) if pair and own else None,
            peers=tuple(
                Peer(other.row.server_name, address)
                for other in all_standing
                if other is not one and (address := other.own_address() or other.own_address(6))
            ),
            nonlocal_bind=pair,
            default_connection_limit=self._settings.default_connection_limit,
        )

    async def _configure(
        self, agent: Agent, tree: Tree, place: Place, materials: Materials
    ) -> dict[str, str]:
        """Let HAProxy do what `tree` says; without the objects that only HAProxy finds fault with."""
        blamed: dict[str, str] = {}
        status = await agent.get("/1/status")
        if "text" in status:
            running = {"text": status["text"], "digest": status["configuration"]}
        else:  # an agent of an earlier release
            running = await agent.get("/1/configuration")
        held = status["certificates"]
        place = dataclasses.replace(place, most_connections=_most_connections(status))
        lacks = status.get("lacks", {})
        self.amphorae.learn(status.get("host", ""), lacks)
        if self._lacking.get(agent.amphora_id) != lacks:
            await self._note(agent.amphora_id, lacks=lacks)
            self._lacking[agent.amphora_id] = lacks
        for _ in range(MOST_BLAMED):
            rendered = render(tree, place)
            try:
                await self._push(agent, rendered, materials, running, held)
                await self._keep(agent.amphora_id, running["text"], rendered.text)
                passed = await self._pass_on(agent, tree, status)
                return {**rendered.broken, **blamed, **passed, **self._unread(tree, materials)}
            except AgentRefused as error:
                guilty = blame(tree, rendered.text, str(error))
                if not guilty:
                    raise
                blamed |= guilty
                for identity in guilty:
                    tree = without(tree, identity)
        raise AgentRefused("HAProxy finds fault with too much of this load balancer.")

    async def _keep(self, amphora_id: str, before: str, text: str) -> None:
        if text != before:
            await self._database.write(lambda c: keep(c, amphora_id, text))

    async def _push(
        self,
        agent: Agent,
        rendered: Rendered,
        materials: Materials,
        running: Mapping[str, str],
        held: Mapping[str, str],
    ) -> None:
        wanted = {**rendered.files, **materials.contents}
        files = {
            name: content
            for name, content in wanted.items()
            if held.get(name) != hashlib.sha256(content.encode()).hexdigest()
        }
        for name in [name for name in files if name in materials.contents and name in held]:
            await agent.put(f"/1/certificates/{name}", {"pem": files.pop(name)})
        found = difference(running["text"], rendered.text)
        body = {
            "text": rendered.text,
            "files": files,
            "keep": sorted(wanted),
            "base": running["digest"],
            "commands": [] if found.reload else list(found.commands),
            "optional": list(found.optional),
        }
        answer = await agent.put("/1/configuration", body)
        log.info("amphora %s: %s", agent.amphora_id, answer["how"])

    @staticmethod
    async def _pass_on(agent: Agent, tree: Tree, status: Mapping[str, Any]) -> dict[str, str]:
        """Have the amphora carry what is not HAProxy's; what it does not carry, and why."""
        wanted, broken = datagrams(tree)
        if not wanted["listeners"] and not status.get("datagrams"):
            return broken
        lacks = status.get("lacks", {})
        can = [one for one in wanted["listeners"] if one["protocol"] not in lacks]
        lacking = {one["id"]: lacks[one["protocol"]] for one in wanted["listeners"] if one not in can}
        try:
            await agent.put("/1/datagrams", {"listeners": can})
        except AgentRefused as error:
            return {**broken, **{one["id"]: str(error) for one in wanted["listeners"]}}
        return {**broken, **lacking}

    @staticmethod
    def _unread(tree: Tree, materials: Materials) -> dict[str, str]:
        """Listeners and pools whose certificates could not be read, with the reason."""
        reasons = {}
        named = [(one.id, (one.tls.certificate, *one.tls.sni)) for one in tree.listeners if one.tls]
        named += [(one.id, (one.tls.certificate,)) for one in tree.pools if one.tls]
        for identity, refs in named:
            for ref in refs:
                if ref is not None and ref in materials.unread:
                    reasons[identity] = f"The certificate {ref} cannot be used: {materials.unread[ref]}."
        return reasons


def interface(
    port: Mapping[str, Any],
    subnets: Mapping[str, Mapping[str, Any]],
    table: int,
    vips: Sequence[str],
    *,
    moving: bool,
) -> dict[str, Any]:
    """An interface as the agent is told it."""
    known = [(fixed["ip_address"], subnets[fixed["subnet_id"]]) for fixed in port["fixed_ips"]]
    return {
        "mac": port["mac_address"],
        "addresses": [f"{address}/{subnet['cidr'].rpartition('/')[2]}" for address, subnet in known],
        "vips": [] if moving else list(vips),
        "moving": moving,
        "moving_vips": list(vips) if moving else [],
        "gateways": [subnet["gateway_ip"] for _, subnet in known if subnet["gateway_ip"]],
        "routes": [
            {"destination": route["destination"], "nexthop": route["nexthop"]}
            for _, subnet in known
            for route in subnet.get("host_routes", ())
        ],
        "table": table,
    }


def _shape(tree: Tree) -> Any:
    """What of a tree is not the amphorae's configuration alone."""
    subnets = {member.subnet_id for pool in tree.pools for member in pool.members}
    return (
        roles_of(tree),
        tree.vips,
        tree.vip_security_groups,
        frozenset(wanted_rules(tree)),
        frozenset(subnets - {vip.subnet_id for vip in tree.vips}),
    )


def _most_connections(status: Mapping[str, Any]) -> int:
    """How many an amphora's HAProxy can have: two descriptors each, and some for itself."""
    return int(max(min((int(status.get("descriptors", 2_000_000)) - 200) // 2, 1_000_000), 100))
