# SPDX-License-Identifier: Apache-2.0
"""Groups and chains of equal resources."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    integer,
    items,
    length,
    list_attr,
    map_attr,
    mapping,
    number,
    record,
    records,
    since,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

RESOURCE_CHAIN = ResourceType(
    name="OS::Heat::ResourceChain",
    description="Resources of the listed types with the same properties, one after the other or at once.",
    support=since("6.0.0"),
    properties={
        "concurrent": boolean("Whether it is concurrent.", default=False),
        "resource_properties": mapping("Resource properties."),
        "resources": items("Resources.", REQUIRED, UPDATE),
    },
    attributes={
        "attributes": map_attr("Attributes."),
        "refs": list_attr("Refs."),
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


RESOURCE_GROUP = ResourceType(
    name="OS::Heat::ResourceGroup",
    description="A number of equal resources, told apart by their index.",
    support=since("2014.1"),
    properties={
        "count": integer("Number of members.", UPDATE, at_least(0), default=1),
        "index_var": string(
            "Text that stands for the index in the members' properties.",
            length(3),
            since("2014.2"),
            default="%index%",
        ),
        "removal_policies": records(
            "Members that are removed first.",
            {
                "resource_list": items("Members, by name, index or reference.", default=[]),
            },
            UPDATE,
            since("2015.1"),
            default=[],
        ),
        "removal_policies_mode": string(
            "append: adds to the members removed before; update: takes their place.",
            UPDATE,
            allowed("append", "update"),
            since("10.0.0"),
            default="append",
        ),
        "resource_def": record(
            "Definition of a member.",
            {
                "metadata": mapping("Metadata of a member.", since("5.0.0")),
                "properties": mapping("Properties of a member."),
                "type": string("Type of a member.", REQUIRED),
            },
            REQUIRED,
            UPDATE,
        ),
    },
    attributes={
        "attributes": map_attr("A map of an attribute by member name.", since("2014.2")),
        "refs": list_attr("References of the members."),
        "refs_map": map_attr("References by member name.", since("7.0.0")),
        "removed_rsrc_list": list_attr("Members that were removed and do not come back.", since("7.0.0")),
    },
    update_policy={
        "batch_create": record(
            "How members are made.",
            {
                "max_batch_size": integer("Members changed at once.", at_least(1), default=1),
                "pause_time": number("Seconds between two batches.", at_least(0), default=0),
            },
            since("5.0.0"),
        ),
        "rolling_update": record(
            "How members are changed when their definition changes.",
            {
                "max_batch_size": integer("Members changed at once.", at_least(1), default=1),
                "min_in_service": integer(
                    "Members kept in service during an update.", at_least(0), default=0
                ),
                "pause_time": number("Seconds between two batches.", at_least(0), default=0),
            },
            since("5.0.0"),
        ),
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


TYPES = (
    RESOURCE_CHAIN,
    RESOURCE_GROUP,
)
