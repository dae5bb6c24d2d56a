# SPDX-License-Identifier: Apache-2.0
"""What implements each resource of one stack: a declared type, or a template from the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from samovar.diagnostics import did_you_mean
from samovar.orchestration.resources.registry import closest_type, find_type
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.templates.environment import Environment
from samovar.orchestration.templates.errors import StackValidationFailed
from samovar.orchestration.templates.parser import load
from samovar.orchestration.templates.registry import is_template_name

from .provider import provider_type
from .rows import Resource

AWS_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type as one resource of one stack has it.

    `template` is the text of the template that implements it, or None; `entry` the registry entry that
    led to that template.
    """

    name: str
    declared: ResourceType
    template: str | None = None
    entry: tuple[str, ...] = ()

    @property
    def nested(self) -> bool:
        """Whether a resource of this kind is a stack inside the stack."""
        return self.declared.nested_stack


class Kinds:
    """The kinds that one environment and its files give."""

    def __init__(self, environment: Environment, files: Mapping[str, str]) -> None:
        self._environment, self._files = environment, files
        self._found: dict[tuple[str, str | None], Kind] = {}
        self._per_resource = bool(environment.registry.data.get("resources"))

    def of(self, type_name: str, resource: str | None = None) -> Kind:
        """The kind of a type for the resource of this name. Raises StackValidationFailed."""
        key = (type_name, resource if self._per_resource else None)
        kind = self._found.get(key)
        if kind is None:
            kind = self._found[key] = self._find(type_name, resource)
        return kind

    def of_row(self, row: Resource) -> Kind:
        """The kind that a row was made with."""
        if row.definition.get("template"):
            return Kind(row.type, ResourceType(row.type, "", nested_stack=True))
        declared = find_type(row.definition.get("implementation") or row.type)
        if declared is None:
            raise StackValidationFailed(f'The program has no type "{row.type}" any more', code="unknown-type")
        return Kind(row.type, declared)

    def _find(self, type_name: str, resource: str | None) -> Kind:
        registry = self._environment.registry
        found = registry.find(type_name, resource, lambda name: find_type(name) is not None)
        if found is None:
            meant = closest_type(type_name)
            raise StackValidationFailed(
                f'There is no resource type "{type_name}"',
                code="unknown-type",
                advice=f'Did you mean "{meant}"?' if meant else "",
            )
        if not found.is_template:
            declared = find_type(found.name)
            assert declared is not None
            return Kind(type_name, declared)
        text = self._files.get(found.name)
        if text is None:
            raise StackValidationFailed(
                f'The template "{found.name}" that implements "{type_name}" is not among the files',
                code="missing-file",
                advice=did_you_mean(found.name, (name for name in self._files if is_template_name(name)))
                or "Send its text in `files` under the same name",
            )
        template = load(text, found.name)
        declared = provider_type(type_name, template, self._environment.parameter_defaults)
        return Kind(type_name, declared, text, found.entry)
