# SPDX-License-Identifier: Apache-2.0
"""Every mistake in one pass: references, types, conditions, cycles, nested templates, environments."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

import pytest

from samovar.diagnostics import Diagnostic, Diagnostics, Severity
from samovar.orchestration.templates import (
    AnyType,
    ResolvedResource,
    Surroundings,
    contains_unknown,
    parse,
    parse_environment,
    validate,
)
from samovar.orchestration.templates.checks import PlaceOf


class Types(AnyType):
    """Two types: OS::A with a property `size` (a number) and an attribute `name`; OS::B like it."""

    def is_known(self, type_: str) -> bool:
        return type_ in ("OS::A", "OS::B")

    def closest(self, type_: str) -> str | None:
        return "OS::A" if type_.startswith("OS::A") else None

    def attributes(self, type_: str) -> Collection[str] | None:
        return ["name"]

    def check(self, resource: ResolvedResource, place_of: PlaceOf) -> Iterable[Diagnostic]:
        for name, value in resource.properties.items():
            if name == "size" and not contains_unknown(value) and not isinstance(value, int):
                path = (*resource.properties_path, name)
                yield Diagnostic(Severity.ERROR, "property-type", "size is a number", "", place_of(path))


HEAD = "heat_template_version: 2021-04-16\n"


def findings(text: str, environment: str = "", **more: object) -> Diagnostics:
    template, found = parse(HEAD + text, "t.yaml")
    assert template is not None
    surroundings, problems = parse_environment(environment, "env.yaml")
    assert surroundings is not None
    found.extend(problems)
    found.extend(validate(template, surroundings, Surroundings(types=Types(), **more)))  # type: ignore[arg-type]
    return found


def brief(found: Diagnostics) -> list[tuple[str, int, str]]:
    return [(item.place.file, item.place.line, item.code) for item in found.in_order() if item.place]


def test_many_mistakes_with_their_lines() -> None:
    found = findings(
        """\
parameters:
  key: {type: string}
  small: {type: number, default: 0, constraints: [{range: {min: 1}}]}
conditions:
  c: {equals: [{get_param: keyy}, 1]}
  loop: {not: pool}
  pool: {not: loop}
resources:
  a:
    type: OS::AA
  b:
    type: OS::B
    depends_on: [a, nothing]
    properties:
      size: large
      p: {get_param: kee}
      q: {get_resource: aa}
      r: {get_attr: [c, nam]}
      s: {str_split: [',', 3]}
      t: {if: [nope, 1, 2]}
      u: {get_file: x.sh}
      v: {if: [{equals: [1, 1]}, {list_join: 1}, 2]}
  c: {type: OS::A, depends_on: d}
  d: {type: OS::A, properties: {x: {get_attr: [c, name]}}}
  key: {type: OS::A}
  gone: {type: OS::A, condition: {equals: [1, 2]}}
outputs:
  o: {value: {get_attr: [gone, name]}}
""",
        "parameters: {kye: 1}\n",
    )
    assert brief(found) == [
        ("env.yaml", 1, "unknown-parameter"),
        ("t.yaml", 3, "parameter-missing"),
        ("t.yaml", 4, "invalid-schema"),
        ("t.yaml", 6, "parameter-missing"),
        ("t.yaml", 7, "circular-condition"),
        ("t.yaml", 11, "unknown-type"),
        ("t.yaml", 14, "unknown-resource"),
        ("t.yaml", 16, "property-type"),
        ("t.yaml", 17, "parameter-missing"),
        ("t.yaml", 18, "unknown-resource"),
        ("t.yaml", 19, "unknown-attribute"),
        ("t.yaml", 20, "function-argument-type"),
        ("t.yaml", 21, "unknown-condition"),
        ("t.yaml", 22, "missing-file"),
        ("t.yaml", 23, "function-arguments"),
        ("t.yaml", 24, "circular-dependency"),
        ("t.yaml", 26, "duplicate-name"),
        ("t.yaml", 29, "disabled-resource"),
    ]
    advice = {item.code: item.advice for item in found}
    assert advice["unknown-parameter"] == 'Did you mean "key"?'
    assert advice["unknown-type"] == 'Did you mean "OS::A"?'
    assert advice["unknown-attribute"] == 'Did you mean "name"?'


def test_a_good_template_has_no_findings() -> None:
    assert not findings(
        "resources:\n  a: {type: OS::A, properties: {size: 3}}\n"
        "  b: {type: OS::B, depends_on: a, properties: {x: {get_attr: [a, name]}}}\n"
        "outputs: {o: {value: {get_attr: [b, show, x]}}}\n"
    )


NESTED = """\
heat_template_version: 2021-04-16
parameters:
  count: {type: number}
  name: {type: string, default: x}
