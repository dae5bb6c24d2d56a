# SPDX-License-Identifier: Apache-2.0
"""The agent inside servers: what it runs, what it tells, and that it runs everything once."""

import http.server
import json
import threading

import pytest

from samovar.cloud.host import software_agent as agent
from samovar.cloud.host.user_data import Instance, compile_user_data


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(agent, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(agent, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(agent, "HOOKS", (str(tmp_path / "hooks"),))
    (tmp_path / "state" / "deployed").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def heard():
    """A server that keeps what it is sent, under the key "url" its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            said["signals"].append((self.path, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Nothing."""

    said = {"signals": []}
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    said["url"] = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield said
    server.shutdown()
    thread.join()
    server.server_close()


def config(group="script", text="", inputs=None, outputs=(), **more):
    inputs = [{"name": name, "value": value} for name, value in (inputs or {}).items()]
    outputs = [{"name": name} for name in outputs]
    return {
        "id": "c1",
        "name": "c",
        "group": group,
        "config": text,
        "inputs": inputs,
        "outputs": outputs,
        **more,
    }


def test_a_script_gets_inputs_and_gives_outputs():
    text = '#!/bin/sh\necho "$word $list"; echo oops >&2; echo out > $heat_outputs_path.result; exit 3\n'
    result = agent.deploy(config(text=text, inputs={"word": "tea", "list": [1]}, outputs=["result", "none"]))
    assert result == {
        "deploy_stdout": "tea [1]\n",
        "deploy_stderr": "oops\n",
        "deploy_status_code": 3,
        "result": "out",
    }


def test_text_without_an_interpreter_is_for_the_shell():
    assert agent.deploy(config(text="echo hello"))["deploy_stdout"] == "hello\n"


def test_a_component_runs_what_the_action_asks_for():
    configs = [
        {"actions": ["CREATE"], "tool": "script", "config": "echo made"},
        {"actions": ["DELETE"], "tool": "script", "config": "echo gone"},
    ]
    given = config("component", {"configs": configs}, {"deploy_action": "DELETE"})
    assert agent.deploy(given)["deploy_stdout"] == "gone\n"
    given = config("component", {"configs": configs}, {"deploy_action": "SUSPEND"})
    assert agent.deploy(given)["deploy_status_code"] == 0


def test_what_cannot_be_deployed_says_why(monkeypatch):
    monkeypatch.setattr(agent.shutil, "which", lambda _: None)
    for group, word in (("ansible", "ansible-playbook"), ("puppet", "puppet"), ("chef", "hook for chef")):
        result = agent.deploy(config(group))
        assert result["deploy_status_code"] != 0 and word in result["deploy_stderr"]
    assert agent.deploy(config("Heat::Ungrouped")) is None


def test_cfn_init_is_the_command(place, monkeypatch):
    monkeypatch.setattr(agent, "CFN_INIT", str(place / "cfn-init"))
    (place / "cfn-init").write_text('#!/bin/sh\ncat "$2"\n')
    (place / "cfn-init").chmod(0o755)
    result = agent.deploy(config("cfn-init", {"config": {"files": {}}}))
    assert (result["deploy_stdout"], result["deploy_status_code"]) == ('{"config": {"files": {}}}', 0)


def test_the_images_own_hooks_are_used(place):
    hook = place / "hooks" / "mine"
    hook.parent.mkdir()
    hook.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"deploy_status_code": 0, "x": "y"}\'\n')
    hook.chmod(0o755)
    assert agent.deploy(config("mine")) == {"deploy_status_code": 0, "x": "y"}


def test_each_deployment_is_run_and_told_once(place, heard):
    log = place / "log"
    where = {"deploy_signal_transport": "CFN_SIGNAL", "deploy_signal_id": heard["url"] + "/signal?a=b"}
    given = config(text=f"echo ran >> {log}", inputs=where)
    assert agent.attend(given, {}) is True
    assert agent.attend(given, {}) is False
    assert log.read_text() == "ran\n"
    [(path, body)] = heard["signals"]
    assert path == "/signal?a=b" and body["deploy_status_code"] == 0


def test_a_signal_that_is_lost_is_sent_again_and_the_script_is_not_run_again(place, heard):
    log = place / "log"
    where = {"deploy_signal_transport": "CFN_SIGNAL", "deploy_signal_id": "http://127.0.0.1:1/signal"}
    given = config(text=f"echo ran >> {log}", inputs=where)
    with pytest.raises(OSError):
        agent.attend(given, {})
    given["inputs"][1]["value"] = heard["url"]
    assert agent.attend(given, {}) is True
    assert log.read_text() == "ran\n" and len(heard["signals"]) == 1


def test_urls_of_the_clouds_own_machine_go_the_way_of_the_metadata():
    where = {
        "collectors": ["cfn", "local"],
        "cfn": {"metadata_url": "http://169.254.169.254/heat-api-cfn/v1/"},
    }
    url = "http://127.0.0.1:9090/heat-api-cfn/v1/signal/x?Signature=y"
    assert agent.reachable(url, where) == "http://169.254.169.254/heat-api-cfn/v1/signal/x?Signature=y"
    assert agent.reachable("https://cloud:1/a", where) == "https://cloud:1/a"


def test_the_agent_comes_with_user_data_that_ask_for_it():
    asking = json.dumps({"write_files": [{"path": "/x", "content": '{"os-collect-config": {}}'}]})
    plan = compile_user_data(f"#cloud-config\n{asking}".encode(), Instance("i", "h"))
    assert any("software_agent" in step for step in plan.steps)
    plan = compile_user_data(b"#!/bin/sh\ntrue\n", Instance("i", "h"))
    assert not any("software_agent" in step for step in plan.steps)
