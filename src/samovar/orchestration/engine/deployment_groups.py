# SPDX-License-Identifier: Apache-2.0
"""Deployment groups: one configuration on several servers, a deployment for each in a nested stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from samovar.orchestration.templates.values import Value, select_path

from .wanted import Evaluable, Wanted

if TYPE_CHECKING:
    from .groups import Phase
    from .loaded import LoadedStack

MEMBERS: Mapping[str, str] = {
    "OS::Heat::SoftwareDeploymentGroup": "OS::Heat::SoftwareDeployment",
    "OS::Heat::SoftwareDeployments": "OS::Heat::SoftwareDeployment",
    "OS::Heat::StructuredDeploymentGroup": "OS::Heat::StructuredDeployment",
    "OS::Heat::StructuredDeployments": "OS::Heat::StructuredDeployment",
}
# Attributes of the group that gather those of its members.
GATHERED = {f"{name}s": name for name in ("deploy_stdout", "deploy_stderr", "deploy_status_code")}


def deployment_group(
    _stack: Evaluable, wanted: Wanted, notes: Mapping[str, Any], child: LoadedStack | None
) -> tuple[list[Phase], dict[str, Any]]:
    """How the nested stack becomes what the group wants."""
    from .groups import batches

    member = MEMBERS[wanted.kind.declared.name]
    shared = {name: value for name, value in wanted.values.items() if name != "servers" and value is not None}
    new = {
        str(key): {"type": member, "properties": {**shared, "server": server}}
        for key, server in (wanted.values.get("servers") or {}).items()
    }
    old: Mapping[str, Any] = (child.template.raw.get("resources") if child is not None else None) or {}
    return batches(new, old, wanted.update_policy, creating=child is None), {}


async def deployment_group_attribute(child: LoadedStack, attribute: str, path: Sequence[Value]) -> Value:
    """An attribute of every member, by the key of its server."""
    name = GATHERED.get(attribute, attribute)
    found = {key: await child.read_attribute(key, name) for key in sorted(child.current)}
    return select_path(found, path)
