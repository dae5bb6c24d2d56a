# SPDX-License-Identifier: Apache-2.0
"""Regions, services and endpoints of the catalog."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    boolean,
    by_name,
    check,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

ENDPOINT = ResourceType(
    name="OS::Keystone::Endpoint",
    description="An address of a service in the catalog.",
    support=since("5.0.0"),
    service="keystone",
    entity="endpoints",
    properties={
        "enabled": boolean("Whether it is in effect.", UPDATE, since("6.0.0"), default=True),
        "interface": string(
            "public, internal or admin.", REQUIRED, UPDATE, allowed("public", "internal", "admin")
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "region": string("Region, by name or id.", UPDATE, check("keystone.region")),
        "service": string("Service, by name or id.", REQUIRED, UPDATE, check("keystone.service")),
        "url": string("URL.", REQUIRED, UPDATE),
    },
    translation=(
        by_name("service", "keystone.service"),
        by_name("region", "keystone.region"),
    ),
    observe_reality=True,
)


REGION = ResourceType(
    name="OS::Keystone::Region",
    description="A region of the cloud.",
    support=since("6.0.0"),
    service="keystone",
    entity="regions",
    properties={
        "description": string("Text for people.", UPDATE),
        "enabled": boolean("Whether it is in effect.", UPDATE, default=True),
        "id": string("Its id."),
        "parent_region": string("Parent region.", UPDATE, check("keystone.region")),
    },
    translation=(by_name("parent_region", "keystone.region"),),
    observe_reality=True,
)


SERVICE = ResourceType(
    name="OS::Keystone::Service",
    description="A service of the catalog.",
    support=since("5.0.0"),
    service="keystone",
    entity="services",
    properties={
        "description": string("Text for people.", UPDATE),
        "enabled": boolean("Whether it is in effect.", UPDATE, since("6.0.0"), default=True),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "type": string("Its type.", REQUIRED, UPDATE),
    },
)


TYPES = (
    ENDPOINT,
    REGION,
    SERVICE,
)
