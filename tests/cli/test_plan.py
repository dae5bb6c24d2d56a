# SPDX-License-Identifier: Apache-2.0
"""samovar plan: of a new stack without a cloud, and of what a running cloud has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Command

from clouds import RunningCloud

HEAD = "heat_template_version: 2018-08-31\n"
MAIN = (
    HEAD
    + """parameters:
  password: {type: string, hidden: true, default: sekret}
  count: {type: number, default: 2}
resources:
  one: {type: sub/inner.yaml, properties: {size: 3}}
  user:
    type: OS::Heat::Value
    properties: {value: {get_attr: [one, word]}}
  mine:
    type: OS::Heat::TestResource
    properties: {value: {list_join: ["-", [pw, {get_param: password}]]}}
  group:
    type: OS::Heat::ResourceGroup
    properties: {count: {get_param: count}, resource_def: {type: sub/inner.yaml, properties: {size: 5}}}
"""
)
INNER = (
    HEAD
    + """parameters: {size: {type: number}}
resources:
  word: {type: OS::Heat::RandomString, properties: {length: {get_param: size}}}
outputs: {word: {value: {get_attr: [word, value]}}}
"""
)


def test_the_plan_of_a_new_stack_needs_no_cloud(samovar: Command) -> None:
    samovar.write(main=MAIN, sub__inner=INNER)
    status, out, told = samovar("plan", "main.yaml")
    assert status == 2 and "plan of a new stack" in told
    assert "+ group.1.word  OS::Heat::RandomString  will be created" in out
    assert "value = (known later: one word)" in out
    assert "pw-******" in out and "sekret" not in out
    assert out.endswith("Plan: 9 to create.\n")
    status, out, _ = samovar("plan", "main.yaml", "-P", "count=0", "--format", "json")
    assert status == 2 and json.loads(out)["summary"] == {"create": 5}
    for form, start in (("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")):
        status, out, _ = samovar("plan", "main.yaml", "--format", form)
        assert out.startswith(start) and "word" in out and "sekret" not in out
    samovar.write(empty=HEAD + "resources: {}\n")
    status, out, _ = samovar("plan", "empty.yaml")
    assert status == 0 and "Nothing to do" in out


def test_a_wrong_template_has_no_plan(samovar: Command) -> None:
    samovar.write(bad=HEAD + "resources:\n  a: {type: OS::Heat::RandomStrin}\n")
    status, out, told = samovar("plan", "bad.yaml")
    assert status == 1 and out == "" and "--> bad.yaml:3:13" in told
    status, _, told = samovar("plan", "bad.yaml", "--name", "1 2")
    assert status == 1 and "cannot name a stack" in told
    samovar.write(
        loop=HEAD
        + "resources: {g: {type: OS::Heat::ResourceGroup, properties: {resource_def: {type: loop.yaml}}}}"
    )
    status, _, told = samovar("plan", "loop.yaml")
    assert status == 1 and "Recursion depth exceeds" in told


@pytest.mark.kernel
def test_a_plan_comes_true_and_drift_is_seen_and_mended(cloud: RunningCloud, tmp_path: Path) -> None:
    file = tmp_path / "planned.yaml"
    text = HEAD + (
        "resources:\n"
        "  net: {type: OS::Neutron::Net, properties: {name: planned-net}}\n"
        "  subnet: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.71.0.0/24}}\n"
    )
    file.write_text(text)
    assert "Plan: 2 to create." in cloud.samovar("plan", str(file), status=2)
    assert "Plan: 2 to create." in cloud.up(str(file))
    assert "Nothing to do" in cloud.samovar("plan", str(file), "--drift")
    cloud.openstack("network", "set", "--name", "other-net", "planned-net")
    assert "Nothing to do" in cloud.samovar("plan", str(file))
    drifted = cloud.samovar("plan", str(file), "--drift", status=2)
    assert 'name = "other-net" -> "planned-net"' in drifted
    assert "Plan: 1 to update." in cloud.up(str(file), "--drift")
    assert "Nothing to do" in cloud.samovar("plan", str(file), "--drift")

    file.write_text(text.replace("10.71", "10.72"))
    planned = json.loads(cloud.samovar("plan", str(file), "--json", status=2))
    assert planned["summary"] == {"no-op": 1, "replace": 1}
    file.write_text(HEAD + "resources: {}\n")
    refused = cloud.up(str(file), "--plan", planned["hash"], status=1)
    assert "nothing was done. The plan is another one now. Plan: 2 to delete." in refused
    file.write_text(
        HEAD
        + "resources:\n  s:\n    type: OS::Nova::Server\n    properties: {image: nowhere, flavor: m1.tyni}\n"
    )
    refused = cloud.up(str(file), status=1)
    assert f"--> {file}:5:18" in refused and 'There is no image "nowhere"' in refused
    assert 'Did you mean "m1.tiny"?' in refused
    cloud.openstack("stack", "delete", "--yes", "--wait", "planned")
