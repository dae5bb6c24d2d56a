# SPDX-License-Identifier: Apache-2.0
"""What the planner compares: what is stored, what is desired, and what was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from samovar.orchestration.plans.changes import PropertyChange
from samovar.orchestration.templates.values import Unknown


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A resource as the database has it. `properties` are the typed values that were last applied."""

    name: str
    type: str
    id: str
    physical_id: str | None = None
    action: str = "CREATE"
    status: str = "COMPLETE"
    properties: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    update_policy: Mapping[str, Any] = field(default_factory=dict)
    deletion_policy: str = "Delete"
    external_id: str | None = None
    requires: tuple[str, ...] = ()  # ids of the rows it was made after
    replaced_by: str | None = None  # id of the row that took its place
    created: float = 0.0  # for choosing between rows of one name: the later, the higher
    nested: StoredStack | None = None

    @property
    def exists(self) -> bool:
        """Whether the row stands for something that was begun to be made."""
        return self.action != "INIT" and (self.action, self.status) != ("DELETE", "COMPLETE")


@dataclass(frozen=True, slots=True)
class StoredStack:
    """All rows of a stack; several may have one name after a replacement that did not end."""

    resources: tuple[StoredResource, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class DesiredResource:
    """A resource as the template wants it, resolved as far as can be: values may be Unknown."""

    name: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    metadata: Any = field(default_factory=dict)
    update_policy: Any = field(default_factory=dict)
    deletion_policy: str = "Delete"
    external_id: str | Unknown | None = None
    requires: tuple[str, ...] = ()
    restricted_actions: frozenset[str] = frozenset()  # of "update", "replace"
    nested: Desired | None = None  # the expanded stack of a type that owns one


class Fate(Enum):
    """What the plan has for a resource that others refer to."""

    KEPT = "kept"  # stays as it is: its reference and attributes are those stored
    UPDATED = "updated"  # keeps its reference; its attributes may change
    NEW = "new"  # is made or replaced: nothing of it is known yet


class Traits(Protocol):
    """What the planner must know of a resource type."""

    @property
    def nested_stack(self) -> bool: ...

    @property
    def noop(self) -> bool: ...

    @property
    def replace_on_check_failed(self) -> bool: ...

    @property
    def may_survive_create_failed(self) -> bool: ...

    @property
    def always_replaced(self) -> bool: ...

    @property
    def live_metadata(self) -> bool:
        """Whether the stored metadata is written by what the resource receives, not by the template."""

    def same_kind(self, other: str) -> bool:
        """Whether a resource of the type `other` can become one of this type without being replaced."""

    def compare(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[PropertyChange]:
        """The properties that differ, and what each difference means."""


class Desired(Protocol):
    """A template with its parameters and environment, ready to be resolved resource by resource."""

    @property
    def name(self) -> str:
        """The name of the stack."""

    def order(self) -> Sequence[str]:
        """The names of all resources, each after those it requires."""

    def resource(self, name: str, fates: Mapping[str, Fate]) -> DesiredResource:
        """One resource, resolved with what the plan has for the others it refers to."""

    def traits(self, type_name: str) -> Traits: ...


@dataclass(frozen=True, slots=True)
class Observed:
    """A resource as its service has it now; `gone` when it has it no more, `healthy` as far as can be told.

    `properties` holds only what the service tells.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    gone: bool = False
    healthy: bool = True
