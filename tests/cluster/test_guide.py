# SPDX-License-Identifier: Apache-2.0
"""Heat's guide "Scaling a Deployment", followed with Samovar in Heat's place."""

import contextlib
import http.client
import json
import time
import urllib.request
from pathlib import Path

import pytest

from cluster.cluster import ADDRESSES

pytestmark = pytest.mark.kernel

WAITS = """\
heat_template_version: 2021-04-16
resources:
  handle: {type: "AWS::CloudFormation::WaitConditionHandle"}
  wait:
    type: AWS::CloudFormation::WaitCondition
    properties: {Handle: {get_resource: handle}, Timeout: "120"}
outputs:
  url: {value: {get_resource: handle}}
  data: {value: {get_attr: [wait, Data]}}
"""


def test_a_stack_is_made_through_the_proxy_by_engines_that_get_their_work_in_turn(guide, tmp_path):
    template = tmp_path / "t.yaml"
    template.write_text(
        "heat_template_version: 2021-04-16\nresources:\n  r: {type: OS::Heat::RandomString}\n"
    )
    made = guide.openstack("stack", "create", "-t", str(template), "--wait", "first")
    assert made["stack_status"] == "CREATE_COMPLETE"
    links = [link["href"] for link in guide.openstack("stack", "show", "first")["links"]]
    assert links and all(link.startswith("http://10.0.0.1:8004/v1/") for link in links)
    engines = guide.openstack("orchestration", "service", "list", user="admin")
    assert sum(engine["Status"] == "up" for engine in engines) >= 4


def test_every_api_is_in_the_catalog_under_the_proxys_address(guide):
    catalog = {entry["Type"]: entry["Endpoints"] for entry in guide.openstack("catalog", "list")}
    assert {one["url"] for one in catalog["cloudformation"]} == {"http://10.0.0.1:8000/v1"}
    assert all(one["url"].startswith("http://10.0.0.1:8004/v1/") for one in catalog["orchestration"])
    assert {one["url"] for one in catalog["identity"]} == {"http://10.0.0.1:5000"}


def test_a_wait_condition_is_signalled_at_the_other_api_through_the_proxy(guide, tmp_path):
    template = tmp_path / "t.yaml"
    template.write_text(WAITS)
    guide.openstack("stack", "create", "-t", str(template), "waits")
    url = guide.openstack("stack", "output", "show", "waits", "url")["output_value"]
    assert url.startswith("http://10.0.0.1:8000/v1/waitcondition/")
    signal = {"Status": "SUCCESS", "UniqueId": "1", "Data": "through the proxy", "Reason": "done"}

    def put():
        request = urllib.request.Request(url, json.dumps(signal).encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status

    assert guide.machines.inside("client", put) == 200
    deadline = time.monotonic() + 30
    while guide.openstack("stack", "show", "waits")["stack_status"] != "CREATE_COMPLETE":
        assert time.monotonic() < deadline
    assert "through the proxy" in str(guide.openstack("stack", "output", "show", "waits", "data"))


def test_processes_have_the_names_that_the_guides_pkill_looks_for(guide):
    found = {
        one.names: Path(f"/proc/{one.process.pid}/comm").read_text().strip()
        for one in guide.services.values()
        if len(one.names) == 1
    }
    assert found == {(name,): name for name in ("heat-api", "heat-api-cfn", "heat-engine")}


def test_both_apis_answer_for_their_health_as_a_bare_httpchk_asks(guide):
    def ask(address, port, method, path):
        connection = http.client.HTTPConnection(address, port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    for machine in ("b", "c"):
        for port in (8004, 8000):
            for method, path in (
                ("OPTIONS", "/"),
                ("GET", "/livez"),
                ("GET", "/readyz"),
                ("GET", "/healthcheck"),
            ):
                where = (ADDRESSES[machine], port, method, path)
                status, body = guide.machines.inside("client", lambda where=where: ask(*where))
                assert status == 200, (where, body)
    _, body = guide.machines.inside("client", lambda: ask(ADDRESSES["b"], 8004, "GET", "/readyz"))
    assert json.loads(body)["checks"] == {
        "process": "ok",
        "database": "ok",
        "host agent": "ok",
        "broker": "ok",
    }
