# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samovar.diagnostics import Diagnostics
from samovar.orchestration.templates import (
    Parameters,
    StackIdentity,
    Unknown,
    UserParameterMissing,
    build_parameters,
    check_immutable,
    match_quickly,
    parse,
)
from samovar.orchestration.templates.conversion import TYPES, convert, to_text


class Matcher:
    """Trusted patterns only: tests write them."""

    def match(self, pattern: str, text: str) -> bool:
        try:
            found = re.match(pattern, text)
        except re.error as error:
            raise ValueError(str(error)) from None
        return found is not None and found.end() == len(text)


IDENTITY = StackIdentity("s", "1234", "proj")


def build(
    schema: Any, given: Any = None, version: str = "2018-08-31", **more: Any
) -> tuple[Parameters, Diagnostics]:
    template, found = parse({"heat_template_version": version, "parameters": {"p": schema}})
    assert template is not None
    parameters, problems = build_parameters(
        template, {} if given is None else {"p": given}, {}, IDENTITY, Matcher(), **more
    )
    found.extend(problems)
    return parameters, found


def value(kind: str, given: Any) -> Any:
    parameters, found = build({"type": kind}, given)
    assert not found, found
    return parameters.value("p"), parameters.texts()["p"]


@pytest.mark.parametrize(
    ("kind", "given", "typed", "text"),
    [
        ("string", "x", "x", "x"), ("string", 1.5, "1.5", "1.5"), ("string", True, "True", "True"),
        ("string", [1, "x"], "[1, 'x']", "[1, 'x']"),
        ("number", "1.50", 1.5, "1.5"), ("number", "3", 3, "3"), ("number", " 5 ", 5, "5"),
        ("number", "1e3", 1000.0, "1000.0"), ("number", True, True, "True"),
        ("boolean", "yes", True, "True"), ("boolean", "off", False, "False"), ("boolean", 1, True, "True"),
        ("boolean", " TRUE ", True, "True"),
        ("comma_delimited_list", "a, b", ["a", " b"], "a, b"), ("comma_delimited_list", "", [], ""),
        ("comma_delimited_list", ["a", 1, None, True], ["a", "1", "None", "True"], "a,1,None,True"),
        ("json", '{"k": [1, null]}', {"k": [1, None]}, '{"k": [1, null]}'), ("json", "", "", '""'),
        ("json", {"k": 1}, {"k": 1}, '{"k": 1}'), ("json", 5, 5, "5"),
    ],
)  # fmt: skip
def test_values_take_their_type(kind: str, given: Any, typed: Any, text: str) -> None:
    result = value(kind, given)
    assert result == (typed, text) and type(result[0]) is type(typed)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("number", "0x1"), ("number", "x"), ("number", []), ("number", "inf"), ("number", "9" * 2000),
        ("boolean", "maybe"), ("boolean", 2), ("comma_delimited_list", {"k": 1}), ("json", "nope"),
        ("json", "[NaN]"), ("json", "[" * 100_000),
    ],
)  # fmt: skip
def test_values_of_the_wrong_type(kind: str, given: Any) -> None:
    _, found = build({"type": kind}, given)
    assert [item.code for item in found] == ["invalid-parameter"]


def rule(kind: str, rule: Any, given: Any, version: str = "2018-08-31") -> list[str]:
    _, found = build({"type": kind, "constraints": [rule]}, given, version)
    return [item.code for item in found]


GOOD, BAD, WRONG = [], ["invalid-parameter"], ["invalid-schema"]


