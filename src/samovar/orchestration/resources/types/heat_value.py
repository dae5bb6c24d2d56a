# SPDX-License-Identifier: Apache-2.0
"""Values, random strings, placeholders and delays."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    any_attr,
    anything,
    appended,
    at_least,
    between,
    boolean,
    check,
    deprecated,
    dropped,
    hidden,
    integer,
    items,
    number,
    record,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

DELAY = ResourceType(
    name="OS::Heat::Delay",
    description="Waits a while, the same for each action or at random.",
    support=since("11.0.0"),
    properties={
        "actions": items(
            "The actions in which it takes part.",
            UPDATE,
            allowed("CREATE", "DELETE", "SUSPEND", "RESUME"),
            default=["CREATE"],
        ),
        "jitter_multiplier": number("Jitter multiplier.", UPDATE, at_least(0), default=1.0),
        "max_jitter": number("Largest jitter.", UPDATE, at_least(0), default=0),
        "min_wait": number("Smallest wait.", UPDATE, at_least(0), default=0),
    },
    handlers=frozenset({"suspend", "resume"}),
)


NONE = ResourceType(
    name="OS::Heat::None",
    description="Accepts any properties, does nothing, and has no attributes.",
    support=since("5.0.0"),
    noop=True,
)


RANDOM_STRING = ResourceType(
    name="OS::Heat::RandomString",
    description="A random string that stays the same until its properties change.",
    support=since("2014.1"),
    properties={
        "character_classes": records(
            "Classes to draw from, and how many of each at least.",
            {
                "class": string(
                    "The class of characters.",
                    allowed(
                        "lettersdigits",
                        "letters",
                        "lowercase",
                        "uppercase",
                        "digits",
                        "hexdigits",
                        "octdigits",
                    ),
                    default="lettersdigits",
                ),
                "min": integer("How many at least.", between(1, 512), default=1),
            },
            default=[{"class": "lettersdigits", "min": 1}],
        ),
        "character_sequences": records(
            "Strings of characters to draw from.",
            {
                "min": integer("How many at least.", between(1, 512), default=1),
                "sequence": string("The characters.", REQUIRED),
            },
        ),
        "length": integer("Number of characters.", between(1, 512), default=32),
        "salt": string("Any text; a change makes a new string."),
        "sequence": string(
            "Older spelling of a single character class.",
            allowed("lettersdigits", "letters", "lowercase", "uppercase", "digits", "hexdigits", "octdigits"),
            hidden("5.0.0", deprecated("2014.2")),
        ),
    },
    attributes={
        "value": string_attr("The random string.", UNCACHED),
    },
    translation=(
        appended("character_classes", "sequence", "class"),
        dropped("sequence"),
    ),
    reference=Reference.GENERATED_VALUE,
)


TEST_RESOURCE = ResourceType(
    name="OS::Heat::TestResource",
    description="Does what its properties say: waits, fails, keeps a value; for tests of templates.",
    support=since("5.0.0"),
    properties={
        "action_wait_secs": record(
            "Seconds to wait, by action.",
            {
                "create": number("Seconds to wait on create.", UPDATE),
                "delete": number("Seconds to wait on delete.", UPDATE),
                "update": number("Seconds to wait on update.", UPDATE),
            },
            UPDATE,
        ),
        "attr_wait_secs": number("Seconds an attribute takes.", UPDATE, since("6.0.0"), default=0),
        "client_name": string("Client asked for the entity, for tests.", UPDATE, default=""),
        "constraint_prop_secs": number(
            "Seconds the check of this property takes.",
            UPDATE,
            check("test_constr"),
            since("6.0.0"),
            default=0,
        ),
        "entity_name": string("Entity asked for, for tests.", UPDATE, default=""),
        "fail": boolean("Whether create and update fail.", UPDATE, default=False),
        "update_replace": boolean("Whether an update replaces the resource.", UPDATE, default=False),
        "update_replace_value": string("Any text; a change replaces the resource.", since("7.0.0")),
        "value": string("Value given back as the attribute.", UPDATE, default="test_string"),
        "wait_secs": number("Seconds to wait in every action.", UPDATE, default=0),
    },
    attributes={
        "output": any_attr("The value.", UNCACHED),
    },
    handlers=frozenset({"check"}),
)


VALUE = ResourceType(
    name="OS::Heat::Value",
    description="A value computed in the template and given back as an attribute.",
    support=since("7.0.0"),
    properties={
        "type": string(
            "Type the value is checked against.",
            UPDATE,
            allowed("string", "number", "comma_delimited_list", "json", "boolean"),
        ),
        "value": anything("The value.", REQUIRED, UPDATE),
    },
    attributes={
        "value": any_attr("The value."),
    },
)


TYPES = (
    DELAY,
    NONE,
    RANDOM_STRING,
    TEST_RESOURCE,
    VALUE,
)
