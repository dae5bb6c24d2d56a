# SPDX-License-Identifier: Apache-2.0
"""Nested stacks: resources that are stacks. Each is an operation of its own, which any engine may take.

The parent's row and the child's operation are written in one commit; the parent waits for the child.
"""

from __future__ import annotations

import datetime
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from samovar.database import new_id, utcnow
from samovar.orchestration.templates.errors import RequestLimitExceeded
from samovar.orchestration.templates.parser import load

from .child_template import child_definition, child_plan
from .children import (
    Submitted,
    act_on_child,
    ask_child,
    child_name,
    load_child,
    request_for_child,
    wait_for_child,
)
from .definitions import Definition
from .groups import SKIPPED, Phase
from .kinds import AWS_STACK
from .leaving import LEFT_OVER, MAY_LEAVE
from .requests import Request, clear_stack, create_stack, update_stack
from .rows import COMPLETE, IN_PROGRESS, Resource, Stack
from .scaling_groups import SCALING_GROUPS
from .snapshots import Kept, kept_definition, restore_stack
from .store import get_operation, get_stack
from .texts import limits_of
from .wanted import Wanted

if TYPE_CHECKING:
    from .loaded import LoadedStack
    from .stack_run import StackRun
    from .steps import Steps

RESTORING = "restoring"  # in a row's data: the operation that asked the nested stack to go back
Work = Coroutine[Any, Any, None]


