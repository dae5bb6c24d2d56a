# SPDX-License-Identifier: Apache-2.0
"""Applying the translation rules of a type: older spellings of properties become the new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.resources.translations import Appended, Dropped, Moved, Path

Where = tuple[str | int, ...]
Conflict = Callable[[Where, str, str], None]


def fold(declared: ResourceType, given: Mapping[str, Any], conflict: Conflict) -> dict[str, Any]:
    """The given properties in the new spellings; `given` stays as it is.

    `conflict(path, old name, new name)` is called where both spellings have a value; the new one then wins.
    """
    values = dict(given)
    for rule in declared.translation:
        if isinstance(rule, Moved) and rule.sibling:
            _each_parent(values, rule.path, partial(_move, rule=rule, conflict=conflict))
        elif isinstance(rule, Moved):
            _move(values, (), rule, conflict)
        elif isinstance(rule, Appended):
            _append(values, rule, conflict)
        elif isinstance(rule, Dropped):
            _each_parent(values, rule.path, partial(_drop, name=rule.path[-1]))
    return values


def _move(holder: dict[str, Any], at: Where, rule: Moved, conflict: Conflict) -> None:
    old = holder.get(rule.source)
    for step in rule.inside:
        old = old.get(step) if isinstance(old, Mapping) else None
    if not rule.inside:
        holder.pop(rule.source, None)
    if old is None:
        return
    name = rule.path[-1]
    if holder.get(name) is not None:
        conflict((*at, name), ".".join((rule.source, *rule.inside)), name)
    else:
        holder[name] = old


def _drop(holder: dict[str, Any], _at: Where, name: str) -> None:
    holder.pop(name, None)


def _append(values: dict[str, Any], rule: Appended, conflict: Conflict) -> None:
    old = values.get(rule.source)
    if old is None or len(rule.path) != 1:
        return
    name = rule.path[0]
    if values.get(name):
        conflict((name,), rule.source, name)
        return
    values[name] = [{rule.key: old} if rule.key else old]


def _each_parent(values: dict[str, Any], path: Path, act: Callable[[dict[str, Any], Where], object]) -> None:
    """Call `act` with each map that holds the last step of the path; maps on the way are copied first."""
    for holder, at in list(_holders(values, path[:-1], ())):
        act(holder, at)


def _holders(holder: dict[str, Any], steps: Path, at: Where) -> Iterator[tuple[dict[str, Any], Where]]:
    if not steps:
        yield holder, at
        return
    name, rest = steps[0], steps[1:]
    value = holder.get(name)
    if isinstance(value, Mapping):
        holder[name] = dict(value)
        yield from _holders(holder[name], rest, (*at, name))
    elif isinstance(value, list):
        items = [dict(item) if isinstance(item, Mapping) else item for item in value]
        holder[name] = items
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield from _holders(item, rest, (*at, name, index))
