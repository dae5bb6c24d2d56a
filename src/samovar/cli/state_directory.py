# SPDX-License-Identifier: Apache-2.0
"""The state directory: one folder that holds a cloud, and who runs it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from samovar.unix_sockets import LONGEST_SOCKET_NAME

from .main import CommandError


class Running(msgspec.Struct, frozen=True):
    """The process that runs the cloud; `started` (clock ticks since boot) tells it from a later one."""

    pid: int
    started: int
    origin: str


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Paths below one state directory."""

    path: Path

    @property
    def log(self) -> Path:
        return self.path / "logs" / "samovar.log"

    @property
    def agent_socket(self) -> Path:
        return self.path / "run" / "host.sock"

    def health_socket(self, services: set[str]) -> Path:
        """Where a process of these services answers for its health; several of one kind have one each."""
        name = f"{'+'.join(sorted(services))}-{os.getpid()}.sock"
        if len(name) > LONGEST_SOCKET_NAME:
            name = f"{len(services)}-{os.getpid()}.sock"
        return self.path / "run" / name

    @property
    def passwords(self) -> Path:
        return self.path / "passwords.json"

    @property
    def _record(self) -> Path:
        return self.path / "run" / "samovar.json"

    def make(self) -> None:
        """Create the directory, readable by its owner only. Raises CommandError."""
        try:
            for folder in (self.path, self.path / "logs", self.path / "run"):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise CommandError(
                f"cannot make the state directory {self.path}: {error.strerror}; choose another (--state-dir)"
            ) from error
        if not os.access(self.path, os.W_OK):
            raise CommandError(
                f"the state directory {self.path} is not writable; choose another (--state-dir)"
            )

    def exists(self) -> bool:
        return os.path.isdir(self.path)  # False, too, where one may not look

    def running(self) -> Running | None:
        """The process that runs this cloud now, or None."""
        try:
            record = msgspec.json.decode(self._record.read_bytes(), type=Running)
        except (OSError, msgspec.MsgspecError):
            return None
        return record if start_time(record.pid) == record.started else None

    def record(self, origin: str) -> None:
        """Write down that this process runs the cloud and answers at `origin`."""
        pid = os.getpid()
        fresh = self._record.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(Running(pid, start_time(pid) or 0, origin)))
        fresh.replace(self._record)

    def forget(self) -> None:
        """The cloud has ended."""
        self._record.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, name: str = "command") -> Iterator[None]:
        """One process at a time; waits for the other to finish."""
        descriptor = os.open(self.path / "run" / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when there is none, or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
