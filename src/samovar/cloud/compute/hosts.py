# SPDX-License-Identifier: Apache-2.0
"""What compute needs of the host agent, and what it says of the machine itself."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from samovar.cloud.host import HostError
from samovar.cloud.host.reports import Event, ImageReport, ServerStatus
from samovar.cloud.host.specs import ImageSpec, ServerSpec

__all__ = ["Host", "HostError", "Machine", "machine", "node_name"]


class Host(Protocol):
    """The part of the host agent's vocabulary that is about servers. Each call raises HostError."""

    async def ensure_server(self, spec: ServerSpec) -> ServerStatus: ...

    async def stop_server(self, server_id: str, timeout: float = 10.0) -> ServerStatus: ...

    async def reboot_server(self, server_id: str, *, hard: bool = False) -> ServerStatus: ...

    async def rebuild_server(self, spec: ServerSpec) -> ServerStatus: ...

    async def resize_server(self, spec: ServerSpec) -> ServerStatus: ...

    async def pause_server(self, server_id: str) -> ServerStatus: ...

    async def unpause_server(self, server_id: str) -> ServerStatus: ...

    async def save_server(self, server_id: str, image_id: str) -> str: ...

    async def remove_server(self, server_id: str) -> None: ...

    async def server_console(self, server_id: str, lines: int | None = None) -> str: ...

    async def server_status(self) -> list[ServerStatus]: ...

    async def unpack_image(self, spec: ImageSpec) -> ImageReport: ...

    async def open_listener(
        self, network_id: str, address: str = "169.254.169.254", port: int = 80
    ) -> socket.socket: ...

    def events(self) -> AsyncIterator[Event]: ...


@dataclass(frozen=True, slots=True)
class Machine:
    """The size of this machine and its load."""

    vcpus: int
    memory_mb: int
    memory_free_mb: int
    disk_gb: int
    disk_free_gb: int
    uptime: str
    architecture: str
    release: tuple[int, int]


def node_name() -> str:
    """The name of this machine, as host and hypervisor."""
    return socket.gethostname()


def machine(state_dir: Path) -> Machine:
    """What the kernel says now; disk: of the file system that holds the state directory."""
    memory = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        memory[key] = int(value.split()[0]) // 1024
    place = next(path for path in (state_dir, *state_dir.parents) if path.exists())
    disk = shutil.disk_usage(place)
    major, minor = platform.release().split("-")[0].split(".")[:2]
    return Machine(
        vcpus=os.cpu_count() or 1,
        memory_mb=memory["MemTotal"],
        memory_free_mb=memory.get("MemAvailable", memory["MemFree"]),
        disk_gb=disk.total // 2**30,
        disk_free_gb=disk.free // 2**30,
        uptime=_uptime(),
        architecture=platform.machine(),
        release=(int(major), int(minor)),
    )


def _uptime() -> str:
    """As uptime(1) writes it, which is what clients take apart."""
    import time

    seconds = int(float(Path("/proc/uptime").read_text().split()[0]))
    days, rest = divmod(seconds, 86400)
    loads = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    since = f"{days} days, {rest // 3600:2}:{rest % 3600 // 60:02}"
    return f" {time.strftime('%H:%M:%S')} up {since},  0 users,  load average: {loads}"
