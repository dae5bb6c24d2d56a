# SPDX-License-Identifier: Apache-2.0
"""Why a stack is as it is, for people to read. Pure: a document in, a text out."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from samovar.diagnostics import printable

Paint = Callable[[str, str], str]
Document = Mapping[str, Any]
CODES = {"red": "31;1", "green": "32;1", "yellow": "33;1", "dim": "2", "blue": "34", "bold": "1"}
MOST_ALIKE = 5


def paint_ansi(style: str, text: str) -> str:
    return f"\x1b[{CODES[style]}m{text}\x1b[0m"


def paint_plain(_style: str, text: str) -> str:
    return text


def why_text(document: Document, now: datetime.datetime, paint: Paint = paint_plain) -> str:
    """The whole answer, ended by a line feed."""
    clock = Clock(now)
    blocks = [_head(document, clock, paint)]
    blocks += [_cause(group, clock, paint) for group in _alike(document["causes"])]
    consequences = [each["path"] for each in document["consequences"] if each["path"]]
    if consequences:
        blocks.append(f"failed because of that: {', '.join(consequences)}")
    blocks += [_wait(wait, clock, paint) for wait in document["waits"]]
    if document["verdict"] != "healthy":
        blocks.append(_balance(document))
    if document["verdict"] == "failed":
        blocks.append(_next(document, paint))
    blocks += [paint("dim", f"note: {note}") for note in document["notes"]]
    return "\n\n".join(block for block in blocks if block) + "\n"


class Clock:
    """Times as a person reads them: of today without the date, in the zone of the terminal."""

    def __init__(self, now: datetime.datetime) -> None:
        self.now = now.astimezone()

    def at(self, text: str | None) -> str:
        if not text:
            return "?"
        moment = _moment(text).astimezone()
        return moment.strftime("%H:%M:%S" if moment.date() == self.now.date() else "%Y-%m-%d %H:%M:%S")

    def ago(self, text: str) -> str:
        """How long since then: `42 s`, `3 min`, `2 h`."""
        seconds = max(0.0, (self.now - _moment(text)).total_seconds())
        return length(seconds)


def length(seconds: float) -> str:
    """A length of time in one unit."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _head(document: Document, clock: Clock, paint: Paint) -> str:
    stack = document["stack"]
    name, state = printable(stack["name"]), stack["state"]
    since = clock.at(stack["since"])
    match document["verdict"]:
        case "healthy" if document["resource"]:
            told = f"is well; the stack {name} is {state} since {since}."
            return paint("green", f"✓ {printable(document['resource'])} {told}")
        case "healthy":
            told = f"is well: {state} since {since}; nothing failed, and nothing is waited for."
            return paint("green", f"✓ {name} {told}")
        case "waiting":
            waits = len(document["waits"])
            what = f"waits for {_number(waits, 'thing')}" if waits else "goes on"
            if document["causes"]:
                what += f"; {_number(len(document['causes']), 'failure')} so far"
            return paint("yellow", f"… {name} is {state} since {since} and {what}.")
    causes, more = len(document["causes"]), len(document["consequences"])
    told = _number(causes, "root cause") + (f", {_number(more, 'consequence')}" if more else "")
    again = document.get("rolled_back")
    after = f" after its {again} failed" if again else ""
    return paint("red", f"✗ {name} is {state} since {since}{after}: {told}.")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _alike(causes: list[Document]) -> list[list[Document]]:
    """Causes that say the same of the same type are told once."""
    groups: dict[tuple[str, str, str], list[Document]] = {}
    for cause in causes:
        groups.setdefault((cause["type"], cause["state"], cause["says"]), []).append(cause)
    return list(groups.values())


