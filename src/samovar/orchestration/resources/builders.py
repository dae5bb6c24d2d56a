# SPDX-License-Identifier: Apache-2.0
"""The words declarations are written in, so that a declaration reads like a table.

    "name": string("Name of the network.", UPDATE),
    "network": string("Network, by name or id.", REQUIRED, lookup("neutron.network"), since("2014.2")),
    "network_id": string("Older spelling of network.", hidden("5.0.0", deprecated("2014.2"))),

A property is a type, a description, then any number of marks (flags, constraints, support), then its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from samovar.orchestration.resources.constraints import (
    Allowed,
    Constraint,
    Custom,
    Length,
    Modulo,
    Pattern,
    Range,
)
from samovar.orchestration.resources.schema import (
    Attribute,
    Property,
    PropertyType,
    ResourceType,
    Status,
    Support,
)
from samovar.orchestration.resources.translations import Appended, Dropped, Moved, Resolved


class Flag(Enum):
    """Facts of a property that are either so or not."""

    REQUIRED = "required"
    UPDATE = "update_allowed"
    IMMUTABLE = "immutable"
    SECRET = "secret"
    CONVERTED = "allow_conversion"
    UNCACHED = "uncached"
    INERT = "inert"
    NULL_IS_EMPTY = "null_is_empty"


REQUIRED, UPDATE, IMMUTABLE, SECRET = Flag.REQUIRED, Flag.UPDATE, Flag.IMMUTABLE, Flag.SECRET
CONVERTED, UNCACHED, INERT = Flag.CONVERTED, Flag.UNCACHED, Flag.INERT
NULL_IS_EMPTY = Flag.NULL_IS_EMPTY

Mark = Flag | Constraint | Support
Fields = Mapping[str, Property]


def _property(
    kind: PropertyType,
    description: str,
    marks: tuple[Mark, ...],
    default: Any,
    fields: Fields | None = None,
    items: Property | None = None,
) -> Property:
    flags = {mark for mark in marks if isinstance(mark, Flag)}
    supports = [mark for mark in marks if isinstance(mark, Support)]
    return Property(
        type=kind,
        description=description,
        default=default,
        required=REQUIRED in flags,
        update_allowed=UPDATE in flags,
        immutable=IMMUTABLE in flags,
        implemented=INERT not in flags,
        allow_conversion=CONVERTED in flags,
        secret=SECRET in flags,
        null_is_empty=NULL_IS_EMPTY in flags,
        constraints=tuple(mark for mark in marks if not isinstance(mark, Flag | Support)),
        fields=fields,
        items=items,
        support=supports[0] if supports else Support(),
    )


def string(description: str = "", *marks: Mark, default: str | None = None) -> Property:
    return _property(PropertyType.STRING, description, marks, default)


def integer(description: str = "", *marks: Mark, default: int | None = None) -> Property:
    return _property(PropertyType.INTEGER, description, marks, default)


def number(description: str = "", *marks: Mark, default: float | None = None) -> Property:
    return _property(PropertyType.NUMBER, description, marks, default)


def boolean(description: str = "", *marks: Mark, default: bool | str | None = None) -> Property:
    return _property(PropertyType.BOOLEAN, description, marks, default)


def anything(description: str = "", *marks: Mark, default: Any = None) -> Property:
    return _property(PropertyType.ANY, description, marks, default)


def items(description: str = "", *marks: Mark, of: Property | None = None, default: Any = None) -> Property:
    """A list; `of` describes each item."""
    return _property(PropertyType.LIST, description, marks, default, items=of)


def mapping(description: str = "", *marks: Mark, default: Any = None) -> Property:
    """A map with free keys."""
    return _property(PropertyType.MAP, description, marks, default)


def record(description: str, fields: Fields, *marks: Mark, default: Any = None) -> Property:
    """A map with the given keys."""
    return _property(PropertyType.MAP, description, marks, default, fields=fields)


def records(description: str, fields: Fields, *marks: Mark, default: Any = None) -> Property:
    """A list of maps with the given keys."""
    return _property(PropertyType.LIST, description, marks, default, items=record("", fields))


def inert_items(described: Property) -> Property:
    """The same list, of which the items have no effect."""
    item = None if described.items is None else replace(described.items, implemented=False)
    return replace(described, items=item)


def _attribute(kind: PropertyType, description: str, marks: tuple[Flag | Support, ...]) -> Attribute:
    supports = [mark for mark in marks if isinstance(mark, Support)]
    return Attribute(kind, description, UNCACHED not in marks, supports[0] if supports else Support())


def string_attr(description: str, *marks: Flag | Support) -> Attribute:
    return _attribute(PropertyType.STRING, description, marks)


def integer_attr(description: str, *marks: Flag | Support) -> Attribute:
    return _attribute(PropertyType.INTEGER, description, marks)


def number_attr(description: str, *marks: Flag | Support) -> Attribute:
    return _attribute(PropertyType.NUMBER, description, marks)


def boolean_attr(description: str, *marks: Flag | Support) -> Attribute:
    return _attribute(PropertyType.BOOLEAN, description, marks)


def list_attr(description: str, *marks: Flag | Support) -> Attribute:
    return _attribute(PropertyType.LIST, description, marks)


def map_attr(description: str, *marks: Flag | Support) -> Attribute:
    return _attribute(PropertyType.MAP, description, marks)


def any_attr(description: str, *marks: Flag | Support) -> Attribute:
    return _attribute(PropertyType.ANY, description, marks)


def allowed(*values: Any) -> Allowed:
    return Allowed(values)


def between(minimum: float | None = None, maximum: float | None = None) -> Range:
    return Range(minimum, maximum)


def at_least(minimum: float) -> Range:
    return Range(minimum)


def at_most(maximum: float) -> Range:
    return Range(None, maximum)


def length(minimum: int | None = None, maximum: int | None = None) -> Length:
    return Length(minimum, maximum)


def modulo(step: float, offset: float = 0) -> Modulo:
    return Modulo(step, offset)


def pattern(expression: str) -> Pattern:
    return Pattern(expression)


def check(name: str) -> Custom:
    """A constraint by name: `ip_addr` (syntax) or `neutron.network` (existence in the cloud)."""
    return Custom(name)


def since(version: str, previous: Support | None = None) -> Support:
    return Support(Status.SUPPORTED, version, previous=previous)


def deprecated(
    version: str | None = None,
    previous: Support | None = None,
    message: str | None = None,
    substitute: str | None = None,
) -> Support:
    return Support(Status.DEPRECATED, version, message, previous, substitute)


def unsupported(version: str | None = None, previous: Support | None = None) -> Support:
    return Support(Status.UNSUPPORTED, version, None, previous)


def hidden(
    version: str | None = None,
    previous: Support | None = None,
    message: str | None = None,
    substitute: str | None = None,
) -> Support:
    return Support(Status.HIDDEN, version, message, previous, substitute)


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(dotted.split("."))


def moved(path: str, source: str) -> Moved:
    """`path` is the new spelling of the top-level property `source`."""
    return Moved(_path(path), source)


def moved_beside(path: str, sibling: str, inside: str = "") -> Moved:
    """The last step of `path` is the new spelling of `sibling` in the same map (of its key `inside`)."""
    return Moved(_path(path), sibling, True, _path(inside) if inside else ())


def appended(path: str, source: str, key: str | None = None) -> Appended:
    return Appended(_path(path), source, key)


def dropped(path: str) -> Dropped:
    return Dropped(_path(path))


def by_name(path: str, entity: str) -> Resolved:
    """The value at `path` may be a name; `entity` is `service.entity` (`neutron.network`)."""
    service, _, kind = entity.partition(".")
    return Resolved(_path(path), service, kind)


def retired(
    name: str,
    support: Support,
    instead: str | None = None,
    *,
    service: str | None = None,
    entity: str | None = None,
) -> ResourceType:
    """A type of a service that is gone: accepts anything, makes nothing."""
    return ResourceType(
        name=name,
        description="Placeholder of a retired type: accepts any properties and makes nothing.",
        support=support,
        service=service,
        entity=entity,
        noop=True,
        instead=instead,
    )
