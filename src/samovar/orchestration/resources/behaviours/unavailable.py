# SPDX-License-Identifier: Apache-2.0
"""Types that can be validated and planned, and that nothing here can make."""

from __future__ import annotations

from collections.abc import Mapping

from samovar.orchestration.resources.behaviour import Behaviour, ResourceContext, ResourceFailed

# The client of a declaration -> the service type in catalogs.
SERVICE_TYPES: Mapping[str, str] = {
    "aodh": "alarming",
    "barbican": "key-manager",
    "blazar": "reservation",
    "cinder": "block-storage",
    "designate": "dns",
    "glance": "image",
    "heat": "orchestration",
    "ironic": "baremetal",
    "keystone": "identity",
    "magnum": "container-infra",
    "manila": "shared-file-system",
    "mistral": "workflow",
    "neutron": "network",
    "nova": "compute",
    "octavia": "load-balancer",
    "openstack": "network",
    "swift": "object-store",
    "trove": "database",
    "zaqar": "messaging",
    "zun": "application-container",
}


class Unavailable(Behaviour):
    """Refuses to create, in a sentence that says what is missing."""

    async def create(self, context: ResourceContext) -> str | None:
        name, client = context.type.name, context.type.service
        service = SERVICE_TYPES.get(client or "")
        if service is not None and not await context.cloud.has_service(service):
            raise ResourceFailed(
                f"{name} needs the {service} service, which the cloud's catalog has not got.",
                kind="ResourceTypeUnavailable",
            )
        raise ResourceFailed(
            f"Resources of type {name} can be validated and planned, but not made by this version.",
            kind="ResourceTypeUnavailable",
        )

    async def delete(self, context: ResourceContext) -> None:
        """There is nothing to delete: none was ever made."""
