# SPDX-License-Identifier: Apache-2.0
"""An agent on loopback, with a real HAProxy, and members that say their names."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from samovar.loadbalancer.authorities import Store

SOURCE = Path(__file__).resolve().parents[2] / "src"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What `condition` says as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


class Amphora:
    """An agent process and a client that may speak to it."""

    def __init__(self, home: Path, store: Store) -> None:
        self.id, self.home, self.store = "5b1f0d6e-2f0c-4c55-9d0a-3f7a2c1e9b10", home, store
        self.port, self.udp = free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(10)
        self.key = store.heartbeat_key(self.id)
        (home / "server.pem").write_text(store.server_ca.issue_server(self.id, datetime.timedelta(days=30)))
        (home / "client-ca.pem").write_text(store.client_ca_pem())
        settings = {
            "amphora_id": self.id,
            "heartbeat_key": self.key,
            "controllers": [f"127.0.0.1:{self.udp.getsockname()[1]}"],
            "heartbeat_interval": 0.1,
            "bind": "127.0.0.1",
            "port": self.port,
            "directory": str(home / "state"),
            "server_pem": str(home / "server.pem"),
            "client_ca": str(home / "client-ca.pem"),
            "a_key_of_the_future": 1,
        }
        (home / "agent.json").write_text(json.dumps(settings))
        self.process: subprocess.Popen[bytes] | None = None
        self.log = home / "agent.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "samovar_amphora", str(self.home / "agent.json")],
                env={**os.environ, "PYTHONPATH": str(SOURCE)},
                stderr=log,
            )
        until(self._answers)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self.udp.close()

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/")[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: Any = None, *, context: ssl.SSLContext | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=context or self.context(), timeout=20
        )
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def context(self) -> ssl.SSLContext:
        context = self.store.tls_context()
        context.check_hostname = False  # the name is the amphora's id, and here it is asked for by address
        return context

    def configure(self, text: str, **further: Any) -> tuple[int, Any]:
        return self.ask("PUT", "/1/configuration", {"text": text, **further})


@pytest.fixture
def amphora(tmp_path: Path) -> Iterator[Amphora]:
    one = Amphora(tmp_path, Store(tmp_path / "controller"))
    one.start()
    yield one
    one.stop()


@contextmanager
def web_server(name: str) -> Iterator[int]:
    """A member that answers with its name; its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = name.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # a balancer that goes away mid-sentence is nothing to speak of

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def members() -> Iterator[tuple[int, int]]:
    with web_server("one") as first, web_server("two") as second:
        yield first, second
