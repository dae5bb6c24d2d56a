# SPDX-License-Identifier: Apache-2.0
"""The main job, as the README tells it: a template becomes a running stack, and goes away again."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest

from clouds import left_behind, machine, new_cloud, started

pytestmark = pytest.mark.kernel
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def get(url, seconds=10):
    """The body at `url`; a server's script may still be starting."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(url, timeout=2).read().decode().strip()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_two_servers_answer_with_their_names(cloud):
    result = json.loads(cloud.up(str(EXAMPLES / "two-servers.yaml"), "--json"))
    assert result["status"] == "CREATE_COMPLETE", result
    assert get(result["outputs"]["server1_url"]) == "server1"
    assert get(result["outputs"]["server2_url"]) == "server2"
    again = cloud.up(str(EXAMPLES / "two-servers.yaml"))
    assert "UPDATE_COMPLETE" in again
    assert get(result["outputs"]["server1_url"]) == "server1"
    cloud.openstack("stack", "delete", "--yes", "--wait", "two-servers")


def test_down_cleans_the_machine_and_up_brings_the_stack_back(tmp_path):
    before = machine()
    with started(new_cloud(tmp_path)) as cloud:
        result = json.loads(cloud.up(str(EXAMPLES / "two-servers.yaml"), "--json"))
        url = result["outputs"]["server1_url"]
        assert get(url) == "server1"
        cloud.samovar("down")
        assert left_behind(before) == {}
        cloud.up()
        assert get(url) == "server1"
        assert {server["Status"] for server in cloud.openstack_json("server", "list")} == {"ACTIVE"}
