# SPDX-License-Identifier: Apache-2.0
"""Machines of the tests: network namespaces on one wire, and programs that run in them."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import itertools
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
NUMBERS = itertools.count(1)


def do(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Machines:
    """`machines["a"]` is a namespace with 10.0.0.N on eth0; all are on one wire."""

    def __init__(self, names: dict[str, str]) -> None:
        self.unique = f"{os.getpid()}-{next(NUMBERS)}"  # a cluster may still stand
        self.addresses = names
        self.processes: list[subprocess.Popen[bytes]] = []
        self.wire = f"dp{self.unique}-wire"

    def namespace(self, name: str) -> str:
        return f"dp{self.unique}-{name}"

    def build(self) -> None:
        do("ip", "netns", "add", self.wire)
        do("ip", "-n", self.wire, "link", "add", "br0", "type", "bridge")
        do("ip", "-n", self.wire, "link", "set", "br0", "up")
        for name, address in self.addresses.items():
            space = self.namespace(name)
            do("ip", "netns", "add", space)
            do("ip", "-n", space, "link", "set", "lo", "up")
            do(*f"ip -n {space} link add eth0 type veth peer name {name} netns {self.wire}".split())
            do("ip", "-n", self.wire, "link", "set", "dev", name, "master", "br0", "up")
            do("ip", "-n", space, "link", "set", "eth0", "up")
            do("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """A program on a machine; it ends with the test."""
        whole = ["ip", "netns", "exec", self.namespace(name), *command]
        process = subprocess.Popen(whole, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def run(self, name: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        whole = ["ip", "netns", "exec", self.namespace(name), *command]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent / "src")}
        done = subprocess.run(whole, capture_output=True, text=True, check=False, env=environment, timeout=60)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def api(self, name: str, port: int = 8004, written: Path = Path("/dev/null")) -> subprocess.Popen[bytes]:
        """An API on a machine, which listens when this returns; it notes POSTs in `written`."""
        address = self.addresses[name]
        script = str(HERE / "small_api.py")
        process = self.start(name, sys.executable, script, address, str(port), name, str(written))
        self.until(name, lambda: _connect(address, port))
        return process

    def inside(self, name: str, what: Callable[[], object]) -> object:
        """What a function returns in a thread that is on this machine."""
        return _in_namespace(self.namespace(name), what)

    def until(self, name: str, what: Callable[[], object], seconds: float = 10) -> None:
        """Wait until a function is true on this machine."""
        deadline = time.monotonic() + seconds
        while not self.inside(name, what):
            assert time.monotonic() < deadline, "it did not become true"
            time.sleep(0.02)

    def has(self, name: str, address: str) -> bool:
        return f" {address}/" in do("ip", "-n", self.namespace(name), "-4", "addr", "show")

    def clean(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        existing = do("ip", "netns", "list").split()
        for space in [*(self.namespace(name) for name in self.addresses), self.wire]:
            if space not in existing:
                continue
            for pid in do("ip", "netns", "pids", space).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            do("ip", "netns", "delete", space)


@contextlib.contextmanager
def machines(**addresses: str) -> Iterator[Machines]:
    made = Machines(addresses)
    try:
        made.build()
        yield made
    finally:
        made.clean()


def _in_namespace(space: str, what: Callable[[], object]) -> object:
    import ctypes

    outcome: list[object] = []
    failures: list[Exception] = []

    def work() -> None:
        try:
            with open(f"/run/netns/{space}") as file:
                assert ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) == 0
            outcome.append(what())
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return outcome[0]


def _connect(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def ask(
    address: str,
    port: int,
    method: str = "GET",
    path: str = "/",
    tls: bool = False,
    timeout: float = 20,
    headers: dict[str, str] | None = None,
):
    """Status and text of one request on a connection of its own; status 0 when there was no answer."""
    connection: http.client.HTTPConnection
    if tls:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(address, port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__} {error}"
    finally:
        connection.close()


@dataclasses.dataclass
class Stream:
    """What became of requests sent at a steady pace: (sent at, seconds, status, text)."""

    answers: list[tuple[float, float, int, str]] = dataclasses.field(default_factory=list)

    @property
    def failed(self) -> list[tuple[float, float, int, str]]:
        return [answer for answer in self.answers if answer[2] != 200]

    @property
    def slowest(self) -> float:
        return max(answer[1] for answer in self.answers)

    def trouble(self) -> float:
        """Seconds from the first to the last request that failed or took longer than 0.2 s, to its end."""
        bad = [(sent, sent + took) for sent, took, status, _ in self.answers if status != 200 or took > 0.2]
        return max(end for _, end in bad) - min(sent for sent, _ in bad) if bad else 0.0

    def describe(self) -> str:
        return (
            f"{len(self.answers)} requests, {len(self.failed)} failed, slowest {self.slowest:.2f} s, "
            f"trouble for {self.trouble():.2f} s {self.failed[:3]}"
        )


@contextlib.contextmanager
def stream(
    place: Machines, name: str, address: str, port: int, *, every: float = 0.05, **how
) -> Iterator[Stream]:
    """Requests from a machine, one each `every` seconds whether or not the last was answered."""
    result, stop, threads = Stream(), threading.Event(), []

    def one(sent: float) -> None:
        path = how.get("path") or f"/{sent}"
        status, text = _in_namespace(
            place.namespace(name), lambda: ask(address, port, **{**how, "path": path})
        )
        result.answers.append((sent, time.monotonic() - sent, status, text))

    def pace() -> None:
        while not stop.wait(every):
            thread = threading.Thread(target=one, args=(time.monotonic(),))
            threads.append(thread)
            thread.start()

    pacer = threading.Thread(target=pace)
    pacer.start()
    try:
        yield result
    finally:
        stop.set()
        pacer.join()
        for thread in threads:
            thread.join()
