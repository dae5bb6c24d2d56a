# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samovar.diagnostics import Diagnostics, Place, closest, did_you_mean, printable, to_json, to_text

SOURCE = "resources:\n  server:\n    tpye: OS::Nova::Server\n"


def findings() -> Diagnostics:
    found = Diagnostics()
    found.warning("duplicate-key", "The key stands twice", place=Place("b.yaml", 9, 1))
    found.error(
        "unknown-key", 'A resource has no key "tpye"', advice='Did you mean "type"?',
        place=Place("a.yaml", 3, 5, 4), path="resources.server.tpye",
    )  # fmt: skip
    return found


def test_the_source_line_is_shown_with_a_caret() -> None:
    text = to_text(findings().in_order(), {"a.yaml": SOURCE})
    assert text == (
        'error[unknown-key]: A resource has no key "tpye"\n'
        " --> a.yaml:3:5\n"
        "  |\n"
        "3 |     tpye: OS::Nova::Server\n"
        "  |     ^^^^\n"
        "  = in resources.server.tpye\n"
        '  = help: Did you mean "type"?\n'
        "\n"
        "warning[duplicate-key]: The key stands twice\n"
        " --> b.yaml:9:1\n"
        "\n"
        "1 error and 1 warning\n"
    )


def test_nothing_found_prints_nothing() -> None:
    assert to_text([]) == ""


def test_json_for_programs() -> None:
    body = json.loads(to_json(findings()))
    assert (body["errors"], body["warnings"]) == (1, 1)
    assert body["diagnostics"][1]["place"] == {"file": "a.yaml", "line": 3, "column": 5, "length": 4}


def test_the_caret_stands_under_wide_characters() -> None:
    found = Diagnostics()
    found.error("x", "wrong", place=Place("f", 1, 3, 2))
    rows = to_text(found, {"f": "日本語x"}).splitlines()
    assert rows[4] == "  |     ^^^"


def test_a_long_line_is_cut_around_the_place() -> None:
    found = Diagnostics()
    found.error("x", "wrong", place=Place("f", 1, 5001, 3))
    text = to_text(found, {"f": "a" * 5000 + "bcd" + "e" * 5000})
    assert "bcd" in text and all(len(row) < 180 for row in text.splitlines())


def test_the_terminal_can_not_be_tricked() -> None:
    assert "\x1b" not in to_text(_one("\x1b[2Jgone"), {"f": "\x1b]0;evil\x07"})
    assert printable("ok\x00") == "ok\\x00"


def _one(message: str) -> Diagnostics:
    found = Diagnostics()
    found.error("x", message, place=Place("f", 1, 1))
    return found


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("propertis", ["properties", "metadata"], "properties"),
        ("Type", ["type"], "type"),
        ("depends-on", ["depends_on"], "depends_on"),
        ("kye", ["net", "key"], "key"),
        ("zzz", ["properties"], None),
        ("", ["a"], None),
        (3, ["a"], None),
    ],
)
def test_suggestions(word: object, known: list[str], meant: str | None) -> None:
    assert closest(word, known) == meant


def test_advice_falls_back() -> None:
    assert did_you_mean("q", ["properties"], "Known are properties") == "Known are properties"


@given(st.text(max_size=200), st.integers(-5, 300), st.integers(-5, 300), st.integers(-5, 300))
def test_printing_never_fails(text: str, line: int, column: int, length: int) -> None:
    found = Diagnostics()
    found.error("x", text, place=Place("f", line, column, length), path=text, advice=text)
    to_text(found, {"f": text}, colour=True)
    json.loads(to_json(found))
