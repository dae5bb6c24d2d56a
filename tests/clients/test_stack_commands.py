# SPDX-License-Identifier: Apache-2.0
"""Every `openstack stack …` and `openstack orchestration …` command, all in one process of the client."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from clouds import new_cloud, started

pytestmark = [pytest.mark.kernel, pytest.mark.clients]

# Runs each line of stdin as one openstack command; prints a JSON list of [status, output, errors].
RUNNER = """
import contextlib, io, json, logging, shlex, sys
from openstackclient import shell

found = []
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = shell.OpenStackShell().run(shlex.split(line))
        except SystemExit as end:
            status = end.code
    logging.getLogger("").handlers.clear()
    found.append([status, out.getvalue(), err.getvalue()])
json.dump(found, sys.stdout)
"""
TEMPLATE = """
heat_template_version: 2018-08-31
description: every command
parameters:
  length: {type: number, default: 8}
  names: {type: comma_delimited_list, default: "a,b"}
resources:
  word: {type: OS::Heat::RandomString, properties: {length: {get_param: length}}}
  group: {type: OS::Heat::ResourceGroup, properties: {count: 2, resource_def: {type: OS::Heat::RandomString}}}
  handle: {type: OS::Heat::WaitConditionHandle}
outputs:
  word: {value: {get_attr: [word, value]}, description: the word}
"""
SERVER = """
heat_template_version: 2018-08-31
resources:
  net: {type: OS::Neutron::Net}
  subnet: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.9.8.0/24}}
  handle: {type: OS::Heat::WaitConditionHandle}
  wait:
    type: OS::Heat::WaitCondition
    properties: {handle: {get_resource: handle}, timeout: 60, count: 2}
  server:
    type: OS::Nova::Server
    depends_on: subnet
    properties:
      image: host
      flavor: m1.nano
      networks: [{network: {get_resource: net}}]
      user_data_format: RAW
      user_data:
        str_replace:
          template: |
            #!/bin/sh
            notify -s --data-binary '{"status": "SUCCESS", "data": "ready"}'
            notify -s --data-binary '{"status": "SUCCESS", "id": "second"}'
          params: {notify: {get_attr: [handle, curl_cli]}}
outputs:
  told: {value: {get_attr: [wait, data]}}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    options = folder / "heat.conf"
    options.write_text("[DEFAULT]\nenable_stack_abandon = true\nenable_stack_adopt = true\n")
    with started(new_cloud(folder), "--config-file", str(options)) as running:
        yield running


