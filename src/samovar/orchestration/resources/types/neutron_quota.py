# SPDX-License-Identifier: Apache-2.0
"""Quotas and sharing of networks."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    by_name,
    check,
    integer,
    since,
    string,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

QUOTA = ResourceType(
    name="OS::Neutron::Quota",
    description="The network quotas of a project.",
    support=since("8.0.0"),
    service="neutron",
    extension="quotas",
    properties={
        "floatingip": integer("Floatingip.", UPDATE, at_least(-1)),
        "network": integer("Network, by name or id.", UPDATE, at_least(-1)),
        "port": integer("Port, by name or id.", UPDATE, at_least(-1)),
        "project": string("Project, by name or id.", REQUIRED, check("keystone.project")),
        "rbac_policy": integer("RBAC policy.", UPDATE, at_least(-1), since("12.0.0")),
        "router": integer("Router, by name or id.", UPDATE, at_least(-1)),
        "security_group": integer("Security group, by name or id.", UPDATE, at_least(-1)),
        "security_group_rule": integer("Security group rule.", UPDATE, at_least(-1)),
        "subnet": integer("Subnet, by name or id.", UPDATE, at_least(-1)),
        "subnetpool": integer("Subnetpool.", UPDATE, at_least(-1), since("12.0.0")),
    },
    translation=(by_name("project", "keystone.project"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


RBACPOLICY = ResourceType(
    name="OS::Neutron::RBACPolicy",
    description="Shares a network object with another project.",
    support=since("6.0.0"),
    service="neutron",
    entity="rbac_policy",
    extension="rbac-policies",
    properties={
        "action": string("What is done.", REQUIRED, allowed("access_as_shared", "access_as_external")),
        "object_id": string("Id of the object.", REQUIRED),
        "object_type": string(
            "Object type.",
            REQUIRED,
            allowed("network", "qos_policy", "security_group", "address_scope", "subnetpool"),
        ),
        "target_tenant": string("Target tenant.", REQUIRED, UPDATE),
        "tenant_id": string("The project that owns it; administrators only."),
    },
    translation=(by_name("object_id", "neutron.<value of object_type>"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    observe_reality=True,
    may_survive_create_failed=True,
)


TYPES = (
    QUOTA,
    RBACPOLICY,
)
