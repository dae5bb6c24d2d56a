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
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
        folder = self.folder / "openstack"
        folder.mkdir(exist_ok=True)
        order = {
            "arguments": ["--os-cloud", cloud, *arguments],
            "environment": {**os.environ, **self.environment},
            "stdout": str(folder / "stdout"),
            "stderr": str(folder / "stderr"),
        }
        code = _clients().run(order)
        said = subprocess.CompletedProcess(
            ["openstack", *arguments], code, (folder / "stdout").read_text(), (folder / "stderr").read_text()
        )
        return self._checked(said, status)

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
    external = f"172.{random.randint(25, 30)}.{random.randint(0, 255)}.0/24"
    environment = {
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "OS_CLIENT_CONFIG_FILE": str(folder / "config" / "clouds.yaml"),
    }
    return RunningCloud(folder, free_port(), external, environment)


@contextlib.contextmanager
def started(cloud: RunningCloud) -> Iterator[RunningCloud]:
    """Start the cloud; afterwards take it down and insist that nothing is left."""
    before = machine()
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.samovar("down", "--purge")
    assert left_behind(before) == {}


def machine() -> dict[str, set[str]]:
    """What a cloud could leave on the machine: namespaces, links, mounts, cgroups."""
    return {
        "namespaces": {entry.name for entry in Path("/run/netns").glob("sv-*")},
        "links": {entry.name for entry in Path("/sys/class/net").iterdir()},
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
        "cgroups": {str(entry) for entry in Path("/sys/fs/cgroup").glob("**/*samovar*") if entry.is_dir()},
    }


def left_behind(before: dict[str, set[str]], seconds: float = 5.0) -> dict[str, set[str]]:
    """What is there now and was not before; the kernel gets a moment to let go of namespaces."""
    deadline = time.monotonic() + seconds
    while True:
        now = machine()
        left = {kind: now[kind] - before[kind] for kind in now if now[kind] - before[kind]}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)
