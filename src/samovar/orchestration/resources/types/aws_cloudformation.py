# SPDX-License-Identifier: Apache-2.0
"""Nested stacks and wait conditions, in the words of AWS."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    at_least,
    between,
    integer,
    mapping,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

STACK = ResourceType(
    name="AWS::CloudFormation::Stack",
    description="A stack inside the stack, from the template at a URL.",
    properties={
        "Parameters": mapping("Parameters.", UPDATE),
        "TemplateURL": string("Template URL.", REQUIRED, UPDATE),
        "TimeoutInMinutes": integer("Timeout in minutes.", UPDATE),
    },
    reference=Reference.STACK_ARN,
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


WAIT_CONDITION = ResourceType(
    name="AWS::CloudFormation::WaitCondition",
    description="Waits until its handle has been signalled often enough.",
    support=since("2014.1"),
    properties={
        "Count": integer("Count.", UPDATE, at_least(1), default=1),
        "Handle": string("Handle.", REQUIRED),
        "Timeout": integer("Timeout.", REQUIRED, between(1, 43200)),
    },
    attributes={
        "Data": string_attr("Data.", UNCACHED),
    },
)


WAIT_CONDITION_HANDLE = ResourceType(
    name="AWS::CloudFormation::WaitConditionHandle",
    description="A pre-signed URL at which a wait condition is signalled.",
    support=since("2014.1"),
    reference=Reference.PRESIGNED_WAITCONDITION_URL,
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
)


TYPES = (
    STACK,
    WAIT_CONDITION,
    WAIT_CONDITION_HANDLE,
)
