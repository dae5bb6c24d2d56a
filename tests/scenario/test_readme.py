# SPDX-License-Identifier: Apache-2.0
"""Every command that the README prints works as printed, in the order in which it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from clouds import left_behind, new_cloud

pytestmark = pytest.mark.kernel
ROOT = Path(__file__).parent.parent.parent


def commands():
    """The lines of the README's sh blocks, without the one that would run this test again."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and line != "./samovar test"]


def test_the_readme_runs(tmp_path):
    cloud = new_cloud(tmp_path)
    clients = os.environ.get("SAMOVAR_CLIENTS") or str(ROOT / ".venv-clients" / "bin")
    environment = {
        **os.environ,
        **cloud.environment,
        "SAMOVAR_STATE_DIR": str(cloud.state_dir),
        "SAMOVAR_PORT": str(cloud.port),
        "SAMOVAR_EXTERNAL_CIDR": cloud.external,
        "PATH": f"{clients}:{os.environ['PATH']}",
    }
    script = "set -ex\n" + "\n".join(commands())
    try:
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "server1_url" in done.stdout
        assert "CREATE_COMPLETE" in done.stdout
        assert "ACTIVE" in done.stdout
        assert left_behind(cloud, cloud.names()) == []
    finally:
        cloud.samovar("down", "--purge")