@pytest.fixture(scope="module")
def client(cloud, tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    (folder / "main.yaml").write_text(TEMPLATE)
    (folder / "server.yaml").write_text(SERVER)
    (folder / "env.yaml").write_text("parameters: {length: 9}\n")
    (folder / "names.txt").write_text("c,d")
    (folder / "adopt.json").write_text(
        '{"action": "CREATE", "resources": {}, "template": {"heat_template_version": "2018-08-31"}}'
    )

    def run(*lines: str, user: str = "samovar", script: str = RUNNER) -> list[list]:
        clients = Path(os.environ.get("SAMOVAR_CLIENTS") or Path(__file__).parents[2] / ".venv-clients/bin")
        done = subprocess.run(
            [str(clients / "python"), "-c", script], input="\n".join(lines), cwd=folder, timeout=180,
            env={**os.environ, **cloud.environment, "PYTHONPATH": "", "OS_CLOUD": user},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def all_good(found: list[list], lines: list[str]) -> list[str]:
    for line, (status, output, errors) in zip(lines, found, strict=True):
        assert status == 0, (line, output, errors)
    return [output for _, output, _ in found]


def test_every_command_that_looks_or_changes(client):
    lines = [
        "orchestration build info",
        "orchestration resource type list",
        "orchestration resource type list --filter name=OS::Nova --long",
        "orchestration resource type show OS::Heat::RandomString --long",
        "orchestration resource type show OS::Heat::RandomString --template-type hot",
        "orchestration template function list heat_template_version.2018-08-31 --with_conditions",
        "orchestration template version list",
        "orchestration template validate -t main.yaml -e env.yaml --parameter length=5 --show-nested",
        "stack create -t main.yaml every --dry-run",
        "stack create -t main.yaml every -e env.yaml --parameter-file names=names.txt --tags a,b "
        "--timeout 5 --enable-rollback --wait --poll 1",
        "stack list --tags a --tag-mode any --property name=every --sort stack_name:asc --limit 3 -f json",
        "stack list --nested --short",
        "stack show every -f json",
        "stack show every --no-resolve-outputs",
        "stack output list every",
        "stack output show every word",
        "stack output show every --all",
        "stack resource list every -n 3 --long -f json",
        "stack resource list every --filter type=OS::Heat::RandomString",
        "stack resource show every word --with-attr value",
        "stack resource metadata every word",
        "stack event list every --nested-depth 2 --sort event_time:asc --limit 30",
        "stack event list every --resource word",
        "stack environment show every",
        "stack file list every",
        "stack template show every",
        "stack update every --existing --dry-run --show-nested --parameter length=3",
        "stack update every --existing --parameter length=3 --tags c",
    ]
    output = dict(zip(lines, all_good(client(*lines), lines), strict=True))
    (listed,) = json.loads(output[lines[10]])
    assert (listed["Stack Name"], listed["Stack Status"]) == ("every", "CREATE_COMPLETE")
    shown = json.loads(output["stack show every -f json"])
    assert shown["tags"] == ["a", "b"] and shown["parameters"]["names"] == "c,d"
    assert len(json.loads(output["stack resource list every -n 3 --long -f json"])) == 5
    assert "REPLACED" in output[lines[-2]].upper()


def test_what_acts_on_resources_and_stacks(client):
    lines = [
        "stack check every --wait",
        "stack resource mark unhealthy every word sick",
        "stack resource mark unhealthy every word --reset",
        """stack resource signal every handle --data '{"status": "SUCCESS"}'""",
        "stack resource metadata every handle",
        "stack suspend every --wait",
        "stack resume every --wait",
        "stack failures list every --long",
        "stack snapshot list every",
        "software config list",
        "software deployment list",
    ]
    output = all_good(client(*lines), lines)
    assert "CHECK_COMPLETE" in output[0]
    assert json.loads(output[4])["1"]["status"] == "SUCCESS"


def test_a_hook_stops_a_create_until_it_is_cleared(client):
    made, polled, cleared, shown = client(
        "stack create -t main.yaml hooked --pre-create word",
        "stack event list hooked --sort event_time:asc",
        "stack hook poll hooked",
        "stack show hooked -f json",
    )
    assert made[0] == 0, made
    assert json.loads(shown[1])["stack_status"] == "CREATE_IN_PROGRESS", (polled, cleared)
    again = client("stack hook clear hooked word --pre-create", "stack hook clear hooked word --pre-create")
    assert again[0][0] == 0, again
    assert "is not set on word" in again[1][2]
    deleted = client("stack delete hooked --yes --wait")
    assert deleted[0][0] == 0, deleted


def test_a_snapshot_brings_a_stack_back(client):
    lines = [
        "stack resource show every word --with-attr value -f json",
        "stack snapshot create every --name saved -f json",
    ]
    before, made = (json.loads(each) for each in all_good(client(*lines), lines))
    snapshot, word = made["ID"], before["attributes"]["value"]
    until(client, "stack show every -c stack_status -f value", "SNAPSHOT_COMPLETE")
    lines = [
        "stack snapshot list every -f json",
        f"stack snapshot show every {snapshot} -f json",
        "stack update every --existing --parameter length=5 --wait",
        f"stack snapshot restore every {snapshot}",
    ]
    listed, shown, *_ = all_good(client(*lines), lines)
    assert [(each["name"], each["status"]) for each in json.loads(listed)] == [("saved", "COMPLETE")]
    assert json.loads(shown)["snapshot"]["data"]["resources"]["word"]["resource_data"]["value"] == word
    until(client, "stack show every -c stack_status -f value", "RESTORE_COMPLETE")
    lines = [
        "stack resource show every word --with-attr value -f json",
        f"stack snapshot delete every {snapshot}",
    ]
    assert json.loads(all_good(client(*lines), lines)[0])["attributes"]["value"] == word
    until(client, "stack snapshot list every -f value", "")


def test_what_cannot_be_is_told_in_a_sentence(client):
    for line, told in (
        ("stack cancel every", "not in cancelable state"),
        ("stack hook poll every", "not IN_PROGRESS"),
        ("stack snapshot show every nothing", "not found for stack"),
        ("stack adopt every --adopt-file adopt.json", "already exists"),
        ("stack show nothing", "not found"),
        ("orchestration service list", "not allowed"),
    ):
        ((status, _output, errors),) = client(line)
        assert status != 0 and told in errors, (line, errors)


def test_the_administrator_sees_the_engines_and_every_project(client):
    lines = ["orchestration service list", "stack list --all-projects", "stack list --long"]
    services, everywhere, _ = all_good(client(*lines, user="samovar-admin"), lines)
    assert "heat-engine" in services
    assert "every" in everywhere
    (gone,) = client("stack delete every --yes --wait")
    assert gone[0] == 0, gone


def test_a_server_signals_its_wait_condition(client):
    lines = ["stack create -t server.yaml waits --wait --poll 1", "stack output show waits told -f json"]
    told = json.loads(all_good(client(*lines), lines)[1])["output_value"]
    assert json.loads(told) == {"1": "ready", "second": None}


def test_a_snapshot_saves_a_server_and_brings_it_back(client):
    (made,) = client("stack snapshot create waits --name saved -f json")
    assert made[0] == 0, made
    snapshot = json.loads(made[1])["ID"]
    until(client, "stack show waits -c stack_status -f value", "SNAPSHOT_COMPLETE")
    lines = [
        f"stack snapshot show waits {snapshot} -f json",
        "image list --private -f json",
        "stack resource show waits server -f json",
    ]
    shown, images, server = (json.loads(each) for each in all_good(client(*lines), lines))
    image = shown["snapshot"]["data"]["resources"]["server"]["resource_data"]["snapshot_image_id"]
    assert [each["ID"] for each in images] == [image]
    (restored,) = client(f"stack snapshot restore waits {snapshot}")
    assert restored[0] == 0, restored
    until(client, "stack show waits -c stack_status -f value", "RESTORE_COMPLETE")
    lines = [
        f"server show {server['physical_resource_id']} -f json",
        f"stack snapshot delete waits {snapshot}",
    ]
    rebuilt = json.loads(all_good(client(*lines), lines)[0])
    assert rebuilt["status"] == "ACTIVE" and image in rebuilt["image"], rebuilt["image"]
    until(client, "stack snapshot list waits -f value", "")
    until(client, "image list --private -f value", "")


def test_a_stack_is_abandoned_and_adopted_with_its_server_running(client):
    lines = [
        "server list -f json -c ID -c Status",
        "stack export waits --output-file exported.json",
        "stack abandon waits --output-file abandoned.json",
    ]
    before = json.loads(all_good(client(*lines), lines)[0])
    until(client, "stack list --property name=waits -f value", "")
    lines = [
        "server list -f json -c ID -c Status",
        "stack adopt waits --adopt-file abandoned.json --wait",
        "stack resource list waits -f json",
        "stack output show waits told -f json",
        "stack check waits --wait",
        "server list -f json -c ID -c Status",
    ]
    servers, _, listed, told, _, after = all_good(client(*lines), lines)
    assert json.loads(servers) == json.loads(after) == before and len(before) == 1
    resources = {each["resource_name"]: each for each in json.loads(listed)}
    assert resources["server"]["physical_resource_id"] == before[0]["ID"]
    assert {each["resource_status"] for each in resources.values()} == {"ADOPT_COMPLETE"}
    assert json.loads(json.loads(told)["output_value"]) == {"1": "ready", "second": None}
    lines = ["stack delete waits --yes --wait", "server list -f value", "network list --internal -f value"]
    assert all_good(client(*lines), lines)[1:] == ["", ""]


def until(client, line: str, wanted: str) -> None:
    deadline = time.monotonic() + 60
    while (found := client(line)[0])[1].strip() != wanted:
        assert time.monotonic() < deadline and found[0] == 0, found


def test_the_cloud_layer_of_the_sdk(client):
    found = client(
        script="""
import json, openstack
cloud = openstack.connect()
made = cloud.create_stack("sdk", template_file="main.yaml", rollback=False, wait=True, length=6, tags="x,y")
found = [made.status, made.tags]
changed = cloud.update_stack("sdk", template_file="main.yaml", wait=True, length=7)
found += [changed.status, changed.parameters["length"], [each.name for each in cloud.list_stacks()]]
api = cloud.orchestration
stack = api.find_stack("sdk")
found += [sorted(each.name for each in api.resources(stack)), api.get_stack_template(stack).description]
found += [cloud.delete_stack("sdk", wait=True), cloud.get_stack("sdk")]
print(json.dumps(found))
"""
    )
    assert found == [
        "CREATE_COMPLETE", ["x", "y"], "UPDATE_COMPLETE", "7", ["sdk"], ["group", "handle", "word"],
        "every command", True, None,
    ]  # fmt: skip
