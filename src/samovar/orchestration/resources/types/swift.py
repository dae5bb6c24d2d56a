# SPDX-License-Identifier: Apache-2.0
"""Containers of the object store."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    boolean,
    integer_attr,
    map_attr,
    mapping,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

CONTAINER = ResourceType(
    name="OS::Swift::Container",
    description="A container of the object store.",
    service="swift",
    properties={
        "PurgeOnDelete": boolean("Purge on delete: true or false.", since("2015.1"), default=False),
        "X-Account-Meta": mapping("X-account-meta.", default={}),
        "X-Container-Meta": mapping("X-container-meta.", default={}),
        "X-Container-Read": string("X-container-read."),
        "X-Container-Write": string("X-container-write."),
        "name": string("Name; made from the stack and resource names when it is left out."),
    },
    attributes={
        "BytesUsed": integer_attr("Bytes used."),
        "DomainName": string_attr("Domain name."),
        "HeadContainer": map_attr("Head container."),
        "ObjectCount": integer_attr("Object count."),
        "RootURL": string_attr("Root URL."),
        "WebsiteURL": string_attr("Website URL."),
    },
    reference=Reference.PHYSICAL_ID,
    handlers=frozenset({"check"}),
    observe_reality=True,
)


TYPES = (CONTAINER,)
