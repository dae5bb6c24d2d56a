# SPDX-License-Identifier: Apache-2.0
"""Software configuration."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    allowed,
    anything,
    boolean,
    items,
    length,
    mapping,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

OUTPUTS = records(
    "Outputs of the configuration.",
    {
        "description": string("Text for people."),
        "error_output": boolean("Whether a value here means failure.", default=False),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
        "type": string(
            "Its type.",
            allowed("String", "Number", "CommaDelimitedList", "Json", "Boolean"),
            default="String",
        ),
    },
)
INPUTS = records(
    "Inputs of the configuration.",
    {
        "default": anything("Value when none is given."),
        "description": string("Text for people."),
        "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
        "replace_on_change": boolean("Whether a change of this input makes a new deployment.", default=False),
        "type": string(
            "Its type.",
            allowed("String", "Number", "CommaDelimitedList", "Json", "Boolean"),
            default="String",
        ),
    },
)

CLOUD_CONFIG = ResourceType(
    name="OS::Heat::CloudConfig",
    description="A cloud-config document as software configuration.",
    support=since("2014.1"),
    service="heat",
    entity="software_configs",
    properties={
        "cloud_config": mapping("Cloud configuration."),
    },
    attributes={
        "config": string_attr("Configuration."),
    },
)


MULTIPART_MIME = ResourceType(
    name="OS::Heat::MultipartMime",
    description="Several configurations joined into one multi-part message for cloud-init.",
    support=since("2014.1"),
    service="heat",
    entity="software_configs",
    properties={
        "group": string("Group it belongs to.", since("14.0.0"), default="Heat::Ungrouped"),
        "parts": records(
            "Parts.",
            {
                "config": string("The configuration, or its id.", REQUIRED),
                "filename": string("Filename."),
                "subtype": string("Subtype."),
                "type": string("Its type.", allowed("text", "multipart"), default="text"),
            },
            default=[],
        ),
    },
    attributes={
        "config": string_attr("Configuration."),
    },
)


SOFTWARE_COMPONENT = ResourceType(
    name="OS::Heat::SoftwareComponent",
    description="Software configuration with a script for each action.",
    support=since("2014.2"),
    service="heat",
    entity="software_configs",
    properties={
        "configs": records(
            "Configs.",
            {
                "actions": items(
                    "The actions in which it takes part.",
                    length(1),
                    of=string(),
                    default=["CREATE", "UPDATE"],
                ),
                "config": string("The configuration, or its id."),
                "tool": string("Tool.", REQUIRED),
            },
            REQUIRED,
            length(1),
        ),
        "inputs": INPUTS,
        "options": mapping("Options for the tool that applies the configuration."),
        "outputs": OUTPUTS,
    },
    attributes={
        "config": string_attr("Configuration."),
    },
)


SOFTWARE_CONFIG = ResourceType(
    name="OS::Heat::SoftwareConfig",
    description="A piece of software configuration, kept for deployments.",
    support=since("2014.1"),
    service="heat",
    entity="software_configs",
    properties={
        "config": string("The configuration, or its id."),
        "group": string("Group it belongs to.", default="Heat::Ungrouped"),
        "inputs": INPUTS,
        "options": mapping("Options for the tool that applies the configuration."),
        "outputs": OUTPUTS,
    },
    attributes={
        "config": string_attr("Configuration."),
    },
)


STRUCTURED_CONFIG = ResourceType(
    name="OS::Heat::StructuredConfig",
    description="Software configuration that is a map, with places for inputs.",
    support=since("2014.1"),
    service="heat",
    entity="software_configs",
    properties={
        "config": mapping("The configuration, or its id."),
        "group": string("Group it belongs to.", default="Heat::Ungrouped"),
        "inputs": INPUTS,
        "options": mapping("Options for the tool that applies the configuration."),
        "outputs": OUTPUTS,
    },
    attributes={
        "config": string_attr("Configuration."),
    },
)


TYPES = (
    CLOUD_CONFIG,
    MULTIPART_MIME,
    SOFTWARE_COMPONENT,
    SOFTWARE_CONFIG,
    STRUCTURED_CONFIG,
)
