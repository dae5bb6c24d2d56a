# SPDX-License-Identifier: Apache-2.0
"""A Heat of one's own in front of another cloud, of which it knows only the Keystone."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from clouds import ROOT, free_port
from servers import databases
from servers.stores import Memcached

pytestmark = [pytest.mark.kernel, pytest.mark.clients]

CONF = """\
[DEFAULT]
stack_user_domain_name = heat
stack_domain_admin = heat_domain_admin
stack_domain_admin_password = {domain_admin}
auth_encryption_key = 0123456789abcdef0123456789abcdef
[database]
connection = {database}
[heat_api]
bind_host = 127.0.0.1
bind_port = {port}
[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:{keystone}/identity
auth_url = http://127.0.0.1:{keystone}/identity
memcached_servers = {memcached}
token_cache_time = 3
auth_type = password
username = heat
password = {password}
user_domain_name = Default
project_name = service
project_domain_name = Default
interface = public
[trustee]
auth_type = password
auth_url = http://127.0.0.1:{keystone}/identity
username = heat
password = {password}
user_domain_name = Default
"""

TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "resources": {
        "network": {"type": "OS::Neutron::Net", "properties": {"name": "of-another-heat"}},
        "handle": {"type": "OS::Heat::WaitConditionHandle"},
        "random": {"type": "OS::Heat::RandomString"},
    },
    "outputs": {"network": {"value": {"get_attr": ["network", "name"]}}},
}


class Heat:
    """A process of the API and the engine, and requests to it."""

    def __init__(self, folder, port, config):
        self.url, self.log = f"http://127.0.0.1:{port}", folder / "log"
        file = folder / "heat.conf"
        file.write_text(config)
        command = [sys.executable, "-m", "samovar.cli.main", "serve", "heat-api", "heat-engine"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--config-file", str(file), "--state-dir", str(folder / "state")],
                env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.until(lambda: self.ask("GET", "/readyz")[0] == 200)

    def ask(self, method, path, token="", body=None):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            headers={"x-auth-token": token, "content-type": "application/json"},
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")
        except OSError as error:
            return 0, str(error)

    def until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(self.log.read_text()[-3000:])
            time.sleep(0.1)

    def close(self):
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module")
def heat(cloud, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("heat")
    passwords = json.loads((cloud.state_dir / "passwords.json").read_text())
    port, memcached = free_port(), Memcached()
    config = CONF.format(
        domain_admin=passwords["heat_domain_admin"],
        database=databases.server("postgresql").new(),
        port=port,
        keystone=cloud.port,
        memcached=memcached.address,
        password=passwords["heat"],
    )
    made = Heat(tmp_path, port, config)
    yield made
    with contextlib.suppress(ProcessLookupError):
        made.close()
    memcached.stop()


def test_stacks_are_made_in_a_cloud_that_only_its_keystone_is_known_of(cloud, heat):
    issued = cloud.openstack_json("token", "issue")
    token, project = issued["id"], issued["project_id"]
    stacks = f"/v1/{project}/stacks"
    assert heat.ask("GET", stacks, "nonsense")[0] == 401
    body = {"stack_name": "elsewhere", "template": TEMPLATE, "timeout_mins": 5}
    status, made = heat.ask("POST", stacks, token, body)
    assert status == 201, made
    where = f"{stacks}/elsewhere/{made['stack']['id']}"

    def shown():
        status, answer = heat.ask("GET", where, token)
        assert status == 200, answer
        return answer["stack"]

    heat.until(lambda: shown()["stack_status"] != "CREATE_IN_PROGRESS")
    assert shown()["stack_status"] == "CREATE_COMPLETE", shown()["stack_status_reason"]
    assert shown()["outputs"][0]["output_value"] == "of-another-heat"
    assert "of-another-heat" in [row["Name"] for row in cloud.openstack_json("network", "list")]
    assert cloud.openstack_json("stack", "list") == []  # the cloud's own Heat knows nothing of it
    assert heat.ask("DELETE", where, token)[0] == 204
    heat.until(lambda: shown()["stack_status"] == "DELETE_COMPLETE")
    assert "of-another-heat" not in [row["Name"] for row in cloud.openstack_json("network", "list")]


def test_a_revoked_token_is_refused_in_time(cloud, heat):
    issued = cloud.openstack_json("token", "issue")
    stacks = f"/v1/{issued['project_id']}/stacks"
    assert heat.ask("GET", stacks, issued["id"])[0] == 200
    cloud.openstack("token", "revoke", issued["id"])
    began = time.monotonic()
    heat.until(lambda: heat.ask("GET", stacks, issued["id"])[0] == 401, seconds=20)
    assert time.monotonic() - began < 8
