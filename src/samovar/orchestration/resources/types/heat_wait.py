# SPDX-License-Identifier: Apache-2.0
"""Wait conditions and signals."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    at_least,
    between,
    integer,
    number,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

SWIFT_SIGNAL = ResourceType(
    name="OS::Heat::SwiftSignal",
    description="Waits for signals left in the object store.",
    support=since("2014.2"),
    service="swift",
    properties={
        "count": integer("How many.", between(1, 1000), default=1),
        "handle": string("Handle.", REQUIRED),
        "timeout": number("How long to wait, in seconds.", REQUIRED, between(1, 43200)),
    },
    attributes={
        "data": string_attr("Data."),
    },
)


SWIFT_SIGNAL_HANDLE = ResourceType(
    name="OS::Heat::SwiftSignalHandle",
    description="A temporary URL of the object store at which a signal is left.",
    support=since("2014.2"),
    service="swift",
    attributes={
        "curl_cli": string_attr("Curl cli.", UNCACHED),
        "endpoint": string_attr("Endpoint.", UNCACHED),
        "token": string_attr("Token.", UNCACHED),
    },
    reference=Reference.TEMPURL_ENDPOINT,
)


UPDATE_WAIT_CONDITION_HANDLE = ResourceType(
    name="OS::Heat::UpdateWaitConditionHandle",
    description="A wait condition handle that is made anew on each update.",
    support=since("2014.1"),
    reference=Reference.PRESIGNED_WAITCONDITION_URL,
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
)


WAIT_CONDITION = ResourceType(
    name="OS::Heat::WaitCondition",
    description="Waits until its handle has been signalled often enough.",
    support=since("2014.2"),
    properties={
        "count": integer("Number of signals to wait for.", UPDATE, at_least(1), default=1),
        "handle": string("The handle to wait for.", REQUIRED),
        "timeout": number("Seconds to wait at most.", REQUIRED, between(1, 43200)),
    },
    attributes={
        "data": string_attr("The data of the signals, as JSON text by id.", UNCACHED),
    },
)


WAIT_CONDITION_HANDLE = ResourceType(
    name="OS::Heat::WaitConditionHandle",
    description="The place at which a wait condition is signalled.",
    support=since("2014.2"),
    properties={
        "signal_transport": string(
            "How the signal comes back.",
            allowed(
                "CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL", "NO_SIGNAL", "ZAQAR_SIGNAL", "TOKEN_SIGNAL"
            ),
            since("6.0.0"),
            default="TOKEN_SIGNAL",
        ),
    },
    attributes={
        "curl_cli": string_attr("A command that signals the handle.", UNCACHED),
        "endpoint": string_attr("URL to signal.", UNCACHED),
        "signal": string_attr("All that a client needs to signal, as JSON text.", UNCACHED),
        "token": string_attr("Token to signal with.", UNCACHED),
    },
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
)


TYPES = (
    SWIFT_SIGNAL,
    SWIFT_SIGNAL_HANDLE,
    UPDATE_WAIT_CONDITION_HANDLE,
    WAIT_CONDITION,
    WAIT_CONDITION_HANDLE,
)
