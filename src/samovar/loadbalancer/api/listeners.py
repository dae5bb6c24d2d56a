# SPDX-License-Identifier: Apache-2.0
"""Listeners: the ports of a load balancer's addresses, and how they receive."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call, Reply

from ..tables import l7policies, l7rules, listeners, load_balancers
from .change import Backend, Change
from .collection import IN_TREE, ROOT, Objects, fetch, kind_of
from .fields import changed, created, wrapped
from .graph import Graph, references_in, subnets_in
from .listener import OF_TLS, check_listener, listener_fields, secure_listener
from .references import References, check_references
from .statistics import of_listener

ASKED = "client_authentication"


class Listeners(Objects):
    """``/v2.0/lbaas/listeners``."""

    kind = kind_of("listener", "listeners", listeners, filters=IN_TREE)
    argument = "listener_"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, listener_fields(backend.settings))

    def routes(self, api: Api) -> None:
        super().routes(api)
        api.route("GET", f"{ROOT}/listeners/{{id}}/stats", self.statistics)

    async def create(self, call: Call) -> Reply:
        body = wrapped(call.body, self.argument, self.kind.name)
        given = created(self.argument, self.kind.name, body, self.fields)
        lb_id = given["loadbalancer_id"]
        owner = await self.backend.database.read(lambda connection: fetch(connection, load_balancers, lb_id))
        self.backend.enforce(call, "listener:post", owner["project_id"])
        await subnets_in(self.backend, call, [given], [])
        await check_references(self.backend, call, *references_in([given], []))

        def run(change: Change) -> Any:
            lb = change.open(lb_id)
            graph = Graph(change, lb, change.begin(lb), alone=True)
            (identity,) = graph.add([given], [])
            return self.view(change, identity)

        return Reply(201, await self.backend.commit(call, run))

    async def update(self, call: Call) -> Any:
        row = await self.read(call, "put")
        body = wrapped(call.body, self.argument, self.kind.name)
        if row["client_ca_tls_container_ref"] and ASKED in body and body[ASKED] is None:
            body = {**body, ASKED: "NONE"}  # without a CA there is nothing to take back, and null is refused
        given = changed(self.argument, self.kind.name, body, self.fields)
        if any(given.get(name) for name in OF_TLS[:4]):
            await check_references(self.backend, call, References.of_listener({**row, **given}))

        def run(change: Change) -> Any:
            now = change.find(listeners, row["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(listeners, now)
            whole = {**now, **given}
            secure_listener(change, whole)
            check_listener(change, lb, whole)
            stored = {name: whole.get(name, value) for name, value in given.items()}
            generation = change.begin(lb)
            change.set(listeners, now, generation, stored)
            return self.view(change, now["id"])

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        row = await self.read(call, "delete")

        def run(change: Change) -> None:
            now = change.find(listeners, row["id"])
            lb = change.open(now["load_balancer_id"])
            if now["provisioning_status"] == "PENDING_DELETE":
                return
            generation = change.begin(lb)
            for policy in change.alive(l7policies, l7policies.c.listener_id == now["id"]):
                inside = change.alive(l7rules, l7rules.c.l7policy_id == policy["id"])
                change.drop(l7rules, [rule["id"] for rule in inside], generation)
                change.drop(l7policies, [policy["id"]], generation)
            change.drop(listeners, [now["id"]], generation)

        await self.backend.commit(call, run)
        return Reply(204)

    async def statistics(self, call: Call) -> Any:
        row = await self.read(call, "get_stats")
        return {
            "stats": await self.backend.database.read(lambda connection: of_listener(connection, row["id"]))
        }
