# SPDX-License-Identifier: Apache-2.0
"""What a resource type is, as data: properties, attributes, support and the flags of its behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from samovar.orchestration.resources.constraints import Constraint, Custom
from samovar.orchestration.resources.translations import Translation


class PropertyType(StrEnum):
    """The types of property values, in the spelling of the API."""

    STRING = "String"
    INTEGER = "Integer"
    NUMBER = "Number"
    BOOLEAN = "Boolean"
    LIST = "List"
    MAP = "Map"
    ANY = "Any"


class Status(StrEnum):
    """How far a type, property or attribute is supported."""

    SUPPORTED = "SUPPORTED"
    DEPRECATED = "DEPRECATED"
    UNSUPPORTED = "UNSUPPORTED"
    HIDDEN = "HIDDEN"


@dataclass(frozen=True, slots=True)
class Support:
    """Support since `version` (a release, as the field numbers them), and what it was before."""

    status: Status = Status.SUPPORTED
    version: str | None = None
    message: str | None = None
    previous: Support | None = None
    substitute: str | None = None  # the type that takes this one's place without replacement


SUPPORTED = Support()


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a type, or one field of a nested map, or the items of a list.

    `fields` describes the keys of a Map, `items` each item of a List; without them any content is accepted.
    `implemented` is false for properties that are accepted for compatibility and have no effect. A null
    means "not given", except with `null_is_empty`, where it means an empty string.
    """

    type: PropertyType
    description: str = ""
    default: Any = None
    required: bool = False
    update_allowed: bool = False
    immutable: bool = False
    implemented: bool = True
    allow_conversion: bool = False
    secret: bool = False
    null_is_empty: bool = False
    constraints: tuple[Constraint, ...] = ()
    fields: Mapping[str, Property] | None = None
    items: Property | None = None
    support: Support = SUPPORTED

    @property
    def hidden(self) -> bool:
        return self.support.status is Status.HIDDEN


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value that a resource offers to `get_attr`. Without `cached` it is read from the cloud each time."""

    type: PropertyType = PropertyType.ANY
    description: str = ""
    cached: bool = True
    support: Support = SUPPORTED

    @property
    def hidden(self) -> bool:
        return self.support.status is Status.HIDDEN


SHOW = Attribute(PropertyType.MAP, "The object as its service shows it.", cached=False)


class Reference(StrEnum):
    """What `get_resource` gives."""

    PHYSICAL_ID_OR_NAME = "physical_id_or_name"
    PHYSICAL_ID = "physical_id"
    PHYSICAL_ID_OR_NULL = "physical_id_or_null"
    PHYSICAL_NAME = "physical_name"
    RESOURCE_NAME = "resource_name"
    GENERATED_VALUE = "generated_value"
    IP_ADDRESS = "ip_address"
    STACK_ARN = "stack_arn"
    PRESIGNED_SIGNAL_URL = "presigned_signal_url"
    PRESIGNED_WAITCONDITION_URL = "presigned_waitcondition_url"
    TEMPURL_ENDPOINT = "tempurl_endpoint"
    WORKFLOW_NAME = "workflow_name"


def _asks_cloud(declared: Property) -> bool:
    inner = [*(declared.fields or {}).values(), *([declared.items] if declared.items else [])]
    own = any(isinstance(each, Custom) and each.needs_cloud for each in declared.constraints)
    return own or any(map(_asks_cloud, inner))


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A resource type as declared; see the README of this room for how a declaration is written.

    service: the client it speaks to (`neutron`), entity: the collection its object lives in (`network`).
    handlers: lifecycle actions beyond create, update and delete.
    """

    name: str
    description: str
    properties: Mapping[str, Property] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    support: Support = SUPPORTED
    service: str | None = None
    entity: str | None = None
    extension: str | None = None
    reference: Reference = Reference.PHYSICAL_ID_OR_NAME
    handlers: frozenset[str] = frozenset()
    translation: tuple[Translation, ...] = ()
    update_policy: Mapping[str, Property] = field(default_factory=dict)
    name_limit: int = 255
    noop: bool = False
    nested_stack: bool = False
    stack_user: bool = False
    deferred_auth: bool = False
    signal_responder: bool = False
    implicit_dependencies: bool = False
    observe_reality: bool = False
    may_survive_create_failed: bool = False
    prepares_for_replace: bool = False
    replace_on_check_failed: bool = True
    signal_refreshes_metadata: bool = True
    no_signal_actions: frozenset[str] = frozenset({"SUSPEND", "DELETE"})
    template: str | None = None  # the file that implements the type, when a template does
    instead: str | None = None  # the type to use now that this one is retired
    asks_cloud: bool = field(init=False, default=False)  # only a cloud can tell whether some values are good

    def __post_init__(self) -> None:
        object.__setattr__(self, "asks_cloud", any(map(_asks_cloud, self.properties.values())))

    @property
    def hidden(self) -> bool:
        return self.support.status is Status.HIDDEN

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name; `show` exists on every type."""
        return self.attributes.get(name) or (SHOW if name == "show" else None)
