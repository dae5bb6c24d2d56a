# SPDX-License-Identifier: Apache-2.0
"""The real `openstack software config` and `software deployment` commands."""

import json

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]


def test_the_life_of_a_config_and_its_deployment(cloud, tmp_path):
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho $word\n")
    definition = tmp_path / "definition.yaml"
    definition.write_text("inputs: [{name: word, default: tea}]\noutputs: [{name: result}]\n")
    config = cloud.openstack_json(
        *("software", "config", "create", "brew", "--group", "script"),
        *("--config-file", str(script), "--definition-file", str(definition)),
    )
    assert config["name"] == "brew" and config["inputs"][0]["default"] == "tea"
    shown = cloud.openstack("software", "config", "show", config["id"], "--config-only")
    assert shown.strip() == script.read_text().strip()
    listed = cloud.openstack_json("software", "config", "list", "--limit", "500")
    assert config["id"] in [row["id"] for row in listed]

    server = "5b7b3c9a-0000-4000-8000-000000000000"
    made = cloud.openstack_json(
        *("software", "deployment", "create", "first", "--config", config["id"], "--server", server),
        *("--signal-transport", "NO_SIGNAL", "--input-value", "word=coffee"),
    )
    assert (made["status"], made["action"]) == ("IN_PROGRESS", "UPDATE")
    rows = cloud.openstack_json("software", "deployment", "list", "--server", server, "--long")
    assert [row["id"] for row in rows] == [made["id"]]
    metadata = json.loads(cloud.openstack("software", "deployment", "metadata", "show", server))
    values = {each["name"]: each["value"] for each in metadata[0]["inputs"]}
    assert values["word"] == "coffee" and values["deploy_server_id"] == server
    assert cloud.openstack_json("software", "deployment", "show", made["id"], "--long")["output_values"] == {}
    cloud.openstack("software", "deployment", "output", "show", made["id"], "--all")

    cloud.openstack("software", "config", "delete", made["config_id"], status=1)
    cloud.openstack("software", "deployment", "delete", made["id"])
    cloud.openstack("software", "config", "delete", config["id"])
    assert config["id"] not in [row["id"] for row in cloud.openstack_json("software", "config", "list")]
    cloud.openstack("software", "deployment", "show", made["id"], status=1)
