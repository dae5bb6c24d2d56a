# SPDX-License-Identifier: Apache-2.0
"""Load balancers: made alone or with all that is in them, changed, failed over, deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from samovar.database import new_id, utcnow
from samovar.web import Api, Call, Fault, Reply, Waiting

from .. import operations as work
from ..configurations import kept
from ..strays import LATEST
from ..tables import flavor_profiles, flavors, listeners, load_balancers, pools, zone_profiles, zones
from ..tree_loading import flavor_data, zone_data
from . import values
from .change import Backend, Change
from .collection import ROOT, Objects, kind_of
from .faults import bad, refuse
from .fields import SETTING, Field, Fields, Values, changed, common, created, wrapped
from .graph import Graph, references_in, subnets_in
from .listener import listener_fields
from .pools import FIELDS as POOL_FIELDS
from .references import check_references
from .rules import PREFIX
from .statistics import of_load_balancer, progress, status_tree
from .views import whole_view
from .vips import VipPlanner
from .why import explain

VIP: Fields = {
    "subnet_id": Field(values.identity, required=True),
    "ip_address": Field(values.address),
}
TOPOLOGIES = ("SINGLE", "ACTIVE_STANDBY")


def load_balancer_fields(settings: Any) -> Fields:
    """The fields of a load balancer, with the operator's defaults inside."""
    inner = listener_fields(settings)

    def vip(value: Any) -> Values:
        return created("load_balancer", "additional_vips", value, VIP)

    def listener(value: Any) -> Values:
        return created("load_balancer", "listeners", value, inner, graph=True)

    def pool(value: Any) -> Values:
        return created("load_balancer", "pools", value, POOL_FIELDS, graph=True)

    return {
        **common(),
        "vip_address": Field(values.address, update=False),
        "vip_port_id": Field(values.identity, update=False),
        "vip_subnet_id": Field(values.identity, update=False),
        "vip_network_id": Field(values.identity, update=False),
        "vip_sg_ids": Field(values.distinct(values.identity), []),
        "vip_qos_policy_id": Field(values.identity),
        "additional_vips": Field(values.list_of(vip), [], update=False),
        "listeners": Field(values.list_of(listener), [], update=False),
        "pools": Field(values.list_of(pool), [], update=False),
        "provider": Field(values.text(64), SETTING, update=False),
        "flavor_id": Field(values.identity, update=False),
        "availability_zone": Field(values.text(), update=False),
    }


