# SPDX-License-Identifier: Apache-2.0
"""Limits of servers: memory, CPU, number of processes, devices, freezing. cgroup v1, hybrid and v2.

Each server has the group ``samovar/<cloud>/<server id>`` at the top of every hierarchy that the machine has.
What the machine cannot limit is told in ``missing``, one sentence each; a server runs without that limit.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from samovar.cloud.host.errors import HostError

__all__ = ["Cgroups"]

CPU_PERIOD = 100_000
WANTED = ("memory", "cpu", "pids")
MOST_PROCESSES = 4096
SAFE_DEVICES = ("c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9", "c 5:0", "c 5:2", "c 136:*")
FREEZE_SECONDS = 5.0


class Cgroups:
    """The groups of one cloud (``cloud``: a short name that other state directories on this machine don't
    have).
    """

    def __init__(self, cloud: str, mounts: str = "/proc/self/mounts") -> None:
        self._cloud = cloud
        self._v1: dict[str, Path] = {}
        self._v2: Path | None = None
        self.missing: list[str] = []
        for line in Path(mounts).read_text().splitlines():
            _, place, kind, options, *_ = line.split(" ")
            if kind == "cgroup":
                for controller in {*WANTED, "devices", "freezer"}.intersection(options.split(",")):
                    self._v1[controller] = Path(place)
            elif kind == "cgroup2":
                self._v2 = Path(place)
        self._v2_controllers = self._delegate() if self._v2 is not None else frozenset[str]()
        if self._v1 and not self._v2_controllers:
            self._v2 = None  # a hybrid layout: it is there, and limits nothing
        for name in WANTED:
            if name not in self._v1 and name not in self._v2_controllers:
                self.missing.append(
                    f"this machine has no cgroup controller for {name}, so that is not limited"
                )

    def _delegate(self) -> frozenset[str]:
        """Ask the unified hierarchy for its controllers down to our parent group; those that we got."""
        assert self._v2 is not None
        parent = self._v2 / "samovar" / self._cloud
        try:
            present = (self._v2 / "cgroup.controllers").read_text().split()
            offered = set(WANTED).intersection(present) - set(self._v1)
            if offered:
                parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.missing.append(f"limits by the unified cgroup hierarchy are refused: {error.strerror}")
            return frozenset()
        return frozenset(name for name in offered if self._ask_for(name, parent))

    def _ask_for(self, controller: str, parent: Path) -> bool:
        try:
            for group in (parent.parent.parent, parent.parent, parent):
                _write(group / "cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            self.missing.append(f"the cgroup controller for {controller} is refused: {error.strerror}")
            return False
        return True

    def _paths(self, name: str) -> dict[str, Path]:
        paths = {kind: top / "samovar" / self._cloud / name for kind, top in self._v1.items()}
        if self._v2 is not None:
            paths["unified"] = self._v2 / "samovar" / self._cloud / name
        return paths

    def ensure(self, server: str, *, memory_mb: int, vcpus: int) -> list[str]:
        """Make the server's groups with these limits (also while it runs); the directories to join."""
        for kind, path in self._paths(server).items():
            try:
                path.mkdir(parents=True, exist_ok=True)
                self._limit(kind, path, memory_mb << 20, vcpus)
            except OSError as error:
                self._give_up(kind, error.strerror or "refused")
                with suppress(OSError):  # what others use stays
                    for group in (path, path.parent, path.parent.parent):
                        group.rmdir()
        return sorted({str(path) for path in self._paths(server).values()})

    def _limit(self, kind: str, group: Path, memory: int, vcpus: int) -> None:
        """Write what one hierarchy limits."""
        if kind == "memory":
            _limit_memory_v1(group, memory)
        elif kind == "cpu":
            _write(group / "cpu.cfs_period_us", str(CPU_PERIOD))
            _write(group / "cpu.cfs_quota_us", str(CPU_PERIOD * vcpus))
            _write(group / "cpu.shares", str(1024 * vcpus))
        elif kind == "pids":
            _write(group / "pids.max", str(MOST_PROCESSES))
        elif kind == "devices" and "a *:*" in (group / "devices.list").read_text():
            _write(group / "devices.deny", "a")
            for device in SAFE_DEVICES:
                _write(group / "devices.allow", f"{device} rwm")
        elif kind == "unified":
            limits = {"memory": ("memory.max", str(memory)), "pids": ("pids.max", str(MOST_PROCESSES))}
            limits["cpu"] = ("cpu.max", f"{CPU_PERIOD * vcpus} {CPU_PERIOD}")
            for name in self._v2_controllers:
                _write(group / limits[name][0], limits[name][1])
            with suppress(OSError):
                _write(group / "memory.swap.max", "0")

    def _give_up(self, kind: str, reason: str) -> None:
        """Do without a hierarchy in which we may not make groups."""
        if kind == "unified":
            self._v2, self._v2_controllers = None, frozenset()
        else:
            del self._v1[kind]
        self.missing.append(f"control groups of the kind {kind} cannot be made here: {reason}")

    def freeze(self, server: str, frozen: bool) -> None:
        """Stop or continue every process of the server; returns when that is so."""
        paths = self._paths(server)
        if "freezer" in paths:
            file, order, told = paths["freezer"] / "freezer.state", "FROZEN" if frozen else "THAWED", ""
        elif "unified" in paths:
            file, order, told = paths["unified"] / "cgroup.freeze", str(int(frozen)), f"frozen {int(frozen)}"
        else:
            raise HostError("lacking", "This machine has no cgroup freezer: servers cannot be paused.")
        try:
            _write(file, order)
            deadline = time.monotonic() + FREEZE_SECONDS
            while not self._is(file, order, told):
                if time.monotonic() > deadline:
                    raise HostError(
                        "kernel", f"The server's processes did not freeze in {FREEZE_SECONDS:.0f} s."
                    )
                time.sleep(0.002)
        except OSError as error:
            raise HostError("kernel", f"The server cannot be paused: {error.strerror}.") from None

    def _is(self, file: Path, order: str, told: str) -> bool:
        if told:
            return told in (file.parent / "cgroup.events").read_text()
        state = file.read_text().strip()
        if state == "FREEZING":  # v1 wants to be asked again when a process was not ready
            _write(file, order)
        return state == order

    def frozen(self, server: str) -> bool:
        paths = self._paths(server)
        with suppress(OSError):
            if "freezer" in paths:
                return (paths["freezer"] / "freezer.state").read_text().strip() != "THAWED"
            if "unified" in paths:
                return (paths["unified"] / "cgroup.freeze").read_text().strip() == "1"
        return False

    def out_of_memory(self, server: str) -> int:
        """How many processes of the server were killed because its memory was used up."""
        paths = self._paths(server)
        for kind, name in (("memory", "memory.oom_control"), ("unified", "memory.events")):
            if kind in paths:
                with suppress(OSError):
                    for line in (paths[kind] / name).read_text().splitlines():
                        if line.startswith("oom_kill "):
                            return int(line.split()[1])
        return 0

    def memory_used(self, server: str) -> int:
        """Bytes charged to the server; 0 when the machine doesn't say."""
        paths = self._paths(server)
        for kind, name in (("memory", "memory.usage_in_bytes"), ("unified", "memory.current")):
            if kind in paths:
                with suppress(OSError):
                    return int((paths[kind] / name).read_text())
        return 0

    def processes(self, server: str) -> list[int]:
        """Every process of the server, as the host numbers them."""
        for path in self._paths(server).values():
            with suppress(OSError):
                return [int(line) for line in (path / "cgroup.procs").read_text().split()]
        return []

    def remove(self, server: str) -> None:
        """Remove the server's groups; its processes must be gone or going."""
        for path in set(self._paths(server).values()):
            _remove_group(path)

    def servers(self) -> set[str]:
        """Ids of all servers that have a group."""
        return {
            path.name
            for parent in self._parents()
            if parent.is_dir()
            for path in parent.iterdir()
            if path.is_dir()
        }

    def groups(self) -> list[str]:
        """Every group of this cloud, as paths."""
        return sorted(
            str(path) for top in self._parents() for path in (top, *top.glob("*/")) if path.is_dir()
        )

    def purge(self) -> None:
        """Remove every group of this cloud, and the common parent when nobody else uses it."""
        for server in self.servers():
            self.remove(server)
        for parent in self._parents():
            with suppress(OSError):
                parent.rmdir()
                parent.parent.rmdir()

    def _parents(self) -> Iterator[Path]:
        for top in {*self._v1.values(), *((self._v2,) if self._v2 is not None else ())}:
            yield top / "samovar" / self._cloud


def _write(path: Path, value: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def _limit_memory_v1(group: Path, limit: int) -> None:
    """Memory and memory+swap may only be changed in an order that never puts the first above the second."""
    swap = group / "memory.memsw.limit_in_bytes"
    files = [group / "memory.limit_in_bytes", *([swap] if swap.exists() else [])]
    try:
        for file in files:
            _write(file, str(limit))
    except OSError as error:
        if error.errno == errno.EBUSY:
            used = int((group / "memory.usage_in_bytes").read_text()) >> 20
            raise HostError(
                "clash", f"The server uses {used} MiB of memory, more than the new limit."
            ) from None
        if len(files) == 1:
            raise
        for file in reversed(files):
            _write(file, str(limit))


def _remove_group(path: Path) -> None:
    deadline = time.monotonic() + FREEZE_SECONDS
    while True:
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                words = f"The control group {path} cannot be removed: {error.strerror}."
                raise HostError("kernel", words) from None
            time.sleep(0.002)
        else:
            return
