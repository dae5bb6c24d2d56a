# SPDX-License-Identifier: Apache-2.0
"""Starting the host agent from another process, and waiting until it answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from samovar.cloud.host.client import HostClient
from samovar.cloud.host.errors import HostError

__all__ = ["launch"]


async def launch(state_dir: Path, socket_path: Path, *, owner: int | None = None, patience: float = 10.0) -> int:
    """Start an agent in a session of its own, unless one answers already; returns its process id.

    Its output goes to ``STATE_DIR/agent.log``. Raises HostError with the agent's last words if it ends at once.
    """
    client = HostClient(socket_path, patience=0)
    try:
        try:
            return await client.hello()
        except HostError:
            pass
        state_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "samovar.cloud.host", "--state-dir", str(state_dir)]
        command += ["--socket", str(socket_path)] + (["--owner", str(owner)] if owner is not None else [])
        journal = state_dir / "agent.log"
        with journal.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                return await client.hello()
            except HostError:
                if process.poll() is not None:
                    words = journal.read_text(errors="replace").strip().splitlines()
                    last = words[-1] if words else f"exit status {process.returncode}"
                    raise HostError("unreachable", f"The host agent ended at once: {last}") from None
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.01)
    finally:
        await client.close()
