# SPDX-License-Identifier: Apache-2.0
"""Layer 7 policies and rules."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    by_name,
    check,
    list_attr,
    number,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

L7_POLICY = ResourceType(
    name="OS::Octavia::L7Policy",
    description="What a listener does with requests that match rules.",
    support=since("10.0.0"),
    service="octavia",
    properties={
        "action": string(
            "What is done.", REQUIRED, UPDATE, allowed("REJECT", "REDIRECT_TO_POOL", "REDIRECT_TO_URL")
        ),
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "description": string("Text for people.", UPDATE),
        "listener": string("Listener, by name or id.", REQUIRED, check("octavia.listener")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "position": number("Place in the order.", UPDATE, at_least(1)),
        "redirect_pool": string("Pool requests are sent to, by name or id.", UPDATE, check("octavia.pool")),
        "redirect_url": string("URL requests are sent to.", UPDATE),
    },
    attributes={
        "rules": list_attr("Rules."),
    },
    translation=(
        by_name("listener", "octavia.listener"),
        by_name("redirect_pool", "octavia.pool"),
    ),
)


L7_RULE = ResourceType(
    name="OS::Octavia::L7Rule",
    description="A condition of a layer 7 policy.",
    support=since("10.0.0"),
    service="octavia",
    properties={
        "admin_state_up": boolean("Whether it is administratively up.", UPDATE, default=True),
        "compare_type": string(
            "How values are compared.",
            REQUIRED,
            UPDATE,
            allowed("REGEX", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "EQUAL_TO"),
        ),
        "invert": boolean("Whether the rule holds when it does not match.", UPDATE, default=False),
        "key": string("Its key.", UPDATE),
        "l7policy": string("Layer 7 policy, by name or id.", REQUIRED, check("octavia.l7policy")),
        "type": string(
            "Its type.", REQUIRED, UPDATE, allowed("HOST_NAME", "PATH", "FILE_TYPE", "HEADER", "COOKIE")
        ),
        "value": string("Its value.", REQUIRED, UPDATE),
    },
    translation=(by_name("l7policy", "octavia.l7policy"),),
)


TYPES = (
    L7_POLICY,
    L7_RULE,
)
