# SPDX-License-Identifier: Apache-2.0
"""Listeners as frontends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..tree import Listener, Tree
from .conditions import policies
from .place import Place
from .tls import bind_words
from .words import Refused, identifier, number, prefix
from .words import place as address_place

HTTP = frozenset({"HTTP", "TERMINATED_HTTPS", "PROMETHEUS"})
CARRIED = HTTP | {"TCP", "HTTPS"}
PREFIXES_PER_LINE = 32
CERTIFICATE_HEADERS = {
    "X-SSL-Client-Verify": "%[ssl_c_verify]",
    "X-SSL-Client-Has-Cert": "%[ssl_c_used]",
    "X-SSL-Client-DN": "%{+Q}[ssl_c_s_dn]",
    "X-SSL-Client-CN": "%{+Q}[ssl_c_s_dn(cn)]",
    "X-SSL-Issuer": "%{+Q}[ssl_c_i_dn]",
    "X-SSL-Client-SHA1": "%{+Q}[ssl_c_sha1,hex]",
    "X-SSL-Client-Not-Before": "%{+Q}[ssl_c_notbefore]",
    "X-SSL-Client-Not-After": "%{+Q}[ssl_c_notafter]",
}


def connection_limit(listener: Listener, place: Place) -> int:
    """How many connections the listener takes at once."""
    limit = listener.connection_limit
    return place.default_connection_limit if limit < 0 else limit


def frontend(
    tree: Tree, listener: Listener, place: Place, backends: Mapping[str, str], broken: dict[str, str]
) -> list[str]:
    """The lines of a listener's frontend. Raises Refused when it cannot be carried."""
    if listener.protocol not in CARRIED:
        raise Refused(f"HAProxy does not carry {listener.protocol}.")
    http = listener.protocol in HTTP
    lines = [
        f"frontend {identifier(listener.id)}",
        f"mode {'http' if http else 'tcp'}",
        f"maxconn {number(connection_limit(listener, place))}",
        f"timeout client {number(listener.timeout_client_data)}",
    ]
    ending = bind_words(listener, listener.tls, place) if listener.tls is not None else []
    for vip in tree.vips:
        words = [address_place(vip.address, listener.port), *(["transparent"] if place.nonlocal_bind else [])]
        lines.append(f"bind {' '.join([*words, *ending])}")
    lines += _allowed(listener.allowed_cidrs)
    if listener.timeout_tcp_inspect:
        lines.append(f"tcp-request inspect-delay {number(listener.timeout_tcp_inspect)}")
    if listener.protocol == "PROMETHEUS":
        return [
            *lines,
            "http-request return status 200 content-type text/plain string /metrics if { path / }",
            "http-request deny deny_status 404 unless { path /metrics }",
            "default_backend prometheus",
        ]
    if http:
        chosen = policies(listener, backends, broken)
        lines += [line for line in chosen if not line.startswith("use_backend")]
        lines += [*_headers(listener), *_transport_security(listener)]
        lines += [line for line in chosen if line.startswith("use_backend")]
    default = backends.get(listener.default_pool_id or "")
    return [*lines, f"default_backend {default}"] if default is not None else lines


def _allowed(cidrs: Sequence[str]) -> list[str]:
    if not cidrs:
        return []
    known = [prefix(cidr) for cidr in cidrs]
    parts = [known[at : at + PREFIXES_PER_LINE] for at in range(0, len(known), PREFIXES_PER_LINE)]
    return [
        *(f"acl allowed src {' '.join(part)}" for part in parts),
        "tcp-request connection reject unless allowed",
    ]


def _headers(listener: Listener) -> list[str]:
    """The headers that the listener's user asked to be told by."""
    wanted = {name for name, value in listener.insert_headers.items() if value.lower() == "true"}
    lines = []
    if "X-Forwarded-For" in wanted:
        lines.append("option forwardfor")
    if "X-Forwarded-Port" in wanted:
        lines.append("http-request set-header X-Forwarded-Port %[dst_port]")
    if "X-Forwarded-Proto" in wanted:
        lines.append(f"http-request set-header X-Forwarded-Proto {'https' if listener.tls else 'http'}")
    if listener.tls is not None:
        lines += [
            f"http-request set-header {name} {value}"
            for name, value in CERTIFICATE_HEADERS.items()
            if name in wanted
        ]
    return lines


def _transport_security(listener: Listener) -> list[str]:
    tls = listener.tls
    if tls is None or tls.hsts_max_age is None:
        return []
    value = f"max-age={number(tls.hsts_max_age)};"
    value += " includeSubDomains;" if tls.hsts_include_subdomains else ""
    value += " preload;" if tls.hsts_preload else ""
    return [f"http-response set-header Strict-Transport-Security '{value}'"]
