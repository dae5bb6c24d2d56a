# SPDX-License-Identifier: Apache-2.0
"""Every function in every version, against the results that the field's own implementation gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from samovar.orchestration.engine.sandbox import ProcessSandbox
from samovar.orchestration.templates import (
    ALL_VERSIONS,
    Reference,
    StackIdentity,
    StackScope,
    TemplateError,
    Unknown,
    Version,
    build_parameters,
    dependencies,
    load,
    references,
    resolve,
)
from samovar.orchestration.templates.versions import HOT_KEY

# Rows: [call, [[versions, outcome], …]]; outcome is {"value": …}, {"error": kind} or {"literal": true}.
TABLE: dict[str, list[Any]] = json.loads(
    Path(__file__).with_name("function_results.json").read_text(encoding="utf-8")
)
PARAMETERS = {
    "a": {"type": "string", "default": "hello"},
    "l": {"type": "comma_delimited_list", "default": "x,y"},
    "j": {"type": "json", "default": {"k": [1, {"z": 2}]}},
    "b": {"type": "boolean", "default": "yes"},
    "n": {"type": "number", "default": "3"},
    "e": {"type": "comma_delimited_list", "default": ""},
    "ej": {"type": "json", "default": {}},
    "es": {"type": "string", "default": ""},
}
CONDITIONS = {
    "yes": True,
    "no": False,
    "eq": {"equals": [{"get_param": "a"}, "hello"]},
    "nn": {"not": "eq"},
    "an": {"and": ["eq", {"not": "nn"}]},
    "oo": {"or": ["no", "nn", {"equals": [1, 2]}]},
}
CFN = {
    "Parameters": {
        "a": {"Type": "String", "Default": "hello"},
        "l": {"Type": "CommaDelimitedList", "Default": "x,y"},
        "n": {"Type": "Number", "Default": "3"},
    },
    "Mappings": {"M": {"k": {"v": 1, "w": ["a"]}}},
}
CFN_CONDITIONS = {
    "yes": {"Fn::Equals": [{"Ref": "a"}, "hello"]},
    "no": {"Fn::Not": ["yes"]},
    "an": {"Fn::And": ["yes", {"Fn::Not": ["no"]}]},
    "fm": {"Fn::Equals": [{"Fn::FindInMap": ["M", "k", "v"]}, 1]},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    with ProcessSandbox() as sandbox:
        yield sandbox


def outcome(version: Version, call: Any, sandbox: ProcessSandbox) -> dict[str, Any]:
    template: dict[str, Any] = {version.key: version.date}
    if version.kind == "hot":
        template |= {"parameters": PARAMETERS, "outputs": {"o": {"value": call}}}
        template |= {"conditions": CONDITIONS} if version.has_conditions else {}
    else:
        template |= CFN | {"Outputs": {"o": {"Value": call}}}
        template |= {"Conditions": CFN_CONDITIONS} if version.has_conditions else {}
    try:
        loaded = load(template)
        identity = StackIdentity("s", "11111111-2222-3333-4444-555555555555", "proj")
        parameters, found = build_parameters(loaded, {}, {}, identity, sandbox)
        assert not found.has_errors
        scope = StackScope(loaded, parameters, files={"f": "text", "hello": "H"}, sandbox=sandbox)
        value = resolve(loaded.outputs["o"].value, scope)
    except TemplateError as error:
        kind = getattr(error, "kind", "") or "arguments"
        return {"error": kind if error.type == "StackValidationFailed" else error.type}
    name = next(iter(call)) if len(call) == 1 else "if"
    if value == call and isinstance(call, dict) and name not in version.functions:
        return {"literal": True}
    return {"value": json.loads(json.dumps(value))}


def versions(text: str) -> list[Version]:
    found = []
    for part in text.split():
        first, _, last = part.partition("..")
        found += [
            version
            for version in ALL_VERSIONS
            if version.date == first or (last and version.key == HOT_KEY and first <= version.date <= last)
        ]
    return found


@pytest.mark.parametrize("function", TABLE)
def test_results(function: str, sandbox: ProcessSandbox) -> None:
    wrong = []
    for call, groups in TABLE[function]:
        for text, expected in groups:
            for version in versions(text):
                got = outcome(version, call, sandbox)
                if json.dumps(got, sort_keys=True) != json.dumps(expected, sort_keys=True):
                    wrong.append((version.date, call, got, expected))
    assert wrong == []


def test_every_version_has_rows_for_every_function_it_has() -> None:
    covered = {
        (version.date, function)
        for function, rows in TABLE.items()
        for _, groups in rows
        for text, _ in groups
        for version in versions(text)
    }
    missing = {
        (version.date, function)
        for version in ALL_VERSIONS
        for function in version.functions
        if function != "Fn::GetAZs" and version.kind == "hot"
    } - covered
    assert missing == set()


class Resources:
    """Resource values as an engine would know them."""

    def reference(self, name: str) -> Any:
        return f"{name}-id"

    def attribute(self, name: str, attribute: str | None, path: Any) -> Any:
        if attribute is None:
            return {"name": name}
        return {"resource": name, "attribute": attribute, "path": list(path)}


def scope_of(text: str, resources: Any = None, sandbox: Any = None) -> StackScope:
    template = load(text)
    parameters, found = build_parameters(template, {}, {}, StackIdentity("s"), sandbox)
    assert not found.has_errors
    return StackScope(template, parameters, resources=resources, sandbox=sandbox, zones=lambda: ["nova", "b"])


def output(text: str, resources: Any = None) -> Any:
    scope = scope_of(text, resources)
    return resolve(scope.template.outputs["o"].value, scope)


HEAD = "heat_template_version: 2021-04-16\nresources: {r: {type: T}}\noutputs:\n  o: {value: %s}\n"


def test_resources_are_asked() -> None:
    assert output(HEAD % "{get_resource: r}", Resources()) == "r-id"
    assert output(HEAD % "{get_attr: [r, networks, net, 0]}", Resources())["path"] == ["net", 0]
    assert output(HEAD % "{get_attr: [r]}", Resources()) == {"name": "r"}
    assert output(HEAD % "{list_join: ['-', [{get_resource: r}, x]]}", Resources()) == "r-id-x"


def test_the_first_version_follows_the_path_itself() -> None:
    text = (HEAD % "{get_attr: [r, a, path, 0, nothing]}").replace("2021-04-16", "2013-05-23")

    class Deep(Resources):
        def attribute(self, name: str, attribute: str | None, path: Any) -> Any:
            assert not path
            return {"path": ["x"]}

    assert output(text, Deep()) is None
    assert output(text.replace(", nothing", ""), Deep()) == "x"


def test_zones() -> None:
    text = 'HeatTemplateFormatVersion: "2012-12-12"\nOutputs: {o: {Value: {"Fn::GetAZs": ""}}}'
    assert output(text) == ["nova", "b"]


ID = "{get_resource: r}"


@pytest.mark.parametrize(
    "call",
    [
        "{list_join: ['-', [a, %s]]}",
        "{str_replace: {template: t, params: {t: %s}}}",
        "{str_split: [',', %s]}",
        "{str_split: [',', %s, 0]}",
        "{digest: [md5, %s]}",
        "{make_url: {scheme: http, host: %s}}",
        "{repeat: {template: x, for_each: {x: [%s]}}}",
        "{map_replace: [{a: %s}, {keys: {a: b}}]}",
        "{filter: [[a], [%s]]}",
        "{contains: [a, [%s]]}",
        "{list_concat_unique: [[%s], [a]]}",
        "{yaql: {expression: $.data, data: %s}}",
        "{if: [{equals: [1, 1]}, %s, x]}",
    ],
)
def test_a_function_of_something_unknown_is_unknown(call: str) -> None:
    assert isinstance(output(HEAD % (call % ID)), Unknown)


def test_what_is_known_stays_known_beside_the_unknown() -> None:
    value = output(HEAD % "{map_merge: [{a: 1}, {b: %s}]}" % ID)
    assert value["a"] == 1 and isinstance(value["b"], Unknown)
    assert output(HEAD % "{list_concat: [[1], [%s]]}" % ID)[0] == 1
    assert output(HEAD % "{repeat: {template: {x: %s}, for_each: {x: [p]}}}" % ID)[0].keys() == {"p"}


def test_references_follow_the_branch_that_is_taken() -> None:
    text = """
