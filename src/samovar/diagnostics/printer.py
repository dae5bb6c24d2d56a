# SPDX-License-Identifier: Apache-2.0
"""Findings for people (source line and caret) and for programs (JSON)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from samovar.diagnostics.diagnostic import Diagnostic, Diagnostics, Severity
from samovar.diagnostics.place import Place

_WIDEST = 160
_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m"}
_BOLD, _DIM, _BLUE, _GREEN, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[34m", "\x1b[32m", "\x1b[0m"


def to_text(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, str] | None = None, *, colour: bool = False
) -> str:
    """Every finding with its source line and a caret under the piece that is wrong.

    `sources` maps file names, as the places have them, to their text.
    """
    lines = {name: text.splitlines() for name, text in (sources or {}).items()}
    findings = list(diagnostics)
    blocks = [_block(finding, lines, colour) for finding in findings]
    if findings:
        omitted = diagnostics.omitted if isinstance(diagnostics, Diagnostics) else 0
        blocks.append(_summary(findings, omitted, colour))
    return "\n\n".join(blocks) + ("\n" if blocks else "")


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON object: `{"errors": n, "warnings": n, "omitted": n, "diagnostics": [...]}`."""
    findings = Diagnostics(diagnostics)
    body = {
        "errors": len(findings.errors),
        "warnings": len(findings.warnings),
        "omitted": findings.omitted,
        "diagnostics": [finding.as_dict() for finding in findings],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _block(finding: Diagnostic, sources: Mapping[str, list[str]], colour: bool) -> str:
    paint = _painter(colour)
    head = paint(_COLOURS[finding.severity], f"{finding.severity.value}[{finding.code}]")
    rows = [f"{head}{paint(_BOLD, ': ' + printable(finding.message))}"]
    place = finding.place
    margin = " " * (len(str(place.line)) if place else 1)
    if place is not None:
        rows.append(f"{margin}{paint(_BLUE, '-->')} {place}")
        rows.extend(_excerpt(place, sources.get(place.file), margin, finding.severity, colour))
    if finding.path:
        rows.append(f"{margin} {paint(_BLUE, '=')} {paint(_DIM, 'in')} {printable(finding.path)}")
    if finding.advice:
        rows.append(f"{margin} {paint(_BLUE, '=')} {paint(_GREEN, 'help:')} {printable(finding.advice)}")
    return "\n".join(rows)


def _excerpt(
    place: Place, lines: list[str] | None, margin: str, severity: Severity, colour: bool
) -> list[str]:
    if lines is None or not 1 <= place.line <= len(lines):
        return []
    paint = _painter(colour)
    text = lines[place.line - 1].expandtabs(1)
    start = max(place.column - 1, 0)
    cut = max(0, start - _WIDEST // 2) if len(text) > _WIDEST else 0
    shown = printable(text[cut : cut + _WIDEST])
    before = printable(text[cut : cut + max(0, start - cut)])
    marked = printable(text[start : start + max(1, place.length)])
    width = max(1, min(_cells(marked), _WIDEST - _cells(before)))
    bar = paint(_BLUE, "|")
    caret = " " * _cells(before) + paint(_COLOURS[severity], "^" * width)
    return [f"{margin} {bar}", f"{paint(_BLUE, str(place.line))} {bar} {shown}", f"{margin} {bar} {caret}"]


def _summary(findings: list[Diagnostic], omitted: int, colour: bool) -> str:
    errors = sum(finding.is_error for finding in findings)
    warnings = len(findings) - errors
    parts = []
    if errors:
        parts.append(f"{errors} error{'s' if errors != 1 else ''}")
    if warnings:
        parts.append(f"{warnings} warning{'s' if warnings != 1 else ''}")
    more = f"; {omitted} more not shown" if omitted else ""
    return _painter(colour)(_BOLD, " and ".join(parts) + more)


def _painter(colour: bool) -> Callable[[str, str], str]:
    return (lambda code, text: f"{code}{text}{_PLAIN}") if colour else (lambda code, text: text)


def printable(text: str) -> str:
    """The text with control characters and lone surrogates shown as escapes: a terminal can't be tricked."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\n" else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _cells(text: str) -> int:
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
