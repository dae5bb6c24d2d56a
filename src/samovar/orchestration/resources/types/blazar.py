# SPDX-License-Identifier: Apache-2.0
"""Reservations."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    allowed,
    at_least,
    between,
    boolean,
    boolean_attr,
    integer,
    integer_attr,
    list_attr,
    map_attr,
    mapping,
    pattern,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

HOST = ResourceType(
    name="OS::Blazar::Host",
    description="A compute host offered for reservation.",
    support=since("12.0.0"),
    service="blazar",
    entity="host",
    properties={
        "extra_capability": mapping("Extra capability."),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
    },
    attributes={
        "cpu_info": map_attr("CPU info."),
        "created_at": string_attr("Created at."),
        "extra_capability": map_attr("Extra capability."),
        "hypervisor_hostname": string_attr("Hypervisor hostname."),
        "hypervisor_type": string_attr("Hypervisor type."),
        "hypervisor_version": integer_attr("Hypervisor version."),
        "local_gb": integer_attr("Local gb."),
        "memory_mb": integer_attr("Memory mb."),
        "reservable": boolean_attr("Whether it is reservable."),
        "service_name": string_attr("Service name."),
        "status": string_attr("Its state."),
        "trust_id": string_attr("Id of the trust."),
        "updated_at": string_attr("Updated at."),
        "vcpus": integer_attr("Vcpus."),
    },
)


LEASE = ResourceType(
    name="OS::Blazar::Lease",
    description="Reserves hosts or instances for a time.",
    support=since("12.0.0"),
    service="blazar",
    entity="lease",
    properties={
        "before_end_date": string("Before end date.", pattern(r"\d{4}-\d{2}-\d{2}\s\d{2}:\d{2}")),
        "end_date": string("End date.", REQUIRED, pattern(r"\d{4}-\d{2}-\d{2}\s\d{2}:\d{2}")),
        "events": records(
            "Events.",
            {
                "event_type": string("Event type.", REQUIRED),
                "time": string("Time.", REQUIRED),
            },
            default=[],
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
        "reservations": records(
            "Reservations.",
            {
                "affinity": boolean("Whether it is affinity.", default=False),
                "amount": integer("Amount.", between(0, 2147483647)),
                "before_end": string("Before end.", allowed("default", "snapshot"), default="default"),
                "disk_gb": integer("Disk gb.", between(0, 2147483647)),
                "hypervisor_properties": string("Hypervisor properties."),
                "max": integer("Largest.", at_least(1)),
                "memory_mb": integer("Memory mb.", between(0, 2147483647)),
                "min": integer("Smallest.", at_least(1)),
                "resource_properties": string("Resource properties."),
                "resource_type": string(
                    "Type of the resources.", REQUIRED, allowed("virtual:instance", "physical:host")
                ),
                "vcpus": integer("Vcpus.", between(0, 2147483647)),
            },
            REQUIRED,
        ),
        "start_date": string("Start date.", REQUIRED, pattern(r"\d{4}-\d{2}-\d{2}\s\d{2}:\d{2}")),
    },
    attributes={
        "created_at": string_attr("Created at."),
        "degraded": boolean_attr("Whether it is degraded."),
        "end_date": string_attr("End date."),
        "events": list_attr("Events."),
        "name": string_attr("Its name."),
        "project_id": string_attr("Id of the project."),
        "reservations": list_attr("Reservations."),
        "start_date": string_attr("Start date."),
        "status": string_attr("Its state."),
        "trust_id": string_attr("Id of the trust."),
        "updated_at": string_attr("Updated at."),
        "user_id": string_attr("Id of the user."),
    },
)


TYPES = (
    HOST,
    LEASE,
)
