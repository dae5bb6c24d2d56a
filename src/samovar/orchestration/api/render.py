# SPDX-License-Identifier: Apache-2.0
"""Stacks, resources and events as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.rows import Resource, Stack
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.schema import Property
from samovar.orchestration.templates import StackIdentity, TemplateError
from samovar.orchestration.templates.conversion import to_text
from samovar.orchestration.templates.parameters import MASK
from samovar.web import Call

from .desk import Desk
from .values import instant

NO_DESCRIPTION = "No description"


def state(action: str, status: str) -> str:
    return f"{action}_{status}"


def stack_shown(
    desk: Desk, call: Call, loaded: LoadedStack, outputs: list[dict[str, Any]] | None
) -> dict[str, Any]:
    """A stack in full; `outputs` None leaves them out."""
    stack = loaded.stack
    description = stack.description or NO_DESCRIPTION
    shown: dict[str, Any] = {
        "id": stack.id,
        "stack_name": stack.name,
        "links": desk.stack_links(call, stack),
        "creation_time": instant(stack.created_at),
        "updated_time": instant(stack.updated_at),
        "deletion_time": instant(stack.deleted_at),
        "notification_topics": [],
        "parameters": parameter_texts(loaded),
        "description": description,
        "template_description": description,
        "capabilities": [],
        "disable_rollback": stack.disable_rollback,
        "timeout_mins": stack.timeout_mins,
        "stack_owner": stack.user_name,
        "parent": stack.owner_id,
        "stack_user_project_id": stack.user_project_id,
        "tags": stack.tags,
        "stack_status": state(stack.action, stack.status),
        "stack_status_reason": stack.status_reason,
    }
    if outputs is not None:
        shown["outputs"] = outputs
    return shown


def parameter_texts(loaded: LoadedStack) -> dict[str, str]:
    """All parameters as text, hidden ones masked; what cannot be read any more is left out."""
    try:
        return loaded.texts.parameters.texts()
    except TemplateError:
        stack = loaded.stack
        known = StackIdentity(stack.name, stack.id, stack.project_id).pseudo_parameters("hot")
        hidden = loaded.definition.hidden
        given = loaded.definition.parameters
        return known | {
            name: MASK if name in hidden else to_text("string", value) for name, value in given.items()
        }


async def outputs_shown(loaded: LoadedStack) -> list[dict[str, Any]]:
    return [await output_shown(loaded, name) for name in loaded.template.outputs]


async def output_shown(loaded: LoadedStack, name: str) -> dict[str, Any]:
    """One output; what it cannot be resolved to is told beside a null."""
    output = loaded.template.outputs[name]
    shown: dict[str, Any] = {
        "output_key": name,
        "description": output.description or "No description given",
        "output_value": None,
    }
    try:
        if loaded.scope.is_enabled(output) is not False:
            shown["output_value"] = await loaded.resolve(output.value)
    except Exception as error:
        shown["output_error"] = str(error) or type(error).__name__
    return shown


def resource_links(desk: Desk, call: Call, stack: Stack, row: Resource, child: str | None) -> list[Any]:
    here = desk.stack_url(call, stack)
    links = [
        {"href": f"{here}/resources/{quote(row.name, safe='')}", "rel": "self"},
        {"href": here, "rel": "stack"},
    ]
    if child is not None:
        links.append(
            {"href": f"{desk.stacks_url(call)}/{quote(child, safe='')}/{row.physical_id}", "rel": "nested"}
        )
    return links


def resource_shown(
    desk: Desk, call: Call, stack: Stack, row: Resource, required_by: list[str], child: str | None
) -> dict[str, Any]:
    """A resource as lists show it. `child` is the name of its nested stack, when it has one that lives."""
    shown: dict[str, Any] = {
        "resource_name": row.name,
        "logical_resource_id": row.name,
        "physical_resource_id": row.physical_id or "",
        "resource_status": state(row.action, row.status),
        "resource_status_reason": row.status_reason,
        "resource_type": row.type,
        "creation_time": instant(row.created_at),
        "updated_time": instant(row.updated_at or row.created_at),
        "required_by": required_by,
        "links": resource_links(desk, call, stack, row, child),
    }
    if row.waiting is not None:
        shown["waiting"] = row.waiting
        if not row.status_reason or row.status_reason == "state changed":
            wait = row.waiting
            shown["resource_status_reason"] = (
                f"waiting for {wait['for']} since {wait['since']}, gives up at {wait['until']}"
            )
    return shown


def event_shown(
    desk: Desk, call: Call, stack: Stack, event: Mapping[str, Any], root: Stack | None, *, whole: bool
) -> dict[str, Any]:
    """An event. `root` adds the link to the root stack, as listings of nested stacks do."""
    here = desk.stack_url(call, stack)
    resource = f"{here}/resources/{quote(event['resource_name'], safe='')}"
    links = [
        {"href": f"{resource}/events/{event['id']}", "rel": "self"},
        {"href": resource, "rel": "resource"},
        {"href": here, "rel": "stack"},
    ]
    if root is not None:
        links.append({"href": desk.stack_url(call, root), "rel": "root_stack"})
    shown: dict[str, Any] = {
        "id": event["id"],
        "event_time": instant(event["created_at"]),
        "resource_name": event["resource_name"],
        "logical_resource_id": event["resource_name"],
        "physical_resource_id": event["physical_id"],
        "resource_status": state(event["action"], event["status"]),
        "resource_status_reason": event["status_reason"],
        "links": links,
    }
    if whole:
        shown["resource_type"] = event["resource_type"]
        declared = find_type(event["resource_type"])
        given = event["properties"] or {}
        shown["resource_properties"] = as_given(declared.properties if declared else {}, given)
    return shown


def as_given(declared: Mapping[str, Property], values: Mapping[str, Any]) -> dict[str, Any]:
    """What a template says of properties: without what their defaults added."""
    found = {}
    for name, value in values.items():
        schema = declared.get(name)
        if value is None or (schema is not None and value == schema.default):
            continue
        found[name] = value if schema is None else _given(schema, value)
    return found


def _given(schema: Property, value: Any) -> Any:
    if schema.fields is not None and isinstance(value, dict):
        return as_given(schema.fields, value)
    if schema.items is not None and isinstance(value, list):
        return [_given(schema.items, item) for item in value]
    return value
