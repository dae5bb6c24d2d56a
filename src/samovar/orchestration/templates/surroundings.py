# SPDX-License-Identifier: Apache-2.0
"""What a validation has besides the template, and what it collects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from samovar.diagnostics import Diagnostics
from samovar.orchestration.templates.checks import AnyType, TypeLookup
from samovar.orchestration.templates.limits import DEFAULT_LIMITS, Limits
from samovar.orchestration.templates.nodes import (
    Sandbox,
)
from samovar.orchestration.templates.parameters import StackIdentity
from samovar.orchestration.templates.parser import parse
from samovar.orchestration.templates.scope import NoSandbox
from samovar.orchestration.templates.template import Template


@dataclass(slots=True)
class Surroundings:
    """What a validation has besides the template.

    `values_needed`: a parameter without a value is an error. `outputs_may_fail`: what is wrong in outputs
    alone is a warning (Heat's API: the stack is made, the output shows its error).
    """

    types: TypeLookup = field(default_factory=AnyType)
    files: Mapping[str, str] = field(default_factory=dict)
    sandbox: Sandbox = field(default_factory=NoSandbox)
    identity: StackIdentity = field(default_factory=lambda: StackIdentity("stack"))
    limits: Limits = DEFAULT_LIMITS
    values_needed: bool = True
    outputs_may_fail: bool = False
    nesting: int = 5
    custom_constraints: Collection[str] | None = None  # names that exist; None: not known here
    resources: int = -1  # of the whole tree; -1: no limit


@dataclass(slots=True)
class Tree:
    """What the validations of all the nested templates share."""

    around: Surroundings
    templates: dict[str, tuple[Template | None, Diagnostics]] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    done: dict[tuple[str, str], int] = field(default_factory=dict)  # resources in each
    count: int = 0

    @property
    def too_many(self) -> bool:
        return 0 <= self.around.resources < self.count

    def template(self, name: str, text: str) -> tuple[Template | None, Diagnostics]:
        if name not in self.templates:
            self.templates[name] = parse(text, name, self.around.limits)
        return self.templates[name]
