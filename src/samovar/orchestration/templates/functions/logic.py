# SPDX-License-Identifier: Apache-2.0
"""Conditions: names of them, the functions that combine them, and `if`, which chooses by them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from samovar.orchestration.templates.errors import TemplateError
from samovar.orchestration.templates.nodes import (
    Choice,
    Function,
    FunctionProblem,
    Node,
    Path,
    Reference,
    Scope,
    resolve,
    resolve_or_omit,
)
from samovar.orchestration.templates.values import OMIT, Unknown, Value, find_unknown, shown, type_name


class ConditionName(Function):
    """The name of a condition where a condition is wanted."""

    __slots__ = ()

    def compute(self, scope: Scope) -> Value:
        return scope.condition(self.arguments)

    @property
    def steps(self) -> Path:
        return self.path


def _truth(value: Value, function: Function) -> bool | Unknown:
    if isinstance(value, (bool, Unknown)):
        return value
    raise ValueError(f"{function.name} needs conditions that are true or false, not {shown(value)}")


class Equals(Function):
    """`equals: [a, b]` by Python's equality: 1 equals 1.0 and true, but not '1'."""

    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, list) or len(self.arguments) != 2:
            raise FunctionProblem(f"{self.name} needs a list of two values", f"Write {self.name}: [a, b]")

    def compute(self, scope: Scope) -> Value:
        left, right = (resolve(item, scope) for item in self.arguments)
        unknown = find_unknown(left) or find_unknown(right)
        return unknown if unknown else left == right


class Not(Function):
    """`not: condition`"""

    __slots__ = ()

    def check(self) -> None:
        if self.arguments is None:
            raise FunctionProblem(f"{self.name} needs a condition")
        self.arguments = self.as_condition(self.arguments)

    def as_condition(self, node: Node) -> Node:
        if isinstance(node, str):
            return ConditionName("condition", node, (*self.path, self.name))
        if not isinstance(node, (bool, Function)):
            raise FunctionProblem(
                f"{self.name} needs the name of a condition, true, false or a condition "
                f"function, not {type_name(node)}"
            )
        return node

    def compute(self, scope: Scope) -> Value:
        value = _truth(resolve(self.arguments, scope), self)
        return value if isinstance(value, Unknown) else not value


class FnNot(Not):
    """`Fn::Not: [condition]`"""

    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, list) or len(self.arguments) != 1:
            raise FunctionProblem(f"{self.name} needs a list of one condition")
        self.arguments = self.as_condition(self.arguments[0])


class And(Not):
    """`and: [condition, condition, …]`, at least two."""

    __slots__ = ()
    decided_by: ClassVar[bool] = False

    def check(self) -> None:
        if not isinstance(self.arguments, list) or len(self.arguments) < 2:
            raise FunctionProblem(f"{self.name} needs a list of at least two conditions")
        self.arguments = [self.as_condition(item) for item in self.arguments]

    def compute(self, scope: Scope) -> Value:
        unknown: Unknown | None = None
        for item in self.arguments:
            value = _truth(resolve(item, scope), self)
            if isinstance(value, Unknown):
                unknown = value
            elif value is self.decided_by:
                return value
        return unknown if unknown else not self.decided_by


class Or(And):
    """`or: [condition, condition, …]`, at least two."""

    __slots__ = ()
    decided_by = True


class If(Choice):
    """`if: [condition, then, else]`. The branch that is not taken is never looked at.

    Both branches are parsed, but what is wrong in one shows only when it is taken.
    """

    __slots__ = ("condition", "otherwise", "then")
    macro = True
    optional_else: ClassVar[bool] = False

    def check(self) -> None:
        arguments = self.arguments
        allowed = (2, 3) if self.optional_else else (3,)
        if not isinstance(arguments, list) or len(arguments) not in allowed:
            number = "two or three" if self.optional_else else "three"
            raise FunctionProblem(
                f"{self.name} needs a list of {number}: a condition, a value"
                + (", and perhaps another value" if self.optional_else else " and another value"),
                f"Write {self.name}: [condition, then, else]",
            )

    def set_parts(self, condition: Node, then: Node, otherwise: Node) -> None:
        self.condition, self.then, self.otherwise = condition, then, otherwise

    def children(self) -> Node:
        return [self.condition]

    def choose(self, scope: Scope) -> bool | Unknown:
        return _truth(resolve(self.condition, scope), self)

    def branches(self, scope: Scope | None) -> Node:
        both = [self.condition, self.then, None if self.otherwise is OMIT else self.otherwise]
        if scope is None:
            return both
        try:
            taken = self.choose(scope)
        except TemplateError:
            return [self.condition]
        if isinstance(taken, Unknown):
            return both
        node = self.then if taken else self.otherwise
        return [self.condition, None if node is OMIT else node]

    def compute(self, scope: Scope) -> Value:
        taken = self.choose(scope)
        if isinstance(taken, Unknown):
            return taken
        node = self.then if taken else self.otherwise
        return OMIT if node is OMIT else resolve_or_omit(node, scope)


class IfOptional(If):
    """From 2021-04-16: without an else, a false condition leaves the item out."""

    __slots__ = ()
    optional_else = True


class Broken(Function):
    """Stands where a function with wrong arguments stood; its finding is known already."""

    __slots__ = ("error",)

    def set_error(self, error: TemplateError) -> Broken:
        self.error = error
        return self

    def children(self) -> Node:
        return None

    def references(self, scope: Scope | None) -> Iterator[Reference]:
        return iter(())

    def compute(self, scope: Scope) -> Value:
        raise self.error


def broken(name: str, path: Path, error: TemplateError) -> Broken:
    return Broken(name, None, path).set_error(error)
