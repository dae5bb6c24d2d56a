# SPDX-License-Identifier: Apache-2.0
"""Containers."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    boolean,
    by_name,
    check,
    integer,
    items,
    map_attr,
    mapping,
    number,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

CONTAINER = ResourceType(
    name="OS::Zun::Container",
    description="A container run by the container service.",
    support=since("9.0.0"),
    service="zun",
    entity="containers",
    properties={
        "command": string("Command."),
        "cpu": number("CPU.", UPDATE),
        "environment": mapping("Environment."),
        "hints": mapping("Hints.", since("10.0.0")),
        "hostname": string("Hostname.", since("10.0.0")),
        "image": string("Image, by name or id.", REQUIRED),
        "image_driver": string("Image driver.", allowed("docker", "glance")),
        "image_pull_policy": string("Image pull policy.", allowed("ifnotpresent", "always", "never")),
        "interactive": boolean("Whether it is interactive."),
        "labels": mapping("Labels."),
        "memory": integer("Memory.", UPDATE),
        "mounts": records(
            "Mounts.",
            {
                "mount_path": string("Mount path.", REQUIRED),
                "volume_id": string("Volume, by id.", check("cinder.volume")),
                "volume_size": integer("Size in gigabytes."),
            },
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "networks": records(
            "Its networks.",
            {
                "fixed_ip": string("Address wanted.", check("ip_addr")),
                "network": string("Network, by name or id.", check("neutron.network")),
                "port": string("Port, by name or id.", check("neutron.port")),
            },
            UPDATE,
            since("11.0.0"),
        ),
        "restart_policy": string("Restart policy."),
        "security_groups": items("Security groups, by name or id.", since("10.0.0"), default=[]),
        "tty": boolean("Whether it is tty.", since("14.0.0")),
        "workdir": string("Workdir."),
    },
    attributes={
        "addresses": map_attr("Addresses."),
        "name": string_attr("Its name."),
    },
    translation=(
        by_name("networks.network", "neutron.network"),
        by_name("networks.port", "neutron.port"),
    ),
)


TYPES = (CONTAINER,)
