# SPDX-License-Identifier: Apache-2.0
"""Databases."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    SECRET,
    UPDATE,
    between,
    by_name,
    check,
    integer,
    items,
    length,
    list_attr,
    pattern,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

CLUSTER = ResourceType(
    name="OS::Trove::Cluster",
    description="A database cluster.",
    support=since("2015.1"),
    service="trove",
    entity="clusters",
    properties={
        "datastore_type": string("Datastore type.", REQUIRED, length(None, 255)),
        "datastore_version": string("Datastore version.", REQUIRED, length(None, 255)),
        "instances": records(
            "Instances.",
            {
                "availability_zone": string("Availability zone.", since("14.0.0")),
                "flavor": string("Flavor, by name or id.", REQUIRED, check("trove.flavor")),
                "networks": records(
                    "Its networks.",
                    {
                        "fixed_ip": string("Address wanted.", check("ip_addr")),
                        "network": string("Network, by name or id.", check("neutron.network")),
                        "port": string("Port, by name or id.", check("neutron.port")),
                    },
                    since("10.0.0"),
                    default=[],
                ),
                "volume_size": integer("Size in gigabytes.", REQUIRED, between(1, 150)),
            },
            REQUIRED,
        ),
        "name": string(
            "Name; made from the stack and resource names when it is left out.", length(None, 255)
        ),
    },
    attributes={
        "instances": list_attr("Instances."),
        "ip": list_attr("IP."),
    },
    translation=(
        by_name("instances.networks.network", "neutron.network"),
        by_name("instances.networks.port", "neutron.port"),
        by_name("instances.flavor", "trove.flavor"),
    ),
)


INSTANCE = ResourceType(
    name="OS::Trove::Instance",
    description="A database server.",
    support=since("2014.1"),
    service="trove",
    entity="instances",
    properties={
        "availability_zone": string("Availability zone."),
        "databases": records(
            "Databases.",
            {
                "character_set": string("Character set.", default="utf8"),
                "collate": string("Collate.", default="utf8_general_ci"),
                "name": string(
                    "Name; made from the stack and resource names when it is left out.",
                    REQUIRED,
                    length(None, 64),
                    pattern(r"[a-zA-Z0-9_\-]+[a-zA-Z0-9_@?#\s\-]*[a-zA-Z0-9_\-]+"),
                ),
            },
            UPDATE,
            default=[],
        ),
        "datastore_type": string("Datastore type.", length(None, 255)),
        "datastore_version": string("Datastore version.", length(None, 255)),
        "flavor": string("Flavor, by name or id.", REQUIRED, UPDATE, check("trove.flavor")),
        "name": string(
            "Name; made from the stack and resource names when it is left out.", UPDATE, length(None, 255)
        ),
        "networks": records(
            "Its networks.",
            {
                "fixed_ip": string("Address wanted.", check("ip_addr")),
                "network": string("Network, by name or id.", check("neutron.network")),
                "port": string("Port, by name or id.", check("neutron.port")),
            },
            default=[],
        ),
        "replica_count": integer("Replica count.", since("5.0.0")),
        "replica_of": string("Replica of.", since("5.0.0")),
        "restore_point": string("Restore point."),
        "size": integer("Size in gigabytes.", REQUIRED, UPDATE, between(1, 150)),
        "users": records(
            "Users.",
            {
                "databases": items("Databases.", REQUIRED, UPDATE, length(1), of=string()),
                "host": string("Host.", UPDATE, default="%"),
                "name": string(
                    "Name; made from the stack and resource names when it is left out.",
                    REQUIRED,
                    UPDATE,
                    length(None, 16),
                    pattern(r"[a-zA-Z0-9_]+[a-zA-Z0-9_@?#\s]*[a-zA-Z0-9_]+"),
                ),
                "password": string(
                    "Password.",
                    REQUIRED,
                    UPDATE,
                    SECRET,
                    pattern(r"[a-zA-Z0-9_]+[a-zA-Z0-9_@?#\s]*[a-zA-Z0-9_]+"),
                ),
            },
            UPDATE,
            default=[],
        ),
    },
    attributes={
        "hostname": string_attr("Hostname."),
        "href": string_attr("Href."),
    },
    translation=(by_name("flavor", "trove.flavor"),),
    handlers=frozenset({"check"}),
    observe_reality=True,
)


TYPES = (
    CLUSTER,
    INSTANCE,
)
