# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

import pytest

from samovar.orchestration.templates import (
    Environment,
    load,
    load_environment,
    parse_environment,
    raise_errors,
)
from samovar.orchestration.templates.merging import merge_environment_files
from samovar.orchestration.templates.registry import Implementation, ResourceRegistry

KNOWN = {"OS::Heat::None", "OS::Nova::Server", "OS::Heat::Value", "B::X"}


def find(registry: dict[str, Any], type_: str, resource: str | None = None, operator: Any = None) -> Any:
    environment = load_environment({"resource_registry": registry})
    if operator is not None:
        environment = environment.with_operator(load_environment({"resource_registry": operator}))
    found = environment.registry.find(type_, resource, KNOWN.__contains__)
    return found.name if found else None


@pytest.mark.parametrize(
    ("registry", "type_", "resource", "name"),
    [
        ({}, "OS::Heat::None", None, "OS::Heat::None"),
        ({}, "N::N", None, None),
        ({}, "some.yaml", None, "some.yaml"),
        ({"A::B": "OS::Heat::Value"}, "A::B", None, "OS::Heat::Value"),
        ({"A::B": "x.yaml"}, "A::B", None, "x.yaml"),
        ({"A::B": "C::D", "C::D": "e.yaml"}, "A::B", None, "e.yaml"),
        ({"A::B": "A::B"}, "A::B", None, None),
        ({"A::B": "B::A", "B::A": "A::B"}, "A::B", None, None),
        ({"A::*": "B::*"}, "A::X", None, "B::X"),
        ({"A::*": "B::*", "B::X": "c.yaml"}, "A::X", None, "c.yaml"),
        ({"OS::*": "OS::Heat::None"}, "OS::Nova::Server", None, "OS::Heat::None"),
        ({"OS::*": "OS::Heat::None"}, "OS::Heat::None", None, "OS::Heat::None"),
        ({"A::*": "x.yaml"}, "A::B", None, None),
        # The wildcard sorts first; one that leads nowhere is passed over.
        ({"A::*": "OS::Heat::None", "A::B": "x.yaml"}, "A::B", None, "OS::Heat::None"),
        ({"A::*": "Z::*", "A::B": "x.yaml"}, "A::B", None, "x.yaml"),
        ({"resources": {"r": {"A::B": "x.yaml"}}, "A::B": "y.yaml"}, "A::B", "r", "x.yaml"),
        ({"resources": {"r": {"A::B": "x.yaml"}}, "A::B": "y.yaml"}, "A::B", "s", "y.yaml"),
        ({"resources": {"r*": {"A::B": "x.yaml"}}, "A::B": "y.yaml"}, "A::B", "r1", "y.yaml"),
        ({"A::B": "y.yaml", "A::*": None}, "A::B", None, None),
        ({"A::*": None, "A::B": "y.yaml"}, "A::B", None, "y.yaml"),
        ({"A::B": None}, "A::B", None, None),
    ],
)
def test_types_are_found(registry: Any, type_: str, resource: str | None, name: str | None) -> None:
    assert find(registry, type_, resource) == name


def test_the_users_entries_come_before_the_operators() -> None:
    operator = {"A::B": "operator.yaml", "A::*": "OS::Heat::None"}
    assert find({"A::B": "user.yaml"}, "A::B", operator=operator) == "user.yaml"
    assert find({}, "A::C", operator=operator) == "OS::Heat::None"
    registry = ResourceRegistry({}, ResourceRegistry({"A::B": "operator.yaml"}))
    assert registry.find("A::B", None, KNOWN.__contains__) == Implementation(
        "operator.yaml", True, ("A::B",), True
    )


def test_a_nested_template_may_use_the_type_it_implements() -> None:
    environment = load_environment({"resource_registry": {"OS::Nova::Server": "mine.yaml"}})
    found = environment.registry.find("OS::Nova::Server", "r", KNOWN.__contains__)
    assert found is not None and found.is_template
    child = environment.child("r", {}, found.entry)
    inner = child.registry.find("OS::Nova::Server", "x", KNOWN.__contains__)
    assert inner == Implementation("OS::Nova::Server")


