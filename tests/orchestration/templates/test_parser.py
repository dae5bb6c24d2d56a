# SPDX-License-Identifier: Apache-2.0
"""What a template may look like: sections, resources, outputs, conditions, versions."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from samovar.orchestration.templates import (
    ALL_VERSIONS,
    InvalidTemplateSection,
    InvalidTemplateVersion,
    Limits,
    load,
    parse,
)

R = {"type": "OS::Heat::None"}


def codes(sections: dict[str, Any], version: str = "2021-04-16") -> list[str]:
    _, found = parse({"heat_template_version": version, **sections})
    return [item.code for item in found.errors]


def resource(**more: Any) -> dict[str, Any]:
    return {"resources": {"r": {**R, **more}, "q": R}}


@pytest.mark.parametrize(
    "sections",
    [
        {}, {"resources": None}, {"outputs": None}, {"parameters": None}, {"parameter_groups": None},
        {"parameter_groups": {}}, {"description": None}, {"description": 3}, {"resources": {"a b": R}},
        resource(depends_on="q"), resource(depends_on=["q"]), resource(depends_on=[]),
        resource(deletion_policy="Delete"), resource(deletion_policy="snapshot"),
        resource(deletion_policy={"get_param": "OS::stack_name"}), resource(external_id="abc"),
        resource(external_id={"get_param": "OS::stack_name"}), resource(condition=True),
        resource(condition={"equals": [1, 1]}), resource(description="x"), resource(properties={}),
        resource(properties={"get_param": "OS::stack_name"}), resource(metadata={"a": 1}),
        {"conditions": {"c": True}}, {"conditions": {"c": {"get_param": "OS::stack_name"}}},
        {"outputs": {"o": {"value": None}}}, {"outputs": {"o": {"value": 1, "foo": 1}}},
        {"outputs": {"o": {"value": 1, "condition": True}}},
    ],
)  # fmt: skip
def test_good(sections: dict[str, Any]) -> None:
    assert codes(sections) == []


@pytest.mark.parametrize(
    ("sections", "code"),
    [
        ({"foo": 1}, "unknown-section"), ({"Resources": {}}, "unknown-section"), ({"mappings": {}}, "unknown-section"),
        ({"resources": [1]}, "section-not-a-map"), ({"conditions": None}, "section-not-a-map"),
        ({"conditions": []}, "section-not-a-map"), ({"resources": {"r": None}}, "invalid-resource"),
        ({"resources": {"r": {}}}, "invalid-resource"), ({"resources": {"r": {"type": 3}}}, "invalid-resource"),
        (resource(foo=1), "unknown-key"), (resource(properties=None), "invalid-resource"),
        (resource(properties=[]), "invalid-resource"), (resource(metadata="x"), "invalid-resource"),
        (resource(update_policy=[]), "invalid-resource"), (resource(depends_on=3), "invalid-resource"),
        (resource(depends_on=[3]), "invalid-resource"), (resource(depends_on={"get_param": "a"}), "invalid-resource"),
        (resource(deletion_policy="DELETE"), "invalid-deletion-policy"),
        (resource(deletion_policy=3), "invalid-deletion-policy"), (resource(external_id=3), "invalid-resource"),
        (resource(external_id="a", depends_on="q"), "external-resource"),
        (resource(condition=3), "invalid-condition"), (resource(condition=None), "invalid-resource"),
        (resource(description=3), "invalid-resource"), ({"resources": {"a/b": R}}, "invalid-name"),
        ({"resources": {"a\0b": R}}, "invalid-name"),
        ({"resources": {"a" * 256: R}}, "invalid-name"), (resource(type="t" * 256), "invalid-name"),
        (resource(external_id="e" * 256), "invalid-name"),
        ({"conditions": {"c": "x"}}, "invalid-condition"), ({"conditions": {"c": None}}, "invalid-condition"),
        ({"conditions": {"c": {"foo": 1}}}, "invalid-condition"),
        ({"conditions": {"c": {"equals": [1]}}}, "function-arguments"),
        ({"conditions": {"c": {"list_join": ["", []]}}}, "function-in-condition"),
        ({"outputs": {"o": None}}, "invalid-output"), ({"outputs": {"o": {}}}, "invalid-output"),
        ({"outputs": {"o": {"value": {"list_join": 1}}}}, "function-arguments"),
        ({"outputs": {"o": {"value": {"Ref": "a"}}}}, "removed-function"),
        ({"parameter_groups": "x"}, "parameter-groups"), ({"parameter_groups": [{}]}, "parameter-groups"),
        ({"parameter_groups": [{"parameters": ["a"]}]}, "parameter-groups"),
        (
            {"parameter_groups": [{"parameters": ["a"]}, {"parameters": ["a"]}],
             "parameters": {"a": {"type": "string"}}},
            "parameter-groups",
        ),
    ],
)  # fmt: skip
def test_bad(sections: dict[str, Any], code: str) -> None:
    assert codes(sections) == [code]


def test_what_came_with_2016_10_14() -> None:
    for key, value in (("condition", True), ("external_id", "x")):
        assert codes(resource(**{key: value}), "2016-04-08") == ["unknown-key"]
        assert codes(resource(**{key: value}), "2016-10-14") == []
    assert codes(resource(deletion_policy="retain"), "2016-04-08") == ["invalid-deletion-policy"]
    assert codes({"conditions": {}}, "2016-04-08") == ["unknown-section"]


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({}, "template-version-missing"), ({"resources": {}}, "template-version-missing"),
        ({"heat_template_version": None}, "template-version-missing"),
        ({"heat_template_version": "2019-01-01"}, "template-version"),
        ({"heat_template_version": 2018}, "template-version"),
        ({"AWSTemplateFormatVersion": "2012-12-12"}, "template-version"),
        ({"HeatTemplateFormatVersion": "2010-09-09"}, "template-version"),
        ({"heat_template_version": "2018-08-31", "AWSTemplateFormatVersion": "2010-09-09"}, "template-version"),
    ],
)  # fmt: skip
def test_versions_are_required_and_known(template: Any, code: str) -> None:
    parsed, found = parse(template)
    assert parsed is None and [item.code for item in found] == [code]


def test_versions_and_aliases() -> None:
    assert [version.date for version in ALL_VERSIONS if version.kind == "hot"] == [
        "2013-05-23", "2014-10-16", "2015-04-30", "2015-10-15", "2016-04-08", "2016-10-14", "2017-02-24",
        "2017-09-01", "2018-03-02", "2018-08-31", "2021-04-16",
    ]  # fmt: skip
    for alias, date in (("newton", "2016-10-14"), ("rocky", "2018-08-31"), ("wallaby", "2021-04-16")):
        assert load({"heat_template_version": alias}).version.date == date
    assert load("heat_template_version: 2018-08-31").version.name == "heat_template_version.2018-08-31"


def test_errors_are_the_exceptions_clients_know() -> None:
    with pytest.raises(InvalidTemplateVersion):
        load({"heat_template_version": "nope"})
    with pytest.raises(InvalidTemplateSection) as caught:
        load({"heat_template_version": "2018-08-31", "outptus": {}})
    assert caught.value.type == "InvalidTemplateSection" and "outputs" in caught.value.diagnostic.advice
    with pytest.raises(Exception, match=r"resources\.r\.properties\.p\.list_join"):
        load({"heat_template_version": "2018-08-31", **resource(properties={"p": {"list_join": 1}})})


def test_several_mistakes_are_all_found_with_their_lines() -> None:
    text = """\
