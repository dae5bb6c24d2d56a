# SPDX-License-Identifier: Apache-2.0
"""DNS zones and records."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    between,
    check,
    deprecated,
    integer,
    items,
    length,
    mapping,
    moved_beside,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

RECORD_SET = ResourceType(
    name="OS::Designate::RecordSet",
    description="The records of one name and type in a DNS zone.",
    support=since("8.0.0"),
    service="designate",
    entity="recordsets",
    properties={
        "description": string("Text for people.", UPDATE, length(None, 160)),
        "name": string(
            "Name; made from the stack and resource names when it is left out.", length(None, 255)
        ),
        "records": items("Records.", REQUIRED, UPDATE),
        "ttl": integer("Time to live in seconds.", UPDATE, between(1, 2147483647)),
        "type": string(
            "Its type.",
            REQUIRED,
            allowed(
                "A",
                "AAAA",
                "CNAME",
                "MX",
                "SRV",
                "TXT",
                "SPF",
                "NS",
                "PTR",
                "SSHFP",
                "SOA",
                "CAA",
                "CERT",
                "NAPTR",
            ),
        ),
        "zone": string("Zone.", REQUIRED, check("designate.zone")),
    },
)


ZONE = ResourceType(
    name="OS::Designate::Zone",
    description="A DNS zone.",
    support=since("8.0.0"),
    service="designate",
    entity="zones",
    properties={
        "attributes": mapping("Attributes.", since("24.0.0")),
        "description": string("Text for people.", UPDATE, length(None, 160)),
        "email": string("E-mail address.", UPDATE),
        "masters": items("Masters.", UPDATE, deprecated("15.0.0")),
        "name": string(
            "Name; made from the stack and resource names when it is left out.", REQUIRED, length(None, 255)
        ),
        "primaries": items("Primaries.", UPDATE),
        "ttl": integer("Time to live in seconds.", UPDATE, between(1, 2147483647)),
        "type": string("Its type.", allowed("PRIMARY", "SECONDARY"), default="PRIMARY"),
    },
    attributes={
        "serial": string_attr("Serial."),
    },
    translation=(moved_beside("masters", "primaries"),),
)


TYPES = (
    RECORD_SET,
    ZONE,
)
