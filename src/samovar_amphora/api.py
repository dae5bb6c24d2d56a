# SPDX-License-Identifier: Apache-2.0
"""The agent's REST API on 9443: TLS, and only for who shows a certificate of the controllers' authority.

    GET  /                    the versions and what this is
    GET  /1/status            how everything is
    GET  /1/configuration     the configuration that runs, and its digest
    PUT  /1/configuration     run another one: {text, files, keep, base, commands, optional}
    PUT  /1/certificates/NAME a file of TLS: {pem}
    PUT  /1/network           addresses and ways: {interfaces}
    PUT  /1/keepalived        {text}; "" stops it
    PUT  /1/agent             {controllers, heartbeat_interval}
    PUT  /1/agent/certificate the agent's own certificate: {pem}
    POST /1/runtime           {commands}: HAProxy's answers
    GET  /1/statistics        counters and the state of every member

Errors are ``{"error": sentence}``. Bodies are never logged.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .haproxy import Refused
from .keepalived import KeepalivedMissing
from .network import NetworkFailure
from .runtime import RuntimeFailure

__all__ = ["Server", "tls_context"]

log = logging.getLogger("amphora")
HANDSHAKE_SECONDS, IDLE_SECONDS = 10.0, 75.0
LARGEST_BODY = 16 * 1024 * 1024
Route = Callable[[dict[str, Any], str], Any]


def tls_context(certificate: str, authority: str) -> ssl.SSLContext:
    """A context that lets in only who has a certificate of `authority`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate)
    return context


class Server(ThreadingHTTPServer):
    """`routes`: ("PUT", "certificates") → callable(body, rest of the path)."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, bind: str, port: int, context: ssl.SSLContext, routes: dict[tuple[str, str], Route]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self.context, self.routes = context, routes
        super().__init__((bind, port), Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(HANDSHAKE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection from %s ended badly", client_address, exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One connection: the handshake, then requests one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "samovar-amphora"
    sys_version = ""
    server: Server

    def handle(self) -> None:
        try:
            self.connection.do_handshake()
        except OSError as error:
            log.warning("refused a connection from %s: %s", self.client_address[0], error)
            return
        self.connection.settimeout(IDLE_SECONDS)
        super().handle()

    def do_GET(self) -> None:
        self._answer("GET")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        status, body = self._result(method)
        encoded = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        if status >= 500:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(encoded)
        log.info("%s %s %s", method, self.path.partition("?")[0][:200], status)

    def _result(self, method: str) -> tuple[int, Any]:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            return 400, {"error": "The length of the body is not a number."}
        if not 0 <= length <= LARGEST_BODY:
            self.close_connection = True
            return 413, {"error": f"A body may have {LARGEST_BODY} bytes."}
        raw = self.rfile.read(length)
        found = self._route(method)
        if found is None:
            return 404, {"error": f"There is no {method} {self.path[:200]}."}
        route, rest = found
        try:
            body = json.loads(raw) if raw else {}
            if not isinstance(body, dict):
                raise ValueError("the body is not an object")
            return 200, route(body, rest)
        except (KeyError, ValueError, TypeError) as error:
            return 400, {"error": f"The request cannot be understood: {error}"}
        except (Refused, RuntimeFailure, NetworkFailure, KeepalivedMissing) as error:
            return 409, {"error": str(error)}
        except Exception as error:
            log.exception("%s %s", method, self.path)
            return 500, {"error": f"The agent failed: {type(error).__name__}: {error}"}

    def _route(self, method: str) -> tuple[Route, str] | None:
        path = self.path.partition("?")[0].strip("/")
        whole = self.server.routes.get((method, path))
        if whole is not None:
            return whole, ""
        start, _, rest = path.rpartition("/")
        found = self.server.routes.get((method, f"{start}/*"))
        return None if found is None else (found, rest)

    def log_message(self, format: str, *args: Any) -> None:
        return
