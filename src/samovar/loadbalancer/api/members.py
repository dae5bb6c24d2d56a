# SPDX-License-Identifier: Apache-2.0
"""Members of a pool, one by one and all at once."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from samovar.clients import CloudError, segment
from samovar.web import Api, Call, Reply

from ..tables import health_monitors, listeners, members, pools
from ..tree_loading import flavor_data
from . import values
from .change import Backend, Change, Row
from .collection import IN_TREE, ROOT, Objects, fetch, kind_of
from .faults import as_fault, bad, refuse, refuse_route, unsupported
from .fields import Field, Fields, Values, changed, common, created, wrapped
from .listing import index
from .values import address as canonical

FIELDS: Fields = {
    **common(described=False),
    "address": Field(values.spelled_address, required=True, update=False),
    "protocol_port": Field(values.integer(1, 65535), required=True, update=False),
    "weight": Field(values.integer(0, 256), 1),
    "backup": Field(values.boolean, False),
    "subnet_id": Field(values.identity, update=False),
    "monitor_address": Field(values.spelled_address),
    "monitor_port": Field(values.integer(1, 65535)),
    "request_sriov": Field(values.boolean, False, update=False),
}
CHANGEABLE = ("name", "weight", "backup", "admin_state_up", "monitor_address", "monitor_port", "tags")


def add_members(
    change: Change, lb: Row, pool: RowMapping, generation: int, many: Sequence[Values]
) -> list[str]:
    """New members of the pool. Raises 400, 403 (quota), 409, 501."""
    if not many:
        return []
    present = {key(row) for row in change.alive(members, members.c.pool_id == pool["id"])}
    rows = []
    for given in many:
        values = {name: value for name, value in given.items() if name not in ("project_id", "tenant_id")}
        _check(change, lb, pool, values)
        if key(values) in present:
            where = f"{values['address']} port {values['protocol_port']}"
            raise refuse(409, f"Pool {pool['id']} has a member with the address {where} already.")
        present.add(key(values))
        values["vnic_type"] = "direct" if values.pop("request_sriov") else "normal"
        rows.append(values)
    change.spend("member", lb["project_id"], len(rows))
    checked = change.alive(health_monitors, health_monitors.c.pool_id == pool["id"])
    status = "OFFLINE" if checked else "NO_MONITOR"
    return change.add_all(
        members,
        lb,
        generation,
        [{**values, "pool_id": pool["id"], "operating_status": status} for values in rows],
    )


def _check(change: Change, lb: Row, pool: RowMapping, values: Values) -> None:
    """Raise 400 or 501 for what no member of this pool can be."""
    if canonical(values["address"]) in {canonical(one) for one in change.settings.reserved_ips}:
        raise bad(f"The address {values['address']} is reserved and cannot be a member's.")
    if pool["protocol"] == "UDP":
        families = {ipaddress.ip_address(vip).version for vip in addresses_of(lb)}
        if ipaddress.ip_address(values["address"]).version not in families:
            raise unsupported(lb["provider"], "a UDP pool's member must be of the VIP's IP version.")
    if values["request_sriov"] and not flavor_data(change.connection, lb["flavor_id"]).get(
        "allow_member_sriov"
    ):
        raise bad("The flavor of this load balancer does not allow SR-IOV member ports.")


def addresses_of(lb: Row) -> list[str]:
    """The VIPs of a load balancer's row."""
    return [lb["vip_address"], *(vip["ip_address"] for vip in lb["additional_vips"])]


async def check_subnets(backend: Backend, call: Call, given: Iterable[Values]) -> None:
    """Raise 400 unless the caller can see each subnet that members name."""
    for subnet in dict.fromkeys(item.get("subnet_id") for item in given):
        if subnet is None:
            continue
        try:
            await backend.clouds.caller(call.context.token).get("network", f"/v2.0/subnets/{segment(subnet)}")
        except CloudError as error:
            if error.not_found:
                raise bad(f"Subnet {subnet} not found.") from error
            raise as_fault(error, f"The subnet {subnet} could not be looked at") from error


