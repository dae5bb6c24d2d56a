# SPDX-License-Identifier: Apache-2.0
"""What the template wants of one resource, evaluated: with all values known, or some still Unknown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from samovar.orchestration.plans import DesiredResource, StoredResource
from samovar.orchestration.resources.validation import validate_properties
from samovar.orchestration.templates.errors import raise_errors
from samovar.orchestration.templates.nodes import resolve
from samovar.orchestration.templates.scope import StackScope
from samovar.orchestration.templates.template import DELETE
from samovar.orchestration.templates.values import Value

from .definitions import Definition
from .kinds import Kind, Kinds
from .rows import Resource
from .texts import Texts

if TYPE_CHECKING:
    from .loaded import LoadedStack

_encode = msgspec.json.Encoder(order="sorted").encode


class Evaluable(Protocol):
    """A stack whose resources can be evaluated: as it runs, or as it is planned."""

    @property
    def texts(self) -> Texts: ...

    @property
    def definition(self) -> Definition: ...

    @property
    def scope(self) -> StackScope: ...

    @property
    def kinds(self) -> Kinds: ...

    @property
    def requirements(self) -> Mapping[str, set[str]]: ...

    @property
    def current(self) -> Mapping[str, Resource]: ...

    def facade(self, field: str) -> Value: ...


@dataclass(slots=True)
class Wanted:
    """One resource as it should be. `raw` are the properties as resolved, `values` those validated."""

    name: str
    kind: Kind
    raw: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    update_policy: Mapping[str, Any] = field(default_factory=dict)
    deletion_policy: str = DELETE
    external_id: str | None = None
    description: str = ""
    requires: tuple[str, ...] = ()  # names
    requires_rows: tuple[str, ...] = ()  # ids of the rows that stand for them
    fingerprint: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def write_to(self, row: Resource) -> None:
        """Make the row say what it was made from."""
        row.type = self.kind.name
        row.fingerprint = self.fingerprint
        row.properties = self.values
        if self.metadata or not self.kind.declared.signal_responder:
            row.metadata = dict(self.metadata)  # a handle keeps its signals there
        row.requires = list(self.requires_rows)
        row.definition = self.definition()

    def definition(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.deletion_policy != DELETE:
            found["deletion_policy"] = self.deletion_policy
        if self.update_policy:
            found["update_policy"] = dict(self.update_policy)
        if self.external_id is not None:
            found["external_id"] = self.external_id
        if self.description:
            found["description"] = self.description
        if self.kind.template is not None:
            found["template"] = True
            if "OS::stack_id" in self.kind.declared.attributes:
                found["stack_id_output"] = True
        elif self.kind.declared.name != self.kind.name:
            found["implementation"] = self.kind.declared.name
        return found

    def desired(self, restricted: frozenset[str] = frozenset()) -> DesiredResource:
        """The same for the planner."""
        return DesiredResource(
            name=self.name,
            type=self.kind.name,
            properties=self.values,
            metadata=self.metadata,
            update_policy=self.update_policy,
            deletion_policy=self.deletion_policy,
            external_id=self.external_id,
            requires=self.requires,
            restricted_actions=restricted,
        )


def evaluate(loaded: Evaluable, name: str) -> Wanted:
    """Resolve one resource of the template. Raises NeedsAttribute, TemplateError."""
    scope = loaded.scope
    definition = scope.enabled[name]
    kind = loaded.kinds.of(str(definition.resolved_type(scope)), name)
    raw = resolve(definition.properties, scope) if definition.properties is not None else {}
    wanted = Wanted(
        name,
        kind,
        raw if isinstance(raw, dict) else {},
        description=definition.description,
        requires=tuple(loaded.requirements[name]),
    )
    if definition.metadata is not None:
        wanted.metadata = definition.resolved_metadata(scope)
    if definition.update_policy is not None:
        wanted.update_policy = definition.resolved_update_policy(scope)
    if definition.deletion_policy != DELETE:
        wanted.deletion_policy = definition.resolved_deletion_policy(scope)
    if definition.external_id is not None:
        wanted.external_id = resolve(definition.external_id, scope)
    wanted.requires_rows = tuple(
        loaded.current[other].id for other in wanted.requires if other in loaded.current
    )
    return wanted


def fingerprint_of(wanted: Wanted) -> str:
    """What must be equal for nothing to be done. Only for values that are all known."""
    parts = [
        wanted.kind.name,
        wanted.kind.declared.name,
        wanted.raw,
        wanted.metadata,
        wanted.update_policy,
        wanted.deletion_policy,
        wanted.external_id,
    ]
    return hashlib.sha256(_encode(parts)).hexdigest()[:32]


def validate(loaded: LoadedStack, wanted: Wanted) -> None:
    """Give the properties their types and defaults. Raises StackValidationFailed with every finding."""
    where = (loaded.template.words.resources, wanted.name, loaded.template.words.properties)
    checked = validate_properties(wanted.kind.declared, wanted.raw, where, loaded.template.places.of)
    raise_errors(checked.diagnostics)
    wanted.values = checked.values


def stored_resource(row: Resource) -> StoredResource:
    """A row for the planner."""
    definition = row.definition
    return StoredResource(
        name=row.name,
        type=row.type,
        id=row.id,
        physical_id=row.physical_id,
        action=row.action,
        status=row.status,
        properties=row.properties or {},
        metadata=row.metadata,
        update_policy=definition.get("update_policy") or {},
        deletion_policy=definition.get("deletion_policy") or DELETE,
        external_id=definition.get("external_id"),
        requires=tuple(row.requires),
        replaced_by=row.replaced_by,
        created=row.created_at.timestamp(),
    )


__all__ = ["Wanted", "evaluate", "fingerprint_of", "stored_resource", "validate"]
