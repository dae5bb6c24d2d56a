# SPDX-License-Identifier: Apache-2.0
"""`yaql`."""

from __future__ import annotations

from samovar.orchestration.templates.nodes import Function, FunctionProblem, Scope, resolve
from samovar.orchestration.templates.values import Value, find_unknown, shown, type_name


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
