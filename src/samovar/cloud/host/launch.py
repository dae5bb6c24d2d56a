# SPDX-License-Identifier: Apache-2.0
"""Starting the host agent from another process, and waiting until it answers."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from samovar.cloud.host.client import HostClient
from samovar.cloud.host.errors import HostError

__all__ = ["launch"]


async def launch(
    state_dir: Path, socket_path: Path, *, owner: int | None = None, patience: float = 10.0
) -> int:
    """Start an agent in a session of its own, unless one answers already; returns its process id.

    Its output goes to ``STATE_DIR/agent.log``. Raises HostError with the agent's last words if it ends at
    once.
    """
    client = HostClient(socket_path, patience=0)
    try:
        try:
            return await client.hello()
        except HostError:
            pass
        process = _start(state_dir, socket_path, owner)
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                return await client.hello()
            except HostError:
                if _has_ended(process):
                    last = _last_words(state_dir) or "it said nothing"
                    raise HostError("unreachable", f"The host agent ended at once: {last}") from None
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.01)
    finally:
        await client.close()


def _start(state_dir: Path, socket_path: Path, owner: int | None) -> int:
    state_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "samovar.cloud.host", "--state-dir", str(state_dir)]
    command += ["--socket", str(socket_path)] + (["--owner", str(owner)] if owner is not None else [])
    journal = str(state_dir / "agent.log")
    actions: list[tuple[object, ...]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=actions, setsid=True)


def _has_ended(process: int) -> bool:
    return os.waitpid(process, os.WNOHANG)[0] == process


def _last_words(state_dir: Path) -> str:
    lines = (state_dir / "agent.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
