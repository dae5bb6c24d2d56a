# SPDX-License-Identifier: Apache-2.0
"""A cloud is backed up while it runs, lost entirely, and restored: everything is there and works."""

import json

import pytest

from clouds import ROOT, get, new_cloud, started

pytestmark = pytest.mark.kernel
SECRET = """
heat_template_version: 2018-08-31
parameters:
  word: {type: string, hidden: true}
resources:
  one: {type: OS::Heat::RandomString}
outputs:
  value: {value: {get_attr: [one, value]}}
  word: {value: {get_param: word}}
"""


def test_a_restored_cloud_works(tmp_path):
    cloud = new_cloud(tmp_path / "cloud")
    backup = str(tmp_path / "backup.tar.gz")
    template = tmp_path / "secret.yaml"
    template.write_text(SECRET)
    with started(cloud):
        cloud.up(str(ROOT / "examples" / "two-servers.yaml"), "--name", "web")
        cloud.up(str(template), "--name", "kept", "-P", "word=hush")
        before = cloud.openstack_json("stack", "show", "kept")
        servers = {row["Name"] for row in cloud.openstack_json("server", "list")}
        assert "holds the database" in cloud.samovar("db", "backup", backup)
        assert "is used by" in cloud.samovar("db", "restore", backup, status=1)
        cloud.samovar("down", "--purge")

        cloud.samovar("db", "restore", backup)
        cloud.up()
        after = cloud.openstack_json("stack", "show", "kept")
        assert after["id"] == before["id"] and after["outputs"] == before["outputs"]
        assert "hush" in json.dumps(after["outputs"]), "what was encrypted can be read"
        assert {row["Name"] for row in cloud.openstack_json("server", "list")} == servers
        outputs = cloud.openstack_json("stack", "show", "web")["outputs"]
        url = next(output["output_value"] for output in outputs if output["output_key"] == "server1_url")
        assert get(url) == "server1", "servers serve again"
        changed = template.read_text().replace("outputs:", "  two: {type: OS::Heat::RandomString}\noutputs:")
        template.write_text(changed)
        cloud.up(str(template), "--name", "kept", "-P", "word=hush")
        cloud.openstack("stack", "delete", "--yes", "--wait", "web")
        assert cloud.openstack_json("server", "list") == []