class Members(Objects):
    """``/v2.0/lbaas/pools/{pool_id}/members``."""

    kind = kind_of("member", "members", members, filters={**IN_TREE, "ip_address": "address"})
    argument = "member_"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, FIELDS)

    def routes(self, api: Api) -> None:
        root = f"{ROOT}/pools/{{pool_id}}/members"
        api.route("GET", root, self.index)
        api.route("POST", root, self.create)
        api.route("PUT", root, self.replace)
        api.route("GET", root + "/{id}", self.show)
        api.route("PUT", root + "/{id}", self.update)
        api.route("DELETE", root + "/{id}", self.delete)

    async def _pool(self, call: Call) -> RowMapping:
        def run(connection: Connection) -> RowMapping | None:
            query = select(pools).where(pools.c.id == call.path["pool_id"])
            row: RowMapping | None = connection.execute(query).mappings().first()
            return row

        row = await self.backend.database.read(run)
        if row is None:
            raise refuse_route(404, f"Pool {call.path['pool_id']} not found.")
        return row

    async def index(self, call: Call) -> Any:
        pool = await self._pool(call)
        self.backend.enforce(call, "member:get_all", pool["project_id"])
        return await index(self.backend, self.kind, call, members.c.pool_id == pool["id"], scoped=False)

    async def read(self, call: Call, action: str) -> RowMapping:
        pool = await self._pool(call)
        row = await super().read(call, action)
        if row["pool_id"] != pool["id"]:
            raise refuse(404, f"Member {row['id']} not found.")
        return row

    async def create(self, call: Call) -> Reply:
        pool = await self._pool(call)
        self.backend.enforce(call, "member:post", pool["project_id"])
        given = created(self.argument, "member", wrapped(call.body, self.argument, "member"), self.fields)
        await check_subnets(self.backend, call, [given])

        def run(change: Change) -> Any:
            now = change.find(pools, pool["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(pools, now)
            generation = change.begin(lb)
            (identity,) = add_members(change, lb, now, generation, [given])
            touch(change, now["id"], generation)
            return self.view(change, identity)

        return Reply(201, await self.backend.commit(call, run))

    async def update(self, call: Call) -> Any:
        row = await self.read(call, "put")
        given = changed(self.argument, "member", wrapped(call.body, self.argument, "member"), self.fields)

        def run(change: Change) -> Any:
            now = change.find(members, row["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(members, now)
            generation = change.begin(lb)
            change.set(members, now, generation, given)
            touch(change, now["pool_id"], generation)
            return self.view(change, now["id"])

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        row = await self.read(call, "delete")

        def run(change: Change) -> None:
            now = change.find(members, row["id"])
            lb = change.open(now["load_balancer_id"])
            if now["provisioning_status"] == "PENDING_DELETE":
                return
            generation = change.begin(lb)
            change.drop(members, [now["id"]], generation)
            touch(change, now["pool_id"], generation)

        await self.backend.commit(call, run)
        return Reply(204)

    async def replace(self, call: Call) -> Reply:
        """The whole list at once: what is in it is made or changed, what is not goes (unless additive)."""
        pool = await self._pool(call)
        for action in ("post", "put", "delete"):
            self.backend.enforce(call, f"member:{action}", pool["project_id"])
        additive = call.query.get("additive_only", "false").lower() in ("true", "1", "yes", "on", "t")
        body = call.body
        if not isinstance(body, dict) or set(body) != {"members"} or not isinstance(body["members"], list):
            raise bad('The body must be a JSON object with the list "members" alone.')
        wanted = []
        for item in body["members"]:
            parsed = created("members_", "members", item, self.fields)
            wanted.append((parsed, {name for name in CHANGEABLE if name in item}))
        now = await self.backend.database.read(lambda connection: fetch(connection, pools, pool["id"]))
        known = await self._known(now["id"])
        await check_subnets(self.backend, call, [item for item, _ in wanted if key(item) not in known])

        def run(change: Change) -> None:
            now = change.find(pools, pool["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(pools, now)
            present = {key(row): row for row in change.alive(members, members.c.pool_id == now["id"])}
            generation = change.begin(lb)
            seen: set[tuple[str, int]] = set()
            fresh: list[Values] = []
            for item, named in wanted:
                where = key(item)
                if where in seen:
                    status = 400 if where in present else 409
                    raise refuse(status, f"The member {where[0]} port {where[1]} is in the list twice.")
                seen.add(where)
                if where not in present:
                    fresh.append(item)
                    continue
                change.changeable(members, present[where])
                change.set(members, present[where], generation, {name: item[name] for name in named})
            add_members(change, lb, now, generation, fresh)
            if not additive:
                gone = [row["id"] for where, row in present.items() if where not in seen]
                change.drop(members, gone, generation)
            touch(change, now["id"], generation)

        await self.backend.commit(call, run)
        return Reply(202)

    async def _known(self, pool_id: str) -> set[tuple[str, int]]:
        def run(connection: Connection) -> set[tuple[str, int]]:
            query = select(members.c.address, members.c.protocol_port).where(members.c.pool_id == pool_id)
            return {(canonical(row.address), row.protocol_port) for row in connection.execute(query)}

        return await self.backend.database.read(run)


def key(row: Row) -> tuple[str, int]:
    return canonical(row["address"]), row["protocol_port"]


def touch(change: Change, pool_id: str, generation: int) -> None:
    """The pool and its listeners are pending with their members."""
    change.touch(pools, [pool_id], generation)
    change.touch(listeners, change.listeners_of_pool(pool_id), generation)
