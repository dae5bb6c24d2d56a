# SPDX-License-Identifier: Apache-2.0
"""Pools as backends: one for each listener that uses the pool, since timeouts belong to the listener."""

from __future__ import annotations

import ipaddress
import re

from ..tree import HealthMonitor, Listener, Member, Pool
from .frontends import HTTP
from .place import Place
from .tls import server_words
from .words import Refused, alone, formatted, identifier, number, token, word
from .words import place as address_place

ALGORITHMS = {"ROUND_ROBIN": "roundrobin", "LEAST_CONNECTIONS": "leastconn", "SOURCE_IP": "source"}
PROXY = {"PROXY": "send-proxy", "PROXYV2": "send-proxy-v2"}
MONITORS = frozenset({"HTTP", "HTTPS", "TCP", "TLS-HELLO", "PING"})
METHOD = re.compile(r"[A-Z]{1,16}")
CODES = re.compile(r"\d{3}(\s*,\s*\d{3})*|\d{3}-\d{3}", re.ASCII)
HOST = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)
LONGEST_SECONDS = 2_147_483
"""HAProxy counts the milliseconds of its times in 31 bits."""


def backend_name(pool: Pool, listener: Listener) -> str:
    """``<pool>:<listener>``: also what heartbeats call it."""
    return f"{identifier(pool.id)}:{identifier(listener.id)}"


def backend(pool: Pool, listener: Listener, place: Place, broken: dict[str, str]) -> list[str]:
    """The lines of a pool's backend. Raises Refused; a member that cannot be carried is left out and named
    in `broken`."""
    if pool.algorithm not in ALGORITHMS:
        raise Refused(f"HAProxy has no algorithm {pool.algorithm}.")
    http = listener.protocol in HTTP or (listener.protocol == "TCP" and pool.protocol == "HTTP")
    lines = [
        f"backend {backend_name(pool, listener)}",
        f"mode {'http' if http else 'tcp'}",
        f"balance {ALGORITHMS[pool.algorithm]}",
        *(["hash-type consistent"] if pool.algorithm == "SOURCE_IP" else []),
        *(["http-reuse safe"] if http else []),
        f"timeout connect {number(listener.timeout_member_connect)}",
        f"timeout server {number(listener.timeout_member_data)}",
        "option allbackups",
        *_persistence(pool, place, http=http),
    ]
    monitor = pool.monitor if pool.monitor is not None and pool.monitor.enabled else None
    if monitor is not None:
        lines += _monitor(monitor, place)
    common = [*_check(monitor), *_transport(pool, listener, place)]
    cookies = pool.persistence is not None and pool.persistence.type == "HTTP_COOKIE"
    for member in pool.members:
        try:
            lines.append(_server(member, common, place, checked=monitor is not None, cookies=cookies))
        except Refused as error:
            broken[member.id] = f"Member {member.name or member.id}: {error}"
    return lines


def uses_ping(pool: Pool) -> bool:
    return pool.monitor is not None and pool.monitor.enabled and pool.monitor.type == "PING"


def _persistence(pool: Pool, place: Place, *, http: bool) -> list[str]:
    kept = pool.persistence
    if kept is None:
        return []
    replicated = " peers peers" if place.peers else ""
    if kept.type == "SOURCE_IP":
        return [f"stick-table type ipv6 size {word(place.stick_size)}{replicated}", "stick on src"]
    if not http:
        raise Refused(f"Session persistence by {kept.type} needs HTTP.")
    if kept.type == "HTTP_COOKIE":
        return ["cookie SRV insert indirect nocache"]
    if kept.type != "APP_COOKIE":
        raise Refused(f"{kept.type!r} is not a kind of session persistence.")
    name = token(kept.cookie_name or "", "the name of a cookie")
    return [
        f"stick-table type string len 64 size {word(place.stick_size)}{replicated}",
        f"stick store-response {word(f'res.cook({name})')}",
        f"stick match {word(f'req.cook({name})')}",
    ]


def _monitor(monitor: HealthMonitor, place: Place) -> list[str]:
    if monitor.type not in MONITORS:
        raise Refused(f"HAProxy has no health monitor {monitor.type}.")
    lines = [f"timeout check {number(min(monitor.timeout, LONGEST_SECONDS))}s"]
    if monitor.type == "PING":
        return [*lines, "option external-check", f"external-check command {word(place.ping)}"]
    if monitor.type not in ("HTTP", "HTTPS"):
        return lines
    method = monitor.http_method or "GET"
    if not METHOD.fullmatch(method):
        raise Refused(f"{method!r} is not a method of HTTP.")
    path = monitor.url_path or "/"
    if not path.startswith("/") or any(character.isspace() for character in path) or not path.isascii():
        raise Refused(f"{path!r} is not the path of a URL.")
    send = f"http-check send meth {method} uri {word(path)}"
    if monitor.http_version is not None:
        if monitor.http_version not in ("1.0", "1.1"):
            raise Refused(f"HTTP {monitor.http_version!r} cannot be used for checks.")
        send += f" ver HTTP/{monitor.http_version}"
    if monitor.domain_name:
        if not HOST.fullmatch(monitor.domain_name):
            raise Refused(f"{monitor.domain_name!r} is not a domain name.")
        send += f" hdr Host {formatted(monitor.domain_name)}"
    codes = monitor.expected_codes or "200"
    if not CODES.fullmatch(codes):
        raise Refused(f"{codes!r} is not a list or range of status codes.")
    expected = ",".join(part.strip() for part in codes.split(","))
    return [*lines, "option httpchk", send, f"http-check expect status {expected}"]


def _check(monitor: HealthMonitor | None) -> list[str]:
    if monitor is None:
        return []
    every = min(max(monitor.delay, 1), LONGEST_SECONDS)
    words = [
        "check",
        f"inter {number(every)}s",
        f"fall {number(monitor.fall)}",
        f"rise {number(monitor.rise)}",
    ]
    if monitor.type in ("HTTPS", "TLS-HELLO"):
        words += ["check-ssl", "verify none"]
    return words


def _transport(pool: Pool, listener: Listener, place: Place) -> list[str]:
    words = []
    if pool.protocol in PROXY:
        ending = "-ssl-cn" if pool.protocol == "PROXYV2" and listener.tls is not None else ""
        words.append(PROXY[pool.protocol] + ending)
    if pool.tls is not None:
        words += server_words(pool.tls, place, from_tls=listener.tls is not None)
    return words


def _server(member: Member, common: list[str], place: Place, *, checked: bool, cookies: bool) -> str:
    where = address_place(member.address, member.port)
    words = [f"server {identifier(member.id)} {where}", f"weight {number(member.weight)}"]
    if checked and member.monitor_address:
        words.append(f"addr {alone(member.monitor_address)}")
    if checked and member.monitor_port:
        words.append(f"port {number(member.monitor_port)}")
    version = ipaddress.ip_address(member.address).version
    source = place.subnet_sources.get(member.subnet_id or "")
    if source is None or ipaddress.ip_address(source).version != version:
        source = place.sources.get(version)
    if source:
        words.append(f"source {alone(source)}")
    words += [f"cookie {identifier(member.id)}"] if cookies else []
    words += ["backup"] if member.backup else []
    words += common
    words += [] if member.enabled else ["disabled"]
    return " ".join(words)
