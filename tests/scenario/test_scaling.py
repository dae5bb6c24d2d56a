# SPDX-License-Identifier: Apache-2.0
"""A group of instances is scaled from outside by nothing but a URL, and changed one by one."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel
STACKS = Path(__file__).parent / "stacks"


def test_a_url_scales_a_group_of_instances(cloud):
    stack = str(STACKS / "instances.yaml")
    result = json.loads(cloud.up(stack, "--json"))
    assert result["status"] == "CREATE_COMPLETE", result
    assert result["outputs"]["Addresses"].startswith("10.66.0.")
    for _ in range(2):  # the second finds the group as large as it may be
        subprocess.run(["curl", "-fsS", "-X", "POST", result["outputs"]["Url"]], check=True, timeout=20)
        deadline = time.monotonic() + 30
        while len(servers := cloud.openstack_json("server", "list")) < 2 or any(
            each["Status"] != "ACTIVE" for each in servers
        ):
            assert time.monotonic() < deadline, servers
    assert len(servers) == 2
    addresses = cloud.openstack("stack", "output", "show", "instances", "Addresses", "-c", "output_value")
    assert addresses.count("10.66.0.") == 2
    result = json.loads(cloud.up(stack, "--json", "-P", "Word=second"))
    assert result["status"] == "UPDATE_COMPLETE", result
    after = cloud.openstack_json("server", "list")
    assert len(after) == 2 and not {each["ID"] for each in after} & {each["ID"] for each in servers}
    assert "the word is second" in cloud.openstack("console", "log", "show", after[0]["ID"])
    cloud.openstack("stack", "delete", "--yes", "--wait", "instances")
    assert cloud.openstack_json("server", "list") == []


def test_sizes_that_do_not_fit_are_told_with_their_line(cloud, tmp_path):
    template = tmp_path / "sizes.yaml"
    template.write_text(
        "heat_template_version: 2021-04-16\n"
        "resources:\n"
        "  group:\n"
        "    type: OS::Heat::AutoScalingGroup\n"
        "    properties:\n"
        "      min_size: 4\n"
        "      max_size: 3\n"
        "      resource: {type: OS::Heat::RandomString}\n"
    )
    told = cloud.samovar("validate", str(template), status=1)
    assert '"min_size" (4) is greater than "max_size" (3)' in told
    assert "sizes.yaml:6" in told
