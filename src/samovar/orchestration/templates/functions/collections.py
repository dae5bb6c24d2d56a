# SPDX-License-Identifier: Apache-2.0
"""Functions on lists and maps."""

from __future__ import annotations

import itertools
import json
from collections.abc import Hashable, Sequence
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


class MapMerge(Function):
    """`map_merge: [map, map, …]`: later ones win, one level deep."""

    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, (list, Function)):
            raise FunctionProblem(
                f"map_merge needs a list of maps, not {type_name(self.arguments)}",
                "Write map_merge: [{…}, {…}]",
            )

    def compute(self, scope: Scope) -> Value:
        maps = resolve(self.arguments, scope)
        if isinstance(maps, Unknown):
            return maps
        if not isinstance(maps, list):
            raise TypeError(f"map_merge needs a list of maps, not {type_name(maps)}")
        result: dict[Any, Value] = {}
        steps = 0
        for item in maps:
            if isinstance(item, Unknown):
                return item
            if item is None:
                continue
            if not isinstance(item, dict):
                raise TypeError(f"map_merge merges maps, not {type_name(item)}")
            steps += len(item)
            if steps > self.limits.nodes:
                raise ValueError("map_merge would merge too many items")
            result.update(item)
        return result


class MapReplace(Function):
    """`map_replace: [map, {keys: {old: new}, values: {old: new}}]`"""

    __slots__ = ()

    def check(self) -> None:
        arguments = self.arguments
        if isinstance(arguments, Function):
            return
        if not isinstance(arguments, list) or len(arguments) != 2:
            raise FunctionProblem(
                "map_replace needs a list of two: a map, and a map with keys and values",
                "Write map_replace: [{…}, {keys: {old: new}, values: {old: new}}]",
            )

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        if not isinstance(arguments, list) or len(arguments) != 2:
            raise TypeError("map_replace needs a list of two: a map, and a map with keys and values")
        source, changes = (({} if item is None else item) for item in arguments)
        for item in (source, changes):
            if not isinstance(item, dict):
                raise TypeError(f"map_replace needs two maps, not {type_name(item)}")
        for key in changes:
            if key not in ("keys", "values"):
                raise ValueError(f'map_replace knows "keys" and "values", not "{shown(key)}"')
        keys, values = changes.get("keys") or {}, changes.get("values") or {}
        for item in (keys, values):
            if not isinstance(item, dict):
                raise TypeError(f"The keys and values of map_replace are maps, not {type_name(item)}")
        result: dict[Any, Value] = {}
        for key, value in source.items():
            replacement = keys.get(key)
            new_key = key if replacement is None else replacement
            if new_key != key and (new_key in source or new_key in result):
                raise ValueError(f'map_replace would make the key "{shown(new_key)}" twice')
            if isinstance(value, Hashable) and value in values:
                value = values[value]
            result[new_key] = value
        return result


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


def _check_work(comparisons: int, function: Function) -> None:
    if comparisons > 20_000_000:
        raise ValueError(f"{function.name} has too many items to compare")


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


class MemberListToMap(Function):
    """`Fn::MemberListToMap: [key, value, [".member.0.<key>=a", ".member.0.<value>=b"]]`"""

    __slots__ = ()

    def check(self) -> None:
        arguments = self.arguments
        if not isinstance(arguments, list) or len(arguments) != 3:
            raise FunctionProblem(f"{self.name} needs a list of three: key name, value name and a list")

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        if len(arguments) != 3:
            raise ValueError(f"{self.name} needs a list of three: key name, value name and a list")
        key_name, value_name, members = arguments
        if not isinstance(key_name, str) or not isinstance(value_name, str):
            raise TypeError(f"{self.name} needs strings as key name and value name")
        if not isinstance(members, list):
            raise TypeError(f"{self.name} needs a list of members, not {type_name(members)}")
        found: dict[str, dict[str, str]] = {}
        for member in members:
            if not isinstance(member, str):
                raise TypeError(f"The members of {self.name} are strings, not {type_name(member)}")
            left, separator, value = member.partition("=")
            parts = left.split(".")
            if not separator:
                raise ValueError(f"The members of {self.name} have the form .member.N.name=value")
            if len(parts) >= 4 and parts[1] == "member":
                found.setdefault(parts[2], {})[".".join(parts[3:])] = value
        return {
            pair[key_name]: pair[value_name]
            for _, pair in sorted(found.items(), key=lambda item: _member_order(item[0]))
            if key_name in pair and value_name in pair
        }


def _member_order(number: str) -> tuple[int, str]:
    return (int(number), "") if number.isdecimal() and len(number) < 20 else (1 << 70, number)


class Yaql(Function):
    """`yaql: {expression, data}`, evaluated in the sandbox; the data are `$.data`."""

    __slots__ = ()

    def check(self) -> None:
        arguments = self.arguments
        if not isinstance(arguments, dict):
            raise FunctionProblem(f"yaql needs a map with expression and data, not {type_name(arguments)}")
        for key in arguments:
            if key not in ("expression", "data"):
                raise FunctionProblem(f'yaql takes expression and data, not "{shown(key)}"')
        if "expression" not in arguments:
            raise FunctionProblem('yaql needs a map with expression and data; "expression" is missing')
        if not isinstance(arguments["expression"], (str, Function)):
            raise FunctionProblem(
                f"The expression of yaql is a string, not {type_name(arguments['expression'])}"
            )

    def compute(self, scope: Scope) -> Value:
        expression = resolve(self.arguments["expression"], scope)
        data = resolve(self.arguments.get("data", {}), scope)
        unknown = find_unknown(expression) or find_unknown(data)
        if unknown:
            return unknown
        if not isinstance(expression, str):
            raise TypeError(f"The expression of yaql is a string, not {type_name(expression)}")
        return scope.sandbox.evaluate_yaql(expression, data)
