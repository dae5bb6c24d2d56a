# SPDX-License-Identifier: Apache-2.0
"""The programs of an endpoint: HAProxy as master and workers, keepalived; started, reloaded, looked at.

Where systemd runs and has our units, it starts them; else they are started here. HAProxy is reloaded
through its master's socket: a new worker takes over the listening sockets, the old one finishes its
connections.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from .inventory import Inventory
from .proof import ProofFailed, program
from .units import ADDRESS_UNIT, PROXY_UNIT

PATIENCE = 10.0
UNITS = Path("/etc/systemd/system")


def proxy_runs(inventory: Inventory) -> bool:
    """Whether the HAProxy of this inventory's run directory answers."""
    return bool(_workers(inventory))


def start_proxy(inventory: Inventory, file: Path) -> None:
    """Start HAProxy on this file. Raises ProofFailed."""
    run_dir = Path(inventory.proxy.run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    if _managed(PROXY_UNIT):
        _do(["systemctl", "start", PROXY_UNIT])
    else:
        command = [program("haproxy"), "-W", "-D", "-S", str(run_dir / "master.sock")]
        _do([*command, "-p", str(run_dir / "haproxy.pid"), "-f", str(file)])
    deadline = time.monotonic() + PATIENCE
    while not _workers(inventory):
        if time.monotonic() > deadline:
            raise ProofFailed("HAProxy was started and does not answer on its master's socket.")
        time.sleep(0.02)


def reload_proxy(inventory: Inventory) -> None:
    """Have the running HAProxy read its file again without losing a connection. Raises ProofFailed."""
    before = _workers(inventory)
    _ask_master(inventory, "reload")
    deadline = time.monotonic() + PATIENCE
    while not _workers(inventory) - before:
        if time.monotonic() > deadline:
            raise ProofFailed(
                "HAProxy went on with its old configuration: the new worker did not start. Its log says why; "
                "most often an address is taken, or net.ipv4.ip_nonlocal_bind is 0."
            )
        time.sleep(0.02)


def _workers(inventory: Inventory) -> set[int]:
    """The process ids of the workers that read the newest configuration."""
    try:
        answer = _ask_master(inventory, "show proc")
    except OSError:
        return set()
    current = answer.partition("# old workers")[0].partition("# workers")[2]
    rows = re.findall(r"^(\d+)\s+worker\s+(\d+)", current, re.MULTILINE)
    return {int(pid) for pid, reloads in rows if reloads == "0"}


def _ask_master(inventory: Inventory, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(f"{inventory.proxy.run_dir}/master.sock")
        connection.sendall(f"{command}\n".encode())
        connection.shutdown(socket.SHUT_WR)
        chunks = []
        with contextlib.suppress(ConnectionError):  # a reload replaces the master while it answers
            while chunk := connection.recv(65536):
                chunks.append(chunk)
    return b"".join(chunks).decode(errors="replace")


def check_addresses(file: Path) -> None:
    """Have keepalived read a file. Raises ProofFailed with its complaints."""
    program("curl")  # what it asks the proxy with
    done = subprocess.run(
        [program("keepalived"), f"--config-test={file.parent / 'keepalived.complaints'}", "-f", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = file.parent / "keepalived.complaints"
    text = complaints.read_text().strip() if complaints.exists() else done.stderr.strip()
    complaints.unlink(missing_ok=True)
    if done.returncode != 0:
        raise ProofFailed(f"keepalived refuses the configuration: {text}")


def addresses_move(inventory: Inventory) -> bool:
    """Whether the keepalived of this inventory's run directory runs."""
    return _alive(Path(inventory.proxy.run_dir) / "keepalived.pid") is not None


def move_addresses(inventory: Inventory, file: Path) -> str:
    """Start keepalived on this file, or have the one that runs read it again; says which."""
    run_dir = Path(inventory.proxy.run_dir)
    pid = _alive(run_dir / "keepalived.pid")
    if pid is not None:
        os.kill(pid, signal.SIGHUP)
        return "reloaded"
    if _managed(ADDRESS_UNIT):
        _do(["systemctl", "start", ADDRESS_UNIT])
    else:
        pids = ["-p", str(run_dir / "keepalived.pid"), "-r", str(run_dir / "vrrp.pid")]
        _do([program("keepalived"), "-f", str(file), *pids])
    return "started"


def allow_addresses_from_elsewhere() -> None:
    """Let programs listen on addresses that this machine does not have yet. Raises ProofFailed."""
    for version in ("ipv4", "ipv6"):
        knob = Path(f"/proc/sys/net/{version}/ip_nonlocal_bind")
        if not knob.exists() or knob.read_text().strip() == "1":
            continue
        try:
            knob.write_text("1\n")
        except OSError as error:
            raise ProofFailed(f"net.{version}.ip_nonlocal_bind cannot be set: {error.strerror}.") from error


def _alive(file: Path) -> int | None:
    try:
        pid = int(file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"keepalived" in command else None


def _managed(unit: str) -> bool:
    return Path("/run/systemd/system").is_dir() and (UNITS / unit).exists()


def _do(command: list[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip()
        raise ProofFailed(f"{' '.join(command)} failed: {complaint}")
