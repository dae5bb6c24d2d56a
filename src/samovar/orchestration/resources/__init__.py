# SPDX-License-Identifier: Apache-2.0
"""Resource types: what they are, and what they do."""

from samovar.orchestration.resources.implicit import implicit_requirements
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
from samovar.orchestration.resources.traits import DeclaredTraits
from samovar.orchestration.resources.validation import (
    PendingLookup,
    Validated,
    support_findings,
    validate_properties,
    validate_update_policy,
)

__all__ = [
    "Attribute",
    "DeclaredTraits",
    "PendingLookup",
    "Property",
    "PropertyType",
    "Reference",
    "ResourceType",
    "Status",
    "Support",
    "Validated",
    "canonical_name",
    "closest_type",
    "every_type",
    "find_type",
    "implicit_requirements",
    "support_findings",
    "type_names",
    "validate_properties",
    "validate_update_policy",
]