def _cause(group: list[Document], clock: Clock, paint: Paint) -> str:
    cause = group[0]
    head = "  ".join(part for part in (cause["path"], cause["type"], cause["state"]) if part)
    rows = [paint("bold", head) + (f" at {clock.at(cause['at'])}" if cause["at"] else "")]
    rows += [f"  {line}" for line in printable(cause["says"]).splitlines()]
    rows += [f"    {each['path']}: {each['message']}" for each in cause["findings"]]
    if cause["cloud"]:
        rows.append(paint("dim", f"  {_request(cause['cloud'])}"))
    if cause["waited"]:
        wait = cause["waited"]
        rows.append(f"  it had waited for {printable(wait['for'])} since {clock.at(wait['since'])}")
    if cause["in_the_way"]:
        obstacle = cause["in_the_way"]
        rows.append(f"  in the way: {paint('bold', obstacle['kind'])}. {obstacle['advice']}")
    if cause["place"]:
        rows += _excerpt(cause["place"], paint)
    for evidence in cause["evidence"]:
        rows.append(f"  {evidence['what']}, its end:")
        rows += [f"    {paint('blue', '|')} {printable(line.expandtabs())}" for line in evidence["lines"]]
    if len(group) > 1:
        others = [each["path"] for each in group[1:]]
        more = f" and {len(others) - MOST_ALIKE} more" if len(others) > MOST_ALIKE else ""
        rows.append(f"  the same in: {', '.join(others[:MOST_ALIKE])}{more}")
    return "\n".join(rows)


def _request(cloud: Document) -> str:
    status = f" answered {cloud['status']} to" if cloud["status"] else ":"
    asked = " ".join(part for part in (cloud["method"], cloud["path"]) if part)
    return f"{cloud['service']}{status} {asked} (request {cloud['request_id']})"


def _excerpt(place: Document, paint: Paint) -> list[str]:
    """As `validate` shows a finding."""
    number = str(place["line"])
    margin, bar = " " * len(number), paint("blue", "|")
    text = str(place["text"]).expandtabs(1)
    start = max(place["column"] - 1, 0)
    caret = " " * start + paint("red", "^" * max(1, min(place["length"], len(text) - start)))
    where = f"{place['file']}:{place['line']}:{place['column']}"
    return [
        f"  {margin}{paint('blue', '-->')} {where}",
        f"  {margin} {bar}",
        f"  {paint('blue', number)} {bar} {printable(text)}",
        f"  {margin} {bar} {caret}",
    ]


def _wait(wait: Document, clock: Clock, paint: Paint) -> str:
    head = "  ".join(part for part in (wait["path"], wait["type"], wait["state"]) if part)
    until = f", gives up at {clock.at(wait['until'])}" if wait["until"] else ""
    since = f"since {clock.at(wait['since'])} ({clock.ago(wait['since'])})"
    told = f"waits for {printable(wait['for'])}, {since}" if wait["for"] else f"is being worked on {since}"
    return f"{paint('bold', head)}\n  {told}{until}"


def _balance(document: Document) -> str:
    counts = document["counts"]
    told = [f"{counts[key]} {key.replace('_', ' ')}" for key in counts if counts[key]]
    rows = [f"{', '.join(told)}."] if told else []
    for each in document["pending"][:MOST_ALIKE]:
        after = ", ".join(f"{other['resource']} ({other['state']})" for other in each["after"])
        rows.append(f"  not begun: {each['path']}" + (f", after {after}" if after else ""))
    if len(document["pending"]) > MOST_ALIKE:
        rows.append(f"  … and {len(document['pending']) - MOST_ALIKE} more")
    return "\n".join(rows)


def _next(document: Document, paint: Paint) -> str:
    name = printable(document["stack"]["name"])
    rows = [
        (f"samovar retry {name}", "do again what failed; what is complete stays"),
        (f"samovar up TEMPLATE --name {name}", "apply a corrected template"),
        (f"openstack stack delete {name}", "remove everything of it"),
    ]
    width = max(len(command) for command, _ in rows)
    return "\n".join(["next:", *(f"  {paint('bold', f'{left:<{width}}')}  {right}" for left, right in rows)])


__all__ = ["Clock", "length", "paint_ansi", "paint_plain", "why_text"]