resources:
  r: {type: OS::AA, properties: {x: {get_param: foo}}}
outputs:
  y: {value: 1}
"""


def test_nested_templates_are_checked_where_they_stand() -> None:
    found = findings(
        """\
resources:
  one: {type: n.yaml, properties: {count: x, nmae: 3}}
  two: {type: n.yaml}
  three: {type: m.yaml}
outputs:
  o: {value: {get_attr: [one, z]}}
  p: {value: {get_attr: [one, resource.r, anything]}}
""",
        files={"n.yaml": NESTED},
    )
    assert brief(found) == [
        ("n.yaml", 6, "unknown-type"),
        ("n.yaml", 6, "parameter-missing"),
        ("n.yaml", 6, "unknown-type"),
        ("n.yaml", 6, "parameter-missing"),
        ("t.yaml", 3, "unknown-property"),
        ("t.yaml", 3, "invalid-parameter"),
        ("t.yaml", 4, "missing-property"),
        ("t.yaml", 5, "missing-file"),
        ("t.yaml", 7, "unknown-attribute"),
    ] or brief(found)
    paths = {item.path for item in found}
    assert "resources.one / resources.r.type" in paths and "resources.one.properties.count" in paths


def test_a_template_that_includes_itself_is_refused() -> None:
    text = HEAD + "resources: {a: {type: n.yaml}, b: {type: n.yaml}}\n"
    found = findings("resources: {r: {type: n.yaml}}\n", files={"n.yaml": text})
    assert {item.code for item in found} == {"limit-exceeded"}
    assert "Recursion depth exceeds 5" in found.errors[0].message


def test_wide_recursion_costs_nothing() -> None:
    files = {
        f"n{level}.yaml": HEAD + "resources:\n" + "".join(f"  r{i}: {{type: n{level + 1}.yaml}}\n" for i in range(50))
        for level in range(4)
    } | {"n4.yaml": HEAD + "resources: {r: {type: OS::A}}\n"}  # fmt: skip
    started = time.process_time()
    found = findings("resources: {r: {type: n0.yaml}}\n", files=files, resources=1000)
    assert time.process_time() - started < 2
    assert {item.code for item in found} == {"limit-exceeded"}


def test_types_mapped_by_an_environment() -> None:
    text = "resources:\n  a: {type: My::Type, properties: {size: x}}\n"
    assert [item.code for item in findings(text)] == ["unknown-type"]
    assert [item.code for item in findings(text, "resource_registry: {'My::Type': 'OS::A'}")] == [
        "property-type"
    ]
    mapped = findings(
        text,
        "resource_registry: {'My::Type': n.yaml}",
        files={"n.yaml": HEAD + "parameters: {size: {type: number}}\n"},
    )
    assert [item.code for item in mapped] == ["invalid-parameter"]


OUTPUTS = "outputs:\n  o: {value: {get_param: nothing}}\n  p: {value: {get_attr: [nothing, x]}}\n"


def test_the_api_makes_stacks_whose_outputs_fail() -> None:
    assert [item.is_error for item in findings(OUTPUTS)] == [True, True]
    assert [item.is_error for item in findings(OUTPUTS, outputs_may_fail=True)] == [False, True]


def test_values_may_be_missing_when_none_are_needed() -> None:
    text = (
        "parameters: {p: {type: number}}\nresources: {a: {type: OS::A, properties: {size: {get_param: p}}}}\n"
    )
    assert findings(text).has_errors
    assert not findings(text, values_needed=False)


@pytest.mark.parametrize("branch", [True, False])
def test_only_the_branch_taken_is_checked(branch: bool) -> None:
    text = f"""\
conditions: {{c: {str(branch).lower()}}}
resources:
  a: {{type: OS::A, properties: {{x: {{if: [c, {{get_resource: nothing}}, {{get_attr: [a1, name]}}]}}}}}}
  a1: {{type: OS::A}}
"""
    assert findings(text).has_errors is branch


def test_ten_thousand_resources() -> None:
    lines = "".join(
        f"  r{i}: {{type: OS::A, depends_on: [{f'r{i - 1}' if i else ''}], properties: {{size: {i}}}}}\n"
        for i in range(10_000)
    )
    started = time.process_time()
    from samovar.orchestration.templates import Limits

    template, found = parse(HEAD + "resources:\n" + lines, "t", Limits(characters=10_000_000))
    assert template is not None and not found
    assert not validate(template, None, Surroundings(types=Types()))
    assert time.process_time() - started < 5


def test_unknown_custom_constraints_warn() -> None:
    text = "parameters: {p: {type: string, default: a, constraints: [{custom_constraint: nova.flavr}]}}\n"
    [finding] = findings(text, custom_constraints=["nova.flavor"])
    assert not finding.is_error and finding.advice == 'Did you mean "nova.flavor"?'
