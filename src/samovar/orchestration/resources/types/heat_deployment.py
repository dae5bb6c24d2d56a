# SPDX-License-Identifier: Apache-2.0
"""Software deployments."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    deprecated,
    hidden,
    integer,
    items,
    map_attr,
    mapping,
    number,
    record,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

BATCH_CREATE = record(
    "How members are made.",
    {
        "max_batch_size": integer("Members changed at once.", at_least(1), default=1),
        "pause_time": number("Seconds between two batches.", at_least(0), default=0),
    },
    since("7.0.0"),
)
ROLLING_UPDATE = record(
    "How members are changed when their definition changes.",
    {
        "max_batch_size": integer("Members changed at once.", at_least(1), default=1),
        "pause_time": number("Seconds between two batches.", at_least(0), default=0),
    },
    since("7.0.0"),
)

SOFTWARE_DEPLOYMENT = ResourceType(
    name="OS::Heat::SoftwareDeployment",
    description="Runs a software configuration on a server, with inputs, and waits for its outputs.",
    support=since("2014.1"),
    service="heat",
    entity="software_deployments",
    properties={
        "actions": items(
            "The actions in which it takes part.",
            UPDATE,
            allowed("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME"),
            default=["CREATE", "UPDATE"],
        ),
        "config": string("The configuration, or its id.", UPDATE),
        "input_values": mapping("Values of the inputs.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "server": string("Server, by id.", REQUIRED),
        "signal_transport": string(
            "How the signal comes back.",
            allowed("CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL", "NO_SIGNAL", "ZAQAR_SIGNAL"),
            default="CFN_SIGNAL",
        ),
    },
    attributes={
        "deploy_status_code": string_attr("Deploy status code."),
        "deploy_stderr": string_attr("Deploy stderr."),
        "deploy_stdout": string_attr("Deploy stdout."),
    },
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
    signal_refreshes_metadata=False,
    no_signal_actions=frozenset(),
)


SOFTWARE_DEPLOYMENT_GROUP = ResourceType(
    name="OS::Heat::SoftwareDeploymentGroup",
    description="Runs one software configuration on several servers.",
    support=since("5.0.0"),
    properties={
        "actions": items(
            "The actions in which it takes part.",
            UPDATE,
            allowed("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME"),
            default=["CREATE", "UPDATE"],
        ),
        "config": string("The configuration, or its id.", UPDATE),
        "input_values": mapping("Values of the inputs.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "servers": mapping("Servers, by key.", REQUIRED, UPDATE),
        "signal_transport": string(
            "How the signal comes back.",
            allowed("CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL", "NO_SIGNAL", "ZAQAR_SIGNAL"),
            default="CFN_SIGNAL",
        ),
    },
    attributes={
        "deploy_status_codes": map_attr("Deploy status codes."),
        "deploy_stderrs": map_attr("Deploy stderrs."),
        "deploy_stdouts": map_attr("Deploy stdouts."),
    },
    update_policy={
        "batch_create": BATCH_CREATE,
        "rolling_update": ROLLING_UPDATE,
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


SOFTWARE_DEPLOYMENTS = ResourceType(
    name="OS::Heat::SoftwareDeployments",
    description="Older name of OS::Heat::SoftwareDeploymentGroup.",
    support=hidden("7.0.0", deprecated("2014.2"), substitute="OS::Heat::SoftwareDeploymentGroup"),
    properties={
        "actions": items(
            "The actions in which it takes part.",
            UPDATE,
            allowed("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME"),
            default=["CREATE", "UPDATE"],
        ),
        "config": string("The configuration, or its id.", UPDATE),
        "input_values": mapping("Values of the inputs.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "servers": mapping("Servers, by key.", REQUIRED, UPDATE),
        "signal_transport": string(
            "How the signal comes back.",
            allowed("CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL", "NO_SIGNAL", "ZAQAR_SIGNAL"),
            default="CFN_SIGNAL",
        ),
    },
    attributes={
        "deploy_status_codes": map_attr("Deploy status codes."),
        "deploy_stderrs": map_attr("Deploy stderrs."),
        "deploy_stdouts": map_attr("Deploy stdouts."),
    },
    update_policy={
        "batch_create": BATCH_CREATE,
        "rolling_update": ROLLING_UPDATE,
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


STRUCTURED_DEPLOYMENT = ResourceType(
    name="OS::Heat::StructuredDeployment",
    description="Runs a structured configuration on a server.",
    support=since("2014.1"),
    service="heat",
    entity="software_deployments",
    properties={
        "actions": items(
            "The actions in which it takes part.",
            UPDATE,
            allowed("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME"),
            default=["CREATE", "UPDATE"],
        ),
        "config": string("The configuration, or its id.", UPDATE),
        "input_key": string("The key that marks a place for an input.", default="get_input"),
        "input_values": mapping("Values of the inputs.", UPDATE),
        "input_values_validate": string(
            "LAX: unknown inputs are null; STRICT: they are errors.", allowed("LAX", "STRICT"), default="LAX"
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "server": string("Server, by id.", REQUIRED),
        "signal_transport": string(
            "How the signal comes back.",
            allowed("CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL", "NO_SIGNAL", "ZAQAR_SIGNAL"),
            default="CFN_SIGNAL",
        ),
    },
    attributes={
        "deploy_status_code": string_attr("Deploy status code."),
        "deploy_stderr": string_attr("Deploy stderr."),
        "deploy_stdout": string_attr("Deploy stdout."),
    },
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
    signal_refreshes_metadata=False,
    no_signal_actions=frozenset(),
)


STRUCTURED_DEPLOYMENT_GROUP = ResourceType(
    name="OS::Heat::StructuredDeploymentGroup",
    description="Runs one structured configuration on several servers.",
    support=since("5.0.0"),
    properties={
        "actions": items(
            "The actions in which it takes part.",
            UPDATE,
            allowed("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME"),
            default=["CREATE", "UPDATE"],
        ),
        "config": string("The configuration, or its id.", UPDATE),
        "input_key": string("The key that marks a place for an input.", default="get_input"),
        "input_values": mapping("Values of the inputs.", UPDATE),
        "input_values_validate": string(
            "LAX: unknown inputs are null; STRICT: they are errors.", allowed("LAX", "STRICT"), default="LAX"
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "servers": mapping("Servers, by key.", REQUIRED, UPDATE),
        "signal_transport": string(
            "How the signal comes back.",
            allowed("CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL", "NO_SIGNAL", "ZAQAR_SIGNAL"),
            default="CFN_SIGNAL",
        ),
    },
    attributes={
        "deploy_status_codes": map_attr("Deploy status codes."),
        "deploy_stderrs": map_attr("Deploy stderrs."),
        "deploy_stdouts": map_attr("Deploy stdouts."),
    },
    update_policy={
        "batch_create": BATCH_CREATE,
        "rolling_update": ROLLING_UPDATE,
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


STRUCTURED_DEPLOYMENTS = ResourceType(
    name="OS::Heat::StructuredDeployments",
    description="Older name of OS::Heat::StructuredDeploymentGroup.",
    support=hidden("7.0.0", deprecated("2014.2"), substitute="OS::Heat::StructuredDeploymentGroup"),
    properties={
        "actions": items(
            "The actions in which it takes part.",
            UPDATE,
            allowed("CREATE", "UPDATE", "DELETE", "SUSPEND", "RESUME"),
            default=["CREATE", "UPDATE"],
        ),
        "config": string("The configuration, or its id.", UPDATE),
        "input_key": string("The key that marks a place for an input.", default="get_input"),
        "input_values": mapping("Values of the inputs.", UPDATE),
        "input_values_validate": string(
            "LAX: unknown inputs are null; STRICT: they are errors.", allowed("LAX", "STRICT"), default="LAX"
        ),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "servers": mapping("Servers, by key.", REQUIRED, UPDATE),
        "signal_transport": string(
            "How the signal comes back.",
            allowed("CFN_SIGNAL", "TEMP_URL_SIGNAL", "HEAT_SIGNAL", "NO_SIGNAL", "ZAQAR_SIGNAL"),
            default="CFN_SIGNAL",
        ),
    },
    attributes={
        "deploy_status_codes": map_attr("Deploy status codes."),
        "deploy_stderrs": map_attr("Deploy stderrs."),
        "deploy_stdouts": map_attr("Deploy stdouts."),
    },
    update_policy={
        "batch_create": BATCH_CREATE,
        "rolling_update": ROLLING_UPDATE,
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


TYPES = (
    SOFTWARE_DEPLOYMENT,
    SOFTWARE_DEPLOYMENT_GROUP,
    SOFTWARE_DEPLOYMENTS,
    STRUCTURED_DEPLOYMENT,
    STRUCTURED_DEPLOYMENT_GROUP,
    STRUCTURED_DEPLOYMENTS,
)
