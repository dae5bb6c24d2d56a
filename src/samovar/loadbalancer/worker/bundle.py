# SPDX-License-Identifier: Apache-2.0
"""What an amphora is born with: the agent as one file, its certificates and keys, and what starts it."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

__all__ = ["agent_archive", "user_data"]

AGENT = "/usr/local/lib/samovar-amphora/agent.pyz"
SETTINGS = "/etc/samovar-amphora"
START = "/var/lib/cloud/scripts/per-boot/samovar-amphora"
# On systemd a unit, elsewhere a loop; either way the agent is back when it dies.
START_SCRIPT = f"""\
#!/bin/sh
{{ echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range; }} 2>/dev/null || :
if [ -d /run/systemd/system ]; then
    exec systemd-run --unit=samovar-amphora --property=Restart=always --property=RestartSec=1 \\
        python3 -I {AGENT} {SETTINGS}/agent.json
fi
command -v python3 >/dev/null || {{ echo 'amphora: the image has no python3' >&2; exit 1; }}
mkdir /run/samovar-amphora-started 2>/dev/null || exit 0
setsid sh -c 'while :; do python3 -I {AGENT} {SETTINGS}/agent.json; sleep 0.2; done' \\
    >/dev/console 2>&1 </dev/null &
"""


# What the zip does: once, unpack and compile; then run what is compiled. A Python that has just compiled
# keeps megabytes of what it needed for that, and the library's own way there costs as much time as the rest.
UNPACK = """\
import _frozen_importlib_external as files, _imp, os, sys

def unpack(home):
    fresh = home + ".new"
    os.makedirs(fresh + "/samovar_amphora/__pycache__", exist_ok=True)
    for name in __loader__._files:
        if name == "__main__.py":
            continue
        content = __loader__.get_data(__loader__.archive + os.sep + name)
        place = fresh + "/" + name.replace("run.py", "__main__.py")
        with open(place, "wb") as file:
            file.write(content)
        code = compile(content, home + "/" + name, "exec", dont_inherit=True)
        if name != "run.py":
            with open(files.cache_from_source(place), "wb") as file:
                source = _imp.source_hash(files._RAW_MAGIC_NUMBER, content)
                file.write(files._code_to_hash_pyc(code, source, False))
    os.rename(fresh, home)

home = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), {digest!r})
try:
    if not os.path.isdir(home):
        unpack(home)
except Exception:  # another Python, or no room: then from the zip itself
    from samovar_amphora.__main__ import main

    raise SystemExit(main())
# One heap for all threads, given back early: a megabyte less.
os.environ.update(MALLOC_ARENA_MAX="1", MALLOC_TRIM_THRESHOLD_="65536", MALLOC_TOP_PAD_="16384")
os.execv(sys.executable, [sys.executable, "-I", "-S", home, *sys.argv[1:]])
"""
RUN = b"from samovar_amphora.__main__ import main\n\nraise SystemExit(main())\n"


@functools.cache
def agent_archive() -> bytes:
    """The package samovar_amphora as a zip that Python runs; the same bytes for the same source."""
    source = Path(__file__).resolve().parents[3] / "samovar_amphora"
    files = {path.name: path.read_bytes() for path in sorted(source.glob("*.py"))}
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # packed as a whole on its way: a third smaller
        _add(archive, "__main__.py", UNPACK.format(digest=f"agent-{digest}").encode())
        _add(archive, "run.py", RUN)
        for name, content in files.items():
            _add(archive, f"samovar_amphora/{name}", content)
    return out.getvalue()


def user_data(settings: dict[str, Any], server_pem: str, client_ca: str) -> bytes:
    """Cloud-config that makes a server an amphora. `settings` become agent.json."""
    files = [
        _agent_file(),
        _file(f"{SETTINGS}/agent.json", json.dumps(settings).encode(), "0600"),
        _file(f"{SETTINGS}/server.pem", server_pem.encode(), "0600"),
        _file(f"{SETTINGS}/client-ca.pem", client_ca.encode(), "0600"),
        _file(START, START_SCRIPT.encode(), "0755"),
    ]
    config = {"write_files": files, "runcmd": [[START]]}
    return b"#cloud-config\n" + json.dumps(config).encode() + b"\n"


@functools.cache
def _agent_file() -> dict[str, str]:
    """The same for every amphora, and dear to pack."""
    return _file(AGENT, agent_archive(), "0644")


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


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
