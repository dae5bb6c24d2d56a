# SPDX-License-Identifier: Apache-2.0
"""A template as a resource type: its parameters are the properties, its outputs the attributes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from samovar.orchestration.resources.schema import (
    SHOW,
    Attribute,
    Property,
    PropertyType,
    Reference,
    ResourceType,
)
from samovar.orchestration.templates import conversion
from samovar.orchestration.templates.template import Template

_TYPES: Mapping[str, PropertyType] = {
    conversion.STRING: PropertyType.STRING,
    conversion.NUMBER: PropertyType.NUMBER,
    conversion.BOOLEAN: PropertyType.BOOLEAN,
    conversion.COMMA_DELIMITED_LIST: PropertyType.LIST,
    conversion.JSON: PropertyType.ANY,
}


def provider_type(name: str, template: Template, defaults: Collection[str] = ()) -> ResourceType:
    """The declaration that a template means. `defaults` are parameters that an environment defaults."""
    properties = {
        key: Property(
            type=_TYPES[schema.type],
            description=schema.description,
            required=not schema.has_default and key not in defaults,
            update_allowed=True,
            allow_conversion=True,
            secret=schema.hidden,
        )
        for key, schema in template.parameters.items()
    }
    attributes = {key: Attribute(description=output.description) for key, output in template.outputs.items()}
    return ResourceType(
        name=name,
        description=template.description,
        properties=properties,
        attributes={**attributes, "show": SHOW},
        reference=Reference.STACK_ARN,
        nested_stack=True,
        handlers=frozenset({"check", "suspend", "resume"}),
    )


def parameters_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Property values as the parameters of the nested stack; those not given are left to their defaults."""
    return {name: value for name, value in values.items() if value is not None}
