# SPDX-License-Identifier: Apache-2.0
"""Processes of the program that can be harmed, and a supervisor that starts again what has died."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from clouds import RunningCloud, free_port, new_cloud, started

REST = (
    "identity", "image", "network", "compute", "key-manager", "orchestration-api", "cloudformation-api",
)  # fmt: skip


class Victim:
    """A process that comes back."""

    name = "the whole cloud"
    _frozen: int | None = None

    def pid(self) -> int:
        raise NotImplementedError

    def revive(self) -> None:
        """Start it again if it has died."""
        raise NotImplementedError

    def end(self, *, hard: bool) -> None:
        """Kill it or ask it to stop; it is started again when it has gone."""
        pid = self.pid()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if hard else signal.SIGTERM)
        deadline = time.monotonic() + 60
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.revive()

    def freeze(self) -> None:
        self._frozen = self.pid()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._frozen, signal.SIGSTOP)

    def wake(self) -> None:
        if self._frozen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._frozen, signal.SIGCONT)


class WholeCloud(Victim):
    """`samovar up`: everything in one process."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud

    def pid(self) -> int:
        found: int = json.loads((self.cloud.state_dir / "run" / "samovar.json").read_text())["pid"]
        return found

    def revive(self) -> None:
        self.cloud.up()


class Child(Victim):
    """`samovar serve …` in the foreground."""

    def __init__(self, cloud: RunningCloud, name: str, *arguments: str) -> None:
        self.cloud, self.name, self._arguments = cloud, name, arguments
        self._process: subprocess.Popen[bytes] | None = None

    def revive(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        log = (self.cloud.state_dir / f"{self.name}.log").open("ab")
        command = [sys.executable, "-m", "samovar.cli.main", "serve", *self._arguments]
        command += ["--state-dir", str(self.cloud.state_dir)]
        command += ["--config-file", str(self.cloud.folder / "samovar.conf")]
        environment = {**os.environ, **self.cloud.environment}
        self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        log.close()

    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def end(self, *, hard: bool) -> None:
        assert self._process is not None
        self._process.kill() if hard else self._process.terminate()
        self._process.wait(timeout=60)
        self.revive()

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Supervised:
    """What is running: where its APIs are, and who may be harmed."""

    def __init__(self, cloud: RunningCloud, victims: list[Victim], others: list[Victim]) -> None:
        self.cloud, self._victims, self._others = cloud, victims, others
        self.origin = f"http://127.0.0.1:{cloud.port}"
        passwords = json.loads((cloud.state_dir / "passwords.json").read_text())
        self.password: str = passwords["admin"]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, daemon=True)

    def victims(self) -> list[Victim]:
        return self._victims

    def watch(self) -> None:
        self._thread.start()

    def _supervise(self) -> None:
        while not self._stopping.wait(0.5):
            for each in (*self._victims, *self._others):
                if isinstance(each, Child):
                    each.revive()

    def close(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()


@contextlib.contextmanager
def supervised(folder: Path, engines: int) -> Iterator[Supervised]:
    """A cloud in `folder`; with `engines`, so many of them as processes of their own."""
    cloud = new_cloud(folder)
    if not engines:
        with started(cloud):
            yield Supervised(cloud, [WholeCloud(cloud)], [])
        return
    rest = Child(cloud, "rest", *REST, "--port", str(cloud.port), "--external-cidr", cloud.external)
    children = [Child(cloud, f"engine{number}", "engine") for number in range(engines)]
    with _apart(cloud, rest, children) as fleet:
        yield fleet


CONTROLLERS = {
    "api": "loadbalancer-api",
    "worker": "loadbalancer-worker",
    "health manager": "loadbalancer-health",
    "housekeeping": "loadbalancer-housekeeping",
}


@contextlib.contextmanager
def balancing(folder: Path, *, apart: bool) -> Iterator[Supervised]:
    """A cloud in `folder`; `apart`: each service of load balancing is a process of its own."""
    cloud = new_cloud(folder)
    if not apart:
        with started(cloud):
            yield Supervised(cloud, [WholeCloud(cloud)], [])
        return
    rest = Child(cloud, "rest", *REST[:5], "--port", str(cloud.port), "--external-cidr", cloud.external)
    children = [Child(cloud, name, service) for name, service in CONTROLLERS.items()]
    balancer = free_port()
    place = (
        f"[api_settings]\nbind_host = 127.0.0.1\nbind_port = {balancer}\n"
        f"public_endpoint = http://127.0.0.1:{balancer}\n"
    )
    with _apart(cloud, rest, children, place) as fleet:
        answers(f"http://127.0.0.1:{balancer}/readyz")
        yield fleet


@contextlib.contextmanager
def _apart(cloud: RunningCloud, rest: Child, children: list[Child], more: str = "") -> Iterator[Supervised]:
    """The children may be harmed; the rest is there before them. `more` is added to the configuration."""
    cloud.state_dir.mkdir(parents=True, exist_ok=True)
    place = f"[samovar]\npublic_endpoint = http://127.0.0.1:{cloud.port}\n"
    (cloud.folder / "samovar.conf").write_text(place + more)
    try:
        rest.revive()
        answers(f"http://127.0.0.1:{cloud.port}/readyz")
        for child in children:
            child.revive()
        fleet = Supervised(cloud, list(children), [rest])
        fleet.watch()
        try:
            yield fleet
        finally:
            fleet.close()
    finally:
        for child in (*children, rest):
            child.close()
        cloud.samovar("down", "--purge", status=None)


def answers(url: str, seconds: float = 60) -> None:
    """Wait until the URL is answered with 200."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
