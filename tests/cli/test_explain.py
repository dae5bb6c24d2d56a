# SPDX-License-Identifier: Apache-2.0
"""samovar why, watch, retry and history against a running cloud, and against a Heat without our routes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clouds import RunningCloud

HEAD = "heat_template_version: 2021-04-16\n"
MEMBER = (
    HEAD
    + """parameters: {subnet: {type: string}}
resources:
  handle: {type: OS::Heat::WaitConditionHandle}
  server:
    type: OS::Nova::Server
    properties:
      image: host
      flavor: m1.nano
      networks: [{subnet: {get_param: subnet}}]
      user_data_format: RAW
      user_data:
        str_replace:
          template: |
            #!/bin/sh
            echo "cannot find the database"
            WC --data-binary '{"status": "FAILURE", "reason": "no database"}'
          params: {WC: {get_attr: [handle, curl_cli]}}
  ready:
    type: OS::Heat::WaitCondition
    depends_on: server
    properties: {handle: {get_resource: handle}, timeout: 60}
"""
)
SHOP = (
    HEAD
    + """resources:
  net: {type: OS::Neutron::Net}
  sub:
    type: OS::Neutron::Subnet
    properties: {network: {get_resource: net}, cidr: 10.77.0.0/24}
  web:
    type: member.yaml
    properties: {subnet: {get_resource: sub}}
"""
)
SLOW = (
    HEAD
    + """resources:
  slow: {type: OS::Heat::TestResource, properties: {value: x, wait_secs: 4}}
  after: {type: OS::Heat::RandomString, depends_on: slow}
"""
)

pytestmark = [pytest.mark.kernel]


@pytest.fixture(scope="module")
def shop(cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> RunningCloud:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "member.yaml").write_text(MEMBER)
    (folder / "shop.yaml").write_text(SHOP)
    told = cloud.up(str(folder / "shop.yaml"), status=1)
    assert "✗ web/ready  CREATE_FAILED" in told
    assert "✗ shop is CREATE_FAILED" in told  # the causes follow at once
    return cloud


def test_why_shows_the_line_and_what_the_server_said(shop: RunningCloud) -> None:
    told = shop.samovar("why", "shop", status=1)
    assert "resources.web.resources.ready  OS::Heat::WaitCondition  CREATE_FAILED" in told
    assert "--> member.yaml:19:3" in told and "19 |   ready:" in told
    assert "| cannot find the database" in told
    assert "failed because of that: resources.web\n" in told
    document = json.loads(shop.samovar("why", "shop", "-o", "json", status=1))
    assert [cause["says"] for cause in document["causes"]] == ["no database"]
    assert document["counts"]["complete"] >= 3
    told = shop.samovar("why", "shop", "web/server")
    assert "✓ resources.web.resources.server is well; the stack shop is CREATE_FAILED" in told
    assert "no database" in shop.samovar("why", "shop", "web/ready", status=1)


def test_a_plain_heat_is_asked_for_what_it_has(shop: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import sys, samovar.cli.why as why\n"
        "from samovar.cli.session import Orchestration, Refused\n"
        "asked = Orchestration.ask\n"
        "async def plain(self, method, path, **more):\n"
        "    if path.endswith('/why'):\n"
        "        raise Refused('404 Not Found', 'NotFound', 404)\n"
        "    return await asked(self, method, path, **more)\n"
        "Orchestration.ask = plain\n"
        "from samovar.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", program, "why", "shop", "--state-dir", str(shop.state_dir)]
    told = shop._run(command, 1, 60)
    assert "resources.web.resources.ready  OS::Heat::WaitCondition  CREATE_FAILED" in told
    assert "no database" in told and "note: This cloud's orchestration service keeps no more" in told


def test_after_a_rollback_the_console_is_still_known(
    cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("back")
    (folder / "member.yaml").write_text(MEMBER)
    (folder / "back.yaml").write_text(SHOP)
    told = cloud.up(str(folder / "back.yaml"), "--rollback", status=1)
    assert "back: ROLLBACK_COMPLETE" in told
    assert cloud.openstack_json("server", "list", "--name", "back") == []
    why = cloud.samovar("why", "back", status=1)
    assert "✗ back is ROLLBACK_COMPLETE" in why and "after its CREATE failed: 1 root cause" in why
    assert "resources.web.resources.ready  OS::Heat::WaitCondition  CREATE_FAILED" in why
    assert "| cannot find the database" in why
    cloud.openstack("stack", "delete", "--yes", "--wait", "back")


def test_another_cloud_is_named_as_for_the_clients(shop: RunningCloud) -> None:
    for name in ("samovar", "samovar-admin"):
        status = 1
        told = shop.samovar("why", "shop", "--os-cloud", name, status=status)
        assert ("no stack 'shop'" in told) == (name == "samovar-admin")
    assert "there is no cloud 'elsewhere'" in shop.samovar("why", "shop", "--os-cloud", "elsewhere", status=1)


def test_retry_and_history(shop: RunningCloud) -> None:
    told = shop.samovar("retry", "shop", status=1)
    assert "shop: CREATE_FAILED" in told and "why: samovar why shop" in told
    past = shop.samovar("history", "shop")
    assert past.startswith("#1*  CREATE_FAILED again") and "by samovar" in past
    assert "failed: web: no database" in past
    assert shop.samovar("why", "shop", "nothing", status=1).startswith("samovar: The Resource (nothing")
    shop.openstack("stack", "delete", "--yes", "--wait", "shop")
    assert "there is no stack 'shop'" in shop.samovar("history", "shop", status=1)


def test_watch_ends_with_the_stack(cloud: RunningCloud, tmp_path: Path) -> None:
    (tmp_path / "slow.yaml").write_text(SLOW)
    cloud.up(str(tmp_path / "slow.yaml"), "--detach")
    assert "slow is CREATE_IN_PROGRESS" in cloud.samovar("why", "slow", status=2)
    told = cloud.samovar("watch", "slow")
    assert "  … slow  waits for its 4 seconds to pass" in told
    assert "  ✓ after  CREATE_COMPLETE" in told and "slow: CREATE_COMPLETE in " in told
    assert "✓ slow is well: CREATE_COMPLETE" in cloud.samovar("why", "slow")
    began = time.monotonic()
    assert "slow: CREATE_COMPLETE" in cloud.samovar("watch", "slow")  # nothing goes on: told at once
    assert time.monotonic() - began < 20
    program = (  # a Heat that streams no events: its list is looked at
        "import sys, samovar.cli.happenings as happenings\n"
        "from samovar.clients import NoEventStream\n"
        "async def none(*_, **__):\n"
        "    raise NoEventStream('HTTP 200, application/json')\n"
        "    yield\n"
        "happenings.event_stream = none\n"
        "from samovar.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", program, "watch", "slow", "--state-dir", str(cloud.state_dir)]
    assert "slow: CREATE_COMPLETE" in cloud._run(command, 0, 60)
    cloud.openstack("stack", "delete", "--yes", "--wait", "slow")


def test_no_cloud_is_told_of(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "samovar.cli.main", "why", "x", "--state-dir", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": "src"})
    assert done.returncode == 1 and "no cloud runs here" in done.stderr
