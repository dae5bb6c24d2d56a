# SPDX-License-Identifier: Apache-2.0
"""L7 policies: what a listener does with requests that their rules fit, in the order of positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, update

from samovar.web import Call, Reply

from ..tables import l7policies, l7rules, listeners
from . import l7rules as rule_list
from . import pools as pool_list
from . import values
from .change import Backend, Change, Row
from .collection import IN_TREE, Objects, fetch, kind_of
from .faults import bad, unsupported
from .fields import REFUSED, Field, Fields, Values, changed, common, created, wrapped

ACTIONS = ("REDIRECT_PREFIX", "REDIRECT_TO_POOL", "REDIRECT_TO_URL", "REJECT")
TARGETS: Mapping[str, str] = {
    "REDIRECT_TO_POOL": "redirect_pool_id",
    "REDIRECT_TO_URL": "redirect_url",
    "REDIRECT_PREFIX": "redirect_prefix",
}
CODES = ("301", "302", "303", "307", "308")
LAST = 2**31 - 1


def _code(value: Any) -> int:
    if isinstance(value, bool) or str(value) not in CODES:
        raise ValueError(f"Value should be one of: {', '.join(CODES)}")
    return int(value)


def _rule(value: Any) -> Values:
    return created("l7policy_", "rules", value, rule_list.FIELDS, graph=True)


def _pool(value: Any) -> Values:
    return pool_or_name("redirect_pool", value)


def pool_or_name(name: str, value: Any) -> Values:
    """A pool inside a larger object: all of it, or the name alone of one that is given elsewhere."""
    if isinstance(value, dict) and set(value) == {"name"}:
        return {"name": values.text(shortest=1)(value["name"])}
    return created("load_balancer", name, value, pool_list.FIELDS, graph=True)


FIELDS: Fields = {
    **common(),
    "action": Field(values.one_of(*ACTIONS), required=True, null=REFUSED),
    "listener_id": Field(values.identity, required=True, update=False, graph=False),
    "redirect_pool_id": Field(values.identity, graph=False),
    "redirect_url": Field(values.url),
    "redirect_prefix": Field(values.url),
    "redirect_http_code": Field(_code),
    "position": Field(values.integer(1, LAST), LAST, null=1),
    "rules": Field(values.list_of(_rule, rule_list.MOST_RULES), [], update=False),
    "redirect_pool": Field(_pool, update=False),
}
NOT_STORED = ("rules", "redirect_pool", "project_id", "tenant_id", "listener_id", "position")


def add_policy(change: Change, lb: Row, listener: RowMapping, generation: int, given: Values) -> str:
    """A new policy of the listener with its rules. Raises 400, 403 (quota), 404, 501."""
    policy = {name: value for name, value in given.items() if name not in NOT_STORED}
    check_listener(lb, listener)
    if policy["action"] == "REJECT" and policy["redirect_prefix"]:
        policy["action"] = "REDIRECT_PREFIX"
    if policy["action"] == "REDIRECT_TO_POOL" and policy["redirect_prefix"]:
        raise bad("An L7 policy with the action REDIRECT_TO_POOL has no redirect_prefix.")
    _complete(policy)
    _check_pool(change, listener, policy)
    change.spend("l7policy", lb["project_id"])
    others = _order(change, listener["id"])
    place = min(given["position"], len(others) + 1)
    identity = change.add(l7policies, lb, generation, **policy, listener_id=listener["id"], position=place)
    _renumber(change, [*others[: place - 1], identity, *others[place - 1 :]])
    for rule in given["rules"]:
        rule_list.add_rule(change, lb, identity, generation, rule)
    return identity


def check_listener(lb: Row, listener: Row) -> None:
    """Raise 400 or 501 unless L7 policies can be used on this listener."""
    protocol = listener["protocol"]
    if protocol == "PROMETHEUS":
        raise bad("A PROMETHEUS listener has no L7 policies.")
    if protocol not in ("HTTP", "TERMINATED_HTTPS"):
        raise unsupported(lb["provider"], f"L7 policies on a {protocol} listener.")


def _complete(policy: Values) -> None:
    """Raise 400 when the target of the action is missing; forget the targets of the others."""
    target = TARGETS.get(policy["action"])
    if target is not None and not policy[target]:
        raise bad(f"An L7 policy with the action {policy['action']} needs a {target}.")
    for name in TARGETS.values():
        if name != target:
            policy[name] = None
    if policy["action"] in ("REDIRECT_TO_URL", "REDIRECT_PREFIX"):
        policy["redirect_http_code"] = policy["redirect_http_code"] or 302
    else:
        policy["redirect_http_code"] = None


def _check_pool(change: Change, listener: Row, policy: Row) -> None:
    if policy["redirect_pool_id"]:
        pool = pool_list.pool_in(change, listener["load_balancer_id"], policy["redirect_pool_id"])
        pool_list.check_fit(listener["protocol"], pool["protocol"])


def _order(change: Change, listener_id: str) -> list[str]:
    rows = change.alive(l7policies, l7policies.c.listener_id == listener_id)
    return [row["id"] for row in sorted(rows, key=lambda row: int(row["position"]))]


def _renumber(change: Change, ids: Sequence[str]) -> None:
    for place, identity in enumerate(ids, 1):
        change.connection.execute(
            update(l7policies)
            .where(l7policies.c.id == identity, l7policies.c.position != place)
            .values(position=place)
        )


class L7Policies(Objects):
    """``/v2.0/lbaas/l7policies``."""

    kind = kind_of("l7policy", "l7policies", l7policies, filters=IN_TREE)
    argument = "l7policy_"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, FIELDS)

    async def create(self, call: Call) -> Reply:
        body = wrapped(call.body, self.argument, self.kind.name)
        given = created(self.argument, self.kind.name, body, self.fields)
        if given["redirect_pool"] is not None:
            raise bad(
                "A redirect_pool can only be given where the load balancer is created; use redirect_pool_id."
            )
        listener = await self.backend.database.read(
            lambda connection: fetch(connection, listeners, given["listener_id"])
        )
        self.backend.enforce(call, "l7policy:post", listener["project_id"])

        def run(change: Change) -> Any:
            now = change.find(listeners, given["listener_id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(listeners, now)
            generation = change.begin(lb)
            identity = add_policy(change, lb, now, generation, given)
            change.touch(listeners, [now["id"]], generation)
            return self.view(change, identity)

        return Reply(201, await self.backend.commit(call, run))

    async def update(self, call: Call) -> Any:
        row = await self.read(call, "put")
        body = wrapped(call.body, self.argument, self.kind.name)
        given = changed(self.argument, self.kind.name, body, self.fields)

        def run(change: Change) -> Any:
            now = change.find(l7policies, row["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(l7policies, now)
            listener = change.find(listeners, now["listener_id"])
            stored = _aimed(now, given)
            _check_pool(change, listener, stored)
            generation = change.begin(lb)
            place = stored.pop("position", None)
            change.set(l7policies, now, generation, stored)
            if place is not None:
                others = [identity for identity in _order(change, listener["id"]) if identity != now["id"]]
                _renumber(change, [*others[: place - 1], now["id"], *others[place - 1 :]])
            change.touch(listeners, [listener["id"]], generation)
            return self.view(change, now["id"])

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        row = await self.read(call, "delete")

        def run(change: Change) -> None:
            now = change.find(l7policies, row["id"])
            lb = change.open(now["load_balancer_id"])
            if now["provisioning_status"] == "PENDING_DELETE":
                return
            generation = change.begin(lb)
            inside = change.alive(l7rules, l7rules.c.l7policy_id == now["id"])
            change.drop(l7rules, [rule["id"] for rule in inside], generation)
            change.drop(l7policies, [now["id"]], generation)
            _renumber(change, _order(change, now["listener_id"]))
            change.touch(listeners, [now["listener_id"]], generation)

        await self.backend.commit(call, run)
        return Reply(204)


def _aimed(now: RowMapping, given: Values) -> Values:
    """What a change stores: a new target alone changes the action, an action needs its target."""
    stored = dict(given)
    if "action" not in stored:
        for action, target in TARGETS.items():
            if stored.get(target):
                stored["action"] = action
                break
    whole = {**now, **stored}
    _complete(whole)
    for name in ("action", "redirect_http_code", *TARGETS.values()):
        stored[name] = whole[name]
    return stored
