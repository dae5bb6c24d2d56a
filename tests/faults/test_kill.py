# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the program at many moments of a create, an update and a delete; then `samovar up` again.

Each time the operation must end as it should have, with one server for each that the template has and
nothing in the kernel that the database does not know.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from clouds import new_cloud, started

pytestmark = [pytest.mark.kernel, pytest.mark.faults]
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "two-servers.yaml"
MOMENTS = (0.0, 0.03, 0.07, 0.12, 0.2, 0.3, 0.45, 0.7)


def kill(cloud, after):
    """End the program without a chance to say anything, `after` seconds from now."""
    time.sleep(after)
    record = json.loads((cloud.state_dir / "run" / "samovar.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)


def settle(cloud, name, seconds=60):
    """The stack's status once it is no longer in progress; None when it is gone."""
    deadline = time.monotonic() + seconds
    while True:
        rows = {row["Stack Name"]: row["Stack Status"] for row in cloud.openstack_json("stack", "list")}
        status = rows.get(name)
        if status is None or not status.endswith("IN_PROGRESS"):
            return status
        assert time.monotonic() < deadline, f"{name} is still {status}"
        time.sleep(0.2)


def check(cloud, servers):
    """As many servers as there should be, in the database and in the kernel."""
    rows = cloud.openstack_json("server", "list")
    assert sorted(row["Name"] for row in rows) == sorted(servers)
    assert {row["Status"] for row in rows} <= {"ACTIVE"}
    deadline = time.monotonic() + 10
    wanted = {f"sv-srv-{row['ID']}" for row in rows}
    while cloud.names("srv") != wanted:
        assert time.monotonic() < deadline, (cloud.names("srv"), wanted)
        time.sleep(0.1)
    ports = cloud.openstack_json("port", "list", "--device-owner", "compute:nova")
    assert len(ports) == len(servers)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with started(new_cloud(tmp_path_factory.mktemp("kill"))) as cloud:
        yield cloud


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_program_loses_nothing(cloud, moment, tmp_path):
    name = f"k{int(moment * 1000)}"
    cloud.up(str(EXAMPLE), "--name", name, "--detach")
    kill(cloud, moment)
    cloud.up()
    assert settle(cloud, name) == "CREATE_COMPLETE"
    check(cloud, ["server1", "server2"])

    changed = tmp_path / "changed.yaml"
    changed.write_text(
        EXAMPLE.read_text()
        .replace("name: server2", "name: renamed")
        .replace("image: { get", "config_drive: true\n      image: { get", 1)
    )
    cloud.up(str(changed), "--name", name, "--detach")
    kill(cloud, moment)
    cloud.up()
    assert settle(cloud, name) == "UPDATE_COMPLETE"
    check(cloud, ["server1", "renamed"])

    cloud.openstack("stack", "delete", "--yes", name)
    kill(cloud, moment)
    cloud.up()
    assert settle(cloud, name) is None
    check(cloud, [])
