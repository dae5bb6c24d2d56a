# SPDX-License-Identifier: Apache-2.0
"""The proof of a configuration before it is taken into use: HAProxy reads it, and a HAProxy of our own
with the same services on loopback carries a real request to each of them."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .durations import milliseconds
from .haproxy import Place, place_of, render
from .inventory import Inventory, Node
from .roles import DATABASE

PATIENCE = 2.0
"""Seconds on top of what the checks need."""
SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""PostgreSQL's first message that any server answers with one letter."""


class ProofFailed(RuntimeError):
    """The new configuration is not taken into use; the message says why."""


def program(name: str) -> str:
    """Where a program is, /usr/sbin included. Raises ProofFailed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise ProofFailed(f"{name} is not installed; install it with: apt-get install {name}")
    return found


def check_syntax(file: Path) -> None:
    """Have HAProxy read a file. Raises ProofFailed with its complaints."""
    done = subprocess.run(
        [program("haproxy"), "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        complaints = [line for line in done.stderr.splitlines() if "[ALERT]" in line] or [done.stderr]
        raise ProofFailed("HAProxy refuses the configuration: " + " ".join(complaints).strip())


def unanswered(inventory: Inventory, node: Node) -> dict[str, str]:
    """Service → what went wrong, for each that a trial proxy could not carry a request to.

    Raises ProofFailed when the trial proxy itself does not run.
    """
    with tempfile.TemporaryDirectory(prefix="samovar-trial-") as folder:
        place, ports = _trial_place(inventory, node, folder)
        file = Path(folder) / "haproxy.cfg"
        file.write_text(render(inventory, node, place))
        with _running(file, ports["monitor"]):
            deadline = time.monotonic() + PATIENCE + _seconds_to_be_up(inventory)
            return _ask_all(inventory, place, deadline)


def _trial_place(inventory: Inventory, node: Node, folder: str) -> tuple[Place, dict[str, int]]:
    real = place_of(inventory, node)
    ports = {name: _free_port() for name in ("monitor", "statistics")}
    binds = {
        service: tuple(_on_loopback(bind, _free_port()) for bind in whole)
        for service, whole in real.binds.items()
    }
    return dataclasses.replace(
        real,
        binds=binds,
        run_dir=folder,
        monitor=f"127.0.0.1:{ports['monitor']}",
        statistics=f"127.0.0.1:{ports['statistics']}",
        peers={},
        user="",
        group="",
        log="",
    ), ports


def _on_loopback(bind: str, port: int) -> str:
    return " ".join([f"127.0.0.1:{port}", *bind.split(" ")[1:]])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _seconds_to_be_up(inventory: Inventory) -> float:
    check, database = inventory.proxy.check, inventory.database
    apis = check.rise * milliseconds(check.inter) / 1000
    return max(apis, database.rise * milliseconds(database.inter) / 1000 if database.kind != "none" else 0)


@contextlib.contextmanager
def _running(file: Path, monitor: int) -> Iterator[None]:
    process = subprocess.Popen(
        [program("haproxy"), "-db", "-f", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _connects(monitor):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                complaint = process.communicate()[1].decode(errors="replace").strip()
                raise ProofFailed(f"A trial of the proxy did not run: {complaint or 'it does not answer.'}")
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.communicate()


def _connects(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _ask_all(inventory: Inventory, place: Place, deadline: float) -> dict[str, str]:
    missing: dict[str, str] = {}
    for service, binds in place.binds.items():
        for bind in binds:
            reason = _ask_until(inventory, service, bind, deadline)
            if reason:
                missing[service] = reason
    return missing


def _ask_until(inventory: Inventory, service: str, bind: str, deadline: float) -> str:
    while True:
        reason = _ask(inventory, service, bind)
        if not reason or time.monotonic() > deadline:
            return reason
        time.sleep(0.1)


def _ask(inventory: Inventory, service: str, bind: str) -> str:
    port = int(bind.split(" ")[0].rpartition(":")[2])
    try:
        if service == DATABASE:
            return _greeted(port, inventory.database.kind)
        check = inventory.choices(service).check or inventory.proxy.check
        return _answered(port, check.path, strict=check.kind == "http", tls=" ssl " in bind)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__


def _answered(port: int, path: str, *, strict: bool, tls: bool) -> str:
    connection: http.client.HTTPConnection
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False  # the proxy on loopback has the certificate of another name
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(500).decode(errors="replace").strip()
    finally:
        connection.close()
    if answer.status == 200 or (not strict and answer.status < 500):
        return ""
    return f"GET {path} through the proxy: {answer.status} {text}"


def _greeted(port: int, kind: str) -> str:
    """MariaDB speaks first; PostgreSQL answers the question for TLS with one letter."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        if kind == "postgresql":
            connection.sendall(SSL_REQUEST)
        return "" if connection.recv(1) else "the database closes the connection without a word"
