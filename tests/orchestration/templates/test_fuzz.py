# SPDX-License-Identifier: Apache-2.0
"""Any text and any data give findings or a template, never a crash, and no other exception than ours."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samovar.diagnostics import to_json, to_text
from samovar.orchestration.templates import (
    ALL_VERSIONS,
    StackIdentity,
    StackScope,
    Surroundings,
    TemplateError,
    build_parameters,
    parse,
    parse_environment,
    resolve,
    validate,
)
from samovar.orchestration.templates.scope import NoSandbox

WORDS = sorted(
    {name for version in ALL_VERSIONS for name in (*version.functions, *version.condition_functions)}
    | {"type", "properties", "depends_on", "condition", "value", "template", "params", "for_each", "expression",
       "data", "keys", "values", "scheme", "host", "port", "query", "permutations", "a", "b", "c", "r", "default",
       "constraints", "length", "range", "min", "max", "allowed_values", "allowed_pattern", "hidden", "string",
       "number", "json", "comma_delimited_list", "boolean", "external_id", "deletion_policy", "metadata"}
)  # fmt: skip
words = st.sampled_from(WORDS)
scalars = (
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | words | st.text(max_size=8)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(words, inner, min_size=1, max_size=1)
        | st.dictionaries(words | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=25,
)
named = st.dictionaries(st.sampled_from(["a", "b", "c", "r"]), values, max_size=4)
resources = st.dictionaries(
    st.sampled_from(["a", "b", "c", "r"]),
    st.fixed_dictionaries({"type": st.just("T") | values}, optional={"properties": values, "condition": values,
                          "depends_on": values, "metadata": values, "deletion_policy": values,
                          "external_id": values, "update_policy": values}),
    max_size=4,
)  # fmt: skip
hot = st.fixed_dictionaries(
    {"heat_template_version": st.sampled_from([v.date for v in ALL_VERSIONS if v.kind == "hot"])},
    optional={"parameters": named, "conditions": named, "resources": resources | values, "outputs": named | values,
              "parameter_groups": values, "description": values},
)  # fmt: skip
cfn = st.fixed_dictionaries(
    {"AWSTemplateFormatVersion": st.just("2010-09-09")},
    optional={"Parameters": named, "Conditions": named, "Mappings": named,
              "Resources": st.dictionaries(words, st.fixed_dictionaries({"Type": st.just("T"), "Properties": values}),
                                           max_size=3),
              "Outputs": st.dictionaries(words, st.fixed_dictionaries({"Value": values}), max_size=3)},
)  # fmt: skip
bounded = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def everything(source: Any, environment: Any = None) -> None:
    template, found = parse(source, "f")
    surroundings, problems = parse_environment(environment, "e")
    found.extend(problems)
    if template is not None:
        found.extend(validate(template, surroundings, Surroundings(files={"a": "text"})))
        given_ = surroundings.parameters if surroundings else {}
        parameters, _ = build_parameters(template, given_, {}, StackIdentity("s"), NoSandbox())
        scope = StackScope(template, parameters)
        for definition in template.resources.values():
            for node in (*definition.nodes(), definition.condition):
                attempt(node, scope)
        for output in template.outputs.values():
            attempt(output.value, scope)
        try:
            scope.requirements()
        except TemplateError as error:
            assert error.sentence()
    text = source if isinstance(source, str) else json.dumps(source)
    to_text(found.in_order(), {"f": text})
    to_json(found)


def attempt(node: Any, scope: StackScope) -> None:
    try:
        resolve(node, scope)
    except TemplateError as error:
        assert error.sentence() and error.diagnostics


@bounded
@given(
    hot | cfn,
    st.none() | st.fixed_dictionaries({}, optional={"parameters": values, "resource_registry": values}),
)
def test_any_data(template: Any, environment: Any) -> None:
    everything(template, environment)


@bounded
@given(hot)
def test_any_data_as_yaml(template: Any) -> None:
    everything(yaml.safe_dump(template, allow_unicode=True))


@bounded
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    everything(text)


@bounded
@given(st.text("{}[]:,-&*!|>'\"#%@` \n\tab1<?~.\\x", max_size=120))
def test_any_punctuation(text: str) -> None:
    everything("heat_template_version: 2021-04-16\n" + text)
    everything("heat_template_version: 2021-04-16\noutputs: {o: {value: " + text)


@bounded
@given(values)
def test_any_environment(data: Any) -> None:
    parse_environment(data if isinstance(data, dict) else {"resource_registry": data})
    parse_environment({"resource_registry": {"resources": data}})
    parse_environment(yaml.safe_dump(data))


SAMPLE = """\
heat_template_version: 2021-04-16
parameters: {p: {type: number, default: 3, constraints: [{range: {min: 1}}]}}
conditions: {c: {equals: [{get_param: p}, 3]}}
resources:
  r: {type: T, properties: {a: {if: [c, {list_join: ['-', [a, b]]}, {str_replace: {template: x, params: {x: y}}}]}}}
outputs: {o: {value: {repeat: {template: {k: v}, for_each: {k: [a, b]}}}}}
"""


@bounded
@given(
    st.lists(
        st.tuples(st.integers(0, len(SAMPLE)), st.integers(0, 6), st.text("{}[]:,a 1'\n", max_size=3)),
        max_size=5,
    )
)
def test_a_template_with_typing_mistakes(edits: list[tuple[int, int, str]]) -> None:
    text = SAMPLE
    for at, length, insertion in edits:
        text = text[:at] + insertion + text[at + length :]
    everything(text)
