# SPDX-License-Identifier: Apache-2.0
"""Functions on lists."""

from __future__ import annotations

import json
from collections.abc import Hashable

from samovar.orchestration.templates.nodes import Function, FunctionProblem, Scope, resolve
from samovar.orchestration.templates.values import Unknown, Value, find_unknown, shown, type_name


def _check_work(comparisons: int, function: Function) -> None:
    if comparisons > 20_000_000:
        raise ValueError(f"{function.name} has too many items to compare")


class Filter(Function):
    """`filter: [values, list]`: the list without the values."""

    __slots__ = ()

    def check(self) -> None:
        if isinstance(self.arguments, Function):
            return
        if not isinstance(self.arguments, list) or len(self.arguments) != 2:
            raise FunctionProblem("filter needs a list of two: the values to leave out and the list")

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        if not isinstance(arguments, list) or len(arguments) != 2:
            raise ValueError("filter needs a list of two: the values to leave out and the list")
        values, items = arguments
        if not items:
            return items
        if not isinstance(items, list):
            raise TypeError(f"filter works on a list, not {type_name(items)}")
        if not values:
            return items
        if not isinstance(values, list):
            raise TypeError(f"The values that filter leaves out are a list, not {type_name(values)}")
        _check_work(len(values) * len(items), self)
        return [item for item in items if item not in values]


class Contains(Function):
    """`contains: [value, sequence]`"""

    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, list) or len(self.arguments) != 2:
            raise FunctionProblem(
                "contains needs a list of two: a value and a list or string",
                "Write contains: [value, [item, item]]",
            )

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        value, sequence = arguments
        if not isinstance(sequence, (list, str)):
            raise TypeError(f"contains looks into a list or string, not {type_name(sequence)}")
        if isinstance(sequence, str) and not isinstance(value, str):
            raise TypeError(f"contains looks for a string in a string, not for {type_name(value)}")
        return value in sequence


class ListConcat(Function):
    """`list_concat: [list, list, …]`"""

    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, (list, Function)):
            raise FunctionProblem(
                f"{self.name} needs a list of lists, not {type_name(self.arguments)}",
                f"Write {self.name}: [[…], […]]",
            )

    def compute(self, scope: Scope) -> Value:
        lists = resolve(self.arguments, scope)
        if isinstance(lists, Unknown):
            return lists
        if not isinstance(lists, list):
            raise TypeError(f"{self.name} needs a list of lists, not {type_name(lists)}")
        result: list[Value] = []
        for item in lists:
            if isinstance(item, Unknown):
                return item
            if item is None:
                continue
            if not isinstance(item, list):
                raise TypeError(f"{self.name} joins lists, not {type_name(item)}")
            if len(result) + len(item) > self.limits.nodes:
                raise ValueError(f"{self.name} would make too long a list")
            result.extend(item)
        return self.finish(result)

    def finish(self, items: list[Value]) -> Value:
        return items


class ListConcatUnique(ListConcat):
    """As list_concat; of equal items the first one stays."""

    __slots__ = ()

    def finish(self, items: list[Value]) -> Value:
        unknown = find_unknown(items)
        if unknown:
            return unknown
        seen: set[Hashable] = set()
        unhashable: list[Value] = []
        result: list[Value] = []
        for item in items:
            if isinstance(item, (dict, list)):
                _check_work(len(unhashable) * len(items), self)
                if item in unhashable:
                    continue
                unhashable.append(item)
            elif item in seen:
                continue
            else:
                seen.add(item)
            result.append(item)
        return result


class Select(Function):
    """`Fn::Select: [index, list or map or JSON text]`; what is not there gives ''."""

    __slots__ = ()

    def check(self) -> None:
        if isinstance(self.arguments, Function):
            return
        if not isinstance(self.arguments, list) or len(self.arguments) != 2:
            raise FunctionProblem(f"{self.name} needs a list of two: an index or key, and a list or map")

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        if isinstance(arguments, Unknown):
            return arguments
        if not isinstance(arguments, list) or len(arguments) != 2:
            raise ValueError(f"{self.name} needs a list of two: an index or key, and a list or map")
        index, source = arguments
        if isinstance(index, Unknown) or isinstance(source, Unknown):
            return index if isinstance(index, Unknown) else source
        if source is None or source == "":
            return ""
        if isinstance(source, str):
            try:
                source = json.loads(source)
            except (ValueError, RecursionError):
                raise ValueError(f"{self.name} can't read the string as JSON") from None
        if isinstance(source, dict):
            if not isinstance(index, str):
                raise TypeError(f"{self.name} needs a string as key of a map, not {type_name(index)}")
            return source.get(index, "")
        if isinstance(source, list):
            try:
                return source[int(index)]
            except IndexError:
                return ""
            except (ValueError, TypeError, OverflowError):
                raise ValueError(
                    f"{self.name} needs a whole number as index of a list, not {shown(index)}"
                ) from None
        raise TypeError(f"{self.name} selects from a list or map, not {type_name(source)}")
