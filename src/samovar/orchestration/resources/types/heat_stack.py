# SPDX-License-Identifier: Apache-2.0
"""Stacks inside stacks, and who may read what."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    boolean,
    integer,
    items,
    map_attr,
    mapping,
    record,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

ACCESS_POLICY = ResourceType(
    name="OS::Heat::AccessPolicy",
    description="Which resources of the stack a stack user may read.",
    properties={
        "AllowedResources": items("Allowed resources.", REQUIRED),
    },
)


STACK = ResourceType(
    name="OS::Heat::Stack",
    description="A stack inside the stack, in this region or cloud or in another one.",
    service="heat",
    entity="stacks",
    properties={
        "context": record(
            "Where the stack runs; here when left out.",
            {
                "ca_cert": string(
                    "Certificate authority of the other cloud, as PEM.", UPDATE, since("12.0.0")
                ),
                "credential_secret_id": string(
                    "Key manager secret with the credentials of the other cloud.", UPDATE, since("12.0.0")
                ),
                "insecure": boolean(
                    "Whether certificates are not checked.", UPDATE, since("12.0.0"), default=False
                ),
                "region_name": string("Region of the stack."),
            },
            UPDATE,
        ),
        "parameters": mapping("Parameters of the stack.", UPDATE, default={}),
        "template": string("Text of the template.", REQUIRED, UPDATE),
        "timeout": integer("Minutes an action may take.", UPDATE),
    },
    attributes={
        "outputs": map_attr("All outputs of the stack."),
        "stack_name": string_attr("Name of the stack."),
    },
    reference=Reference.PHYSICAL_ID_OR_NULL,
    handlers=frozenset({"check", "suspend", "resume", "snapshot", "restore"}),
)


TYPES = (
    ACCESS_POLICY,
    STACK,
)
