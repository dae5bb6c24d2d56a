# SPDX-License-Identifier: Apache-2.0
"""Pure: the text of haproxy.cfg for one endpoint.

Every endpoint has the same services, servers and order; only its own name and addresses differ.
Source: HAProxy 2.6 configuration manual.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .durations import milliseconds, written
from .inventory import Check, Inventory, Node
from .roles import DATABASE, HTTP_SERVICES

READS = "-reads"
"""What the name of the backend of a service's reads ends with: GET and HEAD, HAProxy's METH_GET."""
LATE = "-late"
"""What the name of an API's second entry ends with."""

DATABASES = {"galera": (3306, "clustercheck", 9200), "postgresql": (5432, "patroni", 8008)}
"""Port, check, and port of the check."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one HAProxy listens and keeps its files. `binds`: service → what follows `bind`."""

    binds: Mapping[str, tuple[str, ...]]
    run_dir: str
    monitor: str
    statistics: str
    peers: Mapping[str, str]
    user: str = ""
    group: str = ""
    log: str = ""


def place_of(inventory: Inventory, node: Node) -> Place:
    """Where the HAProxy of this endpoint is when it works."""
    proxy = inventory.proxy
    peers = {endpoint.name: joined(endpoint.address, proxy.peers_port) for endpoint in inventory.endpoints}
    return Place(
        binds={service: _binds(inventory, service) for service in proxied(inventory)},
        run_dir=proxy.run_dir,
        monitor=joined("127.0.0.1", proxy.monitor_port),
        statistics=joined(node.address, proxy.statistics_port),
        peers=peers if len(peers) > 1 else {},
        user=proxy.user,
        group=proxy.group,
        log=proxy.log,
    )


def proxied(inventory: Inventory) -> list[str]:
    """The services that this inventory puts behind the proxy."""
    services = [service for service in HTTP_SERVICES if inventory.running(service)]
    if inventory.database.kind != "none":
        services.append(DATABASE)
    return services


def joined(address: str, port: int) -> str:
    """``address:port``, with brackets where HAProxy needs none but people do."""
    return f"[{address}]:{port}" if ipaddress.ip_address(address).version == 6 else f"{address}:{port}"


def render(inventory: Inventory, node: Node, place: Place) -> str:
    """The whole file."""
    parts = [_global(inventory, node, place), _defaults(inventory)]
    if place.peers:
        lines = [f"peer {name} {where}" for name, where in place.peers.items()]
        parts.append(_section("peers endpoints", lines))
    parts.append(_about(place))
    for service, binds in place.binds.items():
        if service == DATABASE:
            parts.append(_database(inventory, binds, place))
        else:
            parts.append(_service(inventory, service, binds))
    return "\n".join(parts)


def _section(head: str, lines: list[str]) -> str:
    return "\n".join([head, *(f"    {line}" for line in lines if line), ""])


def _global(inventory: Inventory, node: Node, place: Place) -> str:
    lines = [
        f"maxconn {inventory.proxy.maxconn}",
        f"user {place.user}" if place.user else "",
        f"group {place.group}" if place.group else "",
        f"log {place.log} local0 info" if place.log else "",
        f"localpeer {node.name}" if place.peers else "",
        f"stats socket {place.run_dir}/admin.sock mode 600 level admin expose-fd listeners",
        "hard-stop-after 10m",
    ]
    return _section("# Written by 'samovar deploy proxy'; the next run replaces it.\nglobal", lines)


def _defaults(inventory: Inventory) -> str:
    proxy = inventory.proxy
    limits = proxy.timeouts
    lines = [
        "log global",
        "mode http",
        "option httplog",
        "option dontlognull",
        f"maxconn {proxy.maxconn}",
        "option redispatch 1",
        "option abortonclose",
        f"retries {proxy.retries}",
        "retry-on conn-failure empty-response response-timeout 503",
        f"timeout http-request {written(limits.request)}",
        f"timeout queue {written(limits.queue)}",
        f"timeout connect {written(limits.connect)}",
        f"timeout client {written(limits.client)}",
        f"timeout server {written(limits.server)}",
    ]
    return _section("defaults", lines)


