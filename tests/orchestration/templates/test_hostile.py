# SPDX-License-Identifier: Apache-2.0
"""Templates made to cost time: an answer comes quickly, with a bounded number of findings."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from samovar.orchestration.engine.sandbox import ProcessSandbox
from samovar.orchestration.templates import Surroundings, parse, parse_environment, validate

HEAD = "heat_template_version: 2021-04-16\n"


def lines(count: int, text: str) -> str:
    return "".join(text.replace("#", str(number)).replace("@", str(number + 1)) for number in range(count))


CASES = {
    "unknown dependencies": "resources:\n" + lines(7000, "  res#: {type: T, depends_on: [nothing#, nought#]}\n"),
    "unknown parameters": "parameters:\n" + lines(5000, "  par#: {type: string, default: a}\n")
    + "outputs:\n" + lines(5000, "  o#: {value: {get_param: bar#}}\n"),
    "unknown resources": "resources:\n" + lines(6000, "  res#: {type: T}\n")
    + "outputs:\n" + lines(6000, "  o#: {value: {get_attr: [rex#, x]}}\n"),
    "parameter groups": "parameters:\n" + lines(5000, "  par#: {type: string, default: a}\n")
    + "parameter_groups: [{parameters: [" + lines(20_000, "bar#,") + "]}]\n",
    "long chain of conditions": "conditions:\n" + lines(15_000, "  c#: {not: c@}\n") + "  c15000: true\n",
    "long circle": "resources:\n" + lines(9000, "  r#: {type: T, depends_on: r@}\n") + "  r9000: {type: T, depends_on: r0}\n",
    "unknown keys": "resources:\n  r: {type: T, " + lines(40_000, "k#: 1,") + "}\n",
    "unknown sections": lines(40_000, "s#: 1\n"),
    "nested choices": "outputs: {o: {value: " + "{if: [c, " * 24 + "1" + ", 2]}" * 24 + "}}\n",
    "deeper choices": "outputs: {o: {value: " + "{if: [c, " * 3000 + "1" + ", 2]}" * 3000 + "}}\n",
    "duplicate keys": "outputs: {" + "a: 1," * 60_000 + "}\n",
    "many replacements": "outputs: {o: {value: {str_replace: {template: '" + "ab" * 100_000
    + "', params: {" + lines(20_000, "k#: 1,") + "}}}}}\n",
    "endless patterns": "parameters: {p: {type: string, default: " + "a" * 40 + "b, constraints: ["
    + "{allowed_pattern: '(a+)+$'}," * 1000 + "]}}\n",
    "many allowed values": "parameters: {p: {type: comma_delimited_list, default: '" + "x," * 50_000
    + "', constraints: [{allowed_values: [x, ''," + lines(30_000, "a#,") + "]}]}}\n",
    "merged maps": "a: &a {" + lines(2000, "k#: 1,") + "}\nb: [" + lines(20_000, "{<<: *a, z#: 1},") + "]\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    with ProcessSandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", CASES)
def test_an_answer_comes_quickly(name: str, sandbox: ProcessSandbox) -> None:
    text = HEAD + CASES[name]
    assert len(text) < 524_288
    environment, _ = parse_environment({"parameters": {f"zar{number}": 1 for number in range(5000)}})
    started = time.process_time()
    template, found = parse(text, "t")
    if template is not None:
        found.extend(validate(template, environment, Surroundings(sandbox=sandbox)))
    assert time.process_time() - started < 5  # well under a second on an idle machine, or near it
    assert len(found) <= 400
