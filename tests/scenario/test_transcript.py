# SPDX-License-Identifier: Apache-2.0
"""What a user of OpenStack types: the ordinary clients against a stack of ours."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.clients]
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "two-servers.yaml"


@pytest.fixture(scope="module")
def stack(cloud):
    cloud.openstack("stack", "create", "--wait", "-t", str(EXAMPLE), "--parameter", "flavor=m1.nano", "first")
    yield cloud
    cloud.openstack("stack", "delete", "--yes", "--wait", "first")
    assert cloud.openstack_json("server", "list") == []
    assert cloud.openstack_json("floating", "ip", "list") == []
    assert cloud.openstack_json("stack", "list") == []


def outputs(cloud):
    rows = cloud.openstack_json("stack", "output", "show", "--all", "first")
    return {name: output["output_value"] for name, output in rows.items()}


def test_the_stack_is_listed_and_shown(stack):
    (row,) = stack.openstack_json("stack", "list")
    assert (row["Stack Name"], row["Stack Status"]) == ("first", "CREATE_COMPLETE")
    shown = stack.openstack_json("stack", "show", "first")
    assert shown["stack_status"] == "CREATE_COMPLETE"
    assert shown["parameters"]["flavor"] == "m1.nano"
    assert {row["output_key"] for row in stack.openstack_json("stack", "output", "list", "first")} >= {
        "server1_url"
    }


def test_resources_and_events_are_listed(stack):
    rows = stack.openstack_json("stack", "resource", "list", "first")
    assert {row["resource_type"] for row in rows} >= {"OS::Nova::Server", "OS::Neutron::FloatingIP"}
    assert {row["resource_status"] for row in rows} == {"CREATE_COMPLETE"}
    shown = stack.openstack("stack", "resource", "show", "first", "server1", "-f", "yaml")
    assert "resource_type: OS::Nova::Server" in shown
    events = stack.openstack("stack", "event", "list", "first")
    assert "Stack CREATE started" in events
    assert "Stack CREATE completed successfully" in events


def test_servers_ports_and_addresses_are_what_the_stack_says(stack):
    servers = {row["Name"]: row for row in stack.openstack_json("server", "list")}
    assert set(servers) == {"server1", "server2"}
    assert {row["Status"] for row in servers.values()} == {"ACTIVE"}
    known = outputs(stack)
    addresses = servers["server1"]["Networks"]["private-net"]
    assert known["server1_private_ip"] in addresses
    assert known["server1_url"].removeprefix("http://") in addresses
    assert len(stack.openstack_json("port", "list", "--device-owner", "compute:nova")) == 2
    assert len(stack.openstack_json("floating", "ip", "list")) == 2
    assert "server1" in stack.openstack("console", "log", "show", "server1")


def test_traffic_passes_to_the_open_port_and_to_no_other(stack):
    address = outputs(stack)["server1_url"].removeprefix("http://")
    with socket.create_connection((address, 80), timeout=5):
        pass
    with pytest.raises(TimeoutError):
        socket.create_connection((address, 81), timeout=1)


def test_one_server_reaches_the_other(stack):
    server = stack.openstack_json("server", "show", "server1")["id"]
    other = outputs(stack)["server2_private_ip"]
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/sv-srv-{server}", "curl", "-s", "-m", "5", f"http://{other}/"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "server2", done


def test_an_update_changes_what_the_template_changes(stack, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(
        EXAMPLE.read_text()
        .replace("name: server2", "name: second")
        .replace("name: private-net", "name: inner")
    )
    before = {row["ID"] for row in stack.openstack_json("server", "list")}
    stack.openstack("stack", "update", "--wait", "-t", str(changed), "--parameter", "flavor=m1.nano", "first")
    servers = stack.openstack_json("server", "list")
    assert {row["Name"] for row in servers} == {"server1", "second"}
    assert {row["ID"] for row in servers} == before
    assert "inner" in {row["Name"] for row in stack.openstack_json("network", "list")}
    stack.openstack("stack", "update", "--wait", "-t", str(EXAMPLE), "--parameter", "flavor=m1.nano", "first")


def test_the_stack_can_be_suspended_resumed_and_checked(stack):
    stack.openstack("stack", "suspend", "--wait", "first")
    assert {row["Status"] for row in stack.openstack_json("server", "list")} == {"SUSPENDED"}
    stack.openstack("stack", "resume", "--wait", "first")
    assert {row["Status"] for row in stack.openstack_json("server", "list")} == {"ACTIVE"}
    stack.openstack("stack", "check", "--wait", "first")
    assert stack.openstack_json("stack", "show", "first")["stack_status"] == "CHECK_COMPLETE"


def test_everything_else_can_be_listed_and_made_by_hand(cloud):
    for command in (
        ["network", "list"], ["subnet", "list"], ["router", "list"], ["port", "list"], ["security", "group", "list"],
        ["image", "list"], ["flavor", "list"], ["keypair", "list"], ["catalog", "list"], ["stack", "list"],
    ):  # fmt: skip
        cloud.openstack(*command)
    for command in (["project", "list"], ["user", "list"], ["role", "list"], ["hypervisor", "list"]):
        cloud.openstack(*command, cloud="samovar-admin")
    assert cloud.openstack_json("token", "issue")["project_id"]
    cloud.openstack("network", "create", "by-hand")
    cloud.openstack("subnet", "create", "--network", "by-hand", "--subnet-range", "10.9.0.0/24", "by-hand")
    cloud.openstack("router", "create", "--external-gateway", "public", "by-hand")
    cloud.openstack("router", "add", "subnet", "by-hand", "by-hand")
    cloud.openstack("security", "group", "create", "by-hand")
    cloud.openstack("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "by-hand")
    cloud.openstack(
        "server",
        "create",
        "--image",
        "host",
        "--flavor",
        "m1.nano",
        "--network",
        "by-hand",
        "--wait",
        "by-hand",
    )
    address = cloud.openstack_json("floating", "ip", "create", "public")["floating_ip_address"]
    cloud.openstack("server", "add", "floating", "ip", "by-hand", address)
    cloud.openstack("server", "stop", "by-hand")
    cloud.openstack("server", "delete", "--wait", "by-hand")
    cloud.openstack("floating", "ip", "delete", address)
    cloud.openstack("router", "remove", "subnet", "by-hand", "by-hand")
    cloud.openstack("router", "delete", "by-hand")
    cloud.openstack("network", "delete", "by-hand")
    cloud.openstack("security", "group", "delete", "by-hand")
    assert "by-hand" not in cloud.openstack("network", "list")
