# SPDX-License-Identifier: Apache-2.0
"""The scope of one stack: everything its functions can ask for, and which of its resources exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from samovar.diagnostics import did_you_mean
from samovar.orchestration.templates.errors import (
    InvalidTemplateReference,
    StackValidationFailed,
)
from samovar.orchestration.templates.nodes import Node, Sandbox, resolve
from samovar.orchestration.templates.parameters import Parameters
from samovar.orchestration.templates.template import OutputDefinition, ResourceDefinition, Template
from samovar.orchestration.templates.values import Unknown, Value, shown


class ResourceValues(Protocol):
    """What resources are known to be: by the engine (stored values) or the planner (some Unknown)."""

    def reference(self, name: str) -> Value: ...

    def attribute(self, name: str, attribute: str | None, path: Sequence[Value]) -> Value: ...


class UnknownResources:
    """Nothing is known about any resource yet."""

    def reference(self, name: str) -> Value:
        return Unknown(f"{name} id")

    def attribute(self, name: str, attribute: str | None, path: Sequence[Value]) -> Value:
        return Unknown(f"{name} {attribute or 'attributes'}")


class NoSandbox:
    """For places where no expression may run."""

    def evaluate_yaql(self, expression: str, data: Value) -> Value:
        raise ValueError("yaql is not available here")

    def check_yaql(self, expression: str) -> None:
        return None

    def match(self, pattern: str, text: str) -> bool:
        raise ValueError("This pattern is too complex to be checked here")


class StackScope:
    """A Scope (see nodes.Scope) of one template with its parameters.

    `resources` answers for references and attributes; `facade` gives a field of the resource that this stack
    implements (None: it implements none); `zones` the availability zones.
    """

    def __init__(
        self,
        template: Template,
        parameters: Parameters,
        *,
        resources: ResourceValues | None = None,
        files: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
        facade: Callable[[str], Value] | None = None,
        zones: Callable[[], list[str] | Unknown] | None = None,
    ) -> None:
        self.template = template
        self.parameters = parameters
        self.resources: ResourceValues = resources if resources is not None else UnknownResources()
        self.files: Mapping[str, str] = files or {}
        self._sandbox: Sandbox = sandbox if sandbox is not None else NoSandbox()
        self._facade = facade
        self._zones = zones
        self._conditions: dict[str, Any] = {}
        self._enabled: dict[str, ResourceDefinition] | None = None

    @property
    def sandbox(self) -> Sandbox:
        return self._sandbox

    def parameter(self, name: str) -> Value:
        return self.parameters.value(name)

    def has_resource(self, name: str) -> bool:
        return name in self.enabled

    def resource_reference(self, name: str) -> Value:
        self._check_resource(name)
        return self.resources.reference(name)

    def attribute(self, resource: str, attribute: str | None, path: Sequence[Value]) -> Value:
        self._check_resource(resource)
        return self.resources.attribute(resource, attribute, path)

    def _check_resource(self, name: str) -> None:
        if name in self.enabled:
            return
        raise self.missing_resource(name)

    def missing_resource(self, name: str) -> InvalidTemplateReference:
        if name in self.template.resources:
            return InvalidTemplateReference(
                f'The resource "{name}" is disabled by its condition',
                code="disabled-resource",
                advice="Refer to it inside an `if` with the same condition only",
            )
        return InvalidTemplateReference(
            f'There is no resource "{shown(name)}" in the template',
            advice=did_you_mean(name, self.template.resources),
        )

    def file(self, name: str) -> str:
        return self.files[name]

    def facade(self, field: str) -> Value:
        if self._facade is None:
            raise ValueError("This template implements no resource of another template")
        return self._facade(field)

    def availability_zones(self) -> list[str] | Unknown:
        return self._zones() if self._zones is not None else Unknown("availability zones")

    def condition(self, name: str) -> bool | Unknown:
        conditions = self.template.conditions
        if name not in conditions:
            raise InvalidTemplateReference(
                f'There is no condition "{shown(name)}" in the template',
                code="unknown-condition", advice=did_you_mean(name, conditions),
            )  # fmt: skip
        known = self._conditions.get(name)
        if known is _IN_PROGRESS:
            raise StackValidationFailed(
                f'The condition "{name}" depends on itself', code="circular-condition",
                path=f"{self.template.words.conditions}.{name}",
            )  # fmt: skip
        if known is None:
            self._conditions[name] = _IN_PROGRESS
            try:
                known = self._truth(conditions[name], f'The condition "{name}"')
            finally:
                self._conditions.pop(name, None)
            self._conditions[name] = known
        result: bool | Unknown = known
        return result

    def _truth(self, node: Node, what: str) -> bool | Unknown:
        value = resolve(node, self)
        if isinstance(value, (bool, Unknown)):
            return value
        raise StackValidationFailed(
            f"{what} is neither true nor false but {shown(value)}", code="invalid-condition"
        )

    def is_enabled(self, definition: ResourceDefinition | OutputDefinition) -> bool | Unknown:
        """Whether the resource or output exists with these parameters."""
        if definition.condition is None:
            return True
        return self._truth(definition.condition, f'The condition of "{definition.name}"')

    @property
    def enabled(self) -> dict[str, ResourceDefinition]:
        """The resources that exist: those whose condition is true, or not known yet. Raises TemplateError."""
        if self._enabled is None:
            self._enabled = {
                name: definition
                for name, definition in self.template.resources.items()
                if definition.condition is None or self.is_enabled(definition) is not False
            }
        return self._enabled

    def requirements(self) -> dict[str, set[str]]:
        """For every existing resource the existing resources that it requires. Raises TemplateError for a
        reference to one that does not exist; depends_on to a disabled one is ignored."""
        enabled = self.enabled
        result: dict[str, set[str]] = {}
        for name, definition in enabled.items():
            needed = {reference.resource for reference in definition.references(self)}
            needed = {other for other in needed if not self._is_parameter(other)}
            for other in needed:
                self._check_resource(other)
            for other in definition.depends_on:
                if other in enabled:
                    needed.add(other)
                elif other not in self.template.resources:
                    raise self.missing_resource(other)
            result[name] = needed
        return result

    def _is_parameter(self, name: str) -> bool:
        """CFN's Ref may name a parameter."""
        if self.template.kind != "cfn" and self.template.version.date != "2013-05-23":
            return False
        return name not in self.template.resources and (
            name in self.parameters.schemas or name in self.parameters.pseudo
        )


_IN_PROGRESS: Any = object()
