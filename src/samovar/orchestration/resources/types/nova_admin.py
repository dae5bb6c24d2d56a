# SPDX-License-Identifier: Apache-2.0
"""Aggregates, quotas and the older floating IPs of the compute service."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    at_least,
    by_name,
    check,
    deprecated,
    hidden,
    integer,
    items,
    mapping,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

FLOATING_IP = ResourceType(
    name="OS::Nova::FloatingIP",
    description="A public address from a pool of the compute service.",
    support=hidden("11.0.0", deprecated("9.0.0", since("2014.1"))),
    properties={
        "pool": string("Pool, by name or id."),
    },
    attributes={
        "ip": string_attr("IP."),
        "pool": string_attr("Pool."),
    },
)


FLOATING_IPASSOCIATION = ResourceType(
    name="OS::Nova::FloatingIPAssociation",
    description="Leads a public address of the compute service to a server.",
    support=hidden("11.0.0", deprecated("9.0.0", since("2014.1"))),
    service="nova",
    properties={
        "floating_ip": string("Floating IP.", REQUIRED, UPDATE),
        "server_id": string("Id of the server.", REQUIRED, UPDATE, check("nova.server")),
    },
    reference=Reference.PHYSICAL_NAME,
)


HOST_AGGREGATE = ResourceType(
    name="OS::Nova::HostAggregate",
    description="A group of compute hosts.",
    support=since("6.0.0"),
    service="nova",
    entity="aggregates",
    properties={
        "availability_zone": string("Availability zone.", UPDATE),
        "hosts": items("Hosts.", UPDATE, of=string("", check("nova.host"))),
        "metadata": mapping("Keys and values kept with the object.", UPDATE, default={}),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED, UPDATE),
    },
    observe_reality=True,
)


QUOTA = ResourceType(
    name="OS::Nova::Quota",
    description="The compute quotas of a project.",
    support=since("8.0.0"),
    service="nova",
    entity="quotas",
    properties={
        "cores": integer("Cores.", UPDATE, at_least(-1)),
        "fixed_ips": integer("Fixed IPs.", UPDATE, at_least(-1)),
        "floating_ips": integer("Floating IPs.", UPDATE, at_least(-1)),
        "injected_file_content_bytes": integer(
            "Injected file content bytes.", UPDATE, at_least(-1), deprecated("14.0.0")
        ),
        "injected_file_path_bytes": integer(
            "Injected file path bytes.", UPDATE, at_least(-1), deprecated("14.0.0")
        ),
        "injected_files": integer("Injected files.", UPDATE, at_least(-1), deprecated("14.0.0")),
        "instances": integer("Instances.", UPDATE, at_least(-1)),
        "key_pairs": integer("Key pairs.", UPDATE, at_least(-1)),
        "metadata_items": integer("Metadata items.", UPDATE, at_least(-1)),
        "project": string("Project, by name or id.", REQUIRED, check("keystone.project")),
        "ram": integer("RAM.", UPDATE, at_least(-1)),
        "security_group_rules": integer("Security group rules.", UPDATE, at_least(-1)),
        "security_groups": integer("Security groups, by name or id.", UPDATE, at_least(-1)),
        "server_group_members": integer("Server group members.", UPDATE, at_least(-1)),
        "server_groups": integer("Server groups.", UPDATE, at_least(-1)),
    },
    translation=(by_name("project", "keystone.project"),),
)


TYPES = (
    FLOATING_IP,
    FLOATING_IPASSOCIATION,
    HOST_AGGREGATE,
    QUOTA,
)
