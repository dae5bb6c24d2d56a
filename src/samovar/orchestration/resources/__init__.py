# SPDX-License-Identifier: Apache-2.0
"""Resource types: what they are, and what they do."""

from samovar.orchestration.resources.registry import (
    canonical_name,
    closest_type,
    every_type,
    find_type,
    type_names,
)
from samovar.orchestration.resources.schema import (
    Attribute,
    Property,
    PropertyType,
    Reference,
    ResourceType,
    Status,
    Support,
)

__all__ = [
    "Attribute",
    "Property",
    "PropertyType",
    "Reference",
    "ResourceType",
    "Status",
    "Support",
    "canonical_name",
    "closest_type",
    "every_type",
    "find_type",
    "type_names",
]
