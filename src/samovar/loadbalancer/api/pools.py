# SPDX-License-Identifier: Apache-2.0
"""Pools: where listeners send to, and how the members are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from samovar.web import Call, Reply

from ..tables import health_monitors, l7policies, listeners, load_balancers, members, pools
from . import health_monitors as monitors
from . import members as member_list
from . import values
from .change import Backend, Change, Row
from .collection import IN_TREE, Objects, fetch, kind_of
from .faults import bad, not_found, refuse, unsupported
from .fields import REFUSED, SETTING, Field, Fields, Values, changed, common, created, wrapped
from .references import References, check_references
from .security import check_ciphers, check_versions

PROTOCOLS = ("HTTP", "HTTPS", "PROXY", "PROXYV2", "SCTP", "TCP", "UDP")
ALGORITHMS = ("LEAST_CONNECTIONS", "ROUND_ROBIN", "SOURCE_IP", "SOURCE_IP_PORT")
PERSISTENCES = ("APP_COOKIE", "HTTP_COOKIE", "SOURCE_IP")
FITTING: Mapping[str, tuple[str, ...]] = {
    "TCP": ("HTTP", "HTTPS", "PROXY", "PROXYV2", "TCP"),
    "HTTP": ("HTTP", "PROXY", "PROXYV2"),
    "HTTPS": ("HTTPS", "PROXY", "PROXYV2", "TCP"),
    "TERMINATED_HTTPS": ("HTTP", "PROXY", "PROXYV2"),
    "UDP": ("UDP",),
    "SCTP": ("SCTP",),
    "PROMETHEUS": (),
}
"""The protocols of pools that a listener of each protocol can send to."""

PERSISTENCE: Fields = {
    "type": Field(values.one_of(*PERSISTENCES), required=True, null=REFUSED),
    "cookie_name": Field(values.cookie_name),
    "persistence_timeout": Field(values.integer(1)),
    "persistence_granularity": Field(values.granularity),
}


def _nested(argument: str, fields: Fields) -> values.Parser:
    return lambda value: created("pool_", argument, value, fields, graph=True)


def _persistence(value: Any) -> Any:
    """What is given of a session persistence; it is completed when the pool is known."""
    if not isinstance(value, dict) or not value:
        raise ValueError("Value should be an object with a type")
    return changed("pool_", "session_persistence", value, PERSISTENCE)


FIELDS: Fields = {
    **common(),
    "protocol": Field(values.one_of(*PROTOCOLS), required=True, update=False),
    "lb_algorithm": Field(values.one_of(*ALGORITHMS), required=True, null=REFUSED),
    "session_persistence": Field(_persistence),
    "tls_enabled": Field(values.boolean, False, null=REFUSED),
    "tls_container_ref": Field(values.text()),
    "ca_tls_container_ref": Field(values.text()),
    "crl_container_ref": Field(values.text()),
    "tls_ciphers": Field(values.ciphers, SETTING, null=SETTING),
    "tls_versions": Field(values.distinct(values.one_of(*values.TLS_VERSIONS)), SETTING, null=SETTING),
    "alpn_protocols": Field(values.distinct(values.one_of(*values.ALPN_PROTOCOLS)), SETTING, null=SETTING),
    "members": Field(values.list_of(_nested("members", member_list.FIELDS)), [], update=False),
    "healthmonitor": Field(_nested("healthmonitor", monitors.FIELDS), update=False),
    "listener_id": Field(values.identity, update=False, graph=False),
    "loadbalancer_id": Field(values.identity, update=False, graph=False),
}
NOT_STORED = ("members", "healthmonitor", "listener_id", "loadbalancer_id", "project_id", "tenant_id")


def add_pool(change: Change, lb: Row, generation: int, given: Values, *, graph: bool = False) -> str:
    """A new pool with the members and the monitor that were given with it. Raises 400, 403, 409, 501.

    `graph`: it comes with its load balancer; the status of its members then does not tell of a monitor.
    """
    pool = {name: value for name, value in given.items() if name not in NOT_STORED}
    pool["session_persistence"] = persistence(None, pool["session_persistence"], pool["protocol"])
    _secure(change, pool)
    _check(lb, pool)
    change.spend("pool", lb["project_id"])
    identity = change.add(pools, lb, generation, **pool)
    row = change.find(pools, identity)
    if given.get("healthmonitor") and not graph:
        monitors.add_monitor(change, lb, row, generation, given["healthmonitor"])
    member_list.add_members(change, lb, row, generation, given.get("members") or ())
    if given.get("healthmonitor") and graph:
        monitors.add_monitor(change, lb, row, generation, given["healthmonitor"])
    return identity


def persistence(old: Mapping[str, Any] | None, given: Mapping[str, Any] | None, protocol: str) -> Any:
    """The session persistence that is stored: what is given over what was. Raises 400."""
    if given is None:
        return None
    whole = {**dict.fromkeys(PERSISTENCE), **(old or {}), **given}
    kind = whole["type"]
    if kind is None:
        raise bad("A session persistence needs a type.")
    datagrams = protocol in ("UDP", "SCTP")
    if old is not None and given.get("type") not in (None, old.get("type")):
        whole = {**dict.fromkeys(PERSISTENCE), **given}
    if kind == "APP_COOKIE" and not whole["cookie_name"]:
        raise bad("A session persistence of type APP_COOKIE needs a cookie_name.")
    if kind != "APP_COOKIE" and whole["cookie_name"]:
        raise bad(f"A session persistence of type {kind} has no cookie_name.")
    if datagrams and kind != "SOURCE_IP":
        raise bad(f"A {protocol} pool can have a session persistence of type SOURCE_IP only.")
    timed = [n for n in ("persistence_timeout", "persistence_granularity") if whole[n] is not None]
    if timed and not datagrams:
        raise bad(f"Only UDP and SCTP pools have {', '.join(timed)}.")
    return whole


def _secure(change: Change, pool: Values) -> None:
    """Fill in the defaults of TLS, where the pool speaks it."""
    settings, enabled = change.settings, pool["tls_enabled"]
    defaults: dict[str, tuple[Any, Any]] = {
        "tls_ciphers": (settings.default_pool_ciphers, None),
        "tls_versions": (list(settings.default_pool_tls_versions), []),
        "alpn_protocols": (list(settings.default_pool_alpn_protocols), []),
    }
    for name, (default, plain) in defaults.items():
        value = pool.get(name, SETTING)
        if value is SETTING or (enabled and value is None):
            pool[name] = default if enabled else plain
    check_ciphers(settings, pool["tls_ciphers"])
    check_versions(settings, pool["tls_versions"], empty=not enabled)


def _check(lb: Row, pool: Row) -> None:
    if pool["lb_algorithm"] == "SOURCE_IP_PORT":
        raise unsupported(lb["provider"], "the algorithm SOURCE_IP_PORT.")
    if pool["crl_container_ref"] and not pool["ca_tls_container_ref"]:
        raise bad("A crl_container_ref needs a ca_tls_container_ref.")
    if pool["tls_enabled"] and pool["protocol"] in ("UDP", "SCTP"):
        raise bad(f"A {pool['protocol']} pool cannot have tls_enabled.")


def check_fit(listener_protocol: str, pool_protocol: str) -> None:
    """Raise 400 unless a listener of one protocol can send to a pool of the other."""
    if pool_protocol not in FITTING[listener_protocol]:
        raise bad(
            f"The pool protocol '{pool_protocol}' is invalid while the listener protocol is "
            f"'{listener_protocol}'."
        )


class Pools(Objects):
    """``/v2.0/lbaas/pools``."""

    kind = kind_of("pool", "pools", pools, filters=IN_TREE)
    argument = "pool_"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, FIELDS)

    async def create(self, call: Call) -> Reply:
        given = created(self.argument, "pool", wrapped(call.body, self.argument, "pool"), self.fields)
        lb_id, listener_id = given["loadbalancer_id"], given["listener_id"]
        if lb_id is None and listener_id is None:
            raise bad("A pool needs a loadbalancer_id or a listener_id.")
        project = await self._project(lb_id, listener_id)
        self.backend.enforce(call, "pool:post", project)
        await member_list.check_subnets(self.backend, call, given["members"])
        await check_references(self.backend, call, References.of_pool(given))

        def run(change: Change) -> Any:
            listener = change.find(listeners, listener_id) if listener_id is not None else None
            owner = listener["load_balancer_id"] if listener is not None else lb_id
            if lb_id is not None and owner != lb_id:
                raise bad(f"The listener {listener_id} is not one of load balancer {lb_id}.")
            lb = change.open(owner)
            generation = change.begin(lb)
            identity = add_pool(change, lb, generation, given)
            if listener is not None:
                change.changeable(listeners, listener)
                check_fit(listener["protocol"], given["protocol"])
                if listener["default_pool_id"] is not None:
                    raise refuse(409, f"Listener {listener_id} has a default pool already.")
                change.set(listeners, listener, generation, {"default_pool_id": identity})
            return self.view(change, identity)

        return Reply(201, await self.backend.commit(call, run))

    async def _project(self, lb_id: str | None, listener_id: str | None) -> str:
        table, identity = (load_balancers, lb_id) if listener_id is None else (listeners, listener_id)
        row = await self.backend.database.read(lambda connection: fetch(connection, table, identity or ""))
        project: str = row["project_id"]
        return project

    async def update(self, call: Call) -> Any:
        row = await self.read(call, "put")
        given = changed(self.argument, "pool", wrapped(call.body, self.argument, "pool"), self.fields)
        await check_references(self.backend, call, References.of_pool(given))

        def run(change: Change) -> Any:
            now = change.find(pools, row["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(pools, now)
            stored = dict(given)
            if "session_persistence" in stored:
                stored["session_persistence"] = persistence(
                    now["session_persistence"], stored["session_persistence"], now["protocol"]
                )
            whole = {**now, **stored}
            if whole["tls_enabled"] and not now["tls_enabled"]:
                for name in ("tls_ciphers", "tls_versions", "alpn_protocols"):
                    if not whole[name]:
                        whole[name] = SETTING
            _secure(change, whole)
            _check(lb, whole)
            stored.update({name: whole[name] for name in ("tls_ciphers", "tls_versions", "alpn_protocols")})
            generation = change.begin(lb)
            change.set(pools, now, generation, stored)
            change.touch(listeners, change.listeners_of_pool(now["id"]), generation)
            return self.view(change, now["id"])

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        row = await self.read(call, "delete")

        def run(change: Change) -> None:
            now = change.find(pools, row["id"])
            lb = change.open(now["load_balancer_id"])
            if now["provisioning_status"] == "PENDING_DELETE":
                return
            users = change.alive(l7policies, l7policies.c.redirect_pool_id == now["id"])
            if users:
                names = ", ".join(user["id"] for user in users)
                raise refuse(409, f"Pool {now['id']} is in use by L7 policy {names}.")
            generation = change.begin(lb)
            change.touch(listeners, change.listeners_of_pool(now["id"]), generation)
            change.connection.execute(
                update(listeners).where(listeners.c.default_pool_id == now["id"]).values(default_pool_id=None)
            )
            for table in (members, health_monitors):
                change.drop(
                    table,
                    [item["id"] for item in change.alive(table, table.c.pool_id == now["id"])],
                    generation,
                )
            change.drop(pools, [now["id"]], generation)

        await self.backend.commit(call, run)
        return Reply(204)


def pool_in(change: Change, lb_id: str, pool_id: str) -> Row:
    """A pool of this load balancer that is there to stay. Raises 404."""
    row = change.find(pools, pool_id)
    if row["load_balancer_id"] != lb_id or row["provisioning_status"] == "PENDING_DELETE":
        raise not_found("Pool", pool_id)
    return row