def test_the_child_environment() -> None:
    environment = load_environment(
        {
            "parameters": {"a": 1}, "parameter_defaults": {"d": 2},
            "resource_registry": {
                "A::B": "x.yaml", "base_url": "http://x/",
                "resources": {
                    "p": {"c": {"hooks": "pre-create", "A::B": "C::D"}, "A::X": "C::Y", "hooks": "pre-update"},
                    "p*": {"q": {"restricted_actions": "update"}}, "z": {"c": {"hooks": "pre-delete"}},
                },
            },
        }
    )  # fmt: skip
    child = environment.child("p", {"x": 1})
    assert child.as_dict() == {
        "parameters": {"x": 1}, "parameter_defaults": {"d": 2}, "event_sinks": [], "encrypted_param_names": [],
        "resource_registry": {
            "A::B": "x.yaml", "base_url": "http://x/",
            "resources": {
                "c": {"hooks": "pre-create", "A::B": "C::D"}, "A::X": "C::Y", "hooks": "pre-update",
                "q": {"restricted_actions": "update"},
            },
        },
    }  # fmt: skip
    assert child.registry.has_hook("c", "pre-create") and not child.registry.has_hook("c", "pre-delete")
    assert environment.child("other", {}).registry.data["resources"] == {}


def test_hooks_and_restricted_actions_take_patterns() -> None:
    registry = load_environment(
        {"resource_registry": {"resources": {"web*": {"hooks": ["pre-create", "post-delete"]},
                                             "w*1": {"restricted_actions": ["update", "replace"]}}}}
    ).registry  # fmt: skip
    assert registry.has_hook("web1", "pre-create") and not registry.has_hook("web1", "pre-update")
    assert not registry.has_hook("db", "pre-create")
    assert registry.restricted_actions("web1") == {"update", "replace"}


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"foo": 1}, "invalid-environment"),
        ({"parameters": None}, "invalid-environment"),
        ({"parameters": [1]}, "invalid-environment"),
        ({"resource_registry": 3}, "invalid-environment"),
        ({"resource_registry": {"A": 3}}, "invalid-environment"),
        ({"resource_registry": {"resources": 3}}, "invalid-environment"),
        ({"resource_registry": {"resources": {"p": {"hooks": "x"}}}}, "invalid-hook"),
        (
            {"resource_registry": {"resources": {"p": {"c": {"restricted_actions": ["x"]}}}}},
            "invalid-restricted-action",
        ),
        ({"event_sinks": {"a": 1}}, "invalid-environment"),
        ({"event_sinks": [{"type": "x", "target": "q"}]}, "invalid-environment"),
        ({"event_sinks": [{"type": "zaqar-queue"}]}, "invalid-environment"),
    ],
)
def test_mistakes(environment: Any, code: str) -> None:
    _, found = parse_environment(environment)
    assert [item.code for item in found] == [code]


def test_mistakes_have_places() -> None:
    _, found = parse_environment("parameters: {}\nresource_registery: {}\n", "env.yaml")
    assert str(found.errors[0].place) == "env.yaml:2:1" and "resource_registry" in found.errors[0].advice


def test_hidden_values_are_masked() -> None:
    environment = Environment(parameters={"a": "s", "b": 1}, parameter_defaults={"a": "s"})
    shown = environment.as_dict(hidden={"a"})
    assert shown["parameters"] == {"a": "******", "b": 1} and shown["parameter_defaults"] == {"a": "******"}


TEMPLATE = load(
    {
        "heat_template_version": "2018-08-31",
        "parameters": {
            "s": {"type": "string"}, "n": {"type": "number"}, "l": {"type": "comma_delimited_list"},
            "j": {"type": "json"}, "b": {"type": "boolean"},
        },
    }
)  # fmt: skip