class NestedSteps:
    """Create and update of resources that are stacks, as steps of their parent."""

    def __init__(self, run: StackRun, steps: Steps) -> None:
        self.run, self.steps = run, steps

    def create(self, row: Resource, wanted: Wanted) -> Work:
        return self.steps.guarded(row, "CREATE", lambda: self._through_phases(row, wanted, "CREATE"))

    def update(self, row: Resource, wanted: Wanted) -> Work:
        return self.steps.guarded(row, "UPDATE", lambda: self._through_phases(row, wanted, "UPDATE"))

    async def _through_phases(self, row: Resource, wanted: Wanted, action: str) -> None:
        kept = self.run.kept.get(row.name)
        if kept is not None and kept.child is not None:
            await self._restore(row, wanted, kept, action)
            return
        going_on = row.state == (action, IN_PROGRESS) and row.physical_id is not None
        if going_on and row.data.get("phase_of") == wanted.fingerprint:
            await self._wait(row)  # an earlier holder of the operation had got this far
        present = await load_child(self.run, row) if row.physical_id is not None else None
        plan = child_plan(self.run, wanted, row.data, present)
        row.data.update(plan.notes)
        row.data["phase_of"] = wanted.fingerprint
        if action == "CREATE":
            wanted.write_to(row)
        for phase in plan.phases:
            if not (action == "CREATE" and await self._is_there(row, wanted, phase)):
                await self._submit(row, wanted, phase, action)
                await self._wait(row)
            if phase.pause_seconds:
                self.run.note_wait(row, f"the pause of {phase.pause_seconds:g} s between two batches")
                await self.run.pause(row, phase.pause_seconds)
        row.data.pop("phase_of", None)
        if action == "UPDATE":
            await self._note_left_over(row)
        wanted.write_to(row)
        self.run.forget_attributes(row)
        self.steps.end(row, action, whole=True)

    async def would_change(self, row: Resource, wanted: Wanted) -> bool:
        """Whether an update gives the nested stack another definition than it has."""
        present = await load_child(self.run, row)
        if present is None:
            return True
        now = present.definition
        for phase in child_plan(self.run, wanted, row.data, present).phases:
            then = child_definition(self.run, wanted, phase)
            if (then.template, then.environment, then.files) != (now.template, now.environment, now.files):
                return True
        return False

    def clear(self, row: Resource) -> Work:
        """Have the nested stack remove what it had to leave; all that needed it has changed by now."""
        return self.steps.guarded(row, "UPDATE", lambda: self._clear(row))

    async def _clear(self, row: Resource) -> None:
        run, identity = self.run, row.physical_id or ""
        request = request_for_child(run, **({MAY_LEAVE: True} if run.may_leave else {}))
        await self.steps.begin(row, "UPDATE")
        await ask_child(run, row, lambda c: clear_stack(c, identity, request)[1])
        await self._note_left_over(row)
        run.left_over = run.left_over or LEFT_OVER in row.data
        self.steps.end(row, "UPDATE", whole=True, counted=False)

    async def _note_left_over(self, row: Resource) -> None:
        identity = row.physical_id or ""

        def query(connection: Connection) -> bool:
            child = get_stack(connection, identity)
            done = get_operation(connection, child.operation_id or "") if child is not None else None
            return done is not None and LEFT_OVER in done.details

        if await self.run.parts.database.read(query):
            row.data[LEFT_OVER] = True
        else:
            row.data.pop(LEFT_OVER, None)

    def adopt(self, row: Resource, wanted: Wanted, entry: Mapping[str, Any]) -> Work:
        """Make a nested stack of the objects that an exported one had."""
        return self.steps.guarded(row, "ADOPT", lambda: self._adopt(row, wanted, entry))

    async def _adopt(self, row: Resource, wanted: Wanted, entry: Mapping[str, Any]) -> None:
        run = self.run
        if row.physical_id is None:
            plan = child_plan(run, wanted, row.data, None)
            row.data.update(plan.notes)
            phase = plan.phases[-1]
            if wanted.kind.template is None and isinstance(entry.get("template"), dict):
                phase = Phase(entry["template"], phase.parameters)  # members have the names they had
            definition = child_definition(run, wanted, phase)
            await self._check_limits(len(load(phase.template, limits=limits_of(run.parts)).resources))
            child = self._new_child(row, "")
            row.physical_id = child.id
            wanted.write_to(row)
            request = request_for_child(run, adopt=run.parts.vault.seal(entry.get("resources") or {}))
            change = Submitted(
                lambda c: create_stack(c, run.parts.vault, child, definition, request, "ADOPT")
            )
            run.scribe.change(change)
            await self.steps.begin(row, "ADOPT")
            await change.tell(run, child.id)
        await self._wait(row)
        self.steps.end(row, "ADOPT", whole=True)

    async def _restore(self, row: Resource, wanted: Wanted, kept: Kept, action: str) -> None:
        """Have the nested stack go back to its own snapshot; one that is gone is made from it."""
        run, snapshot = self.run, kept.child or ""
        if row.data.get(RESTORING) != run.operation.id:
            present = await load_child(run, row) if row.physical_id is not None else None
            if SKIPPED in kept.data:
                row.data[SKIPPED] = kept.data[SKIPPED]
            row.data[RESTORING] = run.operation.id
            request = request_for_child(run)
            definition = await self._restored_definition(row, wanted, snapshot, present)
            if present is None:
                child = self._new_child(row, "")
                row.physical_id = child.id
                wanted.write_to(row)
                anew = request_for_child(run, snapshot_id=snapshot)
                change = Submitted(lambda c: create_stack(c, run.parts.vault, child, definition, anew))
            else:
                child = present.stack
                change = Submitted(
                    lambda c: restore_stack(c, run.parts.vault, child.id, snapshot, request, definition)[1]
                )
            run.scribe.change(change)
            await self.steps.begin(row, action)
            await change.tell(run, child.id)
        await self._wait(row)
        row.data.pop(RESTORING)
        wanted.write_to(row)
        run.forget_attributes(row)
        self.steps.end(row, action, whole=True)

    async def _restored_definition(
        self, row: Resource, wanted: Wanted, snapshot: str, present: LoadedStack | None
    ) -> Definition:
        """What the nested stack is to be: as the parent means it now, with the members that it had then."""
        run = self.run
        plan = child_plan(run, wanted, row.data, present)
        row.data.update(plan.notes)
        phase = plan.phases[-1]
        if wanted.kind.declared.name in SCALING_GROUPS:
            vault = run.parts.vault
            kept = await run.parts.database.read(lambda c: kept_definition(c, vault, snapshot))
            members = list(phase.template["resources"].values())
            if members:
                names = kept.template["resources"]
                template = {**phase.template, "resources": dict.fromkeys(names, members[0])}
                phase = Phase(template, phase.parameters)
        return child_definition(run, wanted, phase)

    async def _is_there(self, row: Resource, wanted: Wanted, phase: Phase) -> bool:
        """Whether the creation that was interrupted made just this, so that nothing is left to do."""
        if row.action != "CREATE" or row.physical_id is None:
            return False
        child = await load_child(self.run, row)
        if child is None or child.stack.state != ("CREATE", COMPLETE):
            return False
        definition = child_definition(self.run, wanted, phase)
        return bool(
            child.definition.template == definition.template
            and child.definition.environment.get("parameters") == definition.environment.get("parameters")
        )

    async def _submit(self, row: Resource, wanted: Wanted, phase: Phase, action: str) -> None:
        """Write the intent of the row and the child's operation in one commit, then ring."""
        run = self.run
        template = load(phase.template, wanted.kind.name, limits_of(run.parts))
        definition = child_definition(run, wanted, phase)
        child = None
        if row.physical_id is not None:
            identity = row.physical_id
            child = await run.parts.database.read(lambda c: get_stack(c, identity))
        if child is None or child.deleted_at is not None:
            await self._check_limits(len(template.resources))
            child = self._new_child(row, template.description)
            row.physical_id = child.id
            request = _within(wanted, request_for_child(run))
            change = Submitted(
                lambda c: create_stack(c, run.parts.vault, child, definition, request, _first(run))
            )
        else:
            details: dict[str, Any] = {"converge": True} if run.operation.details.get("converge") else {}
            if action == "UPDATE":
                details[MAY_LEAVE] = True
            request = _within(wanted, request_for_child(run, **details))
            verb = "ROLLBACK" if run.operation.action == "ROLLBACK" else "UPDATE"
            identity = child.id
            change = Submitted(
                lambda c: update_stack(c, run.parts.vault, identity, definition, request, action=verb)[1]
            )
        run.scribe.change(change)
        await self.steps.begin(row, action, announce=row.state != (action, IN_PROGRESS))
        await change.tell(run, child.id)

    async def _check_limits(self, more: int) -> None:
        settings = self.run.parts.settings.engine
        if self.run.stack.depth + 1 > settings.max_nested_stack_depth:
            raise RequestLimitExceeded(f"Recursion depth exceeds {settings.max_nested_stack_depth}.")
        await self.run.parts.tree_limit.check(self.run, more)

    def _new_child(self, row: Resource, description: str) -> Stack:
        parent = self.run.stack
        return Stack(
            id=new_id(),
            name=child_name(parent, row),
            project_id=parent.project_id,
            user_id=parent.user_id,
            user_name=parent.user_name,
            owner_id=parent.id,
            root_id=parent.root_id,
            parent_resource=row.name,
            depth=parent.depth + 1,
            action="CREATE",
            status=IN_PROGRESS,
            status_reason="",
            definition_id="",
            previous_definition_id=None,
            operation_id=None,
            credentials_id=parent.credentials_id,
            user_project_id=parent.user_project_id,
            description=description,
            tags=[],
            timeout_mins=parent.timeout_mins,
            disable_rollback=True,
            created_at=utcnow(),
            updated_at=None,
            deleted_at=None,
        )

    async def _wait(self, row: Resource) -> None:
        await wait_for_child(self.run, row)

    # Suspend, resume, check of the child

    async def act(self, row: Resource, action: str) -> None:
        """Have the nested stack do the same action, and wait for it."""
        await act_on_child(self.run, row, action)


def _within(wanted: Wanted, request: Request) -> Request:
    """A stack from a URL may have less time than the stack that it is in."""
    minutes = wanted.values.get("TimeoutInMinutes") if wanted.kind.declared.name == AWS_STACK else None
    if not minutes:
        return request
    end = utcnow() + datetime.timedelta(minutes=minutes)
    return replace(request, deadline=end if request.deadline is None else min(request.deadline, end))


def _first(run: StackRun) -> str:
    return "CREATE" if run.operation.action != "ADOPT" else "ADOPT"
