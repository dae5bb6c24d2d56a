# SPDX-License-Identifier: Apache-2.0
"""Text into data: what values become, where they stand, and what is refused, quickly."""

from __future__ import annotations

import time
from typing import Any

import pytest

from samovar.diagnostics import Diagnostics
from samovar.orchestration.templates import Limits, parse
from samovar.orchestration.templates.source import read, read_data


def data(text: str) -> Any:
    found = Diagnostics()
    tree = read(text, "f", found)
    assert tree is not None, found
    return tree.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("No", False), ("on", True), ("~", None), ("", None), ("null", None), ("y", "y"),
        ("12", 12), ("0x1F", 31), ("010", 8), ("0o10", "0o10"), ("1_000", 1000), ("-3", -3), ("+3", 3),
        ("1.5", 1.5), ("1e3", "1e3"), ("1.0e+3", 1000.0), (".5", 0.5), ("0b11", 3),
        ("2018-08-31", "2018-08-31"), ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ('"yes"', "yes"), ("'12'", "12"), ("!!str 12", "12"), ("!!int '12'", 12), ("! 12", "12"), ("=", "="),
        ("[1, a, {b: c}]", [1, "a", {"b": "c"}]), ("|\n  a\n  b", "a\nb\n"), ("é 日本", "é 日本"),
    ],
)  # fmt: skip
def test_yaml_values(text: str, value: object) -> None:
    result = data(f"k: {text}\n")["k"]
    assert result == value and type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1e3}', {"a": 1000.0}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ('{\t"a":\t[true,null,"no"]}', {"a": [True, None, "no"]}),
        ('{"a": "yes", "<<": 1}', {"a": "yes", "<<": 1}),
        ("{a: yes}", {"a": True}),
    ],
)
def test_json_is_read_as_json(text: str, value: object) -> None:
    assert data(text) == value


def test_anchors_and_merge_keys() -> None:
    assert data("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n")["c"] == {"p": 1, "q": 3}
    assert data("a: &x {p: 1}\nb: &y {p: 2, r: 3}\nc: {<<: [*x, *y]}\n")["c"] == {"p": 1, "r": 3}
    assert data("a: &s text\nb: *s")["b"] == "text"


def test_empty_text_is_an_empty_map() -> None:
    assert data("") == {} and data("# nothing\n") == {}


def test_every_key_and_item_has_its_place() -> None:
    tree = read("a:\n  bee: [x, yy]\n  c: {d: 1}\n", "f.yaml", Diagnostics())
    assert tree is not None
    place = tree.places.of(("a", "bee", 1))
    assert str(place) == "f.yaml:2:12" and place is not None and place.length == 2
    assert str(tree.places.of(("a", "c", "d"))) == "f.yaml:3:7"
    assert str(tree.places.value(("a", "bee"))) == "f.yaml:2:8"
    assert str(tree.places.of(("a", "nowhere", "at", "all"))) == "f.yaml:1:1"
    assert tree.places.of(("z",)) is None


def test_json_has_places_too() -> None:
    tree = read('{"a": {\n  "b": 1}}', "f.json", Diagnostics())
    assert tree is not None and str(tree.places.of(("a", "b"))) == "f.json:2:3"


def finding(text: str) -> Any:
    found = Diagnostics()
    read(text, "f", found)
    assert len(found) == 1
    return next(iter(found))


def test_duplicate_keys_warn_and_the_last_one_counts() -> None:
    assert data("a: 1\na: 2\n") == {"a": 2}
    item = finding("a: 1\na: 2\n")
    assert (item.code, item.is_error, str(item.place)) == ("duplicate-key", False, "f:2:1")


def test_numbers_to_the_base_60_warn() -> None:
    assert data("a: 22:22") == {"a": 1342}
    assert finding("a: 22:22").code == "yaml-sexagesimal"


def test_words_as_keys_become_text_with_a_warning() -> None:
    assert data("on: {no: 1, ~: 2}") == {"true": {"false": 1, "null": 2}}
    assert (
        finding("on: 1").code == "yaml-word-key"
        and finding("on: 1").advice == 'Write "on" with quotes to use it as a name'
    )
    assert data('"on": 1') == {"on": 1}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: [1", "yaml-syntax", "f:1:4"),
        ("a: b: c", "yaml-syntax", "f:1:5"),
        ("a:\n\t- b", "yaml-syntax", "f:2:1"),
        ("a: \x00", "yaml-syntax", "f:1:1"),
        ("a: \ud800", "yaml-syntax", "f:1:1"),
        ("a: !Ref x", "yaml-tag", "f:1:4"),
        ("a: !!python/object:os.system x", "yaml-tag", "f:1:4"),
        ("a: !!binary aGk=", "yaml-tag", "f:1:4"),
        ("a: *b", "yaml-alias", "f:1:4"),
        ("a: &a [*a]", "yaml-alias", "f:1:8"),
        ("? [a]\n: b", "yaml-key", "f:1:3"),
        ("<<: 3", "yaml-key", "f:1:1"),
        ("a: 1\n---\nb: 2", "yaml-documents", "f:2:1"),
        ("a: .inf", "yaml-number", "f:1:4"),
        ("a: 1.0e+999", "yaml-number", "f:1:4"),
        ("a: " + "9" * 5000, "yaml-number", "f:1:4"),
        ('{"a": 1e999}', "yaml-number", "f:1:7"),
    ],
)
def test_what_can_not_be_read_says_where(text: str, code: str, place: str) -> None:
    item = finding(text)
    assert (item.code, str(item.place)) == (code, place)


NESTED = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
)
LONG_TEXT = "a: &a " + "x" * 100_000 + "\nb: [" + ",".join(["*a"] * 50_000) + "]\n"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000, "{a: " * 30_000, "- " * 200_000, '{"a":' * 100_000, "[" * 524_288,
        "heat_template_version: 2021-04-16\nx: " + "[" * 30_000, NESTED, LONG_TEXT,
        "[" + "[]," * 170_000 + "]", "a: " + "'" * 500_000, "#" * 500_000, "? " * 200_000, "&a " * 100_000,
        "a: >\n" + " " * 500_000, "\n" * 500_000, "\u2028" * 100_000, "%TAG " * 50_000, "!" * 100_000, "|" * 100_000,
        "x: {" + "a: 1, " * 80_000 + "}", "<<: " * 1000, "x" * 600_000,
        "a: &a {}\n<<: [" + "*a," * 100_000 + "]", "a: 0b" + "1" * 100_000, "a: " + "1:" * 100_000 + "1",
    ],
)  # fmt: skip
def test_hostile_text_is_answered_quickly(text: str) -> None:
    started = time.process_time()
    template, found = parse(text)
    assert found.has_errors or template is not None
    assert time.process_time() - started < 3


def test_data_without_text_has_the_same_limits() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    for bad in (deep, {"a": "\ud800"}, {"a": float("inf")}, {"a": 10**2000}):
        found = Diagnostics()
        assert read_data(bad, "f", found) is None and found.has_errors
    assert read_data({"a": [1]}, "f", Diagnostics()) is not None


def test_the_size_limit_is_in_characters() -> None:
    found = Diagnostics()
    assert read("é" * 101, "f", found, Limits(characters=100)) is None
    assert "at most 100" in next(iter(found)).message
