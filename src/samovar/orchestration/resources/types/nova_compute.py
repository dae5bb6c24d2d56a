# SPDX-License-Identifier: Apache-2.0
"""Flavors, key pairs and server groups."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    boolean,
    boolean_attr,
    by_name,
    check,
    integer,
    items,
    length,
    map_attr,
    mapping,
    number,
    record,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

FLAVOR = ResourceType(
    name="OS::Nova::Flavor",
    description="A size of servers.",
    support=since("2014.2"),
    service="nova",
    entity="flavors",
    properties={
        "disk": integer("Root disk in gigabytes.", default=0),
        "ephemeral": integer("Second disk in gigabytes.", default=0),
        "extra_specs": mapping("Keys and values for the scheduler.", UPDATE),
        "flavorid": string("Its id; made up when left out.", since("7.0.0")),
        "is_public": boolean("Whether every project may use it.", since("6.0.0"), default=True),
        "name": string("Name of the flavor.", since("7.0.0")),
        "ram": integer("Memory in megabytes.", REQUIRED),
        "rxtx_factor": number("Share of the network bandwidth.", default=1.0),
        "swap": integer("Swap space in megabytes.", default=0),
        "tenants": items(
            "Projects that may use a private flavor, by name or id.",
            UPDATE,
            since("8.0.0"),
            of=string("", check("keystone.project")),
            default=[],
        ),
        "vcpus": integer("Number of virtual processors.", REQUIRED),
    },
    attributes={
        "extra_specs": map_attr("Keys and values for the scheduler.", since("7.0.0")),
        "is_public": boolean_attr("Whether every project may use it.", since("6.0.0")),
    },
    translation=(by_name("tenants", "keystone.project"),),
    observe_reality=True,
)


KEY_PAIR = ResourceType(
    name="OS::Nova::KeyPair",
    description="A key pair for logging in to servers.",
    support=since("2014.1"),
    service="nova",
    entity="keypairs",
    properties={
        "name": string("Name of the key pair.", REQUIRED, length(1, 255)),
        "public_key": string("The public key; a new pair is made when it is left out."),
        "save_private_key": boolean(
            "Whether the private key of a new pair is kept as an attribute.", default=False
        ),
        "type": string("ssh or x509.", allowed("ssh", "x509"), since("8.0.0")),
        "user": string(
            "The user it belongs to, by name or id; administrators only.",
            check("keystone.user"),
            since("9.0.0"),
        ),
    },
    attributes={
        "private_key": string_attr("The private key, where it was made and kept.", UNCACHED),
        "public_key": string_attr("The public key."),
    },
    translation=(by_name("user", "keystone.user"),),
    reference=Reference.PHYSICAL_ID_OR_NULL,
    handlers=frozenset({"check"}),
    prepares_for_replace=True,
)


SERVER_GROUP = ResourceType(
    name="OS::Nova::ServerGroup",
    description="A group of servers with a rule where they are placed.",
    support=since("2014.2"),
    service="nova",
    entity="server_groups",
    properties={
        "name": string("Name of the group."),
        "policies": items(
            "How its servers are placed.",
            allowed("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"),
            of=string(),
            default=["anti-affinity"],
        ),
        "rules": record(
            "Limits of the placement.",
            {
                "max_server_per_host": number("Servers of the group on one host, with anti-affinity."),
            },
            since("17.0.0"),
        ),
    },
    may_survive_create_failed=True,
)


TYPES = (
    FLAVOR,
    KEY_PAIR,
    SERVER_GROUP,
)
