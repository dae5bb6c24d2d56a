# SPDX-License-Identifier: Apache-2.0
"""A stack as a new definition means it, before anything is done: some values are known, others Unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from samovar.orchestration.plans.inputs import Fate
from samovar.orchestration.templates import Unknown, Value
from samovar.orchestration.templates.environment import Environment, load_environment
from samovar.orchestration.templates.errors import raise_errors
from samovar.orchestration.templates.limits import DEFAULT_LIMITS, Limits
from samovar.orchestration.templates.nodes import Sandbox
from samovar.orchestration.templates.parameters import StackIdentity, build_parameters
from samovar.orchestration.templates.parser import load
from samovar.orchestration.templates.scope import NoSandbox, StackScope
from samovar.orchestration.templates.template import Template

from .definitions import Definition
from .kinds import Kinds
from .loaded import LoadedStack, NeedsAttribute
from .ordering import add_implicit_requirements
from .rows import Resource
from .texts import Texts


@dataclass(slots=True)
class StoredTree:
    """A stack as it is stored, with its nested stacks by the id of the row that owns them."""

    loaded: LoadedStack
    children: dict[str, StoredTree] = field(default_factory=dict)
    unreadable: set[tuple[str, str | None]] = field(default_factory=set)  # (resource, attribute)


@dataclass(slots=True)
class Bounds:
    """What all the stacks of one tree share: what they may use, and how large they may become."""

    sandbox: Sandbox = field(default_factory=NoSandbox)
    limits: Limits = DEFAULT_LIMITS
    nesting: int = 5
    resources: int = -1
    count: int = 0
    templates: dict[str, Template] = field(default_factory=dict)

    def template(self, given: Any) -> Template:
        """A template that implements resources; read once however many there are."""
        if not isinstance(given, str):
            return load(given, limits=self.limits)
        if given not in self.templates:
            self.templates[given] = load(given, limits=self.limits)
        return self.templates[given]


class PlannedStack:
    """What the template's functions evaluate to while it is planned.

    `stored` is the stack as it is now, if it is. What is missing to know more is noted in `needs`: the plan
    is made again when it was fetched.
    """

    def __init__(
        self,
        identity: StackIdentity,
        definition: Definition,
        texts: Texts,
        bounds: Bounds,
        stored: StoredTree | None = None,
        depth: int = 0,
    ) -> None:
        self.identity, self.definition, self.texts, self.bounds = identity, definition, texts, bounds
        self.stored, self.depth = stored, depth
        self.fates: Mapping[str, Fate] = {}
        self.needs: list[NeedsAttribute] = []

    @cached_property
    def scope(self) -> StackScope:
        return self.texts.scope(self, self.definition.files, self.facade)

    @cached_property
    def kinds(self) -> Kinds:
        return Kinds(self.texts.environment, self.definition.files)

    @cached_property
    def requirements(self) -> dict[str, set[str]]:
        """As those of a LoadedStack. Raises TemplateError."""
        needed = self.scope.requirements()
        add_implicit_requirements(self, needed)
        return needed

    @property
    def current(self) -> Mapping[str, Resource]:
        return self.stored.loaded.current if self.stored is not None else {}

    @property
    def template(self) -> Template:
        return self.texts.template

    def facade(self, field: str) -> Value:
        if self.definition.facade is None:
            raise ValueError("This template implements no resource of another template")
        return self.definition.facade.get(field)

    def reference(self, name: str) -> Value:
        if self.fates.get(name, Fate.NEW) is Fate.NEW or self.stored is None:
            return Unknown(f"{name} id")
        try:
            return self.stored.loaded.reference(name)
        except NeedsAttribute as need:
            return self._later(need, f"{name} id")

    def attribute(self, name: str, attribute: str | None, path: Sequence[Value]) -> Value:
        later = f"{name} {attribute or 'attributes'}"
        if self.fates.get(name, Fate.NEW) is not Fate.KEPT or self.stored is None:
            return Unknown(later)
        try:
            return self.stored.loaded.attribute(name, attribute, path)
        except NeedsAttribute as need:
            return self._later(need, later)

    def _later(self, need: NeedsAttribute, source: str) -> Unknown:
        if self.stored is not None and (need.resource, need.attribute) not in self.stored.unreadable:
            self.needs.append(need)
        return Unknown(source)

    async def fetch_needs(self) -> bool:
        """Fetch what was found missing; whether there is anything new to plan with."""
        if self.stored is None or not self.needs:
            return False
        needs, self.needs = self.needs, []
        for need in {(each.resource, each.attribute, repr(each.path)): each for each in needs}.values():
            try:
                await self.stored.loaded.fetch(need)
            except Exception:
                self.stored.unreadable.add((need.resource, need.attribute))  # it counts as not known
        return True


def planned_texts(
    template: Template, environment: Environment, identity: StackIdentity, sandbox: Sandbox
) -> Texts:
    """Template and parameters, some of which may be Unknown. Raises TemplateError."""
    parameters, found = build_parameters(
        template, environment.parameters, environment.parameter_defaults, identity, sandbox
    )
    raise_errors(found)
    if identity.id is None:
        known = {
            "OS::project_id",
            "AWS::Region",
            *(("OS::stack_name", "AWS::StackName") if identity.name else ()),
        }
        parameters.pseudo = {
            name: value if name in known else Unknown(name.rpartition("::")[2])
            for name, value in parameters.pseudo.items()
        }
    return Texts(template, environment, parameters, sandbox)


def child_stack(
    parent: PlannedStack, definition: Definition, stored: StoredTree | None, project_id: str
) -> PlannedStack:
    """The nested stack that a resource of `parent` is to have. Raises TemplateError."""
    bounds = parent.bounds
    stack = stored.loaded.stack if stored is not None else None
    identity = StackIdentity(stack.name if stack else "", stack.id if stack else None, project_id)
    template = bounds.template(definition.template)
    environment = load_environment(definition.environment)
    texts = planned_texts(template, environment, identity, bounds.sandbox)
    return PlannedStack(identity, definition, texts, bounds, stored, parent.depth + 1)
