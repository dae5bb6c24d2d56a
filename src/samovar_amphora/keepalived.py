# SPDX-License-Identifier: Apache-2.0
"""keepalived under our care, when two amphorae share a VIP."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time

from .files import read, remove, write

__all__ = ["Keepalived", "KeepalivedMissing"]

PAUSE = 0.5
NOTIFY = '#!/bin/sh\nprintf %s "$2" >"$1.new" && mv "$1.new" "$1"\n'


class KeepalivedMissing(Exception):
    """Two amphorae cannot share a VIP without it."""


class Keepalived:
    """Runs while there is a configuration; a changed one is taken up without giving up the VIP."""

    def __init__(self, directory: str, program: str = "keepalived") -> None:
        self.configuration = f"{directory}/keepalived.conf"
        self.state_file = f"{directory}/vrrp-state"
        self.directory, self.program = directory, program
        self._process: subprocess.Popen[bytes] | _Adopted | None = None
        self._lock = threading.RLock()
        self._stopping = False
        write(f"{directory}/vrrp-notify", NOTIFY, 0o700, durable=False)

    @property
    def wanted(self) -> bool:
        return os.path.exists(self.configuration)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def state(self) -> str:
        """MASTER, BACKUP, FAULT, or "" when it is not running."""
        try:
            return read(self.state_file).strip() if self.running else ""
        except FileNotFoundError:
            return ""

    def begin(self) -> None:
        """Run what was configured before; one that an agent before this one started goes on."""
        if self.wanted:
            with self._lock:
                left = _left(f"{self.directory}/keepalived.pid", self.configuration)
                if left is None:
                    self._start()
                else:
                    self._process = left
                    self._follow(left)

    def end(self) -> None:
        """Stop; the VIP goes to the other amphora at once."""
        with self._lock:
            self._stopping = True
            self._stop()

    def configure(self, text: str) -> bool:
        """Run with `text`, or not at all when it is ""; whether anything changed."""
        with self._lock:
            before = read(self.configuration) if self.wanted else ""
            if text == before and (self.running or not text):
                return False
            if not text:
                remove(self.configuration)
                self._stop()
                return True
            write(self.configuration, text)
            if self.running:
                assert self._process is not None
                os.kill(self._process.pid, signal.SIGHUP)
            else:
                self._start()
            return True

    def _start(self) -> None:
        remove(self.state_file)
        command = [self.program, "--dont-fork", "--vrrp", "--use-file", self.configuration]
        command += ["--pid", f"{self.directory}/keepalived.pid"]
        command += ["--vrrp_pid", f"{self.directory}/vrrp.pid"]
        nothing = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)
        except FileNotFoundError:
            remove(self.configuration)
            raise KeepalivedMissing(
                "keepalived is missing in the image of this amphora: apt-get install keepalived."
            ) from None
        self._follow(self._process)

    def _follow(self, process: subprocess.Popen[bytes] | _Adopted) -> None:
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _watch(self, process: subprocess.Popen[bytes] | _Adopted) -> None:
        process.wait()
        time.sleep(PAUSE)
        with self._lock:
            if not self._stopping and self._process is process and self.wanted:
                self._start()


class _Adopted:
    """A process that is not our child, as far as one that is would be used here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return -1 if select.select([self._descriptor], [], [], 0)[0] else None

    def wait(self) -> int:
        select.select([self._descriptor], [], [])
        return -1

    def terminate(self) -> None:
        signal.pidfd_send_signal(self._descriptor, signal.SIGTERM)


def _left(pid_file: str, configuration: str) -> _Adopted | None:
    """The keepalived that runs with this configuration already."""
    try:
        found = _Adopted(int(read(pid_file)))
        command = read(f"/proc/{found.pid}/cmdline").split("\0")
    except (OSError, ValueError):
        return None
    return found if configuration in command else None
