# SPDX-License-Identifier: Apache-2.0
"""Named constraints that only a cloud can answer: which service has the object, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping

from samovar.orchestration.resources.syntax import SYNTAX_CHECKS

_ENTITIES = {
    "barbican": ("container", "secret"),
    "blazar": ("reservation",),
    "cinder": ("backup", "qos_specs", "snapshot", "volume", "vtype"),
    "designate": ("zone",),
    "glance": ("image",),
    "ironic": ("node", "portgroup"),
    "keystone": ("domain", "group", "project", "region", "role", "service", "user"),
    "magnum": ("cluster_template",),
    "manila": ("share_network", "share_snapshot", "share_type"),
    "mistral": ("workflow",),
    "neutron": (
        "address_scope",
        "flow_classifier",
        "lbaas.listener",
        "lbaas.loadbalancer",
        "lbaas.pool",
        "lbaas.provider",
        "network",
        "port",
        "port_pair",
        "port_pair_group",
        "qos_policy",
        "router",
        "security_group",
        "segment",
        "subnet",
        "subnetpool",
        "taas.tap_flow",
        "taas.tap_service",
    ),
    "nova": ("flavor", "host", "keypair", "network", "server"),
    "octavia": (
        "availabilityzone",
        "availabilityzoneprofile",
        "flavor",
        "flavorprofile",
        "l7policy",
        "listener",
        "loadbalancer",
        "pool",
    ),
    "trove": ("flavor",),
    "zaqar": ("queue",),
}

# Constraint name -> (service, entity).
LOOKUPS: Mapping[str, tuple[str, str]] = {
    f"{service}.{entity}": (service, entity) for service, entities in _ENTITIES.items() for entity in entities
}

CUSTOM_CONSTRAINTS = frozenset(LOOKUPS) | frozenset(SYNTAX_CHECKS)
