# SPDX-License-Identifier: Apache-2.0
"""What an amphora is born with fits into user data and runs."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from samovar.loadbalancer.worker.agent_program import agent_program
from samovar.loadbalancer.worker.bundle import user_data
from samovar.loadbalancer.worker.groups import wanted_rules
from samovar.loadbalancer.worker.vrrp import render_vrrp

from ..haproxy.trees import listener, tree


def test_the_agent_is_one_file_that_python_runs_alone_and_compiles_once(tmp_path: Path) -> None:
    program = tmp_path / "agent.py"
    program.write_bytes(agent_program())
    command = [sys.executable, "-I", "-S", str(program), str(tmp_path / "none.json")]

    def complaint() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    assert "FileNotFoundError" in complaint() and "none.json" in complaint()
    (compiled,) = tmp_path.glob("agent-*")
    before = compiled.stat()
    assert "none.json" in complaint()
    assert compiled.stat() == before
    compiled.write_bytes(compiled.read_bytes()[:1000])  # as a full disk leaves it
    assert "none.json" in complaint()
    agent_program.cache_clear()
    assert agent_program() == program.read_bytes()


def test_user_data_is_small_enough_for_any_cloud() -> None:
    pem = "x" * 3000
    data = user_data({"amphora_id": "a", "heartbeat_key": "k"}, pem, pem)
    assert len(base64.b64encode(data)) < 65535
    config = json.loads(data.split(b"\n", 1)[1])
    modes = {one["path"]: one["permissions"] for one in config["write_files"]}
    assert modes["/etc/samovar-amphora/agent.json"] == modes["/etc/samovar-amphora/server.pem"] == "0600"


def test_the_vips_group_follows_the_listeners() -> None:
    rules = wanted_rules(
        tree(listener(port=80), listener("l2", 443, allowed_cidrs=("10.0.0.7/8", "fd00::/8")))
    )
    assert rules == {
        ("IPv4", "tcp", 80, 80, None),
        ("IPv4", "tcp", 443, 443, "10.0.0.0/8"),
        ("IPv6", "tcp", 443, 443, "fd00::/8"),
    }
    assert ("IPv4", "112", None, None, "group") in wanted_rules(tree(topology="ACTIVE_STANDBY"))


@pytest.mark.kernel
def test_keepalived_accepts_what_is_rendered(tmp_path: Path) -> None:
    for name in ("vrrp-notify", "haproxy.sock"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o700)
    text = render_vrrp(
        interface="vip0",
        own="10.0.0.2",
        peers=["10.0.0.3"],
        vips=["10.0.0.10", "fd00::10"],
        role="MASTER",
        advert=0.1,
        directory=str(tmp_path),
    )
    path = tmp_path / "keepalived.conf"
    path.write_text(text)
    test = f"ip link add vip0 type veth peer name vip1 && keepalived --config-test --use-file {path}"
    ran = subprocess.run(["unshare", "--net", "sh", "-c", test], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr + ran.stdout
