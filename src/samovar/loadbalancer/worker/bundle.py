# SPDX-License-Identifier: Apache-2.0
"""What an amphora is born with: the agent as one file, its certificates and keys, and what starts it."""

from __future__ import annotations

import base64
import functools
import json
import zlib
from typing import Any

from .agent_program import agent_program

__all__ = ["AGENT", "user_data"]

AGENT = "/usr/local/lib/samovar-amphora/agent.py"
SETTINGS = "/etc/samovar-amphora"
START = "/var/lib/cloud/scripts/per-boot/samovar-amphora"
# One heap for all threads, given back early: a megabyte less.
MALLOC = ("MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536", "MALLOC_TOP_PAD_=16384")
# On systemd a unit, elsewhere a loop; either way the agent is back when it dies.
START_SCRIPT = f"""\
#!/bin/sh
{{ echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range; }} 2>/dev/null || :
if [ -d /run/systemd/system ]; then
    exec systemd-run --unit=samovar-amphora --property=Restart=always --property=RestartSec=1 \\
        {" ".join(f"--setenv={each}" for each in MALLOC)} python3 -I -S {AGENT} {SETTINGS}/agent.json
fi
command -v python3 >/dev/null || {{ echo 'amphora: the image has no python3' >&2; exit 1; }}
mkdir /run/samovar-amphora-started 2>/dev/null || exit 0
export {" ".join(MALLOC)}
setsid sh -c 'while :; do python3 -I -S {AGENT} {SETTINGS}/agent.json; sleep 0.2; done' \\
    >/dev/console 2>&1 </dev/null &
"""


def user_data(settings: dict[str, Any], server_pem: str, client_ca: str) -> bytes:
    """Cloud-config that makes a server an amphora. `settings` become agent.json."""
    files = [
        _agent_file(),
        _file(f"{SETTINGS}/agent.json", json.dumps(settings).encode(), "0600"),
        _file(f"{SETTINGS}/server.pem", server_pem.encode(), "0600"),
        _file(f"{SETTINGS}/client-ca.pem", client_ca.encode(), "0600"),
        _file(START, START_SCRIPT.encode(), "0755"),
    ]
    config = {"write_files": files}
    return b"#cloud-config\n" + json.dumps(config).encode() + b"\n"


@functools.cache
def _agent_file() -> dict[str, str]:
    """The same for every amphora, and dear to pack."""
    return _file(AGENT, agent_program(), "0644")


def _file(path: str, content: bytes, mode: str) -> dict[str, str]:
    return {
        "path": path,
        "permissions": mode,
        "owner": "root:root",
        "encoding": "gz+b64",
        "content": base64.b64encode(_gzip(content)).decode(),
    }


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()
