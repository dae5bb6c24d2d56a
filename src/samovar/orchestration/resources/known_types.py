# SPDX-License-Identifier: Apache-2.0
"""The declared types, as the template room's validation asks for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from samovar.diagnostics import Diagnostic, Diagnostics, Place
from samovar.orchestration.resources.registry import closest_type, find_type
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.resources.validation import (
    support_findings,
    validate_properties,
    validate_update_policy,
)
from samovar.orchestration.templates import SNAPSHOT, ResolvedResource
from samovar.orchestration.templates.nodes import Path, path_text

PlaceOf = Callable[[Path], Place | None]
FREE_ATTRIBUTES = {
    "OS::Heat::SoftwareDeployment",
    "OS::Heat::StructuredDeployment",
    "OS::Heat::SoftwareComponent",
    "AWS::CloudFormation::Stack",
}
"""Types whose attributes are outputs that somebody else names."""

MEMBERS: Mapping[str, tuple[str, str | None]] = {
    "OS::Heat::ResourceGroup": ("resource_def", "index_var"),
    "OS::Heat::AutoScalingGroup": ("resource", None),
}


class KnownTypes:
    """Implements templates.TypeLookup over the registry."""

    def is_known(self, type_: str) -> bool:
        return find_type(type_) is not None

    def closest(self, type_: str) -> str | None:
        return closest_type(type_)

    def attributes(self, type_: str) -> Collection[str] | None:
        declared = find_type(type_)
        if declared is None or declared.noop or declared.nested_stack or declared.name in FREE_ATTRIBUTES:
            return None
        return {*declared.attributes, "show"}

    def members(self, type_: str) -> tuple[str, str | None] | None:
        return MEMBERS.get(type_)

    def check(self, resource: ResolvedResource, place_of: PlaceOf) -> Iterator[Diagnostic]:
        declared = find_type(resource.type)
        if declared is None:
            return
        yield from support_findings(declared, resource.path, place_of)
        yield from validate_properties(
            declared, resource.properties, resource.properties_path, place_of
        ).diagnostics
        yield from validate_update_policy(
            declared, resource.update_policy, resource.update_policy_path, place_of
        ).diagnostics
        yield from _deletion_policy(declared, resource, place_of)


def _deletion_policy(declared: ResourceType, resource: ResolvedResource, place_of: PlaceOf) -> Diagnostics:
    found = Diagnostics()
    if resource.deletion_policy == SNAPSHOT and "snapshot_delete" not in declared.handlers:
        found.error(
            "invalid-deletion-policy",
            f"{declared.name} does not support the deletion policy Snapshot",
            advice="Use Delete or Retain",
            place=place_of(resource.deletion_policy_path),
            path=path_text(resource.deletion_policy_path),
        )
    return found
