# SPDX-License-Identifier: Apache-2.0
"""The real `openstack stack` commands against the orchestration service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]

TEMPLATE = """
heat_template_version: 2018-08-31
description: a few strings
parameters:
  length: {type: number, default: 8}
resources:
  group:
    type: OS::Heat::ResourceGroup
    properties:
      count: 2
      resource_def: {type: member.yaml, properties: {length: {get_param: length}}}
  alone: {type: OS::Heat::RandomString, depends_on: group}
outputs:
  words: {value: {get_attr: [group, word]}}
"""
MEMBER = """
heat_template_version: 2018-08-31
parameters:
  length: {type: number}
resources:
  string: {type: OS::Heat::RandomString, properties: {length: {get_param: length}}}
outputs:
  word: {value: {get_attr: [string, value]}}
"""


class Heat:
    """The openstack command as a user of the cloud."""

    def __init__(self, live: Any) -> None:
        self.live = live

    def run(self, *words: str, good: bool = True, user: str = "samovar") -> str:
        done = self.live.run(*words, user=user, project=user, status=0 if good else 1)
        return str(done.stdout + done.stderr)

    def json(self, *words: str, user: str = "samovar") -> Any:
        return self.live.json(*words, user=user, project=user)


@pytest.fixture(scope="module")
def heat(live: Any) -> Heat:
    return Heat(live)


@pytest.fixture
def template(tmp_path: Path) -> str:
    (tmp_path / "main.yaml").write_text(TEMPLATE)
    (tmp_path / "member.yaml").write_text(MEMBER)
    return str(tmp_path / "main.yaml")


def test_a_stack_from_create_to_delete(heat: Heat, template: str) -> None:
    created = heat.run("stack", "create", "-t", template, "--tags", "a,b", "--wait", "one")
    assert "CREATE_COMPLETE" in created and "Stack CREATE completed successfully" in created
    shown = heat.json("stack", "show", "one")
    assert shown["stack_status"] == "CREATE_COMPLETE" and shown["description"] == "a few strings"
    assert [each["Stack Name"] for each in heat.json("stack", "list")] == ["one"]
    assert len(heat.json("stack", "list", "--nested")) == 4
    words = heat.json("stack", "output", "show", "one", "words")["output_value"]
    assert [len(word) for word in words] == [8, 8]
    assert [each["output_key"] for each in heat.json("stack", "output", "list", "one")] == ["words"]
    resources = {each["resource_name"]: each for each in heat.json("stack", "resource", "list", "one")}
    assert set(resources) == {"group", "alone"}
    assert len(heat.json("stack", "resource", "list", "-n", "5", "one")) == 6
    alone = heat.json("stack", "resource", "show", "one", "alone")
    assert len(alone["attributes"]["value"]) == 32
    assert heat.json("stack", "template", "show", "one")["description"] == "a few strings"
    assert heat.json("stack", "environment", "show", "one")["parameters"] == {}
    assert "member.yaml" in heat.run("stack", "file", "list", "one")
    followed = heat.run("stack", "event", "list", "--nested-depth", "3", "one")
    assert "string]: CREATE_COMPLETE" in followed, followed
    event = heat.json("stack", "event", "list", "one", "--resource", "alone")
    identity = event[0]["id"] if isinstance(event, list) else event["id"]
    assert heat.json("stack", "event", "show", "one", "alone", identity)["resource_type"]

    dry = heat.run("stack", "update", "--dry-run", "-t", template, "--parameter", "length=9", "one")
    assert "updated" in dry
    heat.run("stack", "update", "-t", template, "--parameter", "length=9", "--wait", "one")
    words = heat.json("stack", "output", "show", "one", "words")["output_value"]
    assert [len(word) for word in words] == [9, 9]
    heat.run("stack", "update", "--existing", "--wait", "one")
    assert heat.json("stack", "show", "one")["parameters"]["length"] == "9"

    for action, status in (
        ("check", "CHECK_COMPLETE"),
        ("suspend", "SUSPEND_COMPLETE"),
        ("resume", "RESUME_COMPLETE"),
    ):
        assert status in heat.run("stack", action, "--wait", "one")
    heat.run("stack", "resource", "mark", "unhealthy", "one", "alone", "it looks pale")
    assert heat.json("stack", "resource", "show", "one", "alone")["resource_status"] == "CHECK_FAILED"
    heat.run("stack", "delete", "-y", "--wait", "one")
    assert heat.json("stack", "list") == []
    assert heat.json("stack", "list", "--deleted")[0]["Stack Status"] == "DELETE_COMPLETE"


def test_what_is_wrong_is_told(heat: Heat, template: str, tmp_path: Path) -> None:
    assert "no parameter" in heat.run(
        "stack", "create", "-t", template, "--parameter", "x=1", "two", good=False
    )
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("heat_template_version: 2018-08-31\nresources: {a: {type: OS::Heat::RandomStrin}}\n")
    assert "OS::Heat::RandomString" in heat.run("stack", "create", "-t", str(wrong), "two", good=False)
    assert "Stack not found" in heat.run("stack", "show", "two", good=False)
    failing = tmp_path / "failing.yaml"
    failing.write_text(
        "heat_template_version: 2018-08-31\n"
        "resources: {a: {type: OS::Heat::TestResource, properties: {fail: true}}}\n"
    )
    heat.run("stack", "create", "-t", str(failing), "--wait", "failing", good=False)
    assert "ValueError: resources.a: " in heat.run("stack", "failures", "list", "failing")
    heat.run("stack", "delete", "-y", "--wait", "failing")
    heat.run("stack", "create", "-t", str(failing), "--enable-rollback", "undone")
    deadline = time.monotonic() + 20
    while heat.json("stack", "show", "undone")["stack_status"] != "ROLLBACK_COMPLETE":
        assert time.monotonic() < deadline
    heat.run("stack", "delete", "-y", "--wait", "undone")


def test_what_the_service_has(heat: Heat, template: str) -> None:
    assert "OS::Nova::Server" in heat.run("orchestration", "resource", "type", "list")
    schema = heat.json("orchestration", "resource", "type", "show", "OS::Heat::RandomString")
    assert "length" in schema["properties"]
    assert "heat_template_version.2018-08-31" in heat.run("orchestration", "template", "version", "list")
    functions = heat.run("orchestration", "template", "function", "list", "heat_template_version.2018-08-31")
    assert "get_attr" in functions
    validated = heat.json("orchestration", "template", "validate", "-t", template, "--show-nested")
    assert validated["Parameters"]["length"]["Default"] == 8
    assert "0.1" in heat.run("orchestration", "build", "info")
    assert "heat-engine" in heat.run("orchestration", "service", "list", user="admin")
    assert "resources" in heat.run("stack", "create", "--dry-run", "-t", template, "dry")
