# SPDX-License-Identifier: Apache-2.0
"""A plan for people: what happens to each resource, which properties differ, and what forces replacement."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from samovar.diagnostics import printable
from samovar.orchestration.plans.changes import Action, Change, Effect, Plan, PropertyChange
from samovar.orchestration.plans.document import MASK, shown
from samovar.orchestration.templates.values import Unknown

Paint = Callable[[Action, str], str]
_WIDEST = 100

_PHRASES = {
    Action.CREATE: "will be created",
    Action.UPDATE: "will be updated in place",
    Action.REPLACE: "must be replaced",
    Action.DELETE: "will be deleted",
    Action.ADOPT: "will be adopted",
    Action.FORGET: "will be let go; its object stays",
    Action.NO_OP: "stays as it is",
}
_POSSIBLE = {Action.UPDATE: "may be updated in place", Action.REPLACE: "may have to be replaced"}
_COUNTED = (
    (Action.CREATE, "to create"),
    (Action.ADOPT, "to adopt"),
    (Action.UPDATE, "to update"),
    (Action.REPLACE, "to replace"),
    (Action.DELETE, "to delete"),
    (Action.FORGET, "to let go"),
)


_ANSI = {
    Action.CREATE: "32",
    Action.UPDATE: "33",
    Action.REPLACE: "1;33",
    Action.DELETE: "31",
    Action.ADOPT: "36",
    Action.FORGET: "36",
    Action.NO_OP: "2",
}


def paint_ansi(action: Action, text: str) -> str:
    """For terminals: the colour of an action."""
    return f"\x1b[{_ANSI[action]}m{text}\x1b[0m"


def plan_text(plan: Plan, paint: Paint = lambda _action, text: text, *, unchanged: bool = False) -> str:
    """The plan as text; `paint` may colour what belongs to an action. `unchanged`: also what stays."""
    writer = _Writer(paint, unchanged, plan.secrets)
    lines = list(writer.changes(plan, ""))
    if lines:
        lines.append("")
    return "\n".join([*lines, summary(plan)]) + "\n"


def plan_heads(plan: Plan, most: int) -> list[str]:
    """One line for each change, at most so many."""
    changes = [change for change in plan.every_change() if change.action is not Action.NO_OP]
    lines = [f"{each.action.symbol:>3} {each.full_path}  {each.type}" for each in changes[:most]]
    return [*lines, f"    … and {len(changes) - most} more"] if len(changes) > most else lines


def summary(plan: Plan) -> str:
    """One line: how many resources are created, updated, replaced, deleted."""
    if plan.is_empty:
        return "Nothing to do: everything is as the template wants it."
    counts = plan.counts()
    parts = [f"{counts[action]} {words}" for action, words in _COUNTED if counts[action]]
    unsure = sum(1 for change in plan.every_change() if change.changes_anything and not change.certain)
    more = f" ({unsure} of them depend on values known later)" if unsure else ""
    refused = len(plan.refusals)
    refusal = f" {refused} of these can not be done." if refused else ""
    return f"Plan: {', '.join(parts)}{more}.{refusal}"


@dataclass(frozen=True, slots=True)
class _Writer:
    paint: Paint
    unchanged: bool
    secrets: Collection[str]

    def changes(self, plan: Plan, indent: str) -> Iterator[str]:
        for change in plan.changes:
            if change.changes_anything or self.unchanged:
                yield from self.change(change, indent)

    def change(self, change: Change, indent: str) -> Iterator[str]:
        symbol = change.action.symbol
        if change.action is Action.NO_OP and change.nested is not None and not change.nested.is_empty:
            phrase = "changes inside"
        else:
            phrase = _PHRASES[change.action] if change.certain else _POSSIBLE.get(change.action, "may change")
        head = f"{symbol:>3} {printable(change.full_path)}  {printable(change.type)}  {phrase}"
        yield indent + self.paint(change.action, head)
        inner = indent + " " * 6
        for reason in change.reasons:
            if reason.property is None:
                yield f"{inner}because {printable(reason.text)}"
        for refusal in change.refusals:
            yield f"{inner}not possible: {printable(refusal)}"
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.ADOPT):
            yield from self.properties(change, inner)
        for aspect in change.aspects:
            yield f"{inner}{self.paint(Action.UPDATE, '~')} {aspect.replace('_', ' ')}"
        if change.nested is not None:
            yield from self.changes(change.nested, indent + "    ")

    def properties(self, change: Change, inner: str) -> Iterator[str]:
        width = max((len(each.name) for each in change.properties), default=0)
        for each in change.properties:
            yield inner + self.property(each, change.action, width)

    def property(self, each: PropertyChange, action: Action, width: int) -> str:
        name = f"{printable(each.name):<{width}}"
        if each.before is None:
            return f"{self.paint(Action.CREATE, '+')} {name} = {self.value(each.after, each.secret)}"
        before, after = self.value(each.before, each.secret), self.value(each.after, each.secret)
        sign = "-" if each.after is None else "~"
        marked = self.paint(Action.DELETE if each.after is None else Action.UPDATE, sign)
        forced = ""
        if each.effect is Effect.REPLACES:
            forced = self.paint(Action.REPLACE, "  # forces replacement")
        if each.effect is Effect.REFUSED:
            forced = self.paint(Action.DELETE, "  # must not change")
        return f"{marked} {name} = {before} -> {after}{forced}"

    def value(self, value: Any, secret: bool) -> str:
        """On one line, cut where it is long."""
        if isinstance(value, Unknown):
            return str(value)
        if value is None:
            return "null"
        if secret:
            return MASK
        text = json.dumps(_marked(shown(value, False, self.secrets)), ensure_ascii=False, default=str)
        text = printable(text)
        return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"known_later"}:
            return f"(known later: {value['known_later']})"
        return {key: _marked(item) for key, item in value.items() if item is not None}
    return [_marked(item) for item in value] if isinstance(value, list) else value
