# SPDX-License-Identifier: Apache-2.0
"""What PROMETHEUS listeners answer: HAProxy's metrics under the names of load balancing, and the datagrams'.

    scraper ─ VIP ─ HAProxy ─ metrics.sock ─ here ─ exporter.sock ─ HAProxy's exporter

haproxy_process_* becomes octavia_loadbalancer_*, a frontend a listener, a backend a pool, a server a member;
labels are ids. Source: Octavia's guide to monitoring.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterable

from .datagrams import Datagrams
from .files import remove
from .log import log
from .rules import CannotCarry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Metrics", "renamed"]

TIMEOUT = 5.0
INTERNAL = "prometheus"
OF_MEMORY = ("pool_allocated_bytes", "pool_used_bytes", "pool_failures_total")
OF_PROCESS = re.compile(
    r"(max|current|limit)_(connections|connection_rate|session_rate|ssl_connections|ssl_rate)"
    r"|(connections|requests|ssl_connections|ssl_cache_lookups|ssl_cache_misses|dropped_logs)_total"
    r"|(current|max)_(frontend|backend)_ssl_key_rate|frontend_ssl_reuse"
    r"|http_comp_bytes_(in|out)_total|limit_http_comp|listeners"
)
KINDS = {
    "frontend": ("listener", (("proxy=", "listener="),)),
    "backend": ("pool", (("proxy=", "pool="),)),
    "server": ("member", (("proxy=", "pool="), ("server=", "member="))),
}
NAME = re.compile(r"haproxy_(process|frontend|backend|server)_([a-z0-9_]+)")
WORDS = {"frontend": "listener", "backend": "pool", "server": "member", "haproxy": "the load balancer"}
OF_DATAGRAMS = {
    "sessions_total": ("total_connections", "counter", "Total number of flows."),
    "current_sessions": ("active_connections", "gauge", "Number of flows just now."),
    "bytes_in_total": ("bytes_in", "counter", "Total number of bytes received from clients."),
    "bytes_out_total": ("bytes_out", "counter", "Total number of bytes sent to clients."),
}


def renamed(lines: Iterable[str]) -> list[str]:
    """HAProxy's lines under our names; what is only HAProxy's own affair is left out."""
    found = []
    for line in lines:
        match = NAME.search(line)
        if match is None or f'proxy="{INTERNAL}' in line:
            continue
        kind, name = match.groups()
        if kind == "process":
            if name in OF_MEMORY:
                fresh = f"octavia_memory_{name}"
            elif OF_PROCESS.fullmatch(name):
                fresh = f"octavia_loadbalancer_{name}"
            else:
                continue
            labels: tuple[tuple[str, str], ...] = ()
        else:
            word, labels = KINDS[kind]
            fresh = f"octavia_{word}_{name}"
        line = line[: match.start()] + fresh + line[match.end() :]
        if line.startswith("# HELP"):
            start, _, words = line.partition(fresh)
            line = start + fresh + _translated(words)
        for before, after in labels:
            line = line.replace(before, after, 1)
        found.append(line)
    return found


def _translated(words: str) -> str:
    return re.sub(
        r"\b(frontend|backend|server|haproxy)(s?)\b",
        lambda match: WORDS[match[1].lower()] + match[2],
        words,
        flags=re.IGNORECASE,
    )


class Metrics:
    """Answers on `directory`/metrics.sock, to HAProxy alone."""

    def __init__(self, directory: str, datagrams: Datagrams) -> None:
        self._path = f"{directory}/metrics.sock"
        self._exporter = f"{directory}/exporter.sock"
        self._datagrams = datagrams

    def begin(self) -> None:
        remove(self._path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(self._path)
        os.chmod(self._path, 0o666)  # HAProxy has given up root; nobody else is in here
        listening.listen(8)
        threading.Thread(target=self._serve, args=(listening,), daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            with connection:
                try:
                    connection.settimeout(TIMEOUT)
                    connection.recv(65536)
                    body = self.text().encode()
                    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                except (OSError, CannotCarry) as error:
                    log.warning("metrics: %s", error)
                    body, head = b"", "HTTP/1.1 503 Service Unavailable\r\n"
                try:
                    head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                    connection.sendall(head.encode() + body)
                except OSError:
                    continue

    def text(self) -> str:
        """All metrics. Raises OSError when HAProxy does not tell its own."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as exporter:
            exporter.settimeout(TIMEOUT)
            exporter.connect(self._exporter)
            exporter.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            raw = b"".join(iter(lambda: exporter.recv(65536), b""))
        lines = renamed(raw.partition(b"\r\n\r\n")[2].decode(errors="replace").splitlines())
        told, _ = self._datagrams.report()
        return "\n".join([*_with_datagrams(lines, told), ""])


def _with_datagrams(lines: list[str], told: dict[str, Any]) -> Iterable[str]:
    """The samples of a metric stand together, so ours follow HAProxy's of the same name."""
    if not told:
        return lines
    out = list(lines)
    for name, (key, kind, words) in OF_DATAGRAMS.items():
        metric = f"octavia_listener_{name}"
        samples = [f'{metric}{{listener="{one}"}} {report["stats"][key]}' for one, report in told.items()]
        at = [
            number for number, line in enumerate(out) if line.startswith((f"{metric}{{", f"# TYPE {metric} "))
        ]
        if at:
            out[at[-1] + 1 : at[-1] + 1] = samples
        else:
            out += [f"# HELP {metric} {words}", f"# TYPE {metric} {kind}", *samples]
    return out
