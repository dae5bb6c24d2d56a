# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from samovar.orchestration.engine.sandbox import ProcessSandbox, uses_sandbox
from samovar.orchestration.templates import load


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessSandbox]:
    with ProcessSandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    ("expression", "data", "result"),
    [
        ("$.data.a", {"a": 1}, 1),
        ("$.data.select($+1)", [1, 2], [2, 3]),
        ("$.data.where($.a = 1).select($.b)", [{"a": 1, "b": 2}, {"a": 3, "b": 4}], [2]),
        ("$.data.toSet()", [1, 1], [1]),
        ("dict(a=>1)", None, {"a": 1}),
        ("$.data", {1: "whole number as key"}, {1: "whole number as key"}),
        ("datetime(2020,1,1)", None, "2020-01-01T00:00:00+00:00"),
        ("$", 3, {"data": 3}),
    ],
)
def test_yaql(sandbox: ProcessSandbox, expression: str, data: object, result: object) -> None:
    assert sandbox.evaluate_yaql(expression, data) == result


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$.data.a", 'no key "a"'),
        ("1 +", "Parse error"),
        ("range(0,500)", "exceeds 200 elements"),
        ('"a" * 100000', "too much memory"),
        ("1/0", "zero"),
    ],
)
def test_what_fails_says_why(sandbox: ProcessSandbox, expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sandbox.evaluate_yaql(expression, {})


@pytest.mark.parametrize(
    "expression",
    ["range(0, 10**9).len()", "pow(9, pow(10,9))", "regex('(a+)+$').matches('%sb')" % ("a" * 40)],
)
def test_endless_expressions_end_and_the_sandbox_lives_on(sandbox: ProcessSandbox, expression: str) -> None:
    sandbox.evaluate_yaql("1", None)
    started = time.monotonic()
    with pytest.raises(ValueError):
        sandbox.evaluate_yaql(expression, None)
    assert time.monotonic() - started < 8
    with pytest.raises(ValueError):  # known by now: refused without running
        sandbox.evaluate_yaql(expression, None)
    assert sandbox.evaluate_yaql("1 + 1", None) == 2


def test_patterns_match_the_whole_text(sandbox: ProcessSandbox) -> None:
    assert sandbox.match("[a-z]*", "abc")
    assert not sandbox.match("[a-z]*", "abc1")
    assert not sandbox.match("a|ab", "ab")
    assert sandbox.match("(ab)+", "abab")
    with pytest.raises(ValueError, match="unterminated"):
        sandbox.match("[a", "b")


def test_a_catastrophic_pattern_is_refused(sandbox: ProcessSandbox) -> None:
    with pytest.raises(ValueError, match="too long"):
        sandbox.match("(a+)+$", "a" * 60 + "b")
    assert sandbox.match("(ab)+", "abab")


def test_syntax_is_checked_without_running(sandbox: ProcessSandbox) -> None:
    sandbox.check_yaql("$.data.nothing")
    with pytest.raises(ValueError, match="Parse error"):
        sandbox.check_yaql("$.data.(")


def test_which_templates_need_it() -> None:
    head = "heat_template_version: 2018-08-31\n"
    assert not uses_sandbox(load(head + "outputs: {a: {value: {list_join: ['', [a]]}}}"))
    assert uses_sandbox(load(head + "outputs: {a: {value: {yaql: {expression: $.data, data: 1}}}}"))
    assert uses_sandbox(
        load(head + "parameters: {p: {type: string, constraints: [{allowed_pattern: '(a)+'}]}}")
    )
