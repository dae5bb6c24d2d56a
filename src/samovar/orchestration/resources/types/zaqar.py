# SPDX-License-Identifier: Apache-2.0
"""Message queues."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    any_attr,
    at_least,
    check,
    deprecated,
    hidden,
    integer,
    items,
    length,
    mapping,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

MISTRAL_TRIGGER = ResourceType(
    name="OS::Zaqar::MistralTrigger",
    description="Runs a workflow for each message of a queue.",
    support=since("8.0.0"),
    service="zaqar",
    properties={
        "input": mapping("Input of the workflow.", UPDATE, default={}),
        "params": mapping("Parameters of the workflow.", UPDATE, default={}),
        "queue_name": string("Queue name.", REQUIRED, check("zaqar.queue")),
        "ttl": integer("Time to live in seconds.", UPDATE, at_least(60), default=220367260800),
        "workflow_id": string("Id of the workflow.", REQUIRED, UPDATE, check("mistral.workflow")),
    },
    observe_reality=True,
)


QUEUE = ResourceType(
    name="OS::Zaqar::Queue",
    description="A message queue.",
    support=since("2014.2"),
    service="zaqar",
    properties={
        "metadata": mapping("Keys and values kept with the object.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", length(None, 64)),
    },
    attributes={
        "href": any_attr("Href."),
        "queue_id": any_attr(
            "Id of the queue.", UNCACHED, hidden("6.0.0", deprecated("2015.1", since("2014.1")))
        ),
    },
    name_limit=64,
    observe_reality=True,
)


SIGNED_QUEUE_URL = ResourceType(
    name="OS::Zaqar::SignedQueueURL",
    description="A pre-signed URL of a message queue.",
    support=since("8.0.0"),
    service="zaqar",
    properties={
        "methods": items("Methods.", of=string("", allowed("GET", "DELETE", "PATCH", "POST", "PUT"))),
        "paths": items("Paths."),
        "queue": string("Queue.", REQUIRED),
        "ttl": integer("Time to live in seconds."),
    },
    attributes={
        "expires": any_attr("Expires."),
        "methods": any_attr("Methods."),
        "paths": any_attr("Paths."),
        "project": any_attr("Project."),
        "query_str": any_attr("Query str."),
        "signature": any_attr("Signature."),
    },
)


SUBSCRIPTION = ResourceType(
    name="OS::Zaqar::Subscription",
    description="Sends the messages of a queue to an address.",
    support=since("8.0.0"),
    service="zaqar",
    properties={
        "options": mapping("Options for the tool that applies the configuration.", UPDATE),
        "queue_name": string("Queue name.", REQUIRED, check("zaqar.queue")),
        "subscriber": string("Subscriber.", REQUIRED, UPDATE),
        "ttl": integer("Time to live in seconds.", UPDATE, at_least(60), default=220367260800),
    },
    observe_reality=True,
)


TYPES = (
    MISTRAL_TRIGGER,
    QUEUE,
    SIGNED_QUEUE_URL,
    SUBSCRIPTION,
)
