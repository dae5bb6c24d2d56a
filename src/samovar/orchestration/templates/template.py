# SPDX-License-Identifier: Apache-2.0
"""A parsed template and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from samovar.orchestration.templates.functions.logic import If
from samovar.orchestration.templates.nodes import Function, Node, Reference, Scope, references, resolve
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.schemas import ParameterSchema
from samovar.orchestration.templates.values import Unknown, Value
from samovar.orchestration.templates.versions import Version

DELETE, RETAIN, SNAPSHOT = "Delete", "Retain", "Snapshot"


@dataclass(frozen=True, slots=True)
class ResourceDefinition:
    """One resource as the template has it; values may be or contain functions.

    `properties`, `metadata` and `update_policy` are maps or functions that give maps (None: not given).
    """

    name: str
    type: str | Function
    properties: Node = None
    metadata: Node = None
    depends_on: tuple[str, ...] = ()
    deletion_policy: str | Function = DELETE
    update_policy: Node = None
    external_id: Node = None
    description: str = ""
    condition: Node = None  # None, bool or Function

    def nodes(self) -> list[Node]:
        """Every node in which functions count."""
        return [
            self.type,
            self.properties,
            self.metadata,
            self.deletion_policy,
            self.update_policy,
            self.external_id,
        ]

    def references(self, scope: Scope | None = None) -> list[Reference]:
        """What its functions refer to, without depends_on."""
        return [found for node in self.nodes() for found in references(node, scope)]

    def requires(self, scope: Scope | None = None) -> set[str]:
        """The names of the resources that must be there first, depends_on included."""
        return {found.resource for found in self.references(scope)} | set(self.depends_on)

    def resolved_type(self, scope: Scope) -> str | Unknown:
        value = resolve(self.type, scope)
        return value if isinstance(value, Unknown) else str(value)

    def resolved_deletion_policy(self, scope: Scope) -> str:
        """`Delete`, `Retain` or `Snapshot`."""
        value = resolve(self.deletion_policy, scope)
        return value.capitalize() if isinstance(value, str) and value else DELETE

    def resolved_metadata(self, scope: Scope) -> Value:
        return resolve(self.metadata, scope) or {}

    def resolved_update_policy(self, scope: Scope) -> Value:
        return resolve(self.update_policy, scope) or {}

    def property_nodes(self, scope: Scope) -> dict[str, Node]:
        """The properties by name, each still a node; an `if` around all of them is chosen."""
        node = self.properties
        while isinstance(node, If):
            taken = node.choose(scope)
            if isinstance(taken, Unknown):
                break
            node = node.then if taken else node.otherwise
        if isinstance(node, Function):
            node = resolve(node, scope)
        return node if isinstance(node, dict) else {}


@dataclass(frozen=True, slots=True)
class OutputDefinition:
    """One output; its value may be or contain functions."""

    name: str
    value: Node = None
    description: str = ""
    condition: Node = None


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    label: str | None
    description: str | None
    parameters: tuple[str, ...]
    raw: Mapping[str, Any]


@dataclass(slots=True)
class Template:
    """A template whose sections have been read. `raw` is the plain data as the user wrote them."""

    version: Version
    description: str
    raw: dict[str, Any]
    places: Places
    parameters: dict[str, ParameterSchema] = field(default_factory=dict)
    parameter_groups: list[ParameterGroup] = field(default_factory=list)
    conditions: dict[str, Node] = field(default_factory=dict)
    mappings: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, ResourceDefinition] = field(default_factory=dict)
    outputs: dict[str, OutputDefinition] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`hot` or `cfn`."""
        return self.version.kind

    @property
    def words(self) -> Words:
        return HOT_WORDS if self.kind == "hot" else CFN_WORDS


@dataclass(frozen=True, slots=True)
class Words:
    """The names of sections and keys in one format."""

    description: str = "description"
    parameter_groups: str = "parameter_groups"
    parameters: str = "parameters"
    mappings: str = ""
    conditions: str = "conditions"
    resources: str = "resources"
    outputs: str = "outputs"
    type: str = "type"
    properties: str = "properties"
    metadata: str = "metadata"
    depends_on: str = "depends_on"
    deletion_policy: str = "deletion_policy"
    update_policy: str = "update_policy"
    external_id: str = "external_id"
    condition: str = "condition"
    value: str = "value"


HOT_WORDS = Words()
CFN_WORDS = Words(
    description="Description", parameter_groups="", parameters="Parameters", mappings="Mappings",
    conditions="Conditions", resources="Resources", outputs="Outputs", type="Type", properties="Properties",
    metadata="Metadata", depends_on="DependsOn", deletion_policy="DeletionPolicy",
    update_policy="UpdatePolicy", external_id="", condition="Condition", value="Value",
)  # fmt: skip
