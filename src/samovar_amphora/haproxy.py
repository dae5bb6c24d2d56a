# SPDX-License-Identifier: Apache-2.0
"""One HAProxy under our care: started, restarted at once when it dies, reloaded without losing a connection.

There is no master process: a reload starts a new HAProxy that takes the listening sockets over from the old
one (``-x``) and lets it finish what it has (``-sf``).
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping

from . import tables
from .files import read, remove, write
from .ping import program as ping_program
from .runtime import RuntimeFailure, ask, carry_out, information

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Haproxy", "Refused"]

READY_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
MOST_LINES = 200
MISSING = "HAProxy is missing in the image of this amphora: apt-get install haproxy."
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}")


class Refused(Exception):
    """What was asked cannot be done; the message is HAProxy's reason."""


class Haproxy:
    """`directory` holds haproxy.cfg, the stats socket, the servers' states and `certificates`."""

    def __init__(self, directory: str, program: str = "haproxy") -> None:
        self.directory, self.program = directory, program
        self.configuration = f"{directory}/haproxy.cfg"
        self.socket = f"{directory}/haproxy.sock"
        self.certificates = f"{directory}/certificates"
        self.reloads = self.restarts = 0
        self.before_replacing: list[Any] = []  # called with nothing before counters start anew
        self._current: subprocess.Popen[bytes] | None = None
        self._former: list[subprocess.Popen[bytes]] = []
        self._lock = threading.RLock()
        self._stopping = False
        self._pause = FIRST_PAUSE
        os.makedirs(self.certificates, mode=0o700, exist_ok=True)
        os.chmod(directory, 0o755)
        write(f"{directory}/check-ping", f"#!{sys.executable} -IS\n{ping_program()}", 0o755, durable=False)

    def begin(self) -> None:
        """Run what was configured before: after a restart of the amphora, or of the agent alone, whose
        HAProxy goes on and hands over."""
        if self.wanted:
            with self._lock:
                try:
                    left = information(self.socket)["Pid"]
                except (RuntimeFailure, KeyError):
                    self._start()
                else:
                    self._start("-x", self.socket, "-sf", left)

    def end(self) -> None:
        with self._lock:
            self._stopping = True
            if self._current is not None:
                self._current.terminate()

    @property
    def wanted(self) -> bool:
        return os.path.exists(self.configuration)

    @property
    def pid(self) -> int | None:
        current = self._current
        return current.pid if current is not None and current.poll() is None else None

    @property
    def leaving(self) -> int:
        """How many that were replaced still have connections."""
        self._former = [one for one in self._former if one.poll() is None]
        return len(self._former)

    def text(self) -> str:
        """The configuration that runs; "" before the first."""
        return read(self.configuration) if self.wanted else ""

    def digest(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()

    def configure(
        self,
        text: str,
        files: Mapping[str, str],
        keep: Iterable[str],
        base: str,
        commands: Iterable[str],
        optional: Iterable[str],
    ) -> str:
        """Run `text` from now on; how that was done: "start", "runtime", "reload" or "nothing".

        `commands` lead there from the configuration whose digest is `base`; without them, or when one
        fails, HAProxy reloads. Raises Refused when HAProxy does not accept `text`: the old one goes on.
        """
        with self._lock:
            changed = [name for name, content in files.items() if self._put(name, content)]
            based = base == self.digest() and not changed
            how = self._apply(text, bool(changed), list(commands) if based else [], list(optional))
            self._forget_all_but(keep)
            return how

    def check(self, text: str) -> None:
        """Raises Refused with HAProxy's reasons unless it accepts `text`."""
        candidate = f"{self.directory}/candidate.cfg"
        write(candidate, text)
        command = [self.program, "-c", "-f", candidate]
        try:
            ran = subprocess.run(command, capture_output=True, check=False)
        except FileNotFoundError:
            raise Refused(MISSING) from None
        if ran.returncode:
            raise Refused(_alerts(ran.stderr + ran.stdout) or f"haproxy -c ended with {ran.returncode}")

    def put_certificate(self, name: str, pem: str) -> str:
        """Keep `pem`, and let a HAProxy that has it loaded use the new one; "loaded" or "kept"."""
        with self._lock:
            if not self._put(name, pem):
                return "kept"
            path = f"{self.certificates}/{name}"
            try:
                if path not in ask(self.socket, "show ssl cert"):
                    return "kept"
                body = "\n".join(line for line in pem.splitlines() if line.strip())
                carry_out(self.socket, f"set ssl cert {path} <<\n{body}\n")
                carry_out(self.socket, f"commit ssl cert {path}")
            except RuntimeFailure:
                if self.pid is not None:
                    self._reload()
            return "loaded"

    def held(self) -> dict[str, str]:
        """The files of TLS that are here: name → digest."""
        return {
            name: hashlib.sha256(read(f"{self.certificates}/{name}").encode()).hexdigest()
            for name in sorted(os.listdir(self.certificates))
            if not name.startswith(".")
        }

    def _put(self, name: str, content: str) -> bool:
        """Whether the file was another one before."""
        if not NAME.fullmatch(name):
            raise Refused(f"{name!r} cannot be the name of a file.")
        path = f"{self.certificates}/{name}"
        if os.path.exists(path) and read(path) == content:
            return False
        write(path, content)
        return True

    def _forget_all_but(self, keep: Iterable[str]) -> None:
        kept = set(keep)
        for name in self.held():
            if name not in kept:
                remove(f"{self.certificates}/{name}")

    def _apply(self, text: str, changed: bool, commands: list[str], optional: list[str]) -> str:
        previous = self.text()
        if self.pid is not None and text == previous and not changed:
            return "nothing"
        if self.pid is not None and commands and self._carried_out(commands):
            try:
                self.check(text)  # after the effect: HAProxy itself has judged each command already
            except Refused:
                self._reload()
                raise
            write(self.configuration, text)
            for command in optional:
                self._try(command)
            return "runtime"
        if self.pid is not None:
            self.check(text)  # where nothing runs yet, the start itself is the check
        write(self.configuration, text)
        try:
            if self.pid is None:
                self._start()
                return "start"
            self._reload()
            return "reload"
        except Refused:
            if previous:
                write(self.configuration, previous)
            else:
                remove(self.configuration)
            raise

    def _carried_out(self, commands: list[str]) -> bool:
        """Whether all were; half done at worst, and the reload that follows brings all of it."""
        try:
            for command in commands:
                carry_out(self.socket, command)
        except RuntimeFailure:
            return False
        return True

    def _try(self, command: str) -> None:
        try:
            carry_out(self.socket, command)
        except RuntimeFailure:
            return

    def _reload(self) -> None:
        old = self.pid
        if old is None:
            self._start()
            return
        for call in self.before_replacing:
            call()
        sticky = tables.dump(self.socket)
        try:
            write(
                f"{self.directory}/haproxy.state",
                tables.states_to_keep(ask(self.socket, "show servers state"), read(self.configuration)),
            )
        except RuntimeFailure:
            remove(f"{self.directory}/haproxy.state")
        self._start("-x", self.socket, "-sf", str(old))
        self.reloads += 1
        tables.restore(self.socket, sticky)

    def _start(self, *extra: str) -> None:
        """A new HAProxy in place of the present one. Raises Refused when it does not come up; the present
        one then goes on."""
        if not extra:
            remove(f"{self.directory}/haproxy.state")
        before = self._current
        try:
            process = subprocess.Popen(
                [self.program, "-db", "-f", self.configuration, *extra],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError:
            raise Refused(MISSING) from None
        self._current = process
        complaint: list[bytes] = []
        reader = threading.Thread(target=_read, args=(process, complaint), daemon=True)
        reader.start()
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._current = before
                reader.join(1)
                raise Refused(_alerts(b"".join(complaint)) or "HAProxy ended at once.")
            try:
                if information(self.socket).get("Pid") == str(process.pid):
                    break
            except RuntimeFailure:
                pass
            time.sleep(0.003)
        else:
            process.kill()
            self._current = before
            raise Refused(f"HAProxy did not begin to answer within {READY_SECONDS:.0f} seconds.")
        if before is not None:
            self._former.append(before)
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the process; if it was the one in use, put another in its place."""
        began = time.monotonic()
        process.wait()
        if time.monotonic() - began > LONGEST_PAUSE:
            self._pause = FIRST_PAUSE
        while True:
            with self._lock:
                if self._stopping or self._current is not process:
                    return
                try:
                    for call in self.before_replacing:
                        call()
                    self._start()
                    self.restarts += 1
                    return
                except (Refused, OSError):
                    self._current = process
            time.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)


def _read(process: subprocess.Popen[bytes], into: list[bytes]) -> None:
    """Keep the first words of the process's errors, and let it never block on the rest."""
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            if len(into) < MOST_LINES:
                into.append(line)


def _alerts(said: bytes) -> str:
    """What HAProxy complained about, without its notices."""
    lines = said.decode(errors="replace").splitlines()
    return " ".join([line for line in lines if "[ALERT]" in line] or lines)[:4000]
