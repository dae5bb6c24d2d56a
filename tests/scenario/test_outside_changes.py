# SPDX-License-Identifier: Apache-2.0
"""A server of a stack is deleted behind the stack's back: it is noticed, mended, and never in the way."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.kernel

TEMPLATE = """
heat_template_version: 2018-08-31
resources:
  net: {type: OS::Neutron::Net}
  subnet: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.9.8.0/24}}
  config: {type: OS::Heat::SoftwareConfig, properties: {group: script, config: "#!/bin/sh"}}
  deployed:
    type: OS::Heat::SoftwareDeployment
    properties: {config: {get_resource: config}, server: {get_resource: one}, actions: [CREATE, DELETE]}
  one:
    type: OS::Nova::Server
    depends_on: subnet
    properties:
      image: host
      flavor: m1.nano
      networks: [{network: {get_resource: net}}]
      user_data_format: SOFTWARE_CONFIG
"""


def test_a_server_that_is_gone_is_noticed_mended_and_no_obstacle(cloud, tmp_path):
    file = tmp_path / "outside.yaml"
    file.write_text(TEMPLATE)
    cloud.openstack("stack", "create", "-t", str(file), "outside", "--wait", "--poll", "1")

    def server() -> str:
        return cloud.openstack_json("stack", "resource", "show", "outside", "one")["physical_resource_id"]

    def states() -> dict[str, str]:
        listed = cloud.openstack_json("stack", "resource", "list", "outside")
        return {each["resource_name"]: each["resource_status"] for each in listed}

    first = server()
    cloud.openstack("server", "delete", "--wait", first)
    cloud.openstack("stack", "check", "outside", "--wait", status=1)
    assert states()["one"] == "CHECK_FAILED" and states()["net"] == "CHECK_COMPLETE"
    cloud.openstack("stack", "update", "outside", "-t", str(file), "--converge", "--wait")
    second = server()
    assert second != first and states()["one"] == "CREATE_COMPLETE"
    for action, status in (("suspend", "SUSPENDED"), ("resume", "ACTIVE")):
        cloud.openstack("stack", action, "outside", "--wait")
        assert cloud.openstack_json("server", "show", second)["status"] == status
    cloud.openstack("server", "delete", "--wait", second)
    cloud.openstack("stack", "delete", "outside", "--yes")
    deadline = time.monotonic() + 30
    while cloud.openstack_json("stack", "list", "--property", "name=outside"):
        assert time.monotonic() < deadline, states()
