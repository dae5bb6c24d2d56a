# SPDX-License-Identifier: Apache-2.0
"""A stack brought into memory: its template, parameters, rows; what its functions evaluate to.

Template functions are computed without waiting. Where one asks for an attribute that only the cloud
knows, the evaluation stops with `NeedsAttribute`, the attribute is fetched, and it is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from samovar.clients import Cloud
from samovar.orchestration.resources.behaviour import Behaviour, StackIdentity
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.templates.errors import TemplateError
from samovar.orchestration.templates.nodes import Node, resolve
from samovar.orchestration.templates.scope import StackScope
from samovar.orchestration.templates.template import Template
from samovar.orchestration.templates.values import Value, select_path

from .context import Context
from .definitions import Definition, weight
from .kinds import AWS_STACK, Kind, Kinds
from .ordering import add_implicit_requirements
from .parts import Parts
from .rows import Resource, Stack
from .sandbox import uses_sandbox
from .store import current_rows
from .texts import Texts, read_texts

if TYPE_CHECKING:
    from samovar.orchestration.resources.behaviours.names import Lookup

    from .stack_users import StackUsers

MOST_ATTRIBUTES = 10_000
LIGHT = 500  # of this weight a definition is read at once


class NeedsAttribute(Exception):
    """An evaluation asks for an attribute that has to be fetched first (None: all of them)."""

    def __init__(self, resource: str, attribute: str | None, path: Sequence[Value] = ()) -> None:
        super().__init__(resource, attribute)
        self.resource, self.attribute, self.path = resource, attribute, path


class LoadedStack:
    """Everything known of one stack, and the way to evaluate its template.

    Implements `templates.scope.ResourceValues` for its own scope.
    """

    def __init__(
        self,
        parts: Parts,
        stack: Stack,
        definition: Definition,
        rows: Sequence[Resource] = (),
        cloud: Cloud | None = None,
        path: Sequence[str] = (),
    ) -> None:
        self.parts, self.stack, self.definition = parts, stack, definition
        self._cloud = cloud
        self.rows: dict[str, Resource] = {row.id: row for row in rows}
        self.current: dict[str, Resource] = current_rows(rows)
        self.identity = StackIdentity(stack.id, stack.name, stack.project_id, stack.root_id, tuple(path))
        # By row, attribute and, where the path belongs to the question (nested stacks), the path.
        self._attributes: dict[tuple[str, str, str], Value] = {}

    @cached_property
    def texts(self) -> Texts:
        """The template and parameters as read. Raises TemplateError."""
        return read_texts(self.parts, self.stack, self.definition)

    @cached_property
    def big(self) -> bool:
        """Whether to read it, or all its rows, takes so long that others should have their turn meanwhile."""
        return weight(self.definition) > LIGHT

    async def read_texts(self) -> None:
        """Read the template and parameters, others having their turn while a big one is read.

        What is wrong with them is raised by whoever looks at them.
        """
        if self.parts.memory.definition(self.definition.id) is None and self.big:
            with contextlib.suppress(TemplateError):
                await asyncio.to_thread(lambda: self.texts)

    @cached_property
    def slow(self) -> bool:
        """Whether users' expressions are run: then evaluations belong into a thread."""
        return uses_sandbox(self.template)

    @property
    def template(self) -> Template:
        return self.texts.template

    @cached_property
    def scope(self) -> StackScope:
        return self.texts.scope(self, self.definition.files, self.facade)

    @cached_property
    def kinds(self) -> Kinds:
        return Kinds(self.texts.environment, self.definition.files)

    @cached_property
    def requirements(self) -> dict[str, set[str]]:
        """For each resource of the template the names of those that must be there first.

        Raises TemplateError.
        """
        needed = self.scope.requirements()
        add_implicit_requirements(self, needed)
        return needed

    @property
    def known_cloud(self) -> Cloud | None:
        return self._cloud

    @property
    def cloud(self) -> Cloud:
        """The cloud as the stack's owner. Raises CredentialsMissing."""
        if self._cloud is None:
            from .deferred import CredentialsMissing

            raise CredentialsMissing(
                f"The stack {self.stack.name} has nothing to act with for its owner; "
                "update it once, so that its owner delegates again."
            )
        return self._cloud

    @cached_property
    def lookup(self) -> Lookup:
        """Looks names up in the stack's cloud, each only once."""
        from samovar.orchestration.resources.behaviours.names import Lookup

        return Lookup(self.cloud)

    def facade(self, field: str) -> Value:
        """A field of the resource in the parent that this stack implements."""
        if self.definition.facade is None:
            raise ValueError("This template implements no resource of another template")
        return self.definition.facade.get(field)

    # What functions ask for

    def reference(self, name: str) -> Value:
        """The reference id of a resource; its name while it is not made."""
        row = self.current.get(name)
        if row is None or row.never_made:
            return name
        kind = self.kind_of_row(row)
        if kind.nested:
            if not row.definition.get("template") and kind.declared.name != AWS_STACK:
                return row.physical_id or name  # a group; templates and AWS's stacks go by their ARN
            if not row.definition.get("stack_id_output"):
                return self.child_arn(row)
            key = (row.id, "OS::stack_id", "")
            if key not in self._attributes:
                raise NeedsAttribute(name, "OS::stack_id")
            return self._attributes[key] or self.child_arn(row)
        return self.behaviour(kind.declared).reference(self.context(row, kind.declared))

    def attribute(self, name: str, attribute: str | None, path: Sequence[Value]) -> Value:
        """An attribute with its path applied; None while the resource is not ready."""
        row = self.current.get(name)
        if row is None or row.never_made or row.action in ("INIT", "DELETE"):
            return None
        if attribute is None:
            names = [each for each in self.attribute_names(row) if each != "show"]
            if any((row.id, each, "") not in self._attributes for each in names):
                raise NeedsAttribute(name, None)
            return {each: self._attributes[row.id, each, ""] for each in names}
        nested = self.kind_of_row(row).nested
        key = (row.id, attribute, repr(list(path)) if nested and path else "")
        if key not in self._attributes:
            raise NeedsAttribute(name, attribute, tuple(path) if nested else ())
        return self._attributes[key] if nested else select_path(self._attributes[key], path)

    async def resolve(self, node: Node) -> Value:
        """The value of a node, its attributes fetched on the way. Raises TemplateError, CloudError."""
        for _ in range(MOST_ATTRIBUTES):
            try:
                if self.slow:
                    return await asyncio.to_thread(resolve, node, self.scope)
                return resolve(node, self.scope)
            except NeedsAttribute as need:
                await self.fetch(need)
        raise RuntimeError("the value asks for attributes without end")

    async def fetch(self, need: NeedsAttribute) -> None:
        """Get the attribute that an evaluation needs."""
        row = self.current[need.resource]
        kind = self.kind_of_row(row)
        if kind.nested:
            from .children import nested_attribute

            for name in [need.attribute] if need.attribute else self.attribute_names(row):
                key = (row.id, name, repr(list(need.path)) if need.path else "")
                self._attributes[key] = await nested_attribute(self, row, kind, name, need.path)
            return
        names = [need.attribute] if need.attribute else self.attribute_names(row)
        found = await self.read_attributes(row, names)
        for name in names:
            self._attributes[row.id, name, ""] = found.get(name)

    async def read_attribute(self, name: str, attribute: str, path: Sequence[Value] = ()) -> Value:
        """One attribute of a resource by name, fetched when it has to be."""
        while True:
            try:
                return self.attribute(name, attribute, path)
            except NeedsAttribute as need:
                await self.fetch(need)

    async def read_reference(self, name: str) -> Value:
        """The reference id of a resource, fetched when it has to be."""
        while True:
            try:
                return self.reference(name)
            except NeedsAttribute as need:
                await self.fetch(need)

    async def read_attributes(self, row: Resource, names: Sequence[str]) -> Mapping[str, Value]:
        """Attributes of one row, asked of its behaviour now."""
        declared = self.kind_of_row(row).declared
        async with self.parts.limits.slot(declared.service):
            return await self.behaviour(declared).attributes(self.context(row, declared), frozenset(names))

    def attribute_names(self, row: Resource) -> list[str]:
        """The attributes that a row's type declares, without `show`."""
        declared = self.kind_of_row(row).declared
        return [name for name, each in declared.attributes.items() if not each.hidden and name != "show"]

    def forget_attributes(self, row: Resource) -> None:
        """The row's object changed: what was fetched of it may be old."""
        for key in [key for key in self._attributes if key[0] == row.id]:
            del self._attributes[key]

    # Rows and types

    def kind_of_row(self, row: Resource) -> Kind:
        """What implements a row, as it was when the row was made."""
        return self.kinds.of_row(row)

    def behaviour(self, declared: ResourceType) -> Behaviour:
        return self.parts.behaviour_of(declared.name)

    def context(
        self, row: Resource, declared: ResourceType, values: Mapping[str, Any] | None = None
    ) -> Context:
        return Context(self, row, declared, values)

    def child_arn(self, row: Resource) -> str:
        """The ARN of a row's nested stack."""
        from .children import child_name

        name = child_name(self.stack, row)
        return f"arn:openstack:heat::{self.stack.project_id}:stacks/{name}/{row.physical_id}"

    def required_by(self, row: Resource) -> list[str]:
        """The names of the resources that were made after this one."""
        return sorted({other.name for other in self.rows.values() if row.id in other.requires})

    # Writing: only a running operation may

    async def keep(self, row: Resource) -> None:
        raise RuntimeError(f"resource {row.name} is being read, not worked on")

    async def reload(self, row: Resource) -> None:
        """Read again what signals may have written; what is only being read is fresh already."""

    async def fresh_row_by_reference(self, reference: str) -> Resource | None:
        """The row whose reference is that, as it is stored now."""
        for row in self.current.values():
            if row.physical_id == reference or (not row.never_made and self.reference(row.name) == reference):
                return row
        return None

    @property
    def signal_users(self) -> StackUsers | None:
        """Who makes users that may signal; None where no stack domain is configured."""
        from .stack_users import StackUsers

        return StackUsers(self) if self.parts.stack_domain_admin is not None else None
