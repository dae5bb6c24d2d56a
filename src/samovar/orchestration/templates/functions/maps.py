# SPDX-License-Identifier: Apache-2.0
"""Functions that make maps."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from samovar.orchestration.templates.nodes import Function, FunctionProblem, Scope, resolve
from samovar.orchestration.templates.values import Unknown, Value, find_unknown, shown, type_name


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
