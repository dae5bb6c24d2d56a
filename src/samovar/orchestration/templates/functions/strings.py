# SPDX-License-Identifier: Apache-2.0
"""Functions that make strings."""

from __future__ import annotations

import hashlib
from typing import Any

from samovar.orchestration.templates.nodes import Function, FunctionProblem, Scope, resolve
from samovar.orchestration.templates.values import (
    Value,
    contains_unknown,
    find_unknown,
    json_text,
    shown,
    type_name,
)

# Comparisons of characters that one str_replace may need: about a second's worth.
_REPLACE_WORK = 2_000_000_000


class ListJoin(Function):
    """`list_join: [delimiter, list]`, items are strings; null counts as ''."""

    __slots__ = ()
    several = False

    def check(self) -> None:
        advice = f"Write {self.name}: [delimiter, [item, item]]"
        arguments = self.arguments
        if not isinstance(arguments, list):
            raise FunctionProblem(f"{self.name} needs a list, not {type_name(arguments)}", advice)
        if len(arguments) < 2 or (len(arguments) > 2 and not self.several):
            raise FunctionProblem(
                f"{self.name} needs a delimiter and {'at least one list' if self.several else 'one list'}",
                advice,
            )

    def compute(self, scope: Scope) -> Value:
        arguments = [resolve(item, scope) for item in self.arguments]
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        delimiter, *lists = arguments
        items: list[str] = []
        for values in lists:
            if values is None or values == "" or (self.several and values == {}):
                continue
            if not isinstance(values, list):
                raise TypeError(f"{self.name} joins lists, not {type_name(values)}")
            items.extend(self.item_text(value) for value in values)
            if len(items) > self.limits.nodes:
                raise ValueError(f"{self.name} joins too many items")
        if not isinstance(delimiter, str):
            raise TypeError(f"{self.name} needs a string as delimiter, not {type_name(delimiter)}")
        length = sum(map(len, items)) + len(delimiter) * max(0, len(items) - 1)
        check_length(length, self)
        return delimiter.join(items)

    def item_text(self, value: Value) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if self.several and isinstance(value, (dict, list)):
            return json_text(value)
        kinds = "strings, maps and lists" if self.several else "strings"
        raise TypeError(f"{self.name} joins {kinds}, not {type_name(value)} ({shown(value)})")


class ListJoinMultiple(ListJoin):
    """From 2015-10-15: several lists; maps and lists in them become JSON."""

    __slots__ = ()
    several = True


def check_length(length: int, function: Function) -> None:
    if length > function.limits.result_characters:
        raise ValueError(
            f"{function.name} would make a string of {length} characters; "
            f"at most {function.limits.result_characters} are allowed"
        )


class StrReplace(Function):
    """`str_replace: {template, params}`: longer names first, inserted text is not looked at again."""

    __slots__ = ()
    structures = False
    strict = False
    very_strict = False

    def check(self) -> None:
        arguments = self.arguments
        if not isinstance(arguments, dict):
            raise FunctionProblem(
                f"{self.name} needs a map with template and params, not {type_name(arguments)}"
            )
        for key in ("template", "params"):
            if key not in arguments:
                raise FunctionProblem(f'{self.name} needs a map with template and params; "{key}" is missing')
        if not isinstance(arguments["params"], (dict, Function)):
            raise FunctionProblem(
                f"The params of {self.name} are a map, not {type_name(arguments['params'])}"
            )

    def parts(self, scope: Scope) -> tuple[Value, Value]:
        return resolve(self.arguments["template"], scope), resolve(self.arguments["params"], scope)

    def compute(self, scope: Scope) -> Value:
        template, params = self.parts(scope)
        unknown = find_unknown(template) or find_unknown(params)
        if unknown:
            return unknown
        if not isinstance(template, str):
            raise TypeError(f"The template of {self.name} is a string, not {type_name(template)}")
        if params is None:
            params = {}
        if not isinstance(params, dict):
            raise TypeError(f"The params of {self.name} are a map, not {type_name(params)}")
        texts = {}
        for key, value in params.items():
            name = str(key)
            if not name:
                raise ValueError(f"{self.name} can't replace an empty string")
            if self.very_strict and (value is None or value in ("", [], {})) and value is not False:
                raise ValueError(f'The value for "{shown(name)}" of {self.name} is empty')
            texts[name] = self.value_text(name, value)
        return self.replace(template, texts)

    def value_text(self, key: str, value: Value) -> str:
        if value is None:
            return ""
        if isinstance(value, (str, int, float)):
            return str(value)
        if self.structures and isinstance(value, (dict, list)):
            return json_text(value)
        kinds = "strings, numbers, maps and lists" if self.structures else "strings and numbers"
        raise TypeError(f'{self.name} inserts {kinds}; the value for "{shown(key)}" is {type_name(value)}')

    def replace(self, template: str, texts: dict[str, str]) -> str:
        if len(template) * len(texts) > _REPLACE_WORK:
            raise ValueError(f"{self.name} has too many params for so long a template")
        # Even positions are template text still open for replacement, odd ones are inserted text.
        pieces = [template]
        missing = []
        length = len(template)
        for key in sorted(sorted(texts), key=len, reverse=True):
            if key not in template:
                missing.append(key)
                continue
            text = texts[key]
            found = False
            result: list[str] = []
            for position, piece in enumerate(pieces):
                if position % 2:
                    result.append(piece)
                    continue
                parts = piece.split(key)
                found = found or len(parts) > 1
                length += (len(parts) - 1) * (len(text) - len(key))
                check_length(length, self)
                result.append(parts[0])
                for part in parts[1:]:
                    result.append(text)
                    result.append(part)
            pieces = result
            if not found:
                missing.append(key)
        if self.strict and missing:
            names = ", ".join(f'"{shown(key)}"' for key in sorted(missing))
            raise ValueError(f"The template of {self.name} does not contain {names}")
        return "".join(pieces)


