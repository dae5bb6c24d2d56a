# SPDX-License-Identifier: Apache-2.0
"""The mix's load balancers: each from its creation to its last operation, and what there is of them.

A name may be there twice in Octavia's API, so a create whose answer was lost is looked for before it is
sent again: what is there twice then was made twice by the service. Two amphorae of a load balancer
that wants one, too.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from asking import UNSURE, Clients

NETWORK = "mix"
PATIENCE = 240.0
LBS = "/v2/lbaas/loadbalancers"


class Ground:
    """The network that VIPs are on, and an administrator who sees everything."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.admin = Clients().login("admin", os.environ["ADMIN_PASSWORD"], "admin")
        found = clients.rows("network", f"/v2.0/networks?name={NETWORK}", "networks")
        if not found:
            body = {"network": {"name": NETWORK}}
            found = [clients.ask("network", "POST", "/v2.0/networks", body)[1]["network"]]
            subnet = {"network_id": found[0]["id"], "cidr": "10.66.0.0/16", "ip_version": 4}
            clients.ask("network", "POST", "/v2.0/subnets", {"subnet": subnet})
        (self.subnet,) = clients.rows("network", f"/v2.0/subnets?network_id={found[0]['id']}", "subnets")

    def balance(self, lives: Sequence[Balancer]) -> dict[str, Any]:
        """What was asked for and what there is; then all of it is deleted, and what there is still."""
        there = self.clients.rows("load-balancer", LBS, "loadbalancers")
        lost, duplicated, problems = [], [], []
        for life in lives:
            ids = [one["id"] for one in there if one["name"] == life.name]
            if life.id and not life.deleted and life.id not in ids:
                lost.append(life.name)
            if len(ids) > 1 or (life.deleted and ids):
                duplicated.append(f"{life.name} {ids}")
            for one in ids:
                path = f"/v2/octavia/amphorae?loadbalancer_id={one}"
                carrying = self.admin.rows("load-balancer", path, "amphorae")
                if sum(row["status"] == "ALLOCATED" for row in carrying) > 1:
                    duplicated.append(f"amphora of {life.name}")
            if life.members and not life.deleted and life.id in ids and life.members != life.seen_members():
                lost.append(f"a member of {life.name}")
            if life.problem:
                problems.append(f"{life.name}: {life.problem}")
        ending = [threading.Thread(target=life.delete) for life in lives]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
        steps = [step for life in lives for step in life.steps]
        return {
            "requested": len(lives),
            "operations": len(steps),
            "done": sum(step["done"] for step in steps),
            "problems": problems + [f"{life.name}: {life.problem}" for life in lives if life.problem and not life.deleted and f"{life.name}: {life.problem}" not in problems],
            "lost": lost,
            "duplicated": duplicated,
            "orphaned": self._orphans(),
            "seconds": [step["seconds"] for step in steps],
        }  # fmt: skip

    def _orphans(self) -> list[str]:
        """Servers, ports and amphorae of load balancers that are gone; a moment is given to what is just going."""
        deadline = time.monotonic() + 15
        while True:
            known = {one["id"] for one in self.admin.rows("load-balancer", LBS, "loadbalancers")}
            amphorae = {
                row["id"]: row["loadbalancer_id"]
                for row in self.admin.rows("load-balancer", "/v2/octavia/amphorae", "amphorae")
            }
            live = {one for one, owner in amphorae.items() if owner in known}
            servers = self.admin.rows("compute", "/servers?all_tenants=1", "servers")
            ports = self.admin.rows("network", "/v2.0/ports", "ports")
            names = [one["name"] for one in (*servers, *ports)]
            orphans = [
                name
                for name in names
                if name.startswith(("amphora-", "octavia-lb-"))
                and not any(name.endswith(one) for one in (*live, *known))
            ]
            if not orphans or time.monotonic() > deadline:
                return orphans
            time.sleep(1)


class Balancer:
    """One load balancer with a listener, a pool and a member; another member comes to half of them."""

    def __init__(self, ground: Ground | None, name: str, number: int) -> None:
        assert ground is not None
        self.ground, self.clients, self.name, self.number = ground, ground.clients, name, number
        self.steps: list[dict[str, Any]] = []
        self.problem = self.id = self.pool = ""
        self.members: set[str] = set()
        self.deleted = False

    def run(self) -> None:
        try:
            self._create()
            if not self.problem and self.number % 2:
                self._add()
            if not self.problem and self.number % 3 == 0:
                self.delete()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def _create(self) -> None:
        began, deadline = time.monotonic(), time.monotonic() + PATIENCE
        pool = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        pool["members"] = [{"address": "10.66.255.1", "protocol_port": 80}]  # type: ignore[assignment]
        listener = {"name": "l", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        tree = {"name": self.name, "vip_subnet_id": self.ground.subnet["id"], "listeners": [listener]}
        while not self.id:
            status, answer = self.clients.once("load-balancer", "POST", LBS, {"loadbalancer": tree})
            if status == 201:
                self.id = answer["loadbalancer"]["id"]
            elif status in (0, *UNSURE) and time.monotonic() < deadline:
                time.sleep(0.5)
                found = self.clients.rows("load-balancer", f"{LBS}?name={self.name}", "loadbalancers")
                self.id = found[0]["id"] if found else ""
            else:
                self.problem = f"create: {status} {answer}"
                return
        self._done("create", began)
        self.members = {"10.66.255.1"}

    def _add(self) -> None:
        began = time.monotonic()
        path = f"/v2/lbaas/pools/{self._pool()}/members"
        body = {"member": {"address": "10.66.255.2", "protocol_port": 80}}
        status, answer = self.clients.ask("load-balancer", "POST", path, body)
        if status not in (201, 409):  # 409: the first sending of it arrived, its answer did not
            self.problem = f"add a member: {status} {answer}"
            return
        self.members.add("10.66.255.2")
        self._done("add", began)

    def delete(self) -> None:
        """The last operation."""
        if not self.id or self.deleted:
            return
        began = time.monotonic()
        status, answer = self.clients.ask("load-balancer", "DELETE", f"{LBS}/{self.id}?cascade=true")
        if status not in (204, 404):
            self.problem = f"delete: {status} {answer}"
            return
        self._done("delete", began)

    def _pool(self) -> str:
        if not self.pool:
            _, answer = self.clients.ask("load-balancer", "GET", f"{LBS}/{self.id}")
            self.pool = answer["loadbalancer"]["pools"][0]["id"]
        return self.pool

    def seen_members(self) -> set[str]:
        """The addresses that its pool has."""
        path = f"/v2/lbaas/pools/{self._pool()}/members"
        return {one["address"] for one in self.clients.rows("load-balancer", path, "members")}

    def _done(self, action: str, began: float) -> None:
        """Wait until it is so. ERROR is not the end: what failed for want of the cloud is tried again."""
        deadline, state = time.monotonic() + PATIENCE, ""
        while time.monotonic() < deadline:
            status, answer = self.clients.ask("load-balancer", "GET", f"{LBS}/{self.id}")
            state = answer["loadbalancer"]["provisioning_status"] if status == 200 else str(status)
            if state == ("404" if action == "delete" else "ACTIVE"):
                self.deleted = action == "delete"
                self.steps.append({"action": action, "seconds": time.monotonic() - began, "done": True})
                return
            time.sleep(0.4)
        self.steps.append({"action": action, "seconds": time.monotonic() - began, "done": False})
        self.problem = f"{action}: still {state} after {PATIENCE:.0f} s"
