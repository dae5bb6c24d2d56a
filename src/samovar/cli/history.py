# SPDX-License-Identifier: Apache-2.0
"""samovar history: what was done to a stack, newest first: who, when, what was changed, what came of it."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import sys
from typing import Any

from samovar.diagnostics import printable

from .chosen_cloud import session
from .main import CommandError
from .session import Refused
from .why_text import Clock, Paint, paint_ansi, paint_plain

MOST_NAMES = 6
STYLES = {"COMPLETE": "green", "FAILED": "red", "IN_PROGRESS": "yellow"}
SIGNS = {"created": "+", "updated": "~", "replaced": "±", "deleted": "-"}


def run(options: argparse.Namespace) -> int:
    answer = asyncio.run(_asked(options))
    if options.json or options.output == "json":
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return 0
    paint = paint_ansi if sys.stdout.isatty() else paint_plain
    print(history_text(answer, datetime.datetime.now(datetime.UTC), paint), end="")
    return 0


async def _asked(options: argparse.Namespace) -> dict[str, Any]:
    async with session(options) as api:
        _stack, identity = await api.find(options.stack)
        try:
            found: dict[str, Any] = await api.ask("GET", f"/stacks/{identity}/history")
        except Refused as error:
            if error.status != 404:
                raise
            raise CommandError(
                "this cloud keeps no history; 'openstack stack event list' is all there is"
            ) from error
        return found


def history_text(answer: dict[str, Any], now: datetime.datetime, paint: Paint = paint_plain) -> str:
    """The history as people read it. Pure."""
    clock = Clock(now)
    entries = answer["history"]
    heads = [_head(each, clock) for each in entries]
    widths = [max((len(head[column]) for head in heads), default=0) for column in range(4)]
    rows = []
    for each, head in zip(entries, heads, strict=True):
        number, state, when, took = (f"{text:<{width}}" for text, width in zip(head, widths, strict=True))
        who = f"by {printable(each['user_name'])}" if each["user_name"] else ""
        state = paint(STYLES.get(each["status"], "dim"), state)
        rows.append(f"{paint('bold', number)}  {state}  {when}  {took}  {who}".rstrip())
        rows += [f"      {line}" for line in _remarks(each)]
    return "\n".join(rows) + "\n"


def _head(each: dict[str, Any], clock: Clock) -> tuple[str, str, str, str]:
    number = f"#{each['revision']}{'*' if each['current'] else ''}" if each["revision"] else ""
    seconds = f"{each['seconds']:.1f} s" if each["seconds"] is not None else ""
    again = " again" if each["retry"] else ""
    return number, f"{each['action']}_{each['status']}{again}", clock.at(each["created_at"]), seconds


def _remarks(each: dict[str, Any]) -> list[str]:
    found = []
    if each["changed"]:
        found.append(f"changed: {'; '.join(each['changed'])}")
    if each["done"]:
        found.append(", ".join(f"{what['count']} {verb}" for verb, what in each["done"].items()))
    for verb, what in each["done"].items():
        names = what["names"][:MOST_NAMES]
        more = " …" if what["count"] > len(names) else ""
        found.append(f"  {SIGNS.get(verb, ' ')} {', '.join(names)}{more}")
    for failure in each["failures"][:3]:
        name = f"{failure['resource']}: " if failure["resource"] else ""
        found.append(printable(f"failed: {name}{failure['text'].splitlines()[0] if failure['text'] else ''}"))
    return found


__all__ = ["history_text", "run"]