heat_template_version: 2021-04-16
parameters:
  a: {type: strng}
resources:
  r:
    type: OS::Heat::None
    propertis: {}
    properties:
      x: {list_join: 1}
outputs:
  o: {vlaue: 1}
"""
    _, found = parse(text, "t.yaml")
    assert [(item.place.line if item.place else 0, item.code) for item in found.in_order()] == [
        (3, "invalid-schema"), (7, "unknown-key"), (9, "function-arguments"), (11, "invalid-output"),
    ]  # fmt: skip


def test_cfn() -> None:
    template = load(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Mappings": {"m": {"k": {"v": 1}}},
            "Resources": {"r": {"Type": "T", "DependsOn": "q", "Whatever": 1, "DeletionPolicy": "Retain"},
                          "q": {"Type": "T"}},
            "Outputs": {"o": {"Value": 1}},
        }
    )  # fmt: skip
    assert template.kind == "cfn" and template.resources["r"].depends_on == ("q",)
    assert template.resources["r"].deletion_policy == "Retain"
    _, found = parse({"HeatTemplateFormatVersion": "2012-12-12", "Conditions": {}})
    assert [item.code for item in found] == ["unknown-section"]


def test_raw_is_plain_data() -> None:
    text = "heat_template_version: 2018-08-31\noutputs: {o: {value: {get_param: a}}}\n"
    assert json.loads(json.dumps(load(text).raw)) == {
        "heat_template_version": "2018-08-31", "outputs": {"o": {"value": {"get_param": "a"}}},
    }  # fmt: skip


def template_of(resources: int) -> str:
    return "heat_template_version: 2021-04-16\nresources:\n" + "".join(
        f"  r{number}:\n    type: OS::Heat::RandomString\n    properties:\n      length: 10\n"
        f"      salt: {{get_attr: [r{number - 1}, value]}}\n"
        for number in range(1, resources + 1)
    )


def test_cost_is_linear() -> None:
    limits = Limits(characters=10_000_000)

    def seconds(resources: int) -> float:
        text = template_of(resources)
        best = 1e9
        for _ in range(3):
            started = time.process_time()
            template, _ = parse(text, "t", limits)
            best = min(best, time.process_time() - started)
            assert template is not None and len(template.resources) == resources
        return best

    assert seconds(4000) / seconds(500) < 8 * 2.5