def _about(place: Place) -> str:
    """Two small front ends: whether this HAProxy lives (keepalived asks), and its figures."""
    alive = _section("frontend alive", [f"bind {place.monitor}", "monitor-uri /", "option dontlog-normal"])
    figures = [
        f"bind {place.statistics}",
        "option dontlog-normal",
        "http-request use-service prometheus-exporter if { path /metrics }",
        "stats enable",
        "stats uri /",
    ]
    return f"{alive}\n{_section('frontend figures', figures)}"


def _said(status: int, title: str, message: str) -> str:
    """An answer of the proxy itself, in the shape of the APIs' own."""
    error = {"error": {"code": status, "title": title, "message": message}}
    body = f"content-type application/json string '{json.dumps(error)}'"
    return f"http-error status {status} {body} hdr Retry-After 3"


def _service(inventory: Inventory, service: str, binds: tuple[str, ...]) -> str:
    """What reads and what changes something go to the same servers by different rules.

    A read that waits for an API which is found dead is taken from it and asked of another one. A change is
    not: whether it was made is not known, and a client that is told so may ask for it twice.
    """
    proxy, own = inventory.proxy, inventory.choices(service)
    check = own.check or proxy.check
    retry = own.retry or proxy.retry
    tcpka = proxy.tcpka if own.tcpka is None else own.tcpka
    reads = f"{service}{READS}"
    unknown = "and whether this was done is not known; look, and try again."
    errors = (
        (503, "Service Unavailable", f"No {service} answers at the moment; try again shortly."),
        (502, "Bad Gateway", f"The {service} that was asked ended before it answered, {unknown}"),
        (504, "Gateway Timeout", f"The {service} that was asked did not answer in time, {unknown}"),
    )
    front = [
        *(f"bind {bind}" for bind in binds),
        "option clitcpka" if tcpka else "",
        "option forwardfor",
        "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
        "http-request deny if { path /metrics }",
        *([f"use_backend {reads} if {one}" for one in _harmless(service)] if retry != "all" else []),
        f"default_backend {service if retry != 'all' else reads}",
    ]
    both = [
        f"balance {own.balance or proxy.balance}",
        "option srvtcpka" if tcpka else "",
        *(_said(*error) for error in errors),
    ]
    places = [
        (node.name, joined(node.address, inventory.backend_port(service)))
        for node in inventory.running(service)
    ]
    repeated = "http-request disable-l7-retry"
    return "\n".join(
        (
            _section(f"frontend {service}", front),
            _section(f"backend {service}", [*both, repeated, *_check(check), *_servers(check, places)]),
            _section(
                f"backend {reads}",
                [*both, repeated if retry == "connect" else "", *_tracking(service, check, places)],
            ),
        )
    )


def _harmless(service: str) -> list[str]:
    """Conditions of requests that may be asked twice: who asks for a token twice has two tokens."""
    return ["METH_GET", *(["METH_POST { path_end /auth/tokens }"] if service == "identity" else [])]


def _servers(check: Check, places: Sequence[tuple[str, str]]) -> list[str]:
    """Each API twice: with a check that notices soon, and, as a backup, with one that waits for a busy API.

    Where all of them are late, requests are answered late then, and not refused.
    """
    lines = [_default_server(check), *(f"server {name} {place}" for name, place in places)]
    if _patient(check):
        waits = f"check inter {written(check.patience or 0)} fastinter 1s rise 1 fall 2"
        lines.append("option allbackups")
        lines += [f"server {name}{LATE} {place} {waits} backup" for name, place in places]
    return lines


def _tracking(service: str, check: Check, places: Sequence[tuple[str, str]]) -> list[str]:
    """The same servers, as well or dead as they are for changes; of the dead ones reads are taken away."""
    if check.kind == "none":
        return [f"server {name} {place}" for name, place in places]
    lines = ["default-server on-marked-down shutdown-sessions"]
    lines += [f"server {name} {place} track {service}/{name}" for name, place in places]
    if _patient(check):
        lines.append("option allbackups")
        lines += [
            f"server {name}{LATE} {place} track {service}/{name}{LATE} backup" for name, place in places
        ]
    return lines


