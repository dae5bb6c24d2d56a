# SPDX-License-Identifier: Apache-2.0
"""The end of a cloud on this machine: everything it made in the kernel, and the host agent itself.

The agent outlives the program, so that a killed program finds networks and servers as it left them;
only this ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path


async def remove_from_machine(state_dir: Path, path: Path) -> list[str]:
    """Take away every namespace, link, mount and process of this cloud, the agent too.

    Returns what could not be removed, in words; the state directory is left alone.
    """
    from samovar.cloud.host import HostClient, HostError, launch

    try:
        pid = await launch(state_dir, path)
        client = HostClient(path)
        await client.purge()
        await client.close()
    except HostError as error:
        return [str(error)]
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    for _ in range(500):
        if not _alive(pid):
            return []
        await asyncio.sleep(0.02)
    return [f"the host agent (process {pid})"]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
