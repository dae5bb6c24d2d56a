# SPDX-License-Identifier: Apache-2.0
"""Plain data into nodes: recognising functions and checking the shape of their arguments."""

from __future__ import annotations

from typing import Any

from samovar.diagnostics import Diagnostic, Diagnostics, Severity
from samovar.orchestration.templates.errors import InvalidTemplateVersion, StackValidationFailed
from samovar.orchestration.templates.functions.logic import Broken, ConditionName, If, broken
from samovar.orchestration.templates.functions.references import FindInMap
from samovar.orchestration.templates.limits import Limits
from samovar.orchestration.templates.nodes import Function, FunctionProblem, Node, Path, path_text
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.values import OMIT, shown, type_name
from samovar.orchestration.templates.versions import Version


class NodeParser:
    """Parses the values of one template. Findings go to `diagnostics`, except those inside the branches of
    an `if`: they stay in the node and show when the branch is taken."""

    def __init__(
        self, version: Version, places: Places, diagnostics: Diagnostics, limits: Limits,
        mappings: dict[str, Any],
    ) -> None:  # fmt: skip
        self.version = version
        self.places = places
        self.diagnostics = diagnostics
        self.limits = limits
        self.mappings = mappings
        self._functions = version.functions
        self._names = frozenset(version.functions) | version.removed
        self._inside_branch = 0

    def value(self, raw: Any, path: Path) -> Node:
        """The node of a value. The very same object comes back where there is no function inside."""
        kind = type(raw)
        if kind is dict:
            if len(raw) == 1:
                name = next(iter(raw))
                if type(name) is str and name in self._names:
                    return self._function(name, raw[name], path)
            changed: dict[Any, Node] | None = None
            for key, item in raw.items():
                if type(item) is dict or type(item) is list:
                    node = self.value(item, (*path, key))
                    if node is not item:
                        if changed is None:
                            changed = dict(raw)
                        changed[key] = node
            return raw if changed is None else changed
        if kind is list:
            copy: list[Node] | None = None
            for index, item in enumerate(raw):
                if type(item) is dict or type(item) is list:
                    node = self.value(item, (*path, index))
                    if node is not item:
                        if copy is None:
                            copy = list(raw)
                        copy[index] = node
            return raw if copy is None else copy
        return raw

    def condition(self, raw: Any, path: Path) -> Node:
        """The node of a condition: a name, a boolean or an inline condition function."""
        if raw is None or isinstance(raw, bool):
            return raw is not False
        if isinstance(raw, str):
            return ConditionName("condition", raw, path)
        node = self.condition_value(raw, path)
        if isinstance(node, Function):
            return node
        return self._broken(
            "condition", path,
            FunctionProblem(
                f"A condition is a name, true, false or a condition function, not {type_name(raw)}",
                self._condition_advice(raw), "invalid-condition",
            ),
        )  # fmt: skip

    def condition_value(self, raw: Any, path: Path) -> Node:
        """A value in a condition: only condition functions are functions, the others are mistakes."""
        if isinstance(raw, dict):
            if len(raw) == 1:
                name, arguments = next(iter(raw.items()))
                kind = self.version.condition_functions.get(name) if isinstance(name, str) else None
                if kind is not None:
                    inner = self.condition_value(arguments, (*path, name))
                    return self._build(kind, name, inner, path)
                if isinstance(name, str) and name in self._names:
                    return self._broken(
                        name, path,
                        FunctionProblem(
                            f"{name} can't be used in a condition",
                            f"Conditions know {', '.join(sorted(self.version.condition_functions))}",
                            "function-in-condition",
                        ),
                    )  # fmt: skip
            return {key: self.condition_value(item, (*path, key)) for key, item in raw.items()}
        if isinstance(raw, list):
            return [self.condition_value(item, (*path, index)) for index, item in enumerate(raw)]
        return raw

    def _condition_advice(self, raw: Any) -> str:
        known = ", ".join(sorted(self.version.condition_functions))
        if isinstance(raw, dict) and len(raw) == 1:
            return f'"{shown(next(iter(raw)))}" is no condition function; known are {known}'
        return f"Condition functions are {known}" if known else ""

    def _function(self, name: str, arguments: Any, path: Path) -> Node:
        kind = self._functions.get(name)
        if kind is None:
            return self._removed(name, path)
        if issubclass(kind, If):
            return self._choice(kind, name, arguments, path)
        return self._build(kind, name, self.value(arguments, (*path, name)), path)

    def _choice(self, kind: type[If], name: str, arguments: Any, path: Path) -> Node:
        node = self._build(kind, name, arguments, path)
        if not isinstance(node, If):
            return node
        inside = (*path, name)
        condition = self.condition(arguments[0], (*inside, 0))
        self._inside_branch += 1
        then = self.value(arguments[1], (*inside, 1))
        otherwise = self.value(arguments[2], (*inside, 2)) if len(arguments) > 2 else OMIT
        self._inside_branch -= 1
        node.set_parts(condition, then, otherwise)
        return node

    def _build(self, kind: type[Function], name: str, arguments: Node, path: Path) -> Function:
        try:
            node = kind(name, arguments, path, self.limits)
        except FunctionProblem as problem:
            return self._broken(name, path, problem)
        if isinstance(node, FindInMap):
            node.mappings = self.mappings
        return node

    def _removed(self, name: str, path: Path) -> Broken:
        instead = _INSTEAD.get(name, "")
        diagnostic = Diagnostic(
            Severity.ERROR, "removed-function",
            f"{name} does not exist in {self.version.key} {self.version.date}",
            f"Use {instead} instead" if instead else "",
            self.places.of(path, name), path_text((*path, name)),
        )  # fmt: skip
        return self._record(name, path, diagnostic, InvalidTemplateVersion)

    def _broken(self, name: str, path: Path, problem: FunctionProblem) -> Broken:
        diagnostic = Diagnostic(
            Severity.ERROR, problem.code, problem.message, problem.advice,
            self.places.of(path, name), path_text((*path, name) if name != "condition" else path),
        )  # fmt: skip
        return self._record(name, path, diagnostic, StackValidationFailed)

    def _record(
        self,
        name: str,
        path: Path,
        diagnostic: Diagnostic,
        error: type[StackValidationFailed] | type[InvalidTemplateVersion],
    ) -> Broken:
        failure = error(diagnostics=[diagnostic])
        failure.steps = (*path, name)
        if not self._inside_branch:
            self.diagnostics.add(diagnostic)
            failure.reported = True
        return broken(name, path, failure)


_INSTEAD = {
    "Ref": "get_param or get_resource",
    "Fn::GetAZs": "the parameter of an availability zone",
    "Fn::Join": "list_join",
    "Fn::Split": "str_split",
    "Fn::Replace": "str_replace",
    "Fn::Base64": "the string itself",
    "Fn::ResourceFacade": "resource_facade",
    "Fn::Select": "get_param or get_attr with a path",
}