@pytest.mark.parametrize(
    ("kind", "constraint", "given", "codes"),
    [
        ("string", {"length": {"min": 3}}, "abc", GOOD), ("string", {"length": {"min": 3}}, "ab", BAD),
        ("string", {"length": {"max": "3"}}, "abcd", BAD), ("string", {"length": {}}, "a", WRONG),
        ("string", {"length": {"min": 1.7}}, "a", WRONG), ("string", {"length": {"min": "x"}}, "a", WRONG),
        ("string", {"length": {"min": 1, "mx": 2}}, "a", WRONG), ("string", {"length": 3}, "a", WRONG),
        ("comma_delimited_list", {"length": {"max": 1}}, "a,b", BAD),
        ("json", {"length": {"max": 1}}, {"a": 1, "b": 2}, BAD),
        ("string", {"range": {"min": 3}}, "a", WRONG),
        ("number", {"range": {"min": "3"}}, 1, BAD), ("number", {"range": {"min": 1, "max": 3}}, 3, GOOD),
        ("number", {"modulo": {"step": 2, "offset": 1}}, 3, GOOD),
        ("number", {"modulo": {"step": 2, "offset": 1}}, 2, BAD),
        ("number", {"modulo": {"step": -2, "offset": -1}}, 3, GOOD),
        ("number", {"modulo": {"step": 2, "offset": 0}}, 2.5, BAD),
        ("number", {"modulo": {"step": 2}}, 2, WRONG), ("number", {"modulo": {"step": 0, "offset": 0}}, 2, WRONG),
        ("number", {"modulo": {"step": 2, "offset": 2}}, 2, WRONG),
        ("number", {"modulo": {"step": 2, "offset": -1}}, 2, WRONG),
        ("string", {"allowed_values": [1, 2]}, "1", GOOD), ("number", {"allowed_values": ["1"]}, 1, GOOD),
        ("boolean", {"allowed_values": ["on"]}, True, GOOD), ("string", {"allowed_values": []}, "a", BAD),
        ("comma_delimited_list", {"allowed_values": ["a", "b"]}, "a,b,a", GOOD),
        ("comma_delimited_list", {"allowed_values": ["a", "b"]}, "a,c", BAD),
        ("string", {"allowed_values": "abc"}, "a", WRONG), ("json", {"allowed_values": [{}]}, {}, WRONG),
        ("string", {"allowed_pattern": "[a-z]*"}, "abc", GOOD), ("string", {"allowed_pattern": "[a-z]*"}, "a1", BAD),
        ("string", {"allowed_pattern": "a|ab"}, "ab", BAD), ("string", {"allowed_pattern": "[a"}, "a", BAD),
        ("string", {"custom_constraint": "nova.flavor"}, "a", GOOD),
        ("string", {"description": "x"}, "a", WRONG), ("string", {"lenght": {"min": 1}}, "a", WRONG),
        ("string", "length", "a", WRONG),
        ("string", {"length": {"min": 1}, "allowed_pattern": "z"}, "a", GOOD),
    ],
)  # fmt: skip
def test_constraints(kind: str, constraint: Any, given: Any, codes: list[str]) -> None:
    assert rule(kind, constraint, given) == codes


def test_modulo_exists_from_2017_02_24_on() -> None:
    constraint = {"modulo": {"step": 2, "offset": 0}}
    assert rule("number", constraint, 2, "2017-02-24") == GOOD
    assert rule("number", constraint, 2, "2016-10-14") == WRONG


def test_the_authors_sentence_replaces_ours() -> None:
    _, found = build(
        {"type": "string", "constraints": [{"length": {"min": 3}, "description": "Too short."}]}, "a"
    )
    assert found.errors[0].message.endswith("Too short.")


def test_defaults_must_be_good_even_when_unused() -> None:
    schema = {"type": "string", "default": "a", "constraints": [{"length": {"min": 3}}]}
    _, found = build(schema, "long enough")
    assert [item.code for item in found] == ["invalid-schema"]


@pytest.mark.parametrize(
    ("schema", "known_from"),
    [({"type": "string", "tags": ["a"], "default": ""}, "2018-03-02")],
)
def test_tags(schema: Any, known_from: str) -> None:
    parameters, found = build(schema, version=known_from)
    assert not found and parameters.schemas["p"].tags == ("a",)
    assert build(schema, version="2017-09-01")[1].has_errors


@pytest.mark.parametrize(
    "schema", [None, "string", {}, {"type": "String"}, {"type": "string", "defualt": 1}, {"default": "x"}]
)
def test_wrong_definitions(schema: Any) -> None:
    assert {item.code for item in build(schema, "x")[1]} == {"invalid-schema"}


def test_missing_unknown_and_null() -> None:
    assert [item.code for item in build({"type": "string"})[1]] == ["parameter-missing"]
    assert [item.code for item in build({"type": "string", "default": None})[1]] == ["parameter-missing"]
    assert not build({"type": "string", "default": ""})[1]
    parameters, found = build({"type": "string"}, missing_allowed=True)
    assert not found and isinstance(parameters.value("p"), Unknown)
    template, _ = parse(
        {"heat_template_version": "2018-08-31", "parameters": {"port": {"type": "string", "default": "x"}}}
    )
    assert template is not None
    _, found = build_parameters(template, {"prot": 1}, {}, IDENTITY, Matcher())
    assert found.errors[0].code == "unknown-parameter" and "port" in found.errors[0].advice
    with pytest.raises(UserParameterMissing):
        parameters.value("OS::region")


