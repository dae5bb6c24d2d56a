# SPDX-License-Identifier: Apache-2.0
"""Health monitors: what is asked of each member of a pool, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, update

from samovar.web import Call, Reply

from ..tables import health_monitors, members, pools
from . import values
from .change import Backend, Change, Row
from .collection import IN_TREE, Objects, fetch, kind_of
from .faults import bad, refuse
from .fields import REFUSED, SETTING, Field, Fields, Values, changed, common, created, wrapped
from .members import touch

TYPES = ("HTTP", "HTTPS", "PING", "SCTP", "TCP", "TLS-HELLO", "UDP-CONNECT")
OF_DATAGRAMS = ("UDP-CONNECT", "SCTP", "TCP", "HTTP")
OF_STREAMS = ("HTTP", "HTTPS", "PING", "TCP", "TLS-HELLO")
HTTP_DEFAULTS: Mapping[str, Any] = {"http_method": "GET", "url_path": "/", "expected_codes": "200"}
HTTP_ONLY = (*HTTP_DEFAULTS, "http_version", "domain_name")

FIELDS: Fields = {
    **common(described=False),
    "type": Field(values.one_of(*TYPES), required=True, update=False),
    "delay": Field(values.integer(0), required=True, null=REFUSED),
    "timeout": Field(values.integer(0), required=True, null=REFUSED),
    "max_retries": Field(values.integer(1, 10), required=True, null=REFUSED),
    "max_retries_down": Field(values.integer(1, 10), 3),
    "http_method": Field(values.one_of(*values.HTTP_METHODS), SETTING),
    "url_path": Field(values.url_path, SETTING),
    "expected_codes": Field(values.expected_codes, SETTING),
    "http_version": Field(values.http_version),
    "domain_name": Field(values.domain_name),
    "pool_id": Field(values.identity, required=True, update=False, graph=False),
}


def add_monitor(change: Change, lb: Row, pool: RowMapping, generation: int, given: Values) -> str:
    """A new monitor of the pool. Raises 400, 403 (quota), 409."""
    monitor = {name: value for name, value in given.items() if name not in ("project_id", "tenant_id")}
    monitor["pool_id"] = pool["id"]
    _check(change, monitor, pool["protocol"])
    if change.alive(health_monitors, health_monitors.c.pool_id == pool["id"]):
        raise refuse(409, f"The pool {pool['id']} has a health monitor already.")
    for name, default in HTTP_DEFAULTS.items():
        monitor.setdefault(name, default if monitor["type"] in ("HTTP", "HTTPS") else None)
    change.spend("healthmonitor", lb["project_id"])
    return change.add(health_monitors, lb, generation, **monitor)


def _check(change: Change, monitor: Row, protocol: str) -> None:
    kind = monitor["type"]
    if kind == "PING" and not change.settings.allow_ping_health_monitors:
        raise bad("Health monitors of type PING are switched off here.")
    allowed = OF_DATAGRAMS if protocol in ("UDP", "SCTP") else OF_STREAMS
    if kind not in allowed:
        shown = ", ".join(sorted(allowed))
        raise bad(f"A {protocol} pool cannot have a {kind} health monitor; it can have {shown}.")
    least = change.settings.udp_connect_min_interval_health_monitor
    if kind == "UDP-CONNECT" and monitor["delay"] < least:
        raise bad(f"The delay of a UDP-CONNECT health monitor must be at least {least} seconds.")
    if kind not in ("HTTP", "HTTPS"):
        given = [name for name in HTTP_ONLY if monitor.get(name) is not None]
        if given:
            raise bad(f"Only HTTP and HTTPS health monitors have {', '.join(given)}; this one is {kind}.")
    if monitor.get("domain_name") is not None and monitor.get("http_version") != "1.1":
        raise bad("A domain_name needs http_version 1.1.")


class HealthMonitors(Objects):
    """``/v2.0/lbaas/healthmonitors``."""

    kind = kind_of("healthmonitor", "healthmonitors", health_monitors, filters=IN_TREE)
    argument = "health_monitor_"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, FIELDS)

    async def create(self, call: Call) -> Reply:
        body = wrapped(call.body, self.argument, self.kind.name)
        given = created(self.argument, self.kind.name, body, self.fields)
        pool = await self.backend.database.read(lambda connection: fetch(connection, pools, given["pool_id"]))
        self.backend.enforce(call, "healthmonitor:post", pool["project_id"])

        def run(change: Change) -> Any:
            now = change.find(pools, given["pool_id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(pools, now)
            generation = change.begin(lb)
            identity = add_monitor(change, lb, now, generation, given)
            touch(change, now["id"], generation)
            _checked(change, now["id"], "OFFLINE", "NO_MONITOR")
            return self.view(change, identity)

        return Reply(201, await self.backend.commit(call, run))

    async def update(self, call: Call) -> Any:
        row = await self.read(call, "put")
        body = wrapped(call.body, self.argument, self.kind.name)
        given = changed(self.argument, self.kind.name, body, self.fields)

        def run(change: Change) -> Any:
            now = change.find(health_monitors, row["id"])
            lb = change.open(now["load_balancer_id"])
            change.changeable(health_monitors, now)
            is_http = now["type"] in ("HTTP", "HTTPS")
            stored = {
                name: (HTTP_DEFAULTS[name] if is_http else None) if value is SETTING else value
                for name, value in given.items()
            }
            pool = change.find(pools, now["pool_id"])
            _check(change, {**now, **stored}, pool["protocol"])
            generation = change.begin(lb)
            change.set(health_monitors, now, generation, stored)
            touch(change, pool["id"], generation)
            return self.view(change, now["id"])

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        row = await self.read(call, "delete")

        def run(change: Change) -> None:
            now = change.find(health_monitors, row["id"])
            lb = change.open(now["load_balancer_id"])
            if now["provisioning_status"] == "PENDING_DELETE":
                return
            generation = change.begin(lb)
            change.drop(health_monitors, [now["id"]], generation)
            touch(change, now["pool_id"], generation)
            _checked(change, now["pool_id"], "NO_MONITOR", "OFFLINE", "ERROR", "ONLINE")

        await self.backend.commit(call, run)
        return Reply(204)


def _checked(change: Change, pool_id: str, status: str, *old: str) -> None:
    """Members of a pool that gets or loses its monitor are known or not known to live."""
    change.connection.execute(
        update(members)
        .where(members.c.pool_id == pool_id, members.c.operating_status.in_(old))
        .values(operating_status=status)
    )
