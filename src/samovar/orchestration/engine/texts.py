# SPDX-License-Identifier: Apache-2.0
"""A definition as read: the template, the environment and the parameters of one stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from samovar.orchestration.templates.environment import Environment, load_environment
from samovar.orchestration.templates.errors import raise_errors
from samovar.orchestration.templates.limits import Limits
from samovar.orchestration.templates.nodes import Sandbox
from samovar.orchestration.templates.parameters import Parameters, StackIdentity, build_parameters
from samovar.orchestration.templates.parser import load
from samovar.orchestration.templates.scope import ResourceValues, StackScope
from samovar.orchestration.templates.template import Template
from samovar.orchestration.templates.values import Value

from .definitions import Definition
from .parts import Parts
from .rows import Stack


@dataclass(slots=True)
class Texts:
    """What a definition says, once its text is read."""

    template: Template
    environment: Environment
    parameters: Parameters
    sandbox: Sandbox

    def scope(
        self, resources: ResourceValues, files: Mapping[str, str], facade: Callable[[str], Value]
    ) -> StackScope:
        return StackScope(
            self.template,
            self.parameters,
            resources=resources,
            files=files,
            sandbox=self.sandbox,
            facade=facade,
            zones=lambda: ["nova"],
        )


def read_texts(parts: Parts, stack: Stack, definition: Definition) -> Texts:
    """Read a stored definition. Raises TemplateError (it was valid when it was stored)."""

    def read() -> Texts:
        template = load(definition.template, limits=limits_of(parts))
        environment = load_environment(definition.environment)
        identity = StackIdentity(stack.name, stack.id, stack.project_id)
        sandbox = parts.sandbox
        parameters, found = build_parameters(
            template, environment.parameters, environment.parameter_defaults, identity, sandbox
        )
        raise_errors(found)
        return Texts(template, environment, parameters, sandbox)

    return parts.memory.reading(definition, read)


def limits_of(parts: Parts) -> Limits:
    """The bounds on templates that this installation sets."""
    return Limits(characters=parts.settings.engine.max_template_size)
