# SPDX-License-Identifier: Apache-2.0
"""Machines that exist already."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    UNCACHED,
    UPDATE,
    allowed,
    deprecated,
    length,
    map_attr,
    mapping,
    record,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

DEPLOYED_SERVER = ResourceType(
    name="OS::Heat::DeployedServer",
    description="A machine that exists already, managed as a server by software deployments.",
    service="heat",
    entity="servers",
    properties={
        "deployment_swift_data": record(
            "Deployment swift data.",
            {
                "container": string("Container.", length(1)),
                "object": string("Object.", length(1)),
            },
            UPDATE,
            since("9.0.0"),
            default={},
        ),
        "metadata": mapping(
            "Keys and values kept with the object.", UPDATE, deprecated("9.0.0", since("8.0.0"))
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "software_config_transport": string(
            "Software configuration transport.",
            UPDATE,
            allowed("POLL_SERVER_CFN", "POLL_SERVER_HEAT", "POLL_TEMP_URL", "ZAQAR_MESSAGE"),
            default="POLL_SERVER_CFN",
        ),
    },
    attributes={
        "name": string_attr("Its name."),
        "os_collect_config": map_attr("OS collect configuration.", UNCACHED, since("9.0.0")),
    },
    handlers=frozenset({"suspend", "resume", "snapshot_delete"}),
    name_limit=53,
    stack_user=True,
)


TYPES = (DEPLOYED_SERVER,)
