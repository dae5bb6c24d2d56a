# SPDX-License-Identifier: Apache-2.0
"""Graphs: listeners, policies, pools, members and monitors that come in one request.

A pool is given in full once, at the top or inside a listener or policy, and by its name elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from samovar.web import Call

from ..tables import listeners
from .change import Backend, Change, Row
from .faults import bad, missing
from .fields import Values
from .l7policies import add_policy
from .listener import add_listener
from .members import check_subnets
from .pools import add_pool
from .references import References


class Graph:
    """Adds a graph to a load balancer. `alone`: the load balancer was there before."""

    def __init__(self, change: Change, lb: Row, generation: int, *, alone: bool = False) -> None:
        self.change, self.lb, self.generation, self.alone = change, lb, generation, alone
        self._named: dict[str, str] = {}

    def add(self, heard: Sequence[Values], behind: Sequence[Values]) -> list[str]:
        """Add listeners with all that is in them, and pools; the ids of the listeners."""
        for pool in behind:
            self._define(pool)
        inner = list(inner_pools(heard))
        for pool in inner:
            if not pool.get("name"):
                raise bad("A pool within a listener or an L7 policy needs a name.")
            if "protocol" in pool:
                self._define(pool)
        for pool in inner:
            if pool["name"] not in self._named:
                raise bad(f"The pool {pool['name']} is named but given nowhere in the request.")
        return [self._listener(listener) for listener in heard]

    def _define(self, pool: Values) -> None:
        name = pool.get("name") or ""
        if "protocol" not in pool:
            raise missing("protocol")
        if name and name in self._named:
            raise bad(f"Two pools of the request have the name {name}; names of pools must differ in it.")
        identity = add_pool(self.change, self.lb, self.generation, pool, graph=not self.alone)
        if name:
            self._named[name] = identity

    def _listener(self, given: Values) -> str:
        listener = dict(given)
        if listener["default_pool"] is not None:
            if listener["default_pool_id"] is not None:
                raise bad("A listener takes a default_pool or a default_pool_id, not both.")
            listener["default_pool_id"] = self._named[listener["default_pool"]["name"]]
        identity = add_listener(self.change, self.lb, self.generation, listener)
        row = self.change.find(listeners, identity)
        for policy in listener["l7policies"]:
            wanted = dict(policy)
            if wanted["redirect_pool"] is not None:
                wanted["redirect_pool_id"] = self._named[wanted["redirect_pool"]["name"]]
            add_policy(self.change, self.lb, row, self.generation, wanted)
        return identity


def inner_pools(heard: Sequence[Values]) -> Iterator[Values]:
    """The pools inside listeners and their policies, whole or by name."""
    for listener in heard:
        if listener["default_pool"] is not None:
            yield listener["default_pool"]
        for policy in listener["l7policies"]:
            if policy["redirect_pool"] is not None:
                yield policy["redirect_pool"]


def references_in(heard: Sequence[Values], behind: Sequence[Values]) -> list[References]:
    """Every reference to the key manager in a graph."""
    found = [References.of_listener(listener) for listener in heard]
    return found + [References.of_pool(pool) for pool in (*behind, *inner_pools(heard))]


async def subnets_in(backend: Backend, call: Call, heard: Sequence[Values], behind: Sequence[Values]) -> None:
    """Raise 400 unless the caller can see each subnet in a graph."""
    members = [member for pool in (*behind, *inner_pools(heard)) for member in pool.get("members") or ()]
    await check_subnets(backend, call, members)
