# SPDX-License-Identifier: Apache-2.0
"""Flavors, availability zones and quotas of load balancing."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    at_least,
    boolean,
    by_name,
    check,
    integer,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

AVAILABILITY_ZONE = ResourceType(
    name="OS::Octavia::AvailabilityZone",
    description="An availability zone of load balancers.",
    support=since("24.0.0"),
    service="octavia",
    properties={
        "availability_zone_profile": string(
            "Availability zone profile.", REQUIRED, check("octavia.availabilityzoneprofile")
        ),
        "description": string("Text for people.", UPDATE, default=""),
        "enabled": boolean("Whether it is in effect.", UPDATE, default=True),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
    },
    attributes={
        "availability_zone_profile_id": string_attr("Id of the availability zone profile."),
    },
    translation=(by_name("availability_zone_profile", "octavia.availabilityzoneprofile"),),
)


AVAILABILITY_ZONE_PROFILE = ResourceType(
    name="OS::Octavia::AvailabilityZoneProfile",
    description="The settings behind an availability zone of load balancers.",
    support=since("24.0.0"),
    service="octavia",
    properties={
        "availability_zone_data": string("Availability zone data.", REQUIRED, UPDATE, check("json_string")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "provider_name": string("Provider name.", UPDATE),
    },
)


FLAVOR = ResourceType(
    name="OS::Octavia::Flavor",
    description="A flavor of load balancers.",
    support=since("14.0.0"),
    service="octavia",
    properties={
        "description": string("Text for people.", UPDATE, default=""),
        "enabled": boolean("Whether it is in effect.", UPDATE, default=True),
        "flavor_profile": string("Flavor profile.", REQUIRED, check("octavia.flavorprofile")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
    },
    attributes={
        "flavor_profile_id": string_attr("Id of the flavor profile."),
    },
    translation=(by_name("flavor_profile", "octavia.flavorprofile"),),
)


FLAVOR_PROFILE = ResourceType(
    name="OS::Octavia::FlavorProfile",
    description="The settings behind a flavor of load balancers.",
    support=since("14.0.0"),
    service="octavia",
    properties={
        "flavor_data": string("Flavor data.", REQUIRED, UPDATE, check("json_string")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "provider_name": string("Provider name.", UPDATE),
    },
)


QUOTA = ResourceType(
    name="OS::Octavia::Quota",
    description="The load balancing quotas of a project.",
    support=since("14.0.0"),
    service="octavia",
    entity="quotas",
    properties={
        "healthmonitor": integer("Healthmonitor.", UPDATE, at_least(-1)),
        "listener": integer("Listener, by name or id.", UPDATE, at_least(-1)),
        "loadbalancer": integer("Load balancer, by name or id.", UPDATE, at_least(-1)),
        "member": integer("Member.", UPDATE, at_least(-1)),
        "pool": integer("Pool, by name or id.", UPDATE, at_least(-1)),
        "project": string("Project, by name or id.", REQUIRED, check("keystone.project")),
    },
    translation=(by_name("project", "keystone.project"),),
)


TYPES = (
    AVAILABILITY_ZONE,
    AVAILABILITY_ZONE_PROFILE,
    FLAVOR,
    FLAVOR_PROFILE,
    QUOTA,
)
