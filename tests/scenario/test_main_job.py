# SPDX-License-Identifier: Apache-2.0
"""The main job, as the README tells it: a template becomes a running stack, and goes away again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clouds import get, left_behind, new_cloud, started

pytestmark = pytest.mark.kernel
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_two_servers_answer_with_their_names(cloud):
    result = json.loads(cloud.up(str(EXAMPLES / "two-servers.yaml"), "--json"))
    assert result["status"] == "CREATE_COMPLETE", result
    assert get(result["outputs"]["server1_url"]) == "server1"
    assert get(result["outputs"]["server2_url"]) == "server2"
    again = cloud.up(str(EXAMPLES / "two-servers.yaml"))
    assert "UPDATE_COMPLETE" in again
    assert get(result["outputs"]["server1_url"]) == "server1"
    cloud.openstack("stack", "delete", "--yes", "--wait", "two-servers")


def test_the_smallest_example(cloud):
    result = json.loads(cloud.up(str(EXAMPLES / "hello.yaml"), "-P", "who=you", "--json"))
    assert result["outputs"]["greeting"].startswith("Hello you, your secret is ")
    cloud.openstack("stack", "delete", "--yes", "--wait", "hello")


def test_up_brings_a_killed_host_agent_back(cloud):
    place = str(cloud.state_dir)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
            if "samovar.cloud.host" in command and place in command:
                os.kill(int(folder.name), signal.SIGKILL)
    cloud.up()
    assert json.loads(cloud.samovar("status", "--json"))["ready"]


def test_down_cleans_the_machine_and_up_brings_the_stack_back(tmp_path):
    with started(new_cloud(tmp_path)) as cloud:
        result = json.loads(cloud.up(str(EXAMPLES / "two-servers.yaml"), "--json"))
        url = result["outputs"]["server1_url"]
        assert get(url) == "server1"
        names = cloud.names()
        cloud.samovar("down")
        assert left_behind(cloud, names) == []
        cloud.up()
        assert get(url) == "server1"
        assert {server["Status"] for server in cloud.openstack_json("server", "list")} == {"ACTIVE"}


def test_after_a_reboot_networks_and_servers_come_back(tmp_path):
    """A reboot takes every process and every namespace, and leaves the files."""
    with started(new_cloud(tmp_path)) as cloud:
        result = json.loads(cloud.up(str(EXAMPLES / "two-servers.yaml"), "--json"))
        url = result["outputs"]["server1_url"]
        assert get(url) == "server1"
        ids = {server["ID"] for server in cloud.openstack_json("server", "list")}
        names = cloud.names()
        for pid in processes_of(cloud):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=True)
        cloud.up()
        assert get(url) == "server1"
        rows = cloud.openstack_json("server", "list")
        assert {(row["ID"], row["Status"]) for row in rows} == {(identity, "ACTIVE") for identity in ids}


def processes_of(cloud):
    """The program, the host agent, and all that runs in the cloud's servers."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
            groups = (folder / "cgroup").read_text()
        except OSError:
            continue
        if str(cloud.state_dir) in line or any(f"/{server}" in groups for server in servers_of(cloud)):
            found.add(int(folder.name))
    return found - {os.getpid()}


def servers_of(cloud):
    """The ids of the servers that have a directory."""
    return [entry.name for entry in (cloud.state_dir / "servers").glob("*")]


def test_an_ordinary_user_is_told_what_is_missing(tmp_path):
    program = (
        "import os, sys, samovar.cli.up\n"
        "from samovar.cli.main import main\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "up", "--state-dir", str(tmp_path / "state")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "CAP_NET_ADMIN" in done.stderr
    assert "sudo" in done.stderr
    assert "Traceback" not in done.stderr
