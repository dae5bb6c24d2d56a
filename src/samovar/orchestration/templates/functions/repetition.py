# SPDX-License-Identifier: Apache-2.0
"""`repeat`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from samovar.orchestration.templates.nodes import Function, FunctionProblem, Scope, resolve
from samovar.orchestration.templates.values import Unknown, Value, find_unknown, shown, type_name


class Repeat(Function):
    """`repeat: {template, for_each}`: one item per combination, the last name varies fastest."""

    __slots__ = ()
    maps = False
    permutable = False

    def check(self) -> None:
        arguments = self.arguments
        if not isinstance(arguments, dict):
            raise FunctionProblem(
                f"repeat needs a map with template and for_each, not {type_name(arguments)}"
            )
        for key in ("for_each", "template"):
            if key not in arguments:
                raise FunctionProblem(f'repeat needs a map with template and for_each; "{key}" is missing')
        for_each = arguments["for_each"]
        if isinstance(for_each, dict):
            if not for_each:
                raise FunctionProblem("The for_each of repeat is empty")
        elif not isinstance(for_each, Function):
            raise FunctionProblem(f"The for_each of repeat is a map, not {type_name(for_each)}")
        if self.permutable:
            permutations = arguments.get("permutations", True)
            if not isinstance(permutations, (bool, Function)):
                raise FunctionProblem(
                    f"The permutations of repeat is true or false, not {type_name(permutations)}"
                )

    def compute(self, scope: Scope) -> Value:
        for_each = resolve(self.arguments["for_each"], scope)
        if isinstance(for_each, Unknown):
            return for_each
        permutations = True
        if self.permutable:
            permutations = resolve(self.arguments.get("permutations", True), scope)
            if isinstance(permutations, Unknown):
                return permutations
            if not isinstance(permutations, bool):
                raise TypeError(f"The permutations of repeat is true or false, not {type_name(permutations)}")
        if not isinstance(for_each, dict):
            raise TypeError(f"The for_each of repeat is a map, not {type_name(for_each)}")
        if not for_each:
            raise ValueError("The for_each of repeat is empty")
        names, lists = list(for_each), [self.items(value, permutations) for value in for_each.values()]
        template = resolve(self.arguments["template"], scope)
        unknown = find_unknown(lists)
        if unknown:
            return unknown
        if not permutations and len({len(values) for values in lists}) > 1:
            raise ValueError("With permutations false, all lists of repeat's for_each have the same length")
        combinations = self.combinations(lists, permutations, template)
        return [_substitute(names, values, template) for values in combinations]

    def items(self, value: Value, permutations: bool) -> list[Value]:
        if isinstance(value, Unknown):
            return [value]
        if value is None:
            return []
        if isinstance(value, list):
            return value
        if self.maps and isinstance(value, dict) and permutations:
            return list(value)
        kinds = "lists or maps" if self.maps and permutations else "lists"
        raise TypeError(f"The values of repeat's for_each are {kinds}, not {type_name(value)}")

    def combinations(
        self, lists: list[list[Value]], permutations: bool, template: Value
    ) -> Sequence[tuple[Value, ...]]:
        count = 1
        for values in lists:
            count = count * len(values) if permutations else len(values)
        if count > self.limits.repeat_items or count * _weight(template) > self.limits.nodes:
            raise ValueError(f"repeat would make {shown(count)} items; that is too many")
        return list(itertools.product(*lists)) if permutations else list(zip(*lists, strict=True))


class RepeatOverMaps(Repeat):
    """From 2016-10-14: the values of for_each may be maps, whose keys are taken."""

    __slots__ = ()
    maps = True


class RepeatPermutable(RepeatOverMaps):
    """From 2017-09-01: `permutations: false` walks the lists side by side."""

    __slots__ = ()
    permutable = True


def _weight(value: Value) -> int:
    if isinstance(value, str):
        return 1 + len(value) // 64
    if isinstance(value, dict):
        return 1 + sum(_weight(key) + _weight(item) for key, item in value.items())
    if isinstance(value, list):
        return 1 + sum(_weight(item) for item in value)
    return 1


def _substitute(names: list[Any], values: Sequence[Value], template: Value) -> Value:
    if isinstance(template, str):
        for name, value in zip(names, values, strict=True):
            if not isinstance(name, str) or not isinstance(value, str):
                wrong = value if isinstance(name, str) else name
                raise TypeError(f"repeat inserts strings, not {type_name(wrong)} ({shown(wrong)})")
            template = template.replace(name, value)
        return template
    if isinstance(template, list):
        return [_substitute(names, values, item) for item in template]
    if isinstance(template, dict):
        return {
            _substitute(names, values, key): _substitute(names, values, item)
            for key, item in template.items()
        }
    return template
