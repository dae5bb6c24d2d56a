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
        """Run the real `openstack` command."""
        program = Path(os.environ.get("SAMOVAR_CLIENTS") or ROOT / ".venv-clients" / "bin") / "openstack"
        return self._run([str(program), "--os-cloud", cloud, *arguments], status, 120)

    def openstack_json(self, *arguments: str, cloud: str = "samovar") -> object:
        """The same with ``-f json``, decoded."""
        return json.loads(self.openstack(*arguments, "-f", "json", cloud=cloud))

    def _run(self, command: list[str], status: int | None, timeout: float) -> str:
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if status is not None and done.returncode != status:
            log = self.state_dir / "logs" / "samovar.log"
            tail = "\n".join(log.read_text().splitlines()[-40:]) if log.exists() else ""
            pytest.fail(
                f"{' '.join(command)} exited with {done.returncode}, not {status}\n"
                f"{done.stdout}\n{done.stderr}\n--- the cloud's log\n{tail}"
            )
        return done.stdout + (done.stderr if status != 0 else "")


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
        left.pop("mounts", None) if left.get("mounts") == {"/run/netns"} else None
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)
