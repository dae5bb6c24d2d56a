# SPDX-License-Identifier: Apache-2.0
"""Software deployments run in the server, and what came of them returns to the stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
STACKS = Path(__file__).parent / "stacks"


def test_an_output_returns_and_a_changed_input_runs_again(cloud):
    example = str(EXAMPLES / "software-deployment.yaml")
    result = json.loads(cloud.up(example, "--json"))
    assert result["status"] == "CREATE_COMPLETE", result
    assert result["outputs"]["sentence"].startswith("Good morning from software-deployment-server-")
    assert str(result["outputs"]["status"]) == "0"
    assert result["outputs"]["stdout"] == "said 1 time(s)\n"
    result = json.loads(cloud.up(example, "--json"))
    assert result["outputs"]["stdout"] == "said 1 time(s)\n"
    result = json.loads(cloud.up(example, "--json", "-P", "greeting=Good night"))
    assert result["status"] == "UPDATE_COMPLETE"
    assert result["outputs"]["sentence"].startswith("Good night from")
    assert result["outputs"]["stdout"] == "said 2 time(s)\n"
    cloud.openstack("stack", "delete", "--yes", "--wait", "software-deployment")
    assert cloud.openstack_json("software", "deployment", "list") == []
    assert cloud.openstack_json("software", "config", "list") == []


def test_components_groups_and_failures(cloud):
    stack = str(STACKS / "deployments.yaml")
    failed = json.loads(cloud.up(stack, "--json", "-P", "code=3", status=1))
    assert failed["status"] == "CREATE_FAILED"
    shown = cloud.openstack("stack", "failures", "list", "deployments", "--long")
    assert "deployments.component_deployment" in shown
    reason, _, stderr = shown.partition("deploy_stderr: |")
    assert "non-zero status code: 3, deploy_stderr : the reason is here" in reason
    assert stderr.strip() == "the reason is here"
    result = json.loads(cloud.up(stack, "--json", "-P", "code=0"))
    assert result["status"] == "UPDATE_COMPLETE", result
    assert result["outputs"]["codes"] == {"first": 0, "again": 0}
    assert result["outputs"]["filled"] == {"deep": ["a value"]}
    metadata = cloud.openstack("stack", "resource", "metadata", "deployments", "server")
    assert "os-collect-config" in json.loads(metadata)
    cloud.openstack("stack", "delete", "--yes", "--wait", "deployments")
    assert cloud.openstack_json("software", "deployment", "list") == []


def test_servers_signal_wait_conditions_of_every_kind(cloud):
    result = json.loads(cloud.up(str(STACKS / "signals.yaml"), "--json"))
    assert result["status"] == "CREATE_COMPLETE", result
    assert json.loads(result["outputs"]["token"]) == {"1": "by token"}
    assert json.loads(result["outputs"]["signature"]) == {"1": "by signature"}
    assert json.loads(result["outputs"]["aws"]) == {"x": "by url"}
    assert result["outputs"]["agent"]["collectors"] == ["cfn", "local"]
    cloud.openstack("stack", "delete", "--yes", "--wait", "signals")


def test_cfn_init_and_cfn_signal_are_in_the_server(cloud):
    result = json.loads(cloud.up(str(EXAMPLES / "cfn-init.yaml"), "--json"))
    assert result["status"] == "CREATE_COMPLETE", result
    assert json.loads(result["outputs"]["Said"]) == {"page": "Good morning from cfn-init"}
    cloud.openstack("stack", "delete", "--yes", "--wait", "cfn-init")
