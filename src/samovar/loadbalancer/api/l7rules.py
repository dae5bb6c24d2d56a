# SPDX-License-Identifier: Apache-2.0
"""L7 rules: one condition on a request. All rules of a policy must hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from samovar.web import Api, Call, Reply

from ..tables import l7policies, l7rules, listeners
from . import values
from .change import Backend, Change, Row
from .collection import IN_TREE, ROOT, Objects, kind_of
from .faults import bad, refuse, refuse_route
from .fields import REFUSED, Field, Fields, Values, changed, common, created, wrapped
from .listing import index

TYPES = (
    "COOKIE",
    "FILE_TYPE",
    "HEADER",
    "HOST_NAME",
    "PATH",
    "SSL_CONN_HAS_CERT",
    "SSL_DN_FIELD",
    "SSL_VERIFY_RESULT",
)
COMPARISONS = ("CONTAINS", "ENDS_WITH", "EQUAL_TO", "REGEX", "STARTS_WITH")
OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "FILE_TYPE": ("REGEX", "EQUAL_TO"),
    "SSL_CONN_HAS_CERT": ("EQUAL_TO",),
    "SSL_VERIFY_RESULT": ("EQUAL_TO",),
}
KEYED: Mapping[str, re.Pattern[str]] = {
    "HEADER": re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"),
    "COOKIE": re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"),
    "SSL_DN_FIELD": re.compile(r"[a-zA-Z][A-Za-z0-9-]*"),
}
HEADER_VALUE = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\]^_`{|}~\\]+")
QUOTED_VALUE = re.compile(r'"[A-Za-z0-9 !#$%&\'()*+,\-./:;<=>?@\[\]^_`{|}~\\]*"')
COOKIE_VALUE = re.compile(r"[A-Za-z0-9!#$%&'()*+\-./:<=>?@\[\]^_`{|}~]+")
MOST_RULES = 50

FIELDS: Fields = {
    **{name: field for name, field in common(described=False).items() if name != "name"},
    "type": Field(values.one_of(*TYPES), required=True, null=REFUSED),
    "compare_type": Field(values.one_of(*COMPARISONS), required=True, null=REFUSED),
    "key": Field(values.text()),
    "value": Field(values.text(shortest=1), required=True, null=REFUSED),
    "invert": Field(values.boolean, False),
}


def add_rule(change: Change, lb: Row, policy_id: str, generation: int, given: Values) -> str:
    """A new rule of the policy. Raises 400, 403 (quota), 409 (too many)."""
    rule = {name: value for name, value in given.items() if name not in ("project_id", "tenant_id")}
    check_rule(rule)
    if len(change.alive(l7rules, l7rules.c.l7policy_id == policy_id)) >= MOST_RULES:
        raise refuse(409, f"The L7 policy {policy_id} has {MOST_RULES} rules; it cannot have more.")
    change.spend("l7rule", lb["project_id"])
    return change.add(l7rules, lb, generation, **rule, name="", description="", l7policy_id=policy_id)


def check_rule(rule: Mapping[str, Any]) -> None:
    """Raise 400 unless type, comparison, key and value go together."""
    kind, comparison, key, value = rule["type"], rule["compare_type"], rule["key"], rule["value"]
    if comparison not in OF_TYPE.get(kind, COMPARISONS):
        shown = ", ".join(OF_TYPE[kind])
        raise bad(f"An L7 rule of type {kind} compares by {shown} only, not by {comparison}.")
    if kind in KEYED:
        if not key:
            raise bad(f"An L7 rule of type {kind} needs a key.")
        if not KEYED[kind].fullmatch(key):
            raise bad(f"The key of an L7 rule of type {kind} must be the name of one {NAMED[kind]}.")
    if kind == "SSL_CONN_HAS_CERT" and value != "True":
        raise bad("The value of an L7 rule of type SSL_CONN_HAS_CERT must be True.")
    if kind == "SSL_VERIFY_RESULT":
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise bad("The value of an L7 rule of type SSL_VERIFY_RESULT must be a whole number from 0.")
        return
    if comparison == "REGEX":
        _check_expression(value)
    elif kind in ("HEADER", "HOST_NAME", "PATH", "FILE_TYPE"):
        if not HEADER_VALUE.fullmatch(value) and not QUOTED_VALUE.fullmatch(value):
            raise bad("The value may have the characters of a header's value; spaces only within quotes.")
    elif kind == "COOKIE" and not COOKIE_VALUE.fullmatch(value):
        raise bad("The value may have the characters of a cookie's value only.")


NAMED = {"HEADER": "header", "COOKIE": "cookie", "SSL_DN_FIELD": "field of a distinguished name"}


def _check_expression(value: str) -> None:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise bad(f"The value is not a regular expression: {error}.") from None


class L7Rules(Objects):
    """``/v2.0/lbaas/l7policies/{policy_id}/rules``."""

    kind = kind_of("rule", "rules", l7rules, policy="l7rule", filters=IN_TREE)
    argument = "l7rule_"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, FIELDS)

    def routes(self, api: Api) -> None:
        root = f"{ROOT}/l7policies/{{policy_id}}/rules"
        api.route("GET", root, self.index)
        api.route("POST", root, self.create)
        api.route("GET", root + "/{id}", self.show)
        api.route("PUT", root + "/{id}", self.update)
        api.route("DELETE", root + "/{id}", self.delete)

    async def _policy(self, call: Call) -> RowMapping:
        def run(connection: Connection) -> RowMapping | None:
            query = select(l7policies).where(l7policies.c.id == call.path["policy_id"])
            return connection.execute(query).mappings().first()

        row = await self.backend.database.read(run)
        if row is None:
            raise refuse_route(404, f"L7policy {call.path['policy_id']} not found.")
        return row

    async def index(self, call: Call) -> Any:
        policy = await self._policy(call)
        self.backend.enforce(call, "l7rule:get_all", policy["project_id"])
        return await index(self.backend, self.kind, call, l7rules.c.l7policy_id == policy["id"], scoped=False)

    async def read(self, call: Call, action: str) -> RowMapping:
        policy = await self._policy(call)
        row = await super().read(call, action)
        if row["l7policy_id"] != policy["id"]:
            raise refuse(404, f"L7rule {row['id']} not found.")
        return row

    async def create(self, call: Call) -> Reply:
        policy = await self._policy(call)
        self.backend.enforce(call, "l7rule:post", policy["project_id"])
        given = created(self.argument, "rule", wrapped(call.body, self.argument, "rule"), self.fields)

        def run(change: Change) -> Any:
            now = change.find(l7policies, policy["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(l7policies, now)
            generation = change.begin(lb)
            identity = add_rule(change, lb, now["id"], generation, given)
            _touch(change, now, generation)
            return self.view(change, identity)

        return Reply(201, await self.backend.commit(call, run))

    async def update(self, call: Call) -> Any:
        row = await self.read(call, "put")
        given = changed(self.argument, "rule", wrapped(call.body, self.argument, "rule"), self.fields)

        def run(change: Change) -> Any:
            now = change.find(l7rules, row["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(l7rules, now)
            check_rule({**now, **given})
            generation = change.begin(lb)
            change.set(l7rules, now, generation, given)
            _touch(change, change.find(l7policies, now["l7policy_id"]), generation)
            return self.view(change, now["id"])

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        row = await self.read(call, "delete")

        def run(change: Change) -> None:
            now = change.find(l7rules, row["id"])
            lb = change.open(now["load_balancer_id"])
            if now["provisioning_status"] == "PENDING_DELETE":
                return
            generation = change.begin(lb)
            change.drop(l7rules, [now["id"]], generation)
            _touch(change, change.find(l7policies, now["l7policy_id"]), generation)

        await self.backend.commit(call, run)
        return Reply(204)


def _touch(change: Change, policy: RowMapping, generation: int) -> None:
    change.touch(l7policies, [policy["id"]], generation)
    change.touch(listeners, [policy["listener_id"]], generation)
