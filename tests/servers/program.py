# SPDX-License-Identifier: Apache-2.0
"""A program that a test has started, and its private directory."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


class Program:
    """Start, wait until it answers, freeze, kill, start again, stop.

    `user`: who runs it where we are root. `durable`: its files are on a disk, not in memory.
    """

    def __init__(self, name: str, user: str | None = None, *, durable: bool = False) -> None:
        self.name = name
        self.user = user if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix=f"sv-{name}-", dir=None if durable else _fast()))
        self.directory.chmod(0o755)
        if self.user:
            known = pwd.getpwnam(self.user)
            os.chown(self.directory, known.pw_uid, known.pw_gid)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> None:
        """A command that prepares something; its words are shown when it fails."""
        done = subprocess.run(command, user=self.user, cwd=self.directory, capture_output=True, check=False)
        if done.returncode:
            pytest.fail(f"{' '.join(command)} failed:\n{done.stdout.decode()}\n{done.stderr.decode()}")

    def start(
        self,
        command: Sequence[str],
        ready: Callable[[], object],
        seconds: float = 60,
        *,
        as_root: bool = False,
    ) -> None:
        """Start the command and wait until `ready` raises nothing. It ends when the tests are killed.

        `as_root`: the command itself becomes the user, after what only root may do.
        """
        user = None if as_root else self.user
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, user=user, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        number = "QUIT" if self.user else "KILL"
        self._watcher = subprocess.Popen(  # its input ends when this process does
            ["sh", "-c", f"read _; kill -{number} {self._process.pid}; sleep 2; rm -rf {self.directory}"],
            stdin=subprocess.PIPE,
        )
        deadline = time.monotonic() + seconds
        while True:
            try:
                ready()
                return
            except Exception as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log_text = (self.directory / "log").read_text(errors="replace")[-3000:]
                    self.stop()
                    pytest.fail(f"{self.name} did not start: {error}\n{log_text}")
                time.sleep(0.05)

    def send(self, number: int) -> None:
        """Send a signal to the program."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the program, and wait until it has ended; its files stay."""
        if self._watcher is not None and self._watcher.stdin is not None:
            self._watcher.kill()
            self._watcher.wait()
            self._watcher.stdin.close()
            self._watcher = None
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End the program and remove its files."""
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)


def _fast() -> str | None:
    """Memory, where there is enough of it: servers write a lot when they are set up."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        return None
    room = os.statvfs(memory)
    return str(memory) if room.f_bavail * room.f_frsize > 2 << 30 else None


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> None:
    """Raise OSError unless something listens on the port."""
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def found(*names: str) -> str:
    """The first of these programs that is installed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        where = shutil.which(name, path=path)
        if where:
            return where
    pytest.fail(f"{names[0]} is not installed; scripts/test.sh names the package")