def test_defaults_of_the_environment_are_weaker_than_values() -> None:
    template, _ = parse(
        {"heat_template_version": "2018-08-31", "parameters": {"p": {"type": "string", "default": "a"}}}
    )
    assert template is not None
    for given_, defaults, result in (
        ({}, {"p": "b", "q": 1}, "b"),
        ({"p": "c"}, {"p": "b"}, "c"),
        ({}, {}, "a"),
    ):
        parameters, found = build_parameters(template, given_, defaults, IDENTITY, Matcher())
        assert not found and parameters.value("p") == result


def test_hidden_values_are_masked_and_never_in_sentences() -> None:
    schema = {"type": "string", "hidden": True, "constraints": [{"length": {"max": 3}}]}
    parameters, _ = build(schema, "abc")
    assert parameters.texts()["p"] == "******" and parameters.value("p") == "abc"
    assert parameters.texts(masked=False)["p"] == "abc"
    schema = {"type": "number", "hidden": True}
    for bad in (build(schema, "topsecret"), build({**schema, "constraints": [{"range": {"max": 3}}]}, 12345)):
        assert bad[1].has_errors and not re.search("topsecret|12345", bad[1].errors[0].message)


def test_pseudo_parameters() -> None:
    parameters, _ = build({"type": "string"}, "x")
    assert {name: text for name, text in parameters.texts().items() if ":" in name} == {
        "OS::project_id": "proj", "OS::stack_id": "1234", "OS::stack_name": "s",
    }  # fmt: skip
    assert StackIdentity("s", "i", "p").pseudo_parameters("cfn") == {
        "AWS::Region": "ap-southeast-1", "AWS::StackId": "arn:openstack:heat::p:stacks/s/i", "AWS::StackName": "s",
    }  # fmt: skip
    assert StackIdentity("s").pseudo_parameters("hot")["OS::stack_id"] == "None"


def test_immutable() -> None:
    old, _ = build({"type": "string", "immutable": True}, "a")
    same, _ = build({"type": "string", "immutable": True}, "a")
    other, _ = build({"type": "string", "immutable": True}, "b")
    assert not check_immutable(old, same)
    assert [item.code for item in check_immutable(old, other)] == ["immutable-parameter"]


def test_custom_constraints_are_left_to_the_cloud_and_not_for_defaults() -> None:
    schema = {"type": "string", "default": "a", "constraints": [{"custom_constraint": "nova.flavor"}]}
    assert build(schema)[0].custom_checks() == []
    [(name, constraint, checked)] = build(schema, "m1")[0].custom_checks()
    assert (name, constraint.name, checked) == ("p", "nova.flavor", "m1")


def test_cfn_parameters() -> None:
    template, found = parse(
        {
            "HeatTemplateFormatVersion": "2012-12-12",
            "Parameters": {
                "a": {
                    "Type": "String",
                    "NoEcho": "true",
                    "MinLength": "3",
                    "ConstraintDescription": "Longer!",
                },
                "n": {"Type": "Number", "MaxValue": "3", "Default": 1},
            },
        }
    )
    assert template is not None and not found
    parameters, found = build_parameters(template, {"a": "x"}, {}, IDENTITY, Matcher())
    assert "Longer!" in found.errors[0].message
    parameters, found = build_parameters(template, {"a": "xyz"}, {}, IDENTITY, Matcher())
    assert not found and parameters.texts()["a"] == "******" and parameters.value("n") == 1


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda items: st.lists(items, max_size=4) | st.dictionaries(st.text(max_size=5), items, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(TYPES), plain)
def test_any_value_is_converted_or_refused_with_a_sentence(kind: str, given_: Any) -> None:
    try:
        typed = convert(kind, given_)
    except ValueError as error:
        assert str(error)
        return
    assert isinstance(to_text(kind, typed), str)
    if kind != "json" or not isinstance(typed, str):
        assert convert(kind, typed) == typed or typed != typed


@given(st.from_regex(r"\A[a-c\[\]*+?{}()|^$.\\d0-3-]{0,12}\Z"), st.text("abc01-", max_size=20))
def test_quick_matching_agrees_with_the_real_one(pattern: str, text: str) -> None:
    quick = match_quickly(pattern, text)
    if quick is not None:
        found = re.match(pattern, text)
        assert quick == (found is not None and found.end() == len(text))
