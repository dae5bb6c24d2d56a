# SPDX-License-Identifier: Apache-2.0
"""Static validation: every mistake of a template, its environment and its nested templates in one pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from samovar.diagnostics import Diagnostic, Diagnostics, Severity, did_you_mean
from samovar.graph import Graph
from samovar.orchestration.templates.checks import LenientScope, ResolvedResource
from samovar.orchestration.templates.constraints import CustomConstraint
from samovar.orchestration.templates.environment import Environment
from samovar.orchestration.templates.errors import TemplateError
from samovar.orchestration.templates.function_checks import FunctionChecks
from samovar.orchestration.templates.functions.logic import ConditionName
from samovar.orchestration.templates.nodes import (
    Function,
    Node,
    Path,
    functions_taken,
    path_text,
)
from samovar.orchestration.templates.parameters import StackIdentity, build_parameters
from samovar.orchestration.templates.registry import Implementation
from samovar.orchestration.templates.surroundings import Surroundings, Tree
from samovar.orchestration.templates.template import DELETE, RETAIN, SNAPSHOT, ResourceDefinition, Template
from samovar.orchestration.templates.values import OMIT, Unknown, Value, contains_unknown, shown


def validate(
    template: Template, environment: Environment | None = None, surroundings: Surroundings | None = None
) -> Diagnostics:
    """Every finding about a template that has been parsed (whose own findings `parse` gave)."""
    around = surroundings or Surroundings()
    tree = Tree(around)
    environment = environment or Environment()
    found = Diagnostics()
    parameters, problems = build_parameters(
        template, environment.parameters, environment.parameter_defaults, around.identity, around.sandbox,
        missing_allowed=not around.values_needed, places=environment.places,
    )  # fmt: skip
    found.extend(problems)
    scope = LenientScope(template, parameters, files=around.files, sandbox=around.sandbox)
    _Validator(template, environment, scope, tree, found).run()
    if tree.too_many:
        found.error(
            "limit-exceeded",
            f"The stack has more than {around.resources} resources, its nested stacks included",
            place=template.places.of((template.words.resources,)), path=template.words.resources,
        )  # fmt: skip
    return found


class _Validator(FunctionChecks):
    def run(self) -> None:
        self._duplicate_names()
        self._custom_constraints()
        self._conditions()
        enabled = self._enabled()
        self.tree.count += len(enabled)
        if self.tree.too_many:
            return
        for definition in enabled.values():
            self._find_type(definition)
        for definition in enabled.values():
            self._resource(definition)
        self._cycles(enabled)
        self._weak = self.around.outputs_may_fail
        for output in self.template.outputs.values():
            path: Path = (self.words.outputs, output.name, self.words.value)
            if output.condition is not None:
                self._node(output.condition)
                if self._value(output.condition, path[:2]) is False:
                    continue
            self._node(output.value)
            self._value(output.value, path)

    # The template's parts

    def _duplicate_names(self) -> None:
        for name in self.template.resources:
            if name in self.template.parameters:
                self._error(
                    "duplicate-name", f'"{name}" is the name of a parameter and of a resource',
                    (self.words.resources, name), "Give one of them another name",
                )  # fmt: skip

    def _custom_constraints(self) -> None:
        known = self.around.custom_constraints
        if known is None:
            return
        for name, schema in self.template.parameters.items():
            for constraint in schema.constraints:
                if isinstance(constraint, CustomConstraint) and constraint.name not in known:
                    path: Path = (self.words.parameters, name)
                    self._report(
                        Diagnostic(
                            Severity.WARNING, "unknown-constraint",
                            f'There is no custom constraint "{shown(constraint.name)}"; no value can pass',
                            did_you_mean(constraint.name, known), self.places.of(path), path_text(path),
                        )
                    )  # fmt: skip

    def _conditions(self) -> None:
        graph: Graph[str] = Graph()
        for name, node in self.template.conditions.items():
            path: Path = (self.words.conditions, name)
            self._node(node)
            self._value(node, path)
            names = {item.arguments for item in functions_taken(node) if isinstance(item, ConditionName)}
            graph.add(name, sorted(other for other in names if other in self.template.conditions))
        for cycle in graph.cycles():
            self._error(
                "circular-condition", f"Conditions depend on each other in a circle: {' -> '.join(cycle)}",
                (self.words.conditions, cycle[0]),
            )  # fmt: skip

    def _enabled(self) -> dict[str, ResourceDefinition]:
        enabled = {}
        for name, definition in self.template.resources.items():
            if definition.condition is not None:
                path: Path = (self.words.resources, name, self.words.condition)
                self._node(definition.condition)
                try:
                    if self.scope.is_enabled(definition) is False:
                        continue
                except TemplateError as error:
                    self._failure(error, path)
            enabled[name] = definition
        # What the scope would compute may raise; here it was reported.
        self.scope._enabled = enabled
        return enabled

    def _find_type(self, definition: ResourceDefinition) -> None:
        path: Path = (self.words.resources, definition.name, self.words.type)
        kind = definition.type
        if isinstance(kind, Function):
            self._node(kind)
            kind = self._value(kind, path)
            if not isinstance(kind, str):
                if kind is not None and not isinstance(kind, Unknown):
                    self._error(
                        "invalid-resource", f"The type of a resource is a string, not {shown(kind)}", path
                    )
                return
        types = self.around.types
        found = self.environment.registry.find(kind, definition.name, types.is_known)
        if found is None:
            meant = None if self.found.full else types.closest(kind)
            self._error(
                "unknown-type", f'There is no resource type "{shown(kind)}"', path,
                f'Did you mean "{meant}"?' if meant else "", self.places.value(path),
            )  # fmt: skip
        else:
            self.implementations[definition.name] = found

    def _resource(self, definition: ResourceDefinition) -> None:
        words = self.words
        path: Path = (words.resources, definition.name)
        for node in (definition.properties, definition.metadata, definition.update_policy,
                     definition.deletion_policy, definition.external_id):  # fmt: skip
            if isinstance(node, (dict, list, Function)):
                self._node(node)
        for index, name in enumerate(definition.depends_on):
            if not self.found.full and name not in self.template.resources:
                steps: Path = (*path, words.depends_on)
                raw = self.template.raw.get(words.resources, {}).get(definition.name, {})
                steps = (*steps, index) if isinstance(raw.get(words.depends_on), list) else steps
                self._error(
                    "unknown-resource", f'There is no resource "{shown(name)}" in the template', steps,
                    did_you_mean(name, self.template.resources), self.places.value(steps),
                )  # fmt: skip
        policy = self._policy(definition, (*path, words.deletion_policy))
        resolved = ResolvedResource(
            definition.name, "", self._properties(definition, (*path, words.properties)),
            metadata=self._value(definition.metadata, (*path, words.metadata)),
            update_policy=self._map(definition.update_policy, (*path, words.update_policy)),
            deletion_policy=policy,
            external_id=self._value(definition.external_id, (*path, words.external_id)),
            path=path, properties_path=(*path, words.properties),
            update_policy_path=(*path, words.update_policy),
            deletion_policy_path=(*path, words.deletion_policy),
        )  # fmt: skip
        found = self.implementations.get(definition.name)
        if found is None or definition.external_id is not None:
            return
        if found.is_template:
            self._nested(definition, found, resolved)
            return
        for item in self.around.types.check(replace(resolved, type=found.name), self.places.of):
            self._report(item)
        self._members(definition, replace(resolved, type=found.name))

    def _members(self, definition: ResourceDefinition, group: ResolvedResource) -> None:
        """The resources that a group makes, as one of them."""
        found = self.around.types.members(group.type)
        member = group.properties.get(found[0]) if found else None
        if found is None or not isinstance(member, dict) or not isinstance(member.get("type"), str):
            return
        path: Path = (*group.properties_path, found[0])
        kind = member["type"]
        implementation = self.environment.registry.find(kind, None, self.around.types.is_known)
        if implementation is None:
            meant = self.around.types.closest(kind)
            self._error(
                "unknown-type", f'There is no resource type "{shown(kind)}"', (*path, self.words.type),
                f'Did you mean "{meant}"?' if meant else "", self.places.value((*path, self.words.type)),
            )  # fmt: skip
            return
        given = member.get("properties")
        variable = group.properties.get(found[1], "%index%") if found[1] else None
        resolved = ResolvedResource(
            definition.name, implementation.name,
            _without(given, variable) if isinstance(given, dict) else {},
            path=path, properties_path=(*path, self.words.properties),
        )  # fmt: skip
        if implementation.is_template:
            self._nested(definition, implementation, resolved)
            return
        for item in self.around.types.check(resolved, self.places.of):
            self._report(item)

    def _policy(self, definition: ResourceDefinition, path: Path) -> str:
        policy = definition.deletion_policy
        if not isinstance(policy, Function):
            return policy
        value = self._value(policy, path)
        if value is None or isinstance(value, Unknown):
            return DELETE
        if not isinstance(value, str) or value.capitalize() not in (DELETE, RETAIN, SNAPSHOT):
            self._error("invalid-deletion-policy", f'"{shown(value)}" is no deletion policy', path)
            return DELETE
        return value.capitalize()

    def _properties(self, definition: ResourceDefinition, path: Path) -> dict[str, Value]:
        """Each property resolved for itself, so that one mistake does not hide the others."""
        node = definition.properties
        if isinstance(node, dict):
            result = {}
            for name, item in node.items():
                value = self._value(item, (*path, name), omit=True)
                if value is not OMIT:
                    result[name] = value
            return result
        return self._map(node, path)

    def _map(self, node: Node, path: Path) -> dict[str, Value]:
        value = self._value(node, path)
        if value is None or isinstance(value, Unknown):
            return {}
        if not isinstance(value, dict):
            self._error("invalid-resource", f"{path[-1]} is a map, not {shown(value)}", path)
            return {}
        return value

    def _cycles(self, enabled: Mapping[str, ResourceDefinition]) -> None:
        graph: Graph[str] = Graph()
        for name, definition in enabled.items():
            needed = set(definition.depends_on)
            for node in definition.nodes():
                if isinstance(node, (dict, list, Function)):
                    for function in functions_taken(node, self.scope):
                        try:
                            needed.update(found.resource for found in function.references(self.scope))
                        except TemplateError:
                            continue
            graph.add(name, sorted(other for other in needed if other in enabled))
        position = {name: number for number, name in enumerate(enabled)}
        for cycle in graph.cycles():
            first = min(range(len(cycle) - 1), key=lambda index: position[cycle[index]])
            turned = [*cycle[first:-1], *cycle[: first + 1]]
            text = " -> ".join(turned if len(turned) < 12 else [*turned[:10], "…", turned[-1]])
            self._error(
                "circular-dependency", f"Resources depend on each other in a circle: {text}",
                (self.words.resources, turned[0]), "Remove one of these references or depends_on",
            )  # fmt: skip

    # Nested templates

    def _nested(
        self, definition: ResourceDefinition, found: Implementation, resolved: ResolvedResource
    ) -> None:
        path = resolved.path
        name = found.name
        text = self.around.files.get(name)
        type_place = self.places.value((*path, self.words.type))
        if text is None:
            if name.startswith(("http://", "https://")) or found.by_operator:
                return
            self._error(
                "missing-file", f'The template "{shown(name)}" of the type is not among the files',
                (*path, self.words.type), did_you_mean(name, self.around.files), type_place,
            )  # fmt: skip
            return
        if len(self.above) >= self.around.nesting:
            self._error(
                "limit-exceeded", f"Recursion depth exceeds {self.around.nesting}: too many nested templates",
                (*path, self.words.type), place=type_place,
            )  # fmt: skip
            return
        template, problems = self.tree.template(name, text)
        if name not in self.tree.reported:
            self.tree.reported.add(name)
            self.found.extend(problems)
        if template is None:
            return
        self._nested_properties(definition, template, resolved)
        self._nested_body(definition, found, template, resolved)

    def _nested_properties(
        self, definition: ResourceDefinition, template: Template, resolved: ResolvedResource
    ) -> None:
        if self.above and not self.around.values_needed:
            return  # validating alone looks at the properties of the root's resources
        for name in resolved.properties:
            if name not in template.parameters and not self.found.full:
                steps = (*resolved.properties_path, name)
                self._error(
                    "unknown-property",
                    f'There is no property "{shown(name)}"; the template has no such parameter',
                    steps, did_you_mean(name, template.parameters),
                )  # fmt: skip
        defaults = self.environment.parameter_defaults
        if isinstance(definition.properties, Function) and not resolved.properties:
            return
        for name, schema in template.parameters.items():
            if resolved.properties.get(name) is None and not schema.has_default and name not in defaults:
                self._error(
                    "missing-property", f'The property "{name}" is required: a parameter of the template',
                    resolved.path, f"Add {name} to the properties",
                )  # fmt: skip

    def _nested_body(
        self,
        definition: ResourceDefinition,
        found: Implementation,
        template: Template,
        resolved: ResolvedResource,
    ) -> None:
        given = {name: value for name, value in resolved.properties.items() if name in template.parameters}
        known = {name: value for name, value in given.items() if not contains_unknown(value)}
        key = (found.name, json.dumps([sorted(given), known, len(self.above)], sort_keys=True, default=str))
        if key in self.tree.done:
            self.tree.count += self.tree.done[key]
            return
        before = self.tree.count
        project = self.around.identity.project_id
        child = self.environment.child(definition.name, given, found.entry)
        places = {}
        for name in given:
            place = self.places.of((*resolved.properties_path, name))
            if place is not None:
                places[name] = place
        parameters, problems = build_parameters(
            template, given, child.parameter_defaults,
            StackIdentity(f"{self.around.identity.name}-{definition.name}", None, project),
            self.around.sandbox, missing_allowed=True, places=places,
        )  # fmt: skip
        for item in problems:
            name = item.path.rpartition(".")[2]
            if name in places:
                item = replace(item, path=path_text((*resolved.properties_path, name)))
            self._report(item)
        scope = LenientScope(template, parameters, files=self.around.files, sandbox=self.around.sandbox)
        above = (*self.above, path_text(resolved.path))
        _Validator(template, child, scope, self.tree, self.found, above).run()
        self.tree.done[key] = self.tree.count - before


def _without(value: Value, variable: Value) -> Any:
    """The value with each text that is another one in each member of a group as Unknown."""
    if isinstance(value, dict):
        return {key: _without(item, variable) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, variable) for item in value]
    if isinstance(variable, str) and variable and isinstance(value, str) and variable in value:
        return Unknown("the member's index")
    return value
