# SPDX-License-Identifier: Apache-2.0
"""EC2's and IAM's types, in a real cloud: a VPC whose instance is reached, and an agent's keys."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from samovar.orchestration.engine.signed_access import signature

pytestmark = pytest.mark.kernel
STACK = str(Path(__file__).parent / "stacks" / "aws-types.yaml")


def described(base: str, key: str, secret: str, resource: str) -> int:
    """The status of the answer to an agent that asks for a resource's metadata."""
    params = {"Action": "DescribeStackResource", "StackName": "aws", "LogicalResourceId": resource}
    params |= {"AWSAccessKeyId": key, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2"}
    where = urlsplit(base)
    params["Signature"] = signature(secret, "GET", where.netloc, where.path, params)
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in params.items())
    try:
        with urllib.request.urlopen(f"{base}?{query}", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_vpc_with_an_instance_and_an_agent(cloud):
    def ours(kind: str) -> list[str]:
        return [
            each["Name"] for each in cloud.openstack_json(kind, "list") if each["Name"].startswith("aws-")
        ]

    made = json.loads(cloud.up(STACK, "--name", "aws", "--json"))
    assert made["status"] == "CREATE_COMPLETE", made
    shown = cloud.openstack_json("stack", "show", "aws")["outputs"]
    found = {each["output_key"]: each["output_value"] for each in shown}
    assert (found["private"], found["zone"]) == ("10.9.1.77", "nova")

    (floating,) = cloud.openstack_json(
        "floating", "ip", "list", "--floating-ip-address", str(found["address"])
    )
    assert floating["Fixed IP Address"] == "10.9.1.77"
    ping = ["ping", "-c", "1", "-w", "15", found["address"]]
    assert subprocess.run(ping, capture_output=True, check=False).returncode == 0
    assert len(ours("router")) == 2
    rules = cloud.openstack_json("security", "group", "rule", "list", found["group"])
    ports = {(rule["IP Protocol"], rule["Port Range"]) for rule in rules if rule["Direction"] == "ingress"}
    assert ("tcp", "80:80") in ports and "icmp" in {protocol for protocol, _ in ports}

    base = f"http://127.0.0.1:{cloud.port}/heat-api-cfn/v1/"
    assert described(base, found["key"], found["secret"], "Server") == 200
    assert described(base, found["key"], found["secret"], "Vpc") == 403  # the policy does not name it
    assert described(base, found["key"], "wrong", "Server") == 403

    cloud.openstack("stack", "delete", "--yes", "--wait", "aws")
    assert [name for kind in ("router", "network", "server") for name in ours(kind)] == []
