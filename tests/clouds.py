# SPDX-License-Identifier: Apache-2.0
"""A cloud of the tests' own: started by the command that a person types, stopped by the other one."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMESPACES = Path("/run/netns")
# External addresses of clouds of tests that run side by side.
RANGES = {"gw0": (25, 26), "gw1": (27, 28), "gw2": (29, 30)}


@dataclass
class RunningCloud:
    """One state directory, its port, and the clients' way to it."""

    folder: Path
    port: int
    external: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    def names(self, kind: str = "") -> set[str]:
        """The namespaces that this cloud has made and not removed; `kind` is srv, net, rtr or ext."""
        return {entry.name for entry in (self.state_dir / "namespaces").glob(f"sv-{kind}*")}

    def samovar(self, *arguments: str, status: int | None = 0, timeout: float = 120) -> str:
        """Run a command of ours on this cloud; return what it printed."""
        command = [sys.executable, "-m", "samovar.cli.main", *arguments, "--state-dir", str(self.state_dir)]
        return self._run(command, status, timeout)

    def up(self, *arguments: str, status: int | None = 0, timeout: float = 120) -> str:
        """`samovar up` on this cloud's port and addresses."""
        where = ("--port", str(self.port), "--external-cidr", self.external)
        return self.samovar("up", *arguments, *where, status=status, timeout=timeout)

    def openstack(self, *arguments: str, cloud: str = "samovar", status: int | None = 0) -> str:
        """Run the real `openstack` command; return what it printed."""
        done = run_openstack(
            ["--os-cloud", cloud, *arguments], {**os.environ, **self.environment}, self.folder / "openstack"
        )
        return self._checked(done, status)

    def openstack_json(self, *arguments: str, cloud: str = "samovar") -> object:
        """The same with ``-f json``, decoded."""
        return json.loads(self.openstack(*arguments, "-f", "json", cloud=cloud))

    def _run(self, command: list[str], status: int | None, timeout: float) -> str:
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        return self._checked(done, status)

    def _checked(self, done: subprocess.CompletedProcess[str], status: int | None) -> str:
        if status is not None and done.returncode != status:
            log = self.state_dir / "logs" / "samovar.log"
            tail = "\n".join(log.read_text().splitlines()[-40:]) if log.exists() else ""
            pytest.fail(
                f"{' '.join(done.args)} exited with {done.returncode}, not {status}\n"
                f"{done.stdout}\n{done.stderr}\n--- the cloud's log\n{tail}"
            )
        return done.stdout + (done.stderr if status != 0 else "")


class Clients:
    """The program of openstack_server.py: `openstack`, imported once for all the tests."""

    def __init__(self) -> None:
        folder = Path(os.environ.get("SAMOVAR_CLIENTS") or ROOT / ".venv-clients" / "bin")
        self._process = subprocess.Popen(
            [str(folder / "python"), str(Path(__file__).parent / "openstack_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
        assert self._answer() == "ready"

    def run(self, order: dict[str, object]) -> int:
        """The exit status of one command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End the program."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def run_openstack(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run the real `openstack` command with this environment; its output passes through `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "stdout", folder / "stderr"
    code = _clients().run(
        {"arguments": arguments, "environment": environment, "stdout": str(out), "stderr": str(err)}
    )
    return subprocess.CompletedProcess(["openstack", *arguments], code, out.read_text(), err.read_text())


_running: list[Clients] = []


def _clients() -> Clients:
    if not _running:
        _running.append(Clients())
    return _running[0]


def close_clients() -> None:
    """End what `_clients` has started."""
    while _running:
        _running.pop().close()


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_cloud(folder: Path) -> RunningCloud:
    """A cloud that is not started yet, with a port and addresses that no other one has."""
    folder.mkdir(parents=True, exist_ok=True)
    first, last = RANGES.get(os.environ.get("PYTEST_XDIST_WORKER", ""), (25, 30))
    external = f"172.{random.randint(first, last)}.{random.randint(0, 255)}.0/24"
    environment = {
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "OS_CLIENT_CONFIG_FILE": str(folder / "config" / "clouds.yaml"),
    }
    return RunningCloud(folder, free_port(), external, environment)


@contextlib.contextmanager
def started(cloud: RunningCloud, *options: str) -> Iterator[RunningCloud]:
    """Start the cloud; afterwards take it down and insist that nothing is left."""
    try:
        cloud.up(*options)
        yield cloud
    finally:
        names = cloud.names()
        cloud.samovar("down", "--purge")
    left = left_behind(cloud, names)
    assert left == [], left


def left_behind(cloud: RunningCloud, names: set[str], seconds: float = 5.0) -> list[str]:
    """What is still on the machine of a cloud that is down; `names` are the namespaces that it had.

    The kernel gets a moment to let go of namespaces.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = _left(cloud, names)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _left(cloud: RunningCloud, names: set[str]) -> list[str]:
    left = [f"namespace {name}" for name in names if (NAMESPACES / name).exists()]
    links = {name.replace("sv-ext-", "sv") for name in names if name.startswith("sv-ext-")}
    left += [f"link {link}" for link in links if Path("/sys/class/net", link).exists()]
    place = str(cloud.state_dir)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if place in line or any(name in line for name in names):
            left.append(f"mount {line}")
    servers = {name.removeprefix("sv-srv-") for name in names if name.startswith("sv-srv-")}
    left += [
        f"cgroup {path}" for path in Path("/sys/fs/cgroup").glob("**/samovar/*/*") if path.name in servers
    ]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if place in command and int(folder.name) != os.getpid():
                left.append(f"process {folder.name}: {command}")
    return left


def get(url, seconds=10):
    """The body at `url`; a server's script may still be starting."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(url, timeout=2).read().decode().strip()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
