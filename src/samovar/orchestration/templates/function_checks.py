# SPDX-License-Identifier: Apache-2.0
"""Checking the functions of a template: that what they name exists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from samovar.diagnostics import Diagnostic, Diagnostics, Place, Severity, did_you_mean
from samovar.orchestration.templates.checks import LenientScope
from samovar.orchestration.templates.environment import Environment
from samovar.orchestration.templates.errors import TemplateError
from samovar.orchestration.templates.functions.expressions import Yaql
from samovar.orchestration.templates.functions.logic import Broken, ConditionName
from samovar.orchestration.templates.functions.references import (
    FnGetAtt,
    GetAttr,
    GetFile,
    GetParam,
    ParamRef,
    Ref,
)
from samovar.orchestration.templates.nodes import (
    ALL_ATTRIBUTES,
    Function,
    Node,
    Path,
    Reference,
    functions_taken,
    path_text,
    resolve,
    resolve_or_omit,
)
from samovar.orchestration.templates.registry import Implementation
from samovar.orchestration.templates.surroundings import Tree
from samovar.orchestration.templates.template import Template
from samovar.orchestration.templates.values import Unknown, Value, shown


class FunctionChecks:
    """The checks of one template's functions; findings go to `found`.

    `above` are the paths of the resources that this template implements, outermost first.
    """

    def __init__(
        self, template: Template, environment: Environment, scope: LenientScope, tree: Tree,
        found: Diagnostics, above: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.template, self.environment, self.scope = template, environment, scope
        self.tree, self.found, self.above = tree, found, above
        self.around = tree.around
        self.words = template.words
        self.places = template.places
        self.implementations: dict[str, Implementation] = {}
        self._seen: set[tuple[str, str, str]] = set()
        self._weak = False

    # What is recorded

    def _report(self, diagnostic: Diagnostic, fatal: bool = False) -> None:
        key = (diagnostic.code, diagnostic.path, diagnostic.message)
        if key in self._seen:
            return
        self._seen.add(key)
        if self.above:
            diagnostic = replace(diagnostic, path=" / ".join((*self.above, diagnostic.path)))
        if self._weak and not fatal and diagnostic.is_error and diagnostic.code not in _FATAL_IN_OUTPUTS:
            diagnostic = replace(diagnostic, severity=Severity.WARNING)
        self.found.add(diagnostic)

    def _error(
        self, code: str, message: str, path: Path, advice: str = "", place: Place | None = None
    ) -> None:
        self._report(
            Diagnostic(Severity.ERROR, code, message, advice, place or self.places.of(path), path_text(path))
        )

    def _failure(self, error: TemplateError, path: Path) -> None:
        if error.reported:
            return
        for item in error.diagnostics:
            self._report(item.at(self.places.of(error.steps or path), path_text(path)))

    def _value(self, node: Node, path: Path, omit: bool = False) -> Value:
        if not isinstance(node, (dict, list, Function)):
            return node
        try:
            return resolve_or_omit(node, self.scope) if omit else resolve(node, self.scope)
        except TemplateError as error:
            self._failure(error, path)
            return Unknown("a value that is wrong")

    # Functions

    def _node(self, node: Node) -> None:
        for function in functions_taken(node, self.scope):
            self._function(function)

    def _function(self, function: Function) -> None:
        if self.found.full:
            return
        if isinstance(function, Broken):
            if not function.error.reported:
                for item in function.error.diagnostics:
                    self._report(item)
        elif isinstance(function, (GetParam, ParamRef)):
            self._parameter(function.literal_name(), function)
        elif isinstance(function, ConditionName):
            name = function.arguments
            if name not in self.template.conditions:
                self._error(
                    "unknown-condition", f'There is no condition "{shown(name)}" in the template',
                    function.steps, did_you_mean(name, self.template.conditions),
                    self.places.value(function.steps),
                )  # fmt: skip
        elif isinstance(function, GetFile):
            name = function.arguments
            if isinstance(name, str) and name not in self.around.files:
                self._error(
                    "missing-file", f'No file "{shown(name)}" came with the template', function.steps,
                    did_you_mean(name, self.around.files),
                )  # fmt: skip
        elif isinstance(function, Yaql):
            self._yaql(function)
        else:
            try:
                references = list(function.references(self.scope))
            except TemplateError:
                return  # resolving it reports the same
            for reference in references:
                self._reference(reference, function)

    def _parameter(self, name: str | None, function: Function) -> None:
        parameters = self.scope.parameters
        if name is None or name in parameters.schemas or name in parameters.pseudo:
            return
        declared = self.template.raw.get(self.words.parameters)
        if isinstance(declared, dict) and name in declared:
            return
        known = [*parameters.schemas, *parameters.pseudo]
        self._error(
            "parameter-missing", f'There is no parameter "{shown(name)}" in the template', function.steps,
            did_you_mean(name, known, "Declare it in the section parameters"), self._argument_place(function),
        )  # fmt: skip

    def _argument_place(self, function: Function) -> Place | None:
        first: Path = (*function.steps, 0)
        return self.places.value(first if isinstance(function.arguments, list) else function.steps)

    def _yaql(self, function: Yaql) -> None:
        expression = function.arguments.get("expression")
        if not isinstance(expression, str):
            return
        try:
            self.around.sandbox.check_yaql(expression)
        except ValueError as error:
            steps = (*function.steps, "expression")
            self._error(
                "yaql", f"The yaql expression is wrong: {error}", steps, place=self.places.value(steps)
            )

    def _reference(self, reference: Reference, function: Function) -> None:
        name = reference.resource
        place = self._argument_place(function)
        if name not in self.template.resources:
            parameters = self.scope.parameters
            if isinstance(function, Ref):
                if name in parameters.schemas or name in parameters.pseudo:
                    return
                known = [*self.template.resources, *parameters.schemas, *parameters.pseudo]
                what = f'"{shown(name)}" is neither a resource nor a parameter of the template'
            else:
                known, what = (
                    list(self.template.resources),
                    f'There is no resource "{shown(name)}" in the template',
                )
            self._report(
                Diagnostic(
                    Severity.ERROR, "unknown-resource", what, did_you_mean(name, known),
                    place or self.places.of(function.steps), path_text(function.steps),
                ),
                fatal=isinstance(function, GetAttr),
            )  # fmt: skip
        elif name not in self.scope.enabled:
            self._error(
                "disabled-resource", f'The resource "{name}" is disabled by its condition', function.steps,
                "Refer to it inside an `if` with the same condition only", place,
            )  # fmt: skip
        elif reference.attribute not in (None, ALL_ATTRIBUTES):
            self._attribute(name, str(reference.attribute), function)

    def _attribute(self, name: str, attribute: str, function: Function) -> None:
        found = self.implementations.get(name)
        if found is None or attribute == "show":
            return
        if found.is_template:
            if attribute.startswith("resource."):
                return
            text = self.around.files.get(found.name)
            nested = self.tree.template(found.name, text)[0] if text is not None else None
            if nested is None:
                return
            known: Any = nested.outputs
        else:
            known = self.around.types.attributes(found.name)
            if known is None:
                return
        if attribute not in known:
            steps: Path = (
                (*function.steps, 1) if isinstance(function, (GetAttr, FnGetAtt)) else function.steps
            )
            kind = found.name
            self._error(
                "unknown-attribute", f'The {kind} "{name}" has no attribute "{shown(attribute)}"', steps,
                did_you_mean(attribute, known, f"It has {_some(known)}" if known else ""),
                self.places.value(steps),
            )  # fmt: skip


# Heat refuses a stack for these even in outputs.
_FATAL_IN_OUTPUTS = frozenset(
    {
        "circular-condition",
        "invalid-condition",
        "unknown-condition",
        "unknown-attribute",
        "function-arguments",
        "removed-function",
        "limit-exceeded",
    }
)


def _some(names: Any) -> str:
    listed = sorted(map(str, names))
    return ", ".join(listed[:12]) + (" and others" if len(listed) > 12 else "")
