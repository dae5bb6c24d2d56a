# SPDX-License-Identifier: Apache-2.0
"""Two projects of one cloud know nothing of each other."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.kernel, pytest.mark.clients]
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "two-servers.yaml"


@pytest.fixture(scope="module")
def both(cloud):
    """Two projects with the same stack, on the same addresses."""
    cloud.openstack("project", "create", "other", cloud="samovar-admin")
    cloud.openstack(
        "user", "create", "--project", "other", "--password", "pw", "other", cloud="samovar-admin"
    )
    cloud.openstack("role", "add", "--project", "other", "--user", "other", "member", cloud="samovar-admin")
    path = Path(cloud.environment["OS_CLIENT_CONFIG_FILE"])
    clouds = yaml.safe_load(path.read_text())
    entry = json.loads(json.dumps(clouds["clouds"]["samovar"]))
    entry["auth"].update(username="other", password="pw", project_name="other")
    clouds["clouds"]["other"] = entry
    path.write_text(yaml.safe_dump(clouds))
    for name in ("samovar", "other"):
        cloud.openstack("stack", "create", "--wait", "-t", str(EXAMPLE), "same", cloud=name)
    yield cloud
    for name in ("samovar", "other"):
        cloud.openstack("stack", "delete", "--yes", "--wait", "same", cloud=name)


def show(cloud, name, output):
    return cloud.openstack_json("stack", "output", "show", "same", output, cloud=name)["output_value"]


def test_the_same_addresses_lead_to_each_ones_own_servers(both):
    mine, theirs = show(both, "samovar", "server2_private_ip"), show(both, "other", "server2_private_ip")
    server = both.openstack_json("server", "show", "server1")["id"]
    their_server = both.openstack_json("server", "show", "server2", cloud="other")["id"]
    with_their_name = [
        "nsenter",
        f"--net=/run/netns/sv-srv-{their_server}",
        "ip",
        "-o",
        "link",
        "show",
        "eth0",
    ]
    mac = subprocess.run(with_their_name, capture_output=True, text=True, check=True).stdout.split(
        "link/ether "
    )[1][:17]
    subprocess.run(
        ["nsenter", f"--net=/run/netns/sv-srv-{server}", "curl", "-s", "-m", "3", f"http://{theirs}/"],
        capture_output=True, check=False,
    )  # fmt: skip
    neighbours = subprocess.run(
        ["nsenter", f"--net=/run/netns/sv-srv-{server}", "ip", "neigh"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert mine
    assert mac not in neighbours


@pytest.mark.parametrize("kind", ["server", "network", "router", "port", "stack"])
def test_a_member_of_one_project_gets_404_for_the_others_objects(both, kind):
    rows = both.openstack_json(kind, "list", cloud="other")
    row = next(row for row in rows if row.get("Name", row.get("name")) != "public")
    said = both.openstack(kind, "show", row["ID"], status=1)
    assert "not found" in said.lower() or "no " in said.lower() or "could not be found" in said.lower()


def test_lists_show_only_ones_own(both):
    ours = {row["ID"] for row in both.openstack_json("server", "list")}
    theirs = {row["ID"] for row in both.openstack_json("server", "list", cloud="other")}
    assert len(ours) == len(theirs) == 2
    assert not ours & theirs
