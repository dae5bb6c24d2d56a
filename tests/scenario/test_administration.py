# SPDX-License-Identifier: Apache-2.0
"""A stack of what administrators make: there, changed in place, and gone again."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel
STACK = str(Path(__file__).parent / "stacks" / "administration.yaml")
ADMIN = "samovar-admin"


def roles(cloud):
    listed = cloud.openstack_json(
        *("role", "assignment", "list", "--names", "--user", "ivan", "--user-domain", "shop"), cloud=ADMIN
    )
    return sorted((each["Role"], each["Project"] or each["Domain"]) for each in listed)


def test_projects_users_quotas_and_pools(cloud):
    cloud.up()
    create = ("stack", "create", "administration", "-t", STACK, "--wait")
    assert "Stack CREATE completed successfully" in cloud.openstack(*create, cloud=ADMIN)
    shown = cloud.openstack_json("stack", "output", "show", "administration", "--all", cloud=ADMIN)
    outputs = {name: each["output_value"] for name, each in shown.items()}
    assert outputs["cidr"] == "10.90.0.0/24"
    assert roles(cloud) == [("brewer", "shop"), ("reader", "tea@shop")]
    quota = cloud.openstack_json("quota", "show", outputs["project"], cloud=ADMIN)
    limits = {each["Resource"]: each["Limit"] for each in quota}
    assert (limits["instances"], limits["ports"]) == (3, 33)
    router = cloud.openstack_json("router", "show", outputs["router"], cloud=ADMIN)
    assert router["external_gateway_info"]
    assert router["routes"] == [{"destination": "10.91.0.0/24", "nexthop": "10.90.0.9"}]

    changed = ("words=second", "granted=manager", "servers=5", "hop=10.90.0.10")
    parameters = [word for each in changed for word in ("--parameter", each)]
    cloud.openstack("stack", "update", "administration", "-t", STACK, *parameters, "--wait", cloud=ADMIN)
    assert roles(cloud) == [("brewer", "shop"), ("manager", "tea@shop")]
    assert cloud.openstack_json("project", "show", outputs["project"], cloud=ADMIN)["description"] == "second"
    router = cloud.openstack_json("router", "show", outputs["router"], cloud=ADMIN)
    assert router["routes"] == [{"destination": "10.91.0.0/24", "nexthop": "10.90.0.10"}]

    cloud.openstack("stack", "delete", "--yes", "--wait", "administration", cloud=ADMIN)
    assert {each["Name"] for each in cloud.openstack_json("domain", "list", cloud=ADMIN)} == {
        "Default",
        "heat",
    }
    assert cloud.openstack_json("subnet", "pool", "list", cloud=ADMIN) == []
