# SPDX-License-Identifier: Apache-2.0
"""The guide's machines behind the proxy that `samovar deploy` renders: real APIs that are killed, frozen and
restarted under a steady stream of reads; what an operator sees meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
import yaml

from cluster.cluster import ADDRESSES, APIS_PROXY_CONF, ROOT
from deploy.machines import ask, stream

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def behind(guide, tmp_path_factory):
    """The guide's cluster with our proxy in place of the printed one."""
    folder = tmp_path_factory.mktemp("proxy")
    services = ["orchestration-api", "cloudformation-api", "engine"]
    inventory = folder / "cluster.yaml"
    inventory.write_text(
        yaml.safe_dump(
            {
                "nodes": [
                    {"name": "a", "address": ADDRESSES["a"], "roles": ["endpoint"]},
                    {"name": "b", "address": ADDRESSES["b"], "services": services},
                    {"name": "c", "address": ADDRESSES["c"], "services": services},
                ],
                "virtual": {"internal": ADDRESSES["a"]},
                "proxy": {
                    "config_dir": str(folder / "etc"), "run_dir": str(folder / "run"),
                    "user": "", "group": "", "log": "",
                },
            }
        )
    )  # fmt: skip
    guide.end_proxy()
    done = samovar(
        guide, "deploy", "proxy", "--inventory", inventory, "--output", folder, "--apply", "--node", "a"
    )
    assert "The proxy of a is started" in done
    yield guide
    os.kill(int((folder / "run" / "haproxy.pid").read_text().split()[0]), signal.SIGTERM)
    guide.proxy(APIS_PROXY_CONF)
    guide.machines.until("client", lambda: ask("10.0.0.1", 8004, path="/readyz")[0] == 200, 30)


def samovar(guide, *arguments, machine="a", status=0):
    command = [*guide.on(machine), sys.executable, "-m", "samovar.cli.main", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def token(guide):
    """A project's token and the path of its stacks."""
    environment = guide.environment()
    domain = {"id": "default"}
    user = {"name": environment["OS_USERNAME"], "password": environment["OS_PASSWORD"], "domain": domain}
    scope = {"project": {"name": environment["OS_PROJECT_NAME"], "domain": domain}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}

    def post():
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(
            "http://10.0.0.1:5000/v3/auth/tokens", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.headers["x-subject-token"], json.load(answer)["token"]["project"]["id"]

    value, project = guide.machines.inside("client", post)
    return {"x-auth-token": value}, f"/v1/{project}/stacks"


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_reads_of_real_stacks_notice_at_most_a_second(behind, fault):
    headers, path = token(behind)
    api = behind.services["heat-api@b"]
    behind.machines.until("client", lambda: ask(ADDRESSES["b"], 8004, path="/readyz")[0] == 200, 60)
    time.sleep(1)  # the proxy's checks see it, too
    how = {"path": path, "headers": headers, "every": 0.1}
    with stream(behind.machines, "client", "10.0.0.1", 8004, **how) as seen:
        time.sleep(1)
        api.process.send_signal(fault)
        time.sleep(4)
    if fault == signal.SIGSTOP:
        api.process.send_signal(signal.SIGCONT)
        api.process.kill()
    behind.again("heat-api@b")
    assert seen.failed == [], seen.describe()
    assert seen.slowest <= 2.0, seen.describe()


def test_what_an_operator_sees(behind):
    behind.machines.until("client", lambda: ask(ADDRESSES["b"], 8004, path="/readyz")[0] == 200, 60)
    folder = behind.folder / "a"
    arguments = (
        "status",
        "--cluster",
        "--json",
        "--config-file",
        folder / "heat.conf",
        "--state-dir",
        folder / "state",
    )
    deadline = time.monotonic() + 30
    while True:
        command = [*behind.on("a"), sys.executable, "-m", "samovar.cli.main", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        found = json.loads(done.stdout)
        up = [process for process in found["processes"] if process["state"] == "up"]
        names = sorted(service for process in up for service in process["services"])
        if names.count("engine") == 4 and names.count("orchestration-api") == 2:
            break
        assert time.monotonic() < deadline, (names, done.stderr)
        time.sleep(0.5)
    assert names.count("cloudformation-api") == 2 and "identity" in names
    assert found["versions"] and found["revision"] == found["newest_revision"]
    status, text = behind.machines.inside("client", lambda: ask(ADDRESSES["c"], 8004, path="/metrics"))
    assert status == 200 and 'samovar_info{services="orchestration-api"' in text
    assert 'samovar_requests_total{api="samovar",method="GET",route="/readyz",status="200"}' in text
    assert behind.machines.inside("client", lambda: ask("10.0.0.1", 8004, path="/metrics"))[0] == 403
    engines = behind.openstack("orchestration", "service", "list", user="admin")
    assert sum("up" in engine.values() for engine in engines) >= 4
