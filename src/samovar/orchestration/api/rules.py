# SPDX-License-Identifier: Apache-2.0
"""Policy: Heat's rules and their defaults."""

from __future__ import annotations

from collections.abc import Mapping

READER = "role:reader and project_id:%(project_id)s"
MEMBER = "role:member and project_id:%(project_id)s"
STACK_USER = "role:heat_stack_user and project_id:%(project_id)s"
READER_OR_STACK_USER = f"({READER}) or ({STACK_USER})"
ADMIN = "role:admin"
PROJECT_ADMIN = "role:admin and project_id:%(project_id)s"

_READ = (
    "detail index list_resource_types list_template_versions list_template_functions preview resource_schema "
    "show template environment files show_snapshot list_snapshots list_outputs show_output"
)
_WRITE = (
    "create update update_patch preview_update preview_update_patch delete abandon export snapshot "
    "delete_snapshot restore_snapshot validate_template generate_template"
)
ADMIN_TYPES = (
    "OS::Nova::Flavor",
    "OS::Nova::Quota",
    "OS::Nova::HostAggregate",
    "OS::Cinder::EncryptedVolumeType",
    "OS::Cinder::VolumeType",
    "OS::Cinder::Quota",
    "OS::Cinder::QoSSpecs",
    "OS::Cinder::QoSAssociation",
    "OS::Neutron::Quota",
    "OS::Neutron::ProviderNet",
    "OS::Neutron::QoSPolicy",
    "OS::Neutron::QoSBandwidthLimitRule",
    "OS::Neutron::QoSDscpMarkingRule",
    "OS::Neutron::QoSMinimumBandwidthRule",
    "OS::Neutron::QoSMinimumPacketRateRule",
    "OS::Neutron::Segment",
    "OS::Octavia::Quota",
    "OS::Octavia::Flavor",
    "OS::Octavia::FlavorProfile",
    "OS::Octavia::AvailabilityZone",
    "OS::Octavia::AvailabilityZoneProfile",
    "OS::Manila::ShareType",
    "OS::Keystone::*",
    "OS::Blazar::Host",
)

DEFAULTS: Mapping[str, str] = {
    "context_is_admin": ADMIN,
    **{f"stacks:{name}": READER for name in _READ.split()},
    **{f"stacks:{name}": MEMBER for name in _WRITE.split()},
    "stacks:lookup": READER_OR_STACK_USER,
    "stacks:update_no_change": "rule:stacks:update_patch",
    "stacks:global_index": ADMIN,
    "actions:action": MEMBER,
    "actions:snapshot": MEMBER,
    "actions:suspend": MEMBER,
    "actions:resume": MEMBER,
    "actions:check": READER,
    "actions:cancel_update": MEMBER,
    "actions:cancel_without_rollback": MEMBER,
    "actions:retry": MEMBER,
    "resource:index": READER,
    "resource:show": READER,
    "resource:metadata": READER_OR_STACK_USER,
    "resource:signal": READER_OR_STACK_USER,
    "resource:mark_unhealthy": MEMBER,
    "events:index": READER,
    "events:show": READER,
    "software_configs:global_index": ADMIN,
    "software_configs:index": READER,
    "software_configs:show": READER,
    "software_configs:create": MEMBER,
    "software_configs:delete": MEMBER,
    "software_deployments:index": READER,
    "software_deployments:show": READER,
    "software_deployments:metadata": READER_OR_STACK_USER,
    "software_deployments:create": MEMBER,
    "software_deployments:update": MEMBER,
    "software_deployments:delete": MEMBER,
    "service:index": PROJECT_ADMIN,
    "build_info:build_info": READER,
    **{f"resource_types:{name}": ADMIN for name in ADMIN_TYPES},
}
