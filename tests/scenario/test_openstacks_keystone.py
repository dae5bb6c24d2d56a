# SPDX-License-Identifier: Apache-2.0
"""Orchestration, and the key manager, with OpenStack's own Keystone in our identity service's place."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from clouds import ROOT, free_port
from servers.keystone import PASSWORD, Keystone
from servers.stores import Memcached

CONF = """\
[DEFAULT]
stack_user_domain_name = heat
stack_domain_admin = heat_domain_admin
stack_domain_admin_password = {password}
auth_encryption_key = 0123456789abcdef0123456789abcdef
[heat_api]
bind_port = {orchestration}
[heat_api_cfn]
bind_port = {cloudformation}
[key_manager]
bind_port = {key-manager}
[keystone_authtoken]
auth_url = {url}
auth_type = password
username = heat
password = {password}
user_domain_name = Default
project_name = service
project_domain_name = Default
memcached_servers = {memcached}
token_cache_time = 2
[samovar]
drain_seconds = 0
public_endpoint = http://127.0.0.1
"""
TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "resources": {
        "random": {"type": "OS::Heat::RandomString"},
        "pause": {"type": "OS::Heat::Delay", "properties": {"min_wait": 1}},
        "secret": {
            "type": "OS::Barbican::Secret",
            "depends_on": "pause",
            "properties": {
                "name": "of-the-trust",
                "payload": {"get_attr": ["random", "value"]},
                "payload_content_type": "text/plain",
            },
        },
        "handle": {
            "type": "OS::Heat::WaitConditionHandle",
            "properties": {"signal_transport": "TOKEN_SIGNAL"},
        },
        "signed": {"type": "AWS::CloudFormation::WaitConditionHandle"},
        "wait": {
            "type": "AWS::CloudFormation::WaitCondition",
            "properties": {"Handle": {"get_resource": "signed"}, "Timeout": "120"},
        },
    },
    "outputs": {
        "url": {"value": {"get_resource": "signed"}},
        "token": {"value": {"get_attr": ["handle", "token"]}},
        "endpoint": {"value": {"get_attr": ["handle", "endpoint"]}},
    },
}


class Site:
    """Keystone, what is registered in it, and a process of ours that believes it."""

    def __init__(self, folder):
        self.keystone, self.memcached = Keystone(), Memcached()
        self.ports = {name: free_port() for name in ("orchestration", "cloudformation", "key-manager")}
        keystone = self.keystone
        service = keystone.make("project", name="service", domain_id="default")
        heat = keystone.make("user", name="heat", password=PASSWORD, domain_id="default")
        keystone.grant("admin", heat, f"projects/{service}")
        domain = keystone.make("domain", name="heat")
        admin = keystone.make("user", name="heat_domain_admin", password=PASSWORD, domain_id=domain)
        keystone.grant("admin", admin, f"domains/{domain}")
        self.domain = domain
        self.project = keystone.make("project", name="demo", domain_id="default")
        self.user = keystone.make("user", name="demo", password=PASSWORD, domain_id="default")
        keystone.grant("member", self.user, f"projects/{self.project}")
        keystone.register(
            "orchestration", f"http://127.0.0.1:{self.ports['orchestration']}/v1/%(project_id)s"
        )
        keystone.register("cloudformation", f"http://127.0.0.1:{self.ports['cloudformation']}/v1")
        keystone.register("key-manager", f"http://127.0.0.1:{self.ports['key-manager']}")
        conf = folder / "heat.conf"
        words = {**self.ports, "url": keystone.url, "password": PASSWORD, "memcached": self.memcached.address}
        conf.write_text(CONF.format(**words))
        services = ("heat-api", "heat-api-cfn", "heat-engine", "barbican-api")
        command = [sys.executable, "-m", "samovar.cli.main", "serve", *services, "--config-file", str(conf)]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--state-dir", str(folder / "state")],
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=log, stderr=log,
            )  # fmt: skip
        self.token = keystone.login("demo", PASSWORD, "demo")[0]
        self.until(lambda: self.ask("orchestration", "GET", "/readyz")[0] == 200)

    def ask(self, service, method, path, body=None, token=None):
        headers = {"x-auth-token": token or self.token, "content-type": "application/json"}
        url = f"http://127.0.0.1:{self.ports[service]}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {**headers, "accept": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def stack(self, name):
        status, answer = self.ask("orchestration", "GET", f"/v1/{self.project}/stacks/{name}")
        return (
            answer["stack"]
            if status == 200
            else {"stack_status": f"HTTP {status}", "stack_status_reason": answer}
        )

    def until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                stacks = self.ask("orchestration", "GET", f"/v1/{self.project}/stacks")
                pytest.fail(f"{stacks}\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        self.memcached.stop()
        self.keystone.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("keystone"))
    yield made
    made.close()


def test_a_role_that_only_an_administrator_can_make_is_asked_for(site):
    users = {"user": {"type": "AWS::CloudFormation::WaitConditionHandle"}}
    body = {"stack_name": "early", "template": {**TEMPLATE, "resources": users, "outputs": {}}}
    assert site.ask("orchestration", "POST", f"/v1/{site.project}/stacks", body)[0] == 201
    site.until(lambda: site.stack("early")["stack_status"] == "CREATE_FAILED")
    assert "openstack role create heat_stack_user" in site.stack("early")["stack_status_reason"]
    where = f"/v1/{site.project}/stacks/early/{site.stack('early')['id']}"
    assert site.ask("orchestration", "DELETE", where)[0] == 204
    site.until(lambda: site.stack("early")["stack_status"] == "HTTP 404")
    site.keystone.make("role", name="heat_stack_user")


def test_a_stack_lives_by_a_trust_of_keystones_and_leaves_nothing_in_it(site):
    stacks = f"/v1/{site.project}/stacks"
    assert site.ask("orchestration", "GET", stacks, token="gAAAAABnonsense")[0] == 401
    body = {"stack_name": "trusted", "template": TEMPLATE, "timeout_mins": 5}
    status, made = site.ask("orchestration", "POST", stacks, body)
    assert status == 201, made
    where = f"trusted/{made['stack']['id']}"
    site.until(lambda: str(outputs(site, where).get("url")).startswith("http"))
    found = outputs(site, where)
    assert found["url"].startswith(f"http://127.0.0.1:{site.ports['cloudformation']}/v1/waitcondition/")
    signal_it = {"Status": "SUCCESS", "UniqueId": "1", "Data": "d", "Reason": "r"}
    request = urllib.request.Request(found["url"], json.dumps(signal_it).encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    site.until(lambda: site.stack(where)["stack_status"] != "CREATE_IN_PROGRESS")
    shown = site.stack(where)
    assert shown["stack_status"] == "CREATE_COMPLETE", shown["stack_status_reason"]
    status, secrets = site.ask("key-manager", "GET", "/v1/secrets")
    assert status == 200 and [one["name"] for one in secrets["secrets"]] == ["of-the-trust"]
    users = site.keystone.ask("GET", f"/users?domain_id={site.domain}")["users"]
    assert len(users) > 1, "the stack has users of its own in the stacks' domain"
    assert site.ask("orchestration", "DELETE", f"{stacks}/{where}")[0] == 204
    site.until(lambda: site.stack(where)["stack_status"] in ("DELETE_COMPLETE", "HTTP 404"))
    assert site.ask("key-manager", "GET", "/v1/secrets")[1]["secrets"] == []
    left = site.keystone.ask("GET", f"/users?domain_id={site.domain}")["users"]
    assert [user["name"] for user in left] == ["heat_domain_admin"]
    assert site.keystone.ask("GET", f"/projects?domain_id={site.domain}")["projects"] == []
    assert (
        site.keystone.ask("GET", f"/OS-TRUST/trusts?trustor_user_id={site.user}", token=site.token)["trusts"]
        == []
    )
    credentials = f"/users/{site.user}/application_credentials"
    assert site.keystone.ask("GET", credentials, token=site.token)["application_credentials"] == []


def outputs(site, where):
    return {one["output_key"]: one["output_value"] for one in site.stack(where).get("outputs", ())}


def test_the_catalog_is_keystones_and_a_revoked_token_is_refused_when_the_cache_has_forgotten_it(site):
    token = site.keystone.login("demo", PASSWORD, "demo")[0]
    stacks = f"/v1/{site.project}/stacks"
    assert site.ask("orchestration", "GET", stacks, token=token)[0] == 200
    request = urllib.request.Request(f"{site.keystone.url}/v3/auth/tokens", method="DELETE")
    request.add_header("x-auth-token", token)
    request.add_header("x-subject-token", token)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204
    site.until(lambda: site.ask("orchestration", "GET", stacks, token=token)[0] == 401, seconds=15)


def test_without_its_cache_it_goes_on_and_without_keystone_it_says_so(site):
    stacks = f"/v1/{site.project}/stacks"
    site.memcached.end()
    assert site.ask("orchestration", "GET", stacks)[0] == 200
    site.memcached.begin()
    site.keystone.send(signal.SIGSTOP)
    try:
        fresh = "gAAAAAB" + "x" * 180
        status, told = site.ask("orchestration", "GET", stacks, token=fresh)
        assert status == 503 and "identity service does not answer" in str(told), told
    finally:
        site.keystone.send(signal.SIGCONT)
    site.until(lambda: site.ask("orchestration", "GET", stacks)[0] == 200)
