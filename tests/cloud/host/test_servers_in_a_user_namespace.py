# SPDX-License-Identifier: Apache-2.0
"""An agent that is root of a user namespace only: its servers work, and say what they go without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .machine import machine, spec

pytestmark = pytest.mark.kernel


async def program(state_dir: Path) -> None:
    """What runs in the namespace."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)  # noqa: ASYNC221 - nothing else runs
    async with machine(state_dir) as here:
        script = "ip link set lo down; mknod /x b 8 0; touch /usr/new /etc/new && echo wrote"
        one = spec(f"{script}; head -c 4 /dev/zero | wc -c")
        status = await here.servers.ensure(one)
        assert not status.isolated
        assert status.warnings[0].startswith("It has no user namespace of its own: ")
        text = await here.says(one.id, "login:")
        assert text.count("Operation not permitted") == 2, text
        assert "wrote\n4\n" in text, text
        first = status.pid
        status = await here.servers.reboot(one.id, hard=False)
        assert status.pid != first
        await here.servers.remove(one.id)
    print("all well")


def test_servers_of_an_agent_without_the_machines_rights(tmp_path: Path) -> None:
    code = "import asyncio, importlib, pathlib; t = importlib.import_module('tests.cloud.host.test_servers_in_a_user_namespace'); "
    code += f"asyncio.run(t.program(pathlib.Path({str(tmp_path)!r})))"
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", sys.executable, "-c", code]
    paths = [str(Path(__file__).parents[3]), *(path for path in sys.path if path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "all well\n", done.stdout + done.stderr
