# SPDX-License-Identifier: Apache-2.0
"""Plans for people and programs."""

import json

import pytest

from samovar.orchestration.plans import (
    Action,
    Change,
    Effect,
    Plan,
    PropertyChange,
    Reason,
    plan_document,
    plan_drawing,
    plan_hash,
    plan_text,
)
from samovar.orchestration.templates.values import Unknown

INNER = Plan((Change(Action.CREATE, "0", "OS::Heat::Value", ("group",)),), stack="group")
PLAN = Plan(
    (
        Change(
            Action.CREATE,
            "net",
            "OS::Neutron::Net",
            properties=(PropertyChange("name", None, "blue"), PropertyChange("value_specs", None, {"a": 1})),
        ),
        Change(
            Action.REPLACE,
            "server",
            "OS::Nova::Server",
            stored_id="1",
            reasons=(Reason('property "key_name" changes', "key_name"),),
            properties=(
                PropertyChange("key_name", "old", "new", Effect.REPLACES),
                PropertyChange("admin_pass", "hunter2", "hunter3", secret=True),
                PropertyChange("networks", [], [{"network": Unknown("net id")}], certain=False),
                PropertyChange("user_data", None, "password: s3cret"),
            ),
            requires=("net",),
        ),
        Change(Action.NO_OP, "group", "OS::Heat::ResourceGroup", stored_id="2", nested=INNER),
        Change(Action.NO_OP, "same", "OS::Heat::Value", stored_id="3"),
        Change(
            Action.DELETE,
            "old",
            "OS::Heat::Value",
            stored_id="4",
            reasons=(Reason("it is no longer in the template"),),
        ),
    ),
    stack="demo",
).hiding({"s3cret"})


def test_the_text_reads_like_this():
    assert (
        plan_text(PLAN)
        == """\
  + net  OS::Neutron::Net  will be created
      + name        = "blue"
      + value_specs = {"a": 1}
-/+ server  OS::Nova::Server  must be replaced
      ~ key_name   = "old" -> "new"  # forces replacement
      ~ admin_pass = ****** -> ******
      ~ networks   = [] -> [{"network": "(known later: net id)"}]
      + user_data  = "password: ******"
    group  OS::Heat::ResourceGroup  changes inside
      + group.0  OS::Heat::Value  will be created
  - old  OS::Heat::Value  will be deleted
      because it is no longer in the template

Plan: 2 to create, 1 to replace, 1 to delete.
"""
    )


def test_nothing_to_do_is_said():
    assert plan_text(Plan()) == "Nothing to do: everything is as the template wants it.\n"
    kept = Plan((Change(Action.NO_OP, "a", "T", stored_id="1"),))
    assert "stays as it is" in plan_text(kept, unchanged=True)
    assert kept.is_empty


def test_terminals_can_not_be_tricked():
    plan = Plan((Change(Action.CREATE, "a", "T", properties=(PropertyChange("p", None, "\x1b[2J"),)),))
    assert "\x1b" not in plan_text(plan)


def test_the_document_is_json_without_secrets():
    text = json.dumps(plan_document(PLAN))
    assert "hunter" not in text
    assert "s3cret" not in text
    document = json.loads(text)
    assert document["summary"] == {"create": 2, "replace": 1, "delete": 1, "no-op": 2}
    server = document["changes"][1]
    assert server["reasons"] == [{"text": 'property "key_name" changes', "property": "key_name"}]
    assert server["properties"][2]["after"] == [{"network": {"known_later": "net id"}}]
    assert document["changes"][2]["nested"][0]["path"] == "group.0"


def test_the_hash_is_of_what_would_be_done():
    assert plan_hash(PLAN) == plan_hash(Plan(PLAN.changes[:3] + PLAN.changes[4:]))
    assert plan_hash(PLAN) != plan_hash(Plan(PLAN.changes[:3]))


@pytest.mark.parametrize(("form", "start"), [("dot", "digraph"), ("mermaid", "flowchart"), ("svg", "<svg")])
def test_a_plan_can_be_drawn(form, start):
    drawing = plan_drawing(PLAN, form)
    assert drawing.startswith(start)
    assert "server" in drawing
    assert "group" in drawing
