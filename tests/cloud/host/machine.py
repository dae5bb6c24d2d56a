# SPDX-License-Identifier: Apache-2.0
"""The server part of a host agent by itself, with what tests ask of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from samovar.cloud.host.networking import Networking
from samovar.cloud.host.parts import Host
from samovar.cloud.host.reports import Event
from samovar.cloud.host.servers import Servers
from samovar.cloud.host.specs import ServerSpec

SECONDS = 15.0


class Machine:
    """A host agent's server part over a state directory, with what it told."""

    def __init__(self, state_dir: Path) -> None:
        self.host = Host(state_dir)
        self.networking = Networking(self.host)
        self.servers = Servers(self.host)
        self.events: list[Event] = []
        self.host.publish = self.events.append

    async def start(self) -> None:
        await self.networking.start()
        await self.servers.start()

    async def stop(self) -> None:
        await self.servers.stop()
        await self.networking.stop()
        self.host.close()

    def console(self, server_id: str) -> str:
        path = self.host.state_dir / "servers" / server_id / "console.log"
        return path.read_text() if path.exists() else ""

    async def says(self, server_id: str, words: str) -> str:
        await until(lambda: words in self.console(server_id), lambda: self.console(server_id))
        return self.console(server_id)

    def status(self, server_id: str) -> str:
        return self.servers._status_of(server_id).state


@asynccontextmanager
async def machine(state_dir: Path) -> AsyncIterator[Machine]:
    one = Machine(state_dir)
    await one.start()
    try:
        yield one
    finally:
        await one.servers.purge()
        await one.networking.purge()
        left = await one.servers.inventory()
        await one.stop()
        assert (left.servers, left.cgroups) == ((), ())


def exists(path: str) -> bool:
    return os.path.exists(path)


async def until(true: Callable[[], bool], why: Callable[[], object] = lambda: "") -> None:
    deadline = asyncio.get_running_loop().time() + SECONDS
    while not true():
        assert asyncio.get_running_loop().time() < deadline, why()
        await asyncio.sleep(0.01)


def spec(script: str = "", **fields: object) -> ServerSpec:
    user_data = f"#!/bin/sh\n{script}\n".encode() if script else b""
    known: dict[str, object] = {"id": str(uuid.uuid4()), "hostname": "web1", "memory_mb": 128}
    return ServerSpec(**{**known, "user_data": user_data, **fields})  # type: ignore[arg-type]


async def run(here: Machine, script: str, **fields: object) -> str:
    """What the script wrote on the console of a new server."""
    one = spec(f"{script}\necho the-end", **fields)
    await here.servers.ensure(one)
    text = await here.says(one.id, "finished at")
    return text.split("running part-001\n")[1].split("the-end")[0]


def busybox_archive(directory: Path) -> Path:
    """A root file system of busybox alone."""
    program = shutil.which("busybox")
    if program is None:
        pytest.fail("this machine has no busybox; ./samovar test installs it")
    tree = directory / "tree"
    for name in ("bin", "etc", "dev", "proc"):
        (tree / name).mkdir(parents=True)
    shutil.copy(program, tree / "bin/busybox")
    for name in ("sh", "ls", "cat", "mkdir", "rm", "ln", "chmod", "chown", "dirname", "sed", "sleep", "date"):
        (tree / "bin" / name).symlink_to("busybox")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    archive = directory / "busybox.tar.gz"
    subprocess.run(["tar", "-C", tree, "-czf", archive, "."], check=True)
    return archive