def _patient(check: Check) -> bool:
    return check.kind != "none" and check.patience is not None


def _binds(inventory: Inventory, service: str) -> tuple[str, ...]:
    """The internal address, and the public one where there is one and the service is for the public."""
    virtual = inventory.virtual
    if service == DATABASE:
        return (joined(virtual.internal.ip, database_port(inventory)),)
    addresses = [virtual.internal]
    if virtual.public is not None and inventory.choices(service).public:
        addresses.append(virtual.public)
    return tuple(
        joined(one.ip, inventory.port(service))
        + (f" ssl crt {one.tls_certificate} alpn h2,http/1.1" if one.tls_certificate else "")
        for one in addresses
    )


def _check(check: Check) -> list[str]:
    if check.kind != "http":
        return []
    return [
        "option httpchk",
        f"http-check send meth GET uri {check.path} ver HTTP/1.1 hdr Host samovar-check",
        "http-check expect status 200",
    ]


def _default_server(check: Check) -> str:
    if check.kind == "none":
        return ""
    words = ["default-server check", f"inter {written(check.inter)}"]
    words += [f"fastinter {written(check.fastinter)}"] if check.fastinter is not None else []
    words += [f"downinter {written(check.downinter)}"] if check.downinter is not None else []
    words += [f"rise {check.rise}", f"fall {check.fall}"]
    words += ["observe layer4 error-limit 2 on-error mark-down"] if check.observe else []
    return " ".join(words)


def seconds_to_notice(inventory: Inventory) -> float:
    """How long a proxy may still send requests to an API that says it is not ready: the longest of all."""
    checks = [inventory.choices(service).check or inventory.proxy.check for service in HTTP_SERVICES]
    return max(check.fall * milliseconds(check.inter) / 1000 for check in checks)


def database_port(inventory: Inventory) -> int:
    """Where clients find the database, and where it listens."""
    return inventory.database.port or DATABASES[inventory.database.kind][0]


def _database(inventory: Inventory, binds: tuple[str, ...], place: Place) -> str:
    database = inventory.database
    port = database_port(inventory)
    kind = database.check or DATABASES[database.kind][1]
    checked_at = {
        "clustercheck": f"port {database.check_port or 9200} ",
        "patroni": f"port {database.check_port or 8008} ",
    }.get(kind, f"port {database.check_port} " if database.check_port else "")
    checks = {
        "clustercheck": ["option httpchk OPTIONS /", "http-check expect status 200"],
        "patroni": ["option httpchk OPTIONS /primary", "http-check expect status 200"],
        "pgsql": ["option pgsql-check user haproxy"],
        "tcp": [],
    }
    session = written(inventory.proxy.timeouts.session)
    # Patroni's check is well on the primary alone, so nobody has to stand by.
    sticky = kind != "patroni" and not database.failback and len(inventory.running(DATABASE)) > 1
    back = " on-marked-up shutdown-backup-sessions" if database.failback and kind != "patroni" else ""
    lines = [
        "mode tcp",
        "option tcplog",
        *(f"bind {bind}" for bind in binds),
        "option clitcpka",
        "option srvtcpka",
        f"timeout client {session}",
        f"timeout server {session}",
        "timeout check 2s",
        *_one_writer(place, sticky),
        *checks[kind],
        f"default-server check {checked_at}inter {written(database.inter)} "
        f"fastinter {_fast(database.inter)} rise {database.rise} fall {database.fall} "
        f"on-marked-down shutdown-sessions{back}",
    ]
    for number, node in enumerate(inventory.running(DATABASE)):
        backup = " backup" if number and kind != "patroni" else ""
        lines.append(f"server {node.name} {joined(node.address, port)}{backup}")
    return _section(f"listen {DATABASE}", lines)


def _fast(duration: str | int | float) -> str:
    return written(milliseconds(duration) / 4000)


def _one_writer(place: Place, sticky: bool) -> list[str]:
    """All endpoints remember together who the writer is, and leave it only when it fails."""
    if not sticky:
        return []
    shared = " peers endpoints" if place.peers else ""
    return [
        f"stick-table type string len 16 size 10 nopurge{shared}",
        "stick on str(writer)",
    ]
