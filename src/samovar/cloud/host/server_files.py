# SPDX-License-Identifier: Apache-2.0
"""One server's directory: what was asked for, what runs, what it wrote.

``spec.json`` what should be · ``state.json`` what we are doing about it · ``pid`` its first process (written
by the launcher) · ``console.log`` · ``run/`` its /run/samovar · ``upper/`` what it changed in its image ·
``removing`` it is being removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from samovar.cloud.host import launcher
from samovar.cloud.host.booting import boot_plan
from samovar.cloud.host.specs import ServerSpec

__all__ = ["Running", "ServerFiles", "State", "user_base"]

INIT = Path(__file__).with_name("init.sh")


class State(Struct):
    """``wanted``: it should run. ``renewing``: its upper directory is to be emptied before the next start.
    ``returning``: we stopped it to start it again. ``mode`` and ``reason``: its isolation, once decided.
    """

    wanted: bool = True
    renewing: bool = False
    returning: bool = False
    layers: list[dict[str, Any]] = []
    mode: str = ""
    reason: str = ""
    warnings: list[str] = []
    error: str = ""
    exit_status: int | None = None


class Running(Struct, frozen=True):
    """What the pid file says about a first process that lives."""

    pid: int
    start: int
    at: float
    mode: str
    reason: str


class ServerFiles:
    """The files of the server in ``directory``. Functions are quick; those that are not say so."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.console = directory / "console.log"

    def exists(self) -> bool:
        return self.directory.is_dir()

    def make(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def spec(self) -> ServerSpec | None:
        """None: it never got as far as having one."""
        with suppress(FileNotFoundError, msgspec.DecodeError):  # empty after a power failure
            return msgspec.json.decode((self.directory / "spec.json").read_bytes(), type=ServerSpec)
        return None

    def save_spec(self, spec: ServerSpec) -> None:
        self._write("spec.json", msgspec.json.encode(spec))

    def state(self) -> State:
        with suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode((self.directory / "state.json").read_bytes(), type=State)
        return State()

    def save_state(self, state: State) -> None:
        self._write("state.json", msgspec.json.encode(state))

    def running(self) -> Running | None:
        known = launcher.running(str(self.directory))
        return None if known is None else msgspec.convert(known, Running)

    def was_started(self) -> bool:
        return (self.directory / "pid").exists()

    def booted_here(self) -> bool:
        """Whether its last start was since the machine's."""
        with suppress(FileNotFoundError, ValueError, KeyError):
            return bool(json.loads((self.directory / "pid").read_text())["boot"] == launcher.boot_id())
        return False

    def exit_reason(self) -> str:
        """What the server said about its end: "poweroff", "reboot", or "" when it said nothing.

        The directory is the server's to write in: nothing but a small plain file is believed.
        """
        with suppress(OSError):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self.directory / "run" / "exit", flags)
            try:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    word = os.read(descriptor, 16).decode("ascii", "replace").strip()
                    return word if word in ("poweroff", "reboot") else ""
            finally:
                os.close(descriptor)
        return ""

    def prepare_boot(self, spec: ServerSpec) -> tuple[str, ...]:
        """Write what the first process needs; the sentences about what the server cannot be given."""
        run = self.directory / "run"
        shutil.rmtree(run, ignore_errors=True)
        (run / "files").mkdir(parents=True)
        plan = boot_plan(spec)
        shutil.copyfile(INIT, run / "init")
        (run / "boot").write_text(plan.script)
        for name, content in plan.files.items():
            (run / "files" / name).write_bytes(content)
        for path in (run / "boot", *(run / "files").iterdir()):
            path.chmod(0o600)
        return plan.warnings

    def renew(self) -> None:
        """Forget everything the server wrote (slow: run in a thread)."""
        for name in ("upper", "work"):
            if (self.directory / name).exists():
                shutil.rmtree(self.directory / name)

    def mark_removing(self) -> None:
        (self.directory / "removing").touch()

    def is_removing(self) -> bool:
        return (self.directory / "removing").exists()

    def remove(self) -> None:
        """Remove all, the mark last (slow: run in a thread)."""
        for entry in self.directory.iterdir():
            if entry.name == "removing":
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        shutil.rmtree(self.directory)

    def _write(self, name: str, content: bytes) -> None:
        new = self.directory / f"{name}.new"
        new.write_bytes(content)
        os.rename(new, self.directory / name)


def user_base(server_id: str) -> int:
    """The first of the 65536 user ids outside that the server's ids 0… stand for; the same for ever."""
    number = int.from_bytes(hashlib.sha256(server_id.encode()).digest()[:4], "big")
    return (8192 + number % 24575) << 16