class LoadBalancers(Objects):
    """``/v2.0/lbaas/loadbalancers``."""

    kind = kind_of(
        "loadbalancer",
        "loadbalancers",
        load_balancers,
        hidden=frozenset(("generation", "applied_generation", "status_reason", "vip_owned", "topology")),
    )
    argument = "load_balancer"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, load_balancer_fields(backend.settings))

    def routes(self, api: Api) -> None:
        super().routes(api)
        one = f"{ROOT}/loadbalancers/{{id}}"
        api.route("GET", one + "/status", self.statuses)
        api.route("GET", one + "/statuses", self.statuses)
        api.route("GET", one + "/stats", self.statistics)
        api.route("GET", one + "/progress", self.progress)
        api.route("GET", one + "/why", self.why)
        api.route("PUT", one + "/failover", self.failover)
        api.route("GET", one + "/{word}", self.nothing)

    async def create(self, call: Call) -> Reply:
        async with Waiting(call) as client:
            return await self._create(call, client)

    async def _create(self, call: Call, client: Waiting) -> Reply:
        body = wrapped(call.body, self.argument, self.kind.name)
        given = created(self.argument, self.kind.name, body, self.fields)
        project = given.get("project_id") or given.get("tenant_id") or call.context.project_id
        if not project:
            raise bad("A load balancer needs a project: sign in with one, or give project_id.")
        self.backend.enforce(call, "loadbalancer:post", project)
        if given["vip_sg_ids"]:
            self.backend.enforce(call, "loadbalancer:post:vip_sg_ids", project)
        choice = await self.backend.database.read(lambda connection: self._choose(connection, given))
        await subnets_in(self.backend, call, given["listeners"], given["pools"])
        planner = VipPlanner(self.backend, call)
        await planner.check_qos(given["vip_qos_policy_id"])
        await planner.check_groups(given["vip_sg_ids"])
        await check_references(self.backend, call, *references_in(given["listeners"], given["pools"]))
        lb_id, began = new_id(), time.monotonic()
        vips = await planner.allocate(lb_id, project, given, choice.pop("zone"))

        def run(change: Change) -> Any:
            if client.gone:  # it has looked by now, seen none, and asked for another
                raise refuse(499, "Nobody waits for the load balancer any more, so it was not made.")
            change.spend("loadbalancer", project)
            if time.monotonic() - began > LATEST.total_seconds():
                raise refuse(503, "The VIP could not be allocated in time; ask again.")
            port_id = vips.columns["vip_port_id"]
            taken = change.alive(load_balancers, load_balancers.c.vip_port_id == port_id)
            if taken:
                raise refuse(409, f"Port {port_id} is the VIP of load balancer {taken[0]['id']} already.")
            row = {
                "id": lb_id,
                "project_id": project,
                "name": given["name"],
                "description": given["description"],
                "admin_state_up": given["admin_state_up"],
                "tags": given["tags"],
                "flavor_id": given["flavor_id"],
                "availability_zone": given["availability_zone"],
                "vip_sg_ids": given["vip_sg_ids"],
                "status_reason": "",
                "applied_generation": 0,
                **choice,
                **vips.columns,
            }
            change.add(load_balancers, row, 1, **row)
            stored = change.find(load_balancers, lb_id)
            Graph(change, stored, 1).add(given["listeners"], given["pools"])
            change.ask(lb_id, work.CONVERGE, 1)
            return {"loadbalancer": whole_view(change.connection, stored)}

        try:
            return Reply(201, await self.backend.commit(call, run))
        except Fault:  # after anything else it may be there nevertheless; if not, its ports are strays
            await planner.release(vips.made)
            raise

    def _choose(self, connection: Connection, given: Values) -> dict[str, Any]:
        """Provider and topology by flavor, zone and settings. Raises 400."""
        settings = self.backend.settings
        data: Mapping[str, Any] = {}
        provider = given.get("provider")
        if provider is not None and provider not in settings.providers:
            raise bad(f"Provider '{provider}' is not enabled.")
        if given["flavor_id"] is not None:
            query = select(flavors.c.enabled, flavor_profiles.c.provider_name).join(flavor_profiles)
            found = connection.execute(query.where(flavors.c.id == given["flavor_id"])).first()
            provider = _fitting("flavor", given["flavor_id"], found, provider)
            data = flavor_data(connection, given["flavor_id"])
        zone: Mapping[str, Any] = {}
        if given["availability_zone"] is not None:
            zones_query = select(zones.c.enabled, zone_profiles.c.provider_name).join(zone_profiles)
            found = connection.execute(zones_query.where(zones.c.name == given["availability_zone"])).first()
            provider = _fitting("availability zone", given["availability_zone"], found, provider)
            zone = zone_data(connection, given["availability_zone"])
        if data.get("sriov_vip") and given["vip_sg_ids"]:
            raise bad("A load balancer whose flavor has an SR-IOV VIP cannot have vip_sg_ids.")
        return {
            "provider": provider or settings.default_provider_driver,
            "topology": data.get("loadbalancer_topology") or settings.loadbalancer_topology,
            "vip_vnic_type": "direct" if data.get("sriov_vip") else "normal",
            "zone": zone,
        }

    async def update(self, call: Call) -> Any:
        row = await self.read(call, "put")
        body = wrapped(call.body, self.argument, self.kind.name)
        given = changed(self.argument, self.kind.name, body, self.fields)
        if "vip_sg_ids" in given:
            self.backend.enforce(call, "loadbalancer:put:vip_sg_ids", row["project_id"])
        planner = VipPlanner(self.backend, call)
        await planner.check_qos(given.get("vip_qos_policy_id"))
        await planner.check_groups(given.get("vip_sg_ids") or ())

        def run(change: Change) -> Any:
            lb = change.open(row["id"], addressed=True)
            if given.get("vip_sg_ids"):
                if lb["vip_vnic_type"] == "direct":
                    raise bad("A load balancer with an SR-IOV VIP cannot have vip_sg_ids.")
                heard = change.alive(listeners, listeners.c.load_balancer_id == lb["id"])
                if any(listener["allowed_cidrs"] for listener in heard):
                    raise bad("A load balancer whose listeners have allowed_cidrs cannot have vip_sg_ids.")
            generation = change.begin(lb)
            change.set(load_balancers, lb, generation, given)
            return self.view(change, lb["id"])

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        row = await self.read(call, "delete")
        cascade = call.query.get("cascade", "false").lower() in ("true", "1", "yes", "on", "t")

        def run(change: Change) -> None:
            lb = change.find(load_balancers, row["id"])
            status = lb["provisioning_status"]
            if status == "PENDING_DELETE" and not self.backend.settings.strict_immutable:
                return
            if self.backend.settings.strict_immutable and status not in ("ACTIVE", "ERROR"):
                raise refuse(409, f"Invalid state {status} of loadbalancer resource {lb['id']}")
            if not cascade:
                for table in (listeners, pools):
                    if change.alive(table, table.c.load_balancer_id == lb["id"]):
                        raise bad(f"Cannot delete Load Balancer {lb['id']} - it has children")
            generation = lb["generation"] + 1
            change.connection.execute(
                update(load_balancers)
                .where(load_balancers.c.id == lb["id"])
                .values(provisioning_status="PENDING_DELETE", generation=generation, updated_at=change.now)
            )
            change.ask(lb["id"], work.DELETE, generation)

        await self.backend.commit(call, run)
        return Reply(204)

    async def failover(self, call: Call) -> Reply:
        row = await self.read(call, "put_failover")

        def run(change: Change) -> None:
            lb = change.find(load_balancers, row["id"])
            status = lb["provisioning_status"]
            if status == "PENDING_DELETE" or (
                self.backend.settings.strict_immutable and status not in ("ACTIVE", "ERROR")
            ):
                raise refuse(409, f"Invalid state {status} of loadbalancer resource {lb['id']}")
            change.begin(lb, work.FAILOVER)

        await self.backend.commit(call, run)
        return Reply(202)

    async def statuses(self, call: Call) -> Any:
        row = await self.read(call, "get_status")
        return {"statuses": await self.backend.database.read(lambda connection: status_tree(connection, row))}

    async def statistics(self, call: Call) -> Any:
        row = await self.read(call, "get_stats")
        return {
            "stats": await self.backend.database.read(
                lambda connection: of_load_balancer(connection, row["id"])
            )
        }

    async def progress(self, call: Call) -> Any:
        """Why it is as it is: the last reason, and the workers' operations. Octavia has no such route."""
        row = await self.read(call, "get_status")
        return {"progress": await self.backend.database.read(lambda connection: progress(connection, row))}

    async def why(self, call: Call) -> Any:
        """What works, what does not and why, what is waited for. Octavia has no such route.

        With the query ``configuration=true`` administrators see HAProxy's configurations, too.
        """
        row = await self.read(call, "get_status")
        sees_amphorae = self.backend.policy.allows(f"{PREFIX}amphora:get_all", call.context)
        read = self.backend.database.read
        why = await read(lambda connection: explain(connection, row, utcnow(), sees_amphorae))
        if call.query.get("configuration", "").lower() == "true":
            self.backend.enforce(call, "amphora:get_all", call.context.project_id)
            why["configuration"]["texts"] = await read(lambda connection: kept(connection, row["id"]))
        return {"why": why}

    async def nothing(self, call: Call) -> Any:
        """Another word after the id is taken for a field that is not there, as in Octavia."""
        await self.read(call, "get_one")
        return {"loadbalancer": {}}


def _fitting(what: str, name: str, found: Any, provider: str | None) -> str:
    if found is None:
        raise bad(f"The {what} {name} does not exist.")
    if not found.enabled:
        raise bad(f"The {what} {name} is disabled.")
    if provider is not None and found.provider_name != provider:
        raise bad(f"The {what} {name} is one of provider '{found.provider_name}', not of '{provider}'.")
    return str(found.provider_name)