def merge(parameters: dict[str, Any], *environments: dict[str, Any], files: Any = None) -> Environment:
    texts = {f"e{number}": json.dumps(each) for number, each in enumerate(environments)}
    merged, found = merge_environment_files(parameters, list(texts), {**texts, **(files or {})}, TEMPLATE)
    raise_errors(found)
    assert merged is not None
    return merged


def by(strategy: str, name: str, value: Any) -> dict[str, Any]:
    return {"parameters": {name: value}, "parameter_merge_strategies": {name: strategy}}


@pytest.mark.parametrize(
    ("request_", "environments", "result"),
    [
        ({"s": "req", "l": "q"}, [{"parameters": {"s": "one"}}], {"s": "one", "l": "q"}),
        ({"s": "r"}, [by("merge", "s", "a"), by("merge", "s", "b")], {"s": "rab"}),
        ({"l": "q"}, [by("merge", "l", "a,b")], {"l": "q,a,b"}),
        ({}, [by("merge", "l", ["a"]), by("merge", "l", "b,c")], {"l": ["a", "b", "c"]}),
        ({}, [by("merge", "n", "1"), by("merge", "n", "2")], {"n": "12"}),
        ({}, [by("merge", "j", {"a": {"x": 1}}), by("merge", "j", {"a": {"y": 1}})], {"j": {"a": {"y": 1}}}),
        (
            {},
            [by("deep_merge", "j", {"a": {"x": [1], "s": "p", "n": 1}}),
             by("deep_merge", "j", {"a": {"x": [2], "s": "q", "n": 2}})],
            {"j": {"a": {"x": [1, 2], "s": "pq", "n": 2}}},
        ),
        ({}, [by("merge", "b", True)], {"b": True}),
        ({"s": "r"}, [{"parameters": {"s": None}}], {"s": "r"}),
        ({}, [{"parameters": {"s": "a", "zz": 1}}, {"parameters": {"s": "b"}}], {"s": "b", "zz": 1}),
        ({}, [{"parameters": {"s": "a"}}, {"parameters": {"zz": "b"}}], {"s": "a"}),
    ],
)  # fmt: skip
def test_merging_parameters(request_: Any, environments: Any, result: Any) -> None:
    assert merge(request_, *environments).parameters == result


def test_parameters_of_nested_templates_are_known_too() -> None:
    nested = {"n.yaml": "heat_template_version: 2018-08-31\nparameters: {zz: {type: number}}\n"}
    files = ({"parameters": {"s": "a"}}, {"parameters": {"zz": 1, "yy": 2}})
    assert merge({}, *files, files=nested).parameters == {"s": "a", "zz": 1}


def test_merging_other_sections() -> None:
    merged = merge(
        {},
        {
            "resource_registry": {"A": "B", "resources": {"x": {"hooks": "pre-create"}}},
            "parameter_defaults": {"s": 1},
        },
        {"resource_registry": {"C": "D", "resources": {"y": {}}}, "parameter_defaults": {"n": 2}},
    )
    assert merged.registry.data == {"A": "B", "C": "D", "resources": {"y": {}}}
    assert merged.parameter_defaults == {"s": 1, "n": 2}


@pytest.mark.parametrize(
    "environments",
    [
        [by("overwrite", "n", 1), by("merge", "n", 2)],
        [{"parameters": {"n": 1}}, by("merge", "n", 2)],
        [by("merge", "b", True), by("merge", "b", False)],
        [by("merge", "n", 1), by("merge", "n", 2)],
        [{"event_sinks": [{"type": "zaqar-queue", "target": "a"}]}] * 2,
    ],
)
def test_what_can_not_be_merged(environments: Any) -> None:
    with pytest.raises(Exception, match=r"merge|cannot|may have"):
        merge({}, *environments)


def test_a_missing_environment_file_is_named() -> None:
    merged, found = merge_environment_files({}, ["env.yaml"], {})
    assert merged is None and "env.yaml" in found.errors[0].message
