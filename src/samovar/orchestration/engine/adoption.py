# SPDX-License-Identifier: Apache-2.0
"""Stacks that leave and come: all that is known of one as data, and the notes with which one is taken over.

An abandoned stack's objects stay in the cloud. Its data make a stack of them again, here or elsewhere:
each resource takes the object that the data name, and nothing is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from samovar.orchestration.templates import load, load_environment

from .definitions import load_definition
from .requests import ActionNotAllowed, Request, act_on_stack
from .rows import IN_PROGRESS, Resource, Stack
from .snapshots import PASSING, resource_data
from .store import current_rows, get_stack, list_resources, lock_stack
from .vault import Vault

SECRETS = "secret_data"
"""Beside a resource's data: the names of those that are kept encrypted."""


def exported(connection: Connection, vault: Vault, stack: Stack) -> dict[str, Any]:
    """Everything that is needed to take the stack over, nested stacks in their resource's place."""
    definition = load_definition(connection, vault, stack.definition_id)
    if definition is None:
        raise ActionNotAllowed(f"The definition of the stack {stack.name} is gone.")
    resources: dict[str, Any] = {}
    for row in current_rows(list_resources(connection, vault, stack.id)).values():
        child = get_stack(connection, row.physical_id) if row.physical_id else None
        if child is not None and child.owner_id == stack.id:
            resources[row.name] = exported(connection, vault, child)
        elif not row.never_made:
            resources[row.name] = _resource(row)
    return {
        "name": stack.name,
        "id": stack.id,
        "action": stack.action,
        "status": stack.status,
        "template": load(definition.template).raw,
        "environment": load_environment(definition.environment).as_dict(),
        "files": definition.files,
        "resources": resources,
        "project_id": stack.project_id,
        "stack_user_project_id": stack.user_project_id,
        "tags": stack.tags,
    }


def _resource(row: Resource) -> dict[str, Any]:
    data = {key: value for key, value in row.data.items() if key not in PASSING}
    found = resource_data(row, {**data, **row.secrets}, None)
    return found | ({SECRETS: sorted(row.secrets)} if row.secrets else {})


def abandon(
    connection: Connection, vault: Vault, stack: Stack, request: Request
) -> tuple[dict[str, Any], str | None]:
    """Write the end of a stack whose objects stay; its data, and the operation. Raises ActionNotAllowed."""
    stack = lock_stack(connection, stack.id) or stack
    if stack.status == IN_PROGRESS:
        raise ActionNotAllowed(
            f"Stack {stack.name} already has an action ({stack.action}) in progress.", "ActionInProgress"
        )
    data = exported(connection, vault, stack)
    return data, act_on_stack(connection, stack.id, "DELETE", request)[1]


def take_over(row: Resource, entry: Mapping[str, Any]) -> None:
    """Put into a new row what an exported resource says of its object. Raises ValueError."""
    data = entry.get("resource_data") or {}
    secret = entry.get(SECRETS) or ()
    if not isinstance(data, Mapping) or not isinstance(secret, list | tuple):
        raise ValueError("The data of the resource are no map of names and values.")
    identity = entry.get("resource_id")
    row.physical_id = str(identity) if identity else None
    row.data |= {key: value for key, value in data.items() if key not in secret}
    row.secrets |= {key: value for key, value in data.items() if key in secret}
