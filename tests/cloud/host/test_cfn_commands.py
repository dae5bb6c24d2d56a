# SPDX-License-Identifier: Apache-2.0
"""cfn-init and cfn-signal inside servers."""

import http.server
import json
import threading

import pytest

from samovar.cloud.host import cfn_commands
from samovar.cloud.host.user_data import Instance, compile_user_data
from samovar.orchestration.resources.behaviours.user_data import user_data


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Writes the metadata of this server."""
    path = tmp_path / "cfn-init-data"
    monkeypatch.setattr(cfn_commands, "DATA", (str(path),))
    return lambda init: path.write_text(json.dumps({"AWS::CloudFormation::Init": init}))


def test_cfn_init_writes_files_and_runs_commands(given, tmp_path, capfd):
    path = tmp_path / "made" / "file"
    commands = {
        "1_one": {"command": f"cat {path}; echo $word; pwd", "env": {"word": "tea"}, "cwd": str(tmp_path)},
        "2_skipped": {"command": "echo never", "test": "false"},
        "3_forgiven": {"command": "exit 4", "ignoreErrors": "true"},
        "4_last": {"command": ["false"]},
        "5_never": {"command": "echo never"},
    }
    given({"config": {"files": {str(path): {"content": "hello ", "mode": "000640"}}, "commands": commands}})
    assert cfn_commands.init(["-s", "stack", "-r", "Server", "--region", "here"]) == 1
    assert capfd.readouterr().out == f"hello tea\n{tmp_path}\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_cfn_init_applies_config_sets_in_their_order(given, capfd):
    one, two = ({"commands": {"a": {"command": f"echo {word}"}}} for word in ("one", "two"))
    given({"configSets": {"default": ["two", "one"], "first": ["one"]}, "one": one, "two": two})
    assert cfn_commands.init([]) == 0 and capfd.readouterr().out == "two\none\n"
    assert cfn_commands.init(["-c", "first"]) == 0 and capfd.readouterr().out == "one\n"


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ({"config": {"packages": {"yum": {}}}}, "knows files and commands, not packages"),
        ({"config": {"files": {"/nowhere": 3}}}, "AttributeError"),
        ({"configSets": {"default": ["gone"]}}, "no configuration gone"),
    ],
)
def test_cfn_init_says_what_it_cannot_do(given, init, words, capsys):
    given(init)
    assert cfn_commands.init([]) == 1
    assert words in capsys.readouterr().err


@pytest.fixture
def condition():
    """A wait condition's handle: what it is told, and its address under the key "url"."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            said["told"].append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Nothing."""

    said = {"told": []}
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    said["url"] = f"http://127.0.0.1:{server.server_port}/signal?a=b"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield said
    server.shutdown()
    thread.join()
    server.server_close()


def test_cfn_signal_tells_the_condition(condition):
    assert cfn_commands.signal(["-e", "0", "--data", "done", "--id", "x", condition["url"]]) == 0
    assert cfn_commands.signal(["--success", "false", "--reason", "no tea", condition["url"]]) == 0
    assert condition["told"] == [
        {"Status": "SUCCESS", "Reason": "Configuration Complete", "Data": "done", "UniqueId": "x"},
        {"Status": "FAILURE", "Reason": "no tea", "Data": "", "UniqueId": "00000"},
    ]


def test_cfn_signal_that_is_not_heard_fails(monkeypatch, capsys):
    monkeypatch.setattr(cfn_commands, "PAUSE", 0.0)
    assert cfn_commands.signal(["http://127.0.0.1:9/"]) == 1
    assert "refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("#!/bin/sh\n/opt/aws/bin/cfn-signal x\n", True),
        (user_data("", "SOFTWARE_CONFIG", {"os-collect-config": {}}), True),
        (user_data("true", "HEAT_CFNTOOLS", {"AWS::CloudFormation::Init": {}}), True),
        (user_data("true", "HEAT_CFNTOOLS", {"a": "b"}), False),
        ("#!/bin/sh\ntrue\n", False),
    ],
)
def test_servers_whose_user_data_speak_of_the_commands_have_them(text, there):
    plan = compile_user_data(text.encode(), Instance("i", "h"))
    assert any(step.startswith("cfn_commands ") for step in plan.steps) is there
