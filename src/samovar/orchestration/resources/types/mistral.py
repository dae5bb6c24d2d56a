# SPDX-License-Identifier: Apache-2.0
"""Workflows."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    boolean,
    check,
    deprecated,
    dropped,
    hidden,
    integer,
    integer_attr,
    items,
    length,
    list_attr,
    map_attr,
    mapping,
    moved_beside,
    record,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

CRON_TRIGGER = ResourceType(
    name="OS::Mistral::CronTrigger",
    description="Runs a workflow at set times.",
    support=since("5.0.0"),
    service="mistral",
    entity="cron_triggers",
    properties={
        "count": integer("How many."),
        "first_time": string("First time."),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "pattern": string("Pattern.", check("cron_expression")),
        "workflow": record(
            "Workflow, by name or id.",
            {
                "input": mapping("Input of the workflow."),
                "name": string(
                    "Name; made from the stack and resource names when it is left out.",
                    REQUIRED,
                    check("mistral.workflow"),
                ),
            },
            REQUIRED,
        ),
    },
    attributes={
        "next_execution_time": string_attr("Next execution time."),
        "remaining_executions": integer_attr("Remaining executions."),
    },
)


EXTERNAL_RESOURCE = ResourceType(
    name="OS::Mistral::ExternalResource",
    description="A resource that workflows create, update and delete.",
    support=since("9.0.0"),
    service="mistral",
    entity="executions",
    properties={
        "actions": record(
            "The actions in which it takes part.",
            {
                "CREATE": record(
                    "CREATE.",
                    {
                        "params": mapping("Parameters of the workflow.", default={}),
                        "workflow": string("Workflow, by name or id.", REQUIRED, check("mistral.workflow")),
                    },
                ),
                "DELETE": record(
                    "DELETE.",
                    {
                        "params": mapping("Parameters of the workflow.", default={}),
                        "workflow": string("Workflow, by name or id.", REQUIRED, check("mistral.workflow")),
                    },
                ),
                "RESUME": record(
                    "RESUME.",
                    {
                        "params": mapping("Parameters of the workflow.", default={}),
                        "workflow": string("Workflow, by name or id.", REQUIRED, check("mistral.workflow")),
                    },
                ),
                "SUSPEND": record(
                    "SUSPEND.",
                    {
                        "params": mapping("Parameters of the workflow.", default={}),
                        "workflow": string("Workflow, by name or id.", REQUIRED, check("mistral.workflow")),
                    },
                ),
                "UPDATE": record(
                    "UPDATE.",
                    {
                        "params": mapping("Parameters of the workflow.", default={}),
                        "workflow": string("Workflow, by name or id.", REQUIRED, check("mistral.workflow")),
                    },
                ),
            },
            REQUIRED,
        ),
        "always_update": boolean("Always update: true or false.", default=False),
        "description": string("Text for people.", default="Heat managed"),
        "input": mapping("Input of the workflow.", UPDATE, default={}),
        "replace_on_change_inputs": items("Replace on change inputs.", default=[]),
    },
    attributes={
        "output": map_attr("Output."),
    },
    handlers=frozenset({"suspend", "resume"}),
)


WORKFLOW = ResourceType(
    name="OS::Mistral::Workflow",
    description="A workflow of tasks.",
    support=since("2015.1"),
    service="mistral",
    entity="workflows",
    properties={
        "description": string("Text for people.", UPDATE),
        "input": mapping("Input of the workflow.", UPDATE),
        "name": string("Name; made from the stack and resource names when it is left out."),
        "output": mapping("Output.", UPDATE),
        "params": mapping("Parameters of the workflow.", UPDATE),
        "tags": items("Tags of the object.", UPDATE, since("10.0.0")),
        "task_defaults": record(
            "Task defaults.",
            {
                "concurrency": integer("Concurrency.", since("8.0.0")),
                "on_complete": items("On complete."),
                "on_error": items("On error."),
                "on_success": items("On success."),
                "pause_before": boolean("Pause before: true or false."),
                "requires": items("Requires."),
                "retry": mapping("Retry."),
                "timeout": integer("How long to wait, in seconds."),
                "wait_after": integer("Wait after."),
                "wait_before": integer("Wait before."),
            },
            UPDATE,
            since("5.0.0"),
        ),
        "tasks": records(
            "Tasks.",
            {
                "action": string("What is done."),
                "concurrency": integer("Concurrency.", since("8.0.0")),
                "description": string("Text for people."),
                "input": mapping("Input of the workflow."),
                "join": string("Join.", since("6.0.0")),
                "keep_result": boolean("Keep result: true or false.", since("5.0.0")),
                "name": string("Name; made from the stack and resource names when it is left out.", REQUIRED),
                "on_complete": items("On complete."),
                "on_error": items("On error."),
                "on_success": items("On success."),
                "pause_before": boolean("Pause before: true or false.", since("5.0.0")),
                "policies": mapping("Policies.", hidden("8.0.0", deprecated("5.0.0", since("2015.1")))),
                "publish": mapping("Publish."),
                "requires": items("Requires."),
                "retry": mapping("Retry.", since("5.0.0")),
                "target": string("Target.", since("5.0.0")),
                "timeout": integer("How long to wait, in seconds.", since("5.0.0")),
                "wait_after": integer("Wait after.", since("5.0.0")),
                "wait_before": integer("Wait before.", since("5.0.0")),
                "with_items": string("With items.", since("5.0.0")),
                "workflow": string("Workflow, by name or id.", check("mistral.workflow")),
            },
            REQUIRED,
            UPDATE,
            length(1),
        ),
        "type": string("Its type.", REQUIRED, UPDATE, allowed("direct", "reverse")),
        "use_request_body_as_input": boolean("Whether to use request body as input.", UPDATE, since("6.0.0")),
    },
    attributes={
        "alarm_url": string_attr("Alarm URL.", UNCACHED),
        "data": map_attr("Data."),
        "executions": list_attr("Executions."),
    },
    translation=(
        moved_beside("tasks.pause_before", "policies", "pause_before"),
        moved_beside("tasks.wait_after", "policies", "wait_after"),
        moved_beside("tasks.wait_before", "policies", "wait_before"),
        moved_beside("tasks.timeout", "policies", "timeout"),
        moved_beside("tasks.concurrency", "policies", "concurrency"),
        moved_beside("tasks.retry", "policies", "retry"),
        dropped("tasks.policies"),
    ),
    reference=Reference.WORKFLOW_NAME,
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
    may_survive_create_failed=True,
    replace_on_check_failed=False,
)


TYPES = (
    CRON_TRIGGER,
    EXTERNAL_RESOURCE,
    WORKFLOW,
)
