# SPDX-License-Identifier: Apache-2.0
"""The agent's REST API on 9443: TLS, and only for who shows a certificate of the controllers' authority.

    GET  /                    the versions and what this is
    GET  /1/status            how everything is
    GET  /1/configuration     the configuration that runs, and its digest
    PUT  /1/configuration     run another one: {text, files, keep, base, commands, optional}
    PUT  /1/certificates/NAME a file of TLS: {pem}
    PUT  /1/datagrams         listeners that are not HAProxy's: {listeners}
    PUT  /1/network           addresses and ways: {interfaces}
    PUT  /1/keepalived        {text}; "" stops it
    PUT  /1/agent             {controllers, heartbeat_interval}
    PUT  /1/agent/certificate the agent's own certificate: {pem}
    PUT  /1/agent/authority   who controllers are believed by: {pem}
    POST /1/runtime           {commands}: HAProxy's answers
    GET  /1/statistics        counters and the state of every member

Errors are ``{"error": sentence}``. Bodies are never logged. As much of HTTP/1.1 (RFC 9112) as a controller
speaks: bodies have a Content-Length; connections stay open. The library's own server costs twice the memory.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable

from .haproxy import Refused
from .keepalived import KeepalivedMissing
from .log import log
from .network import NetworkFailure
from .rules import CannotCarry
from .runtime import RuntimeFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Route = Callable[[dict[str, Any], str], Any]

__all__ = ["Server", "tls_context"]

HANDSHAKE_SECONDS, IDLE_SECONDS = 10.0, 75.0
LARGEST_BODY, LARGEST_HEAD = 16 * 1024 * 1024, 64 * 1024
MOST_CONNECTIONS = 64
WORDS = {200: "OK", 400: "Bad Request", 404: "Not Found", 409: "Conflict", 411: "Length Required"}


def tls_context(certificate: str, authority: str) -> ssl.SSLContext:
    """A context that lets in only who has a certificate of `authority`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate)
    return context


class Server:
    """`routes`: ("PUT", "1/certificates/*") → callable(body, rest of the path)."""

    def __init__(
        self, bind: str, port: int, context: ssl.SSLContext, routes: dict[tuple[str, str], Route]
    ) -> None:
        self.context, self.routes = context, routes
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._socket = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((bind, port))
        self._socket.listen(64)

    def serve_forever(self) -> None:
        """Until `shutdown`."""
        while True:
            try:
                connection, address = self._socket.accept()
            except OSError:
                return
            if self._places.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(connection, address[0]), daemon=True).start()
            else:
                connection.close()

    def shutdown(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self, plain: socket.socket, peer: str) -> None:
        try:
            plain.settimeout(HANDSHAKE_SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                connection = self.context.wrap_socket(plain, server_side=True)
            except OSError as error:
                if not isinstance(error, ssl.SSLEOFError):  # somebody who only asks whether we listen
                    log.warning("refused a connection from %s: %s", peer, error)
                plain.close()
                return
            with connection, connection.makefile("rb") as reader:
                connection.settimeout(IDLE_SECONDS)
                while self._exchange(connection, reader):
                    pass
        except (OSError, ValueError) as error:
            log.debug("a connection from %s ended badly: %s", peer, error)
        finally:
            self._places.release()

    def _exchange(self, connection: ssl.SSLSocket, reader: Any) -> bool:
        """One request and its answer; whether another may follow."""
        first = reader.readline(LARGEST_HEAD).decode("latin-1").split()
        if len(first) != 3:
            return False
        method, target, version = first
        headers: dict[str, str] = {}
        size = 0
        while (line := reader.readline(LARGEST_HEAD).decode("latin-1")).strip():
            size += len(line)
            if size > LARGEST_HEAD:
                return False
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        status, body, goes_on = self._result(method, target, headers, reader)
        goes_on = goes_on and version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        encoded = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} {WORDS.get(status, 'Error')}\r\nContent-Type: application/json\r\n"
        head += (
            f"Content-Length: {len(encoded)}\r\nConnection: {'keep-alive' if goes_on else 'close'}\r\n\r\n"
        )
        connection.sendall(head.encode() + encoded)
        log.info("%s %s %s", method, target.partition("?")[0][:200], status)
        return goes_on

    def _result(
        self, method: str, target: str, headers: dict[str, str], reader: Any
    ) -> tuple[int, Any, bool]:
        given = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not given.isdigit():
            return 411, {"error": "A body needs a Content-Length."}, False
        length = int(given)
        if length > LARGEST_BODY:
            return 413, {"error": f"A body may have {LARGEST_BODY} bytes."}, False
        raw = reader.read(length)
        found = self._route(method, target)
        if found is None:
            return 404, {"error": f"There is no {method} {target[:200]}."}, True
        route, rest = found
        try:
            body = json.loads(raw) if raw else {}
            if not isinstance(body, dict):
                raise ValueError("the body is not an object")
            return 200, route(body, rest), True
        except (KeyError, ValueError, TypeError) as error:
            return 400, {"error": f"The request cannot be understood: {error}"}, True
        except (Refused, RuntimeFailure, NetworkFailure, KeepalivedMissing, CannotCarry) as error:
            return 409, {"error": str(error)}, True
        except Exception as error:
            log.exception("%s %s", method, target)
            return 500, {"error": f"The agent failed: {type(error).__name__}: {error}"}, False

    def _route(self, method: str, target: str) -> tuple[Route, str] | None:
        path = target.partition("?")[0].strip("/")
        whole = self.routes.get((method, path))
        if whole is not None:
            return whole, ""
        start, _, rest = path.rpartition("/")
        found = self.routes.get((method, f"{start}/*"))
        return None if found is None else (found, rest)