heat_template_version: 2021-04-16
parameters: {p: {type: string, default: b}}
conditions: {c: {equals: [{get_param: p}, a]}}
resources:
  a: {type: T}
  b: {type: T}
  r:
    type: T
    depends_on: a
    properties:
      x: {if: [c, {get_resource: a}, {get_attr: [b, v]}]}
      y: {get_attr: [{get_param: p}, w]}
"""
    scope = scope_of(text)
    node = scope.template.resources["r"].properties
    assert set(references(node, scope)) == {Reference("b", "v"), Reference("b", "w")}
    assert dependencies(node) == {"a", "b"}
    assert scope.requirements() == {"a": set(), "b": set(), "r": {"a", "b"}}


def test_a_branch_not_taken_may_hold_nonsense() -> None:
    assert output(HEAD % "{if: [{equals: [1, 2]}, {list_join: 1, x: y}, good]}") == "good"
    assert output(HEAD % "{if: [{equals: [1, 2]}, {list_join: 1}, good]}") == "good"


def test_a_disabled_resource_does_not_exist() -> None:
    text = HEAD % "{get_resource: r}"
    text = text.replace("{type: T}", "{type: T, condition: {equals: [1, 2]}}")
    with pytest.raises(TemplateError, match="disabled by its condition"):
        output(text)


@pytest.mark.parametrize("kind", ["repeat", "list_join", "str_replace"])
def test_results_are_bounded(kind: str) -> None:
    many = str(["x"] * 200)
    call = {
        "repeat": f"{{repeat: {{template: x, for_each: {{a: {many}, b: {many}, c: {many}}}}}}}",
        "list_join": f"{{list_join: [{{get_param: long}}, {many}]}}",
        "str_replace": f"{{str_replace: {{template: {'y' * 2000}, params: {{y: {{get_param: long}}}}}}}}",
    }[kind]
    long = "y" * 200_000
    text = f"heat_template_version: 2021-04-16\nparameters: {{long: {{type: string, default: {long}}}}}\n"
    with pytest.raises(TemplateError, match=r"too many|at most"):
        output(text + f"outputs: {{o: {{value: {call}}}}}")
