# SPDX-License-Identifier: Apache-2.0
"""Previews: what a create would make and an update change. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from samovar.database import utcnow
from samovar.orchestration.engine.child_template import child_definition, child_plan
from samovar.orchestration.engine.desired import is_countable
from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.planned import PlannedStack, child_stack
from samovar.orchestration.engine.rows import Resource, Stack
from samovar.orchestration.engine.wanted import Wanted, evaluate
from samovar.orchestration.plans import Action, Change
from samovar.orchestration.resources.validation import validate_properties
from samovar.orchestration.templates import StackIdentity, Unknown
from samovar.web import Api, Call

from .desk import PROJECT, STACK, Desk, body_of, identity_of
from .draft import Draft, DraftReader, read_options
from .merging import merged_body
from .permitted_types import check_types
from .planning import plan_of, planned_stack
from .render import NO_DESCRIPTION
from .values import instant, stack_name

GROUPS: Mapping[Action, str] = {
    Action.NO_OP: "unchanged",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.CREATE: "added",
    Action.ADOPT: "added",
    Action.DELETE: "deleted",
    Action.FORGET: "deleted",
}


class Preview:
    """The handlers of ``/stacks/preview`` and ``…/preview``."""

    def __init__(self, desk: Desk, reader: DraftReader) -> None:
        self.desk, self.reader = desk, reader

    def routes(self, api: Api) -> None:
        add = self.desk.add
        add(api, "POST", f"{PROJECT}/stacks/preview", self.create, "stacks:preview")
        add(api, "PUT", f"{STACK}/preview", self.update, "stacks:preview_update")
        add(api, "PATCH", f"{STACK}/preview", self.update, "stacks:preview_update_patch")

    async def create(self, call: Call) -> dict[str, Any]:
        body = body_of(call)
        options = read_options(body)
        identity = StackIdentity(stack_name(body), None, self.desk.project(call))
        draft = await self.reader.read(body, identity)
        await check_types(self.desk, call, draft)
        cloud = self.desk.cloud(call)
        await self.reader.check_in_cloud(draft, cloud)
        stack = _stack_of(call, draft, options.timeout_mins)
        planned = planned_stack(self.desk.parts, draft)
        description = draft.template.description or NO_DESCRIPTION
        shown = {
            "id": "None",
            "stack_name": stack.name,
            "links": [],
            "creation_time": None,
            "updated_time": None,
            "deletion_time": None,
            "notification_topics": [],
            "parameters": draft.parameters.texts(),
            "description": description,
            "template_description": description,
            "capabilities": [],
            "disable_rollback": True if options.disable_rollback is None else options.disable_rollback,
            "timeout_mins": options.timeout_mins or None,
            "stack_owner": call.context.user_name,
            "parent": None,
            "stack_user_project_id": None,
            "tags": options.tags or [],
            "resources": _planned(planned, stack),
        }
        return {"stack": shown}

    async def update(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call, live=True)
        body = body_of(call) if call.request.method == "PUT" else dict(call.body or {})
        kept = None
        if call.request.method == "PATCH":
            body, kept = merged_body(await self.desk.definition(stack), body)
        draft = await self.reader.read(body, identity_of(stack), kept)
        await check_types(self.desk, call, draft)
        before = await self.desk.load(call, stack)
        plan = (await plan_of(self.desk.parts, draft, before)).plan
        changes: dict[str, list[Any]] = {
            name: [] for name in ("unchanged", "updated", "replaced", "added", "deleted")
        }
        for change in plan.changes:
            row = before.rows.get(change.stored_id or "")
            changes[GROUPS[change.action]].append(_change(before, change, row))
        return {"resource_changes": changes}


def _stack_of(call: Call, draft: Draft, timeout: int | None) -> Stack:
    return Stack(
        id="None", name=draft.identity.name, project_id=draft.identity.project_id,
        user_id=call.context.user_id, user_name=call.context.user_name, owner_id=None, root_id="None",
        parent_resource=None, depth=0, action="CREATE", status="IN_PROGRESS", status_reason="",
        definition_id="", previous_definition_id=None, operation_id=None, credentials_id=None,
        user_project_id=None, description=draft.template.description, tags=[], timeout_mins=timeout,
        disable_rollback=True, created_at=utcnow(), updated_at=None, deleted_at=None,
    )  # fmt: skip


def _planned(planned: PlannedStack, stack: Stack, parent: str | None = None) -> list[Any]:
    """Every resource as it would be made; nested stacks are lists in place."""
    shown: list[Any] = []
    required_by: dict[str, list[str]] = {}
    for name, needed in planned.requirements.items():
        for other in needed:
            required_by.setdefault(other, []).append(name)
    for name in planned.scope.enabled:
        wanted = evaluate(planned, name)
        values = validate_properties(wanted.kind.declared, wanted.raw).values
        if wanted.kind.nested:
            wanted.values = values if wanted.kind.template is None else dict(wanted.raw)
            inner = _inner(planned, wanted)
            if inner is not None:
                below = replace(stack, name=f"{stack.name}-{name}")
                shown.append(_planned(inner, below, name))
                continue
        row = Resource(id="", stack_id=stack.id, name=name, type=wanted.kind.name)
        raw = _raw(stack, row, sorted(required_by.get(name, [])))
        raw["properties"] = _plain(values)
        raw["metadata"] = _plain(dict(wanted.metadata))
        raw["description"] = wanted.description
        raw["creation_time"] = raw["updated_time"] = None
        raw["attributes"] = {
            each: None for each, attribute in wanted.kind.declared.attributes.items() if not attribute.hidden
        }
        if parent is not None:
            raw["parent_resource"] = parent
        shown.append(raw)
    return shown


def _inner(planned: PlannedStack, wanted: Wanted) -> PlannedStack | None:
    """The nested stack of a resource; None where its size is not known yet."""
    if wanted.kind.template is None and not is_countable(wanted.values):
        return None
    phases = child_plan(planned, wanted, {}, None).phases
    if not phases:
        return None
    definition = child_definition(planned, wanted, phases[-1])
    return child_stack(planned, definition, None, planned.identity.project_id)


def _raw(stack: Stack, row: Resource, required_by: list[str]) -> dict[str, Any]:
    """A resource in the raw form of previews."""
    identity = {"tenant": stack.project_id, "stack_name": stack.name, "stack_id": stack.id, "path": ""}
    return {
        "resource_name": row.name,
        "physical_resource_id": row.physical_id or "",
        "resource_action": row.action,
        "resource_status": row.status,
        "resource_status_reason": row.status_reason,
        "resource_type": row.type,
        "resource_identity": {**identity, "path": f"/resources/{row.name}"},
        "stack_identity": identity,
        "stack_name": stack.name,
        "required_by": required_by,
        "description": row.definition.get("description", ""),
        "metadata": row.metadata,
        "attributes": {},
        "creation_time": instant(row.created_at),
        "updated_time": instant(row.updated_at),
    }


def _change(loaded: LoadedStack, change: Change, row: Resource | None) -> dict[str, Any]:
    """One resource of an update's preview, with the reasons and the properties that change."""
    if row is None:
        row = Resource(id="", stack_id=loaded.stack.id, name=change.name, type=change.type)
        raw = _raw(loaded.stack, row, [])
        raw["creation_time"] = None
    else:
        raw = _raw(loaded.stack, row, loaded.required_by(row))
    raw["reasons"] = [reason.text for reason in change.reasons] + list(change.refusals)
    raw["certain"] = change.certain
    raw["property_changes"] = [
        {
            "name": each.name,
            "before": "******" if each.secret else _plain(each.before),
            "after": "******" if each.secret else _plain(each.after),
            "effect": each.effect.value,
        }
        for each in change.properties
    ]
    return raw


def _plain(value: Any) -> Any:
    """A value as JSON: what is not known yet is told in words."""
    if isinstance(value, Unknown):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
