# SPDX-License-Identifier: Apache-2.0
"""What a server is given to run, and what its signal means."""

import pytest

from samovar.orchestration.resources.behaviour import ResourceFailed
from samovar.orchestration.resources.behaviours.derived_config import (
    actions_of,
    derived_inputs,
    filled,
    outcome,
)


def test_inputs_are_declared_given_or_about_the_deployment():
    config = {"inputs": [{"name": "a", "type": "String", "default": "x"}, {"name": "b", "type": "Json"}]}
    found = derived_inputs(config, {"b": [1], "c": "more"}, [("deploy_action", "CREATE", "what is done")])
    assert {each["name"]: each["value"] for each in found} == {
        "a": "x",
        "b": [1],
        "c": "more",
        "deploy_action": "CREATE",
    }


def test_places_in_a_map_are_filled():
    inputs = [{"name": "a", "value": 1}]
    given = {"x": {"get_input": "a"}, "y": [{"get_input": "b"}], "z": {"get_input": "a", "other": 2}}
    assert filled(given, inputs, "get_input", strict=False) == {
        "x": 1,
        "y": [None],
        "z": {"get_input": "a", "other": 2},
    }
    assert filled({"x": {"put": "a"}}, inputs, "put", strict=True) == {"x": 1}
    with pytest.raises(ResourceFailed, match='"b"'):
        filled(given, inputs, "get_input", strict=True)


def test_a_signal_is_success_or_says_what_failed():
    outputs = [{"name": "result"}, {"name": "problem", "error_output": True}]
    good = outcome({"result": "r", "deploy_status_code": "0", "other": 1}, outputs)
    assert (good.status, good.reason) == ("COMPLETE", "Outputs received")
    assert good.outputs == {"result": "r", "deploy_status_code": "0"}
    assert outcome({}, outputs).status == outcome(None, outputs).status == "COMPLETE"
    bad = outcome({"deploy_status_code": 2, "deploy_stderr": "no such file\n"}, outputs)
    assert bad.reason == (
        "Deployment to server failed: deploy_status_code : Deployment exited with non-zero status code: 2, "
        "deploy_stderr : no such file"
    )
    assert (
        outcome({"problem": "it broke"}, outputs).reason == "Deployment to server failed: problem : it broke"
    )


def test_a_component_takes_part_in_the_actions_of_its_configurations():
    configs = [{"actions": ["CREATE", "DELETE"]}, {"actions": ["UPDATE"]}]
    config = {"group": "component", "config": {"configs": configs}}
    assert actions_of(config, {"actions": ["CREATE"]}) == {"CREATE", "UPDATE", "DELETE"}
    assert actions_of({"group": "script"}, {"actions": ["CREATE"]}) == {"CREATE"}