class StrReplaceJson(StrReplace):
    """From 2015-10-15: maps and lists are inserted as JSON."""

    __slots__ = ()
    structures = True


class StrReplaceStrict(StrReplaceJson):
    __slots__ = ()
    strict = True


class StrReplaceVeryStrict(StrReplaceStrict):
    __slots__ = ()
    very_strict = True


class FnReplace(StrReplace):
    """`Fn::Replace: [params, template]`"""

    __slots__ = ()

    def check(self) -> None:
        arguments = self.arguments
        if not isinstance(arguments, list) or len(arguments) != 2:
            raise FunctionProblem(f"{self.name} needs a list of two: a map and a string")
        if not isinstance(arguments[0], (dict, Function)):
            raise FunctionProblem(f"{self.name} needs a map first, not {type_name(arguments[0])}")

    def parts(self, scope: Scope) -> tuple[Value, Value]:
        return resolve(self.arguments[1], scope), resolve(self.arguments[0], scope)


class StrSplit(Function):
    """`str_split: [delimiter, string]`, or with an index: one item. A null delimiter is white space."""

    __slots__ = ()

    def check(self) -> None:
        arguments = self.arguments
        if isinstance(arguments, Function):
            return
        if not isinstance(arguments, list) or len(arguments) < 2:
            raise FunctionProblem(
                f"{self.name} needs a list: delimiter, string and perhaps an index",
                f"Write {self.name}: [',', string] or {self.name}: [',', string, 0]",
            )

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        if not isinstance(arguments, list) or len(arguments) < 2:
            raise ValueError(f"{self.name} needs a list: delimiter, string and perhaps an index")
        delimiter, text = arguments[:2]
        if text is None:
            return None
        if not isinstance(delimiter, str) and delimiter is not None:
            raise TypeError(f"{self.name} needs a string as delimiter, not {type_name(delimiter)}")
        if not isinstance(text, str):
            raise TypeError(f"{self.name} splits a string, not {type_name(text)}")
        if delimiter == "":
            raise ValueError(f"{self.name} needs a delimiter that is not empty")
        parts = text.split() if delimiter is None else split_bounded(text, delimiter, self)
        if len(arguments) < 3:
            return parts
        try:
            index = int(arguments[2])
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"The index of {self.name} is a whole number, not {shown(arguments[2])}"
            ) from None
        if not -len(parts) <= index < len(parts):
            raise ValueError(f"{self.name} makes {len(parts)} items; there is none at index {shown(index)}")
        return parts[index]


def split_bounded(text: str, delimiter: str, function: Function) -> list[str]:
    if text.count(delimiter) >= function.limits.nodes:
        raise ValueError(f"{function.name} would make too many items")
    return text.split(delimiter)


class FnSplit(Function):
    """`Fn::Split: [delimiter, string]`"""

    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, list) or len(self.arguments) != 2:
            raise FunctionProblem(f"{self.name} needs a list of two: delimiter and string")

    def compute(self, scope: Scope) -> Value:
        arguments = [resolve(item, scope) for item in self.arguments]
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        delimiter, text = arguments
        if not isinstance(delimiter, str) or not isinstance(text, str):
            raise TypeError(f"{self.name} needs two strings")
        if not delimiter:
            raise ValueError(f"{self.name} needs a delimiter that is not empty")
        return split_bounded(text, delimiter, self)


class Digest(Function):
    """`digest: [algorithm, string]` as a hexadecimal number."""

    __slots__ = ()

    def check(self) -> None:
        if isinstance(self.arguments, Function):
            return
        self.check_shape(self.arguments)

    def check_shape(self, arguments: Any) -> None:
        if not isinstance(arguments, list) or len(arguments) != 2:
            raise FunctionProblem(
                "digest needs a list of two: the algorithm and a string", "Write digest: [sha256, string]"
            )
        algorithm = arguments[0]
        if isinstance(algorithm, str) and algorithm.lower() not in hashlib.algorithms_available:
            known = ", ".join(sorted(hashlib.algorithms_guaranteed))
            raise FunctionProblem(f'digest knows no algorithm "{shown(algorithm)}"', f"Known are {known}")

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        try:
            self.check_shape(arguments)
        except FunctionProblem as problem:
            raise ValueError(problem.message) from None
        algorithm, text = arguments
        if not isinstance(algorithm, str) or not isinstance(text, str):
            raise TypeError("digest needs two strings: the algorithm and the text")
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError("digest works on text of the Latin-1 character set only") from None
        return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


class FnBase64(Function):
    """`Fn::Base64: string` gives the string unencoded: Heat encodes where the API needs it."""

    __slots__ = ()

    def compute(self, scope: Scope) -> Value:
        text = resolve(self.arguments, scope)
        if contains_unknown(text):
            return find_unknown(text)
        if not isinstance(text, str):
            raise TypeError(f"{self.name} needs a string, not {type_name(text)}")
        return text
