# SPDX-License-Identifier: Apache-2.0
"""The end of an operation: what it came to, its stack's state, and what follows, in one fenced commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, update

from samovar.database import utcnow

from .deferred import Deferred, drop_deferred, leave_deferred, withdraw
from .definitions import EMPTY, Definition, drop_unused_definitions, store_definition
from .events import cut, insert_events, prune_events, resource_event, stack_completed
from .failures import aborted
from .leaving import LEFT_OVER
from .parts import Parts
from .requests import Request, enter_state, roll_back, save_stack
from .retention import prune_operations
from .rows import COMPLETE, DONE, FAILED, IN_PROGRESS, SUPERSEDED, Operation, Resource, Stack
from .scribe import Scribe
from .snapshots import BROKEN_OFF, NOTES, end_removal, end_snapshot, forget_snapshots, snapshots_of
from .stack_run import StackRun
from .store import list_resources, lock_stack
from .tables import operations, resources, revisions, stack_tags

BESIDE = frozenset({"DELETE_SNAPSHOT"})  # what leaves the stack's state alone, whatever comes after it
IN_TURN = frozenset(
    {"SUSPEND", "RESUME"}
)  # of these the newer waits for the older: it needs what that one did
CONVERGING = frozenset({"CREATE", "UPDATE", "ROLLBACK", "ADOPT", "RESTORE"})
ROLLED_BACK = frozenset({"CREATE", "UPDATE", "ADOPT", "RESTORE"})
ABORTED = "user triggered cancel"

_end_operation = update(operations).where(operations.c.id == bindparam("operation"))
_end_resource = update(resources).where(resources.c.id == bindparam("resource"))
_forget_resources = delete(resources).where(resources.c.stack_id == bindparam("stack"))
_forget_tags = delete(stack_tags).where(stack_tags.c.stack_id == bindparam("stack"))
_forget_revisions = delete(revisions).where(revisions.c.stack_id == bindparam("stack"))


@dataclass(slots=True)
class Ending:
    """How an operation ends: `failure` is the reason, None when all went well.

    `run` is None, and nothing was `worked` on, when the end came before the work.
    """

    parts: Parts
    scribe: Scribe
    operation: Operation
    stack: Stack  # as it was when the operation was taken up
    definition: Definition | None
    deferred: Deferred | None
    run: StackRun | None
    worked: bool
    failure: str | None
    following: str | None = None  # the operation that takes over from this one: a rollback
    given_back: bool = True  # what the stack's owner had delegated, where there was something

    @property
    def superseded(self) -> bool:
        """Whether a newer operation decides the stack's state."""
        return self.stack.operation_id != self.operation.id

    async def prepare(self) -> None:
        """Give back what the stack was delegated, when it goes for good."""
        gone = self.operation.action == "DELETE" and self.failure is None and self.worked
        if gone and self.stack.owner_id is None and not self.superseded:
            await self._give_back_credentials()

    async def write(self) -> None:
        """Write it down. Raises LeaseLost."""
        rows = self._take_notes() if self.operation.action == "SNAPSHOT" else []
        await self.scribe.change(lambda connection: self._write(connection, rows))

    def _failures(self) -> list[dict[str, Any]] | None:
        """What is told of the failure."""
        if self.failure is None:
            return None
        found = self.run.failures if self.run is not None else []
        cause = {"kind": "Error", "text": self.failure}
        return found or [{"resource": None, "action": self.operation.action, "cause": cause}]

    def _write(self, connection: Connection, rows: list[Resource]) -> None:
        self.following = None
        operation, action, failure, settings = (
            self.operation, self.operation.action, self.failure, self.parts.settings.engine
        )  # fmt: skip
        stack = lock_stack(connection, self.stack.id)
        if stack is None:
            return
        current = stack.operation_id == operation.id
        beside = action in BESIDE and stack.action != "DELETE"
        connection.execute(
            _end_operation,
            {
                "operation": operation.id,
                "status": DONE if current or beside else SUPERSEDED,
                "status_reason": cut(failure or ""),
                "failures": self._failures(),
                "details": self._details(),
                "finished_at": utcnow(),
                "lease_owner": None,
                "lease_expires_at": None,
            },
        )
        if current:
            self._end_resources(connection, ABORTED if action == "CANCEL" else failure or "")
        prune_events(connection, stack.id, settings.max_events_per_stack)
        prune_operations(connection, stack.id, settings.max_operations_per_stack)
        snapshot = operation.details.get("snapshot_id")
        if beside and snapshot is not None:
            end_removal(connection, snapshot, failure)
        elif action == "SNAPSHOT" and snapshot is not None:
            why = (failure or "") if current else BROKEN_OFF
            end_snapshot(connection, self.parts.vault, snapshot, self.stack, rows, why)
        if current and action != "CANCEL":
            self.following = self._end_stack(connection, stack, action, failure)

    def _details(self) -> dict[str, Any]:
        """What is kept of an operation's details; what it had to leave is told to whoever waits for it."""
        kept = {key: each for key, each in self.operation.details.items() if key != "adopt"}
        return {**kept, LEFT_OVER: True} if self.run is not None and self.run.left_over else kept

    def _end_resources(self, connection: Connection, reason: str) -> None:
        """Nothing of the stack is worked on any more: what was broken off has failed."""
        for row in list_resources(connection, self.parts.vault, self.stack.id, status=IN_PROGRESS):
            row.status, row.waiting = FAILED, None
            row.status_reason = f"{row.action} aborted ({reason})" if reason else f"{row.action} aborted"
            changed: dict[str, Any] = {
                "status": FAILED,
                "status_reason": cut(row.status_reason),
                "waiting": None,
            }
            changed["failure"] = aborted(reason or "the work was broken off")
            connection.execute(_end_resource, {"resource": row.id, **changed})
            insert_events(connection, [resource_event(row)])

    def _take_notes(self) -> list[Resource]:
        """The rows with their notes; the stored ones forget them in the operation's last commit."""
        noted = []
        for row in self.run.current.values() if self.run is not None else ():
            noted.append(replace(row))
            if NOTES in row.data:
                row.data = {key: value for key, value in row.data.items() if key != NOTES}
                self.scribe.save(row)
        return noted

    def _end_stack(
        self, connection: Connection, stack: Stack, action: str, failure: str | None
    ) -> str | None:
        """The stack's new state; the id of the rollback's operation when there is one."""
        if failure is not None:
            enter_state(connection, stack, action, FAILED, failure)
            save_stack(connection, stack)
            if action in ROLLED_BACK and not stack.disable_rollback and stack.owner_id is None:
                timeout = 60.0 * stack.timeout_mins if stack.timeout_mins else None
                request = Request(
                    self.operation.requested_by,
                    self.operation.request_id,
                    timeout or self.parts.settings.engine.stack_action_timeout,
                    user_name=self.operation.details.get("user", ""),
                    revisions=self.parts.settings.engine.max_revisions_per_stack,
                    details={"abandon": True} if action == "ADOPT" else {},
                )
                return roll_back(connection, stack, request)
            return None
        reason = stack_completed(action)
        if self.run is not None and self.run.unsupported_checks:
            reason += ". 'CHECK' not fully supported (see resources)"
        enter_state(connection, stack, action, COMPLETE, reason)
        if action == "DELETE":
            stack.deleted_at, stack.live_name = utcnow(), None
            forget_snapshots(
                connection, [each.id for each in snapshots_of(connection, self.parts.vault, stack.id)]
            )
            for forget in (_forget_resources, _forget_tags):
                connection.execute(forget, {"stack": stack.id})
            if stack.owner_id is None and stack.credentials_id is not None:
                if self.given_back:
                    drop_deferred(connection, stack.credentials_id)
                else:
                    leave_deferred(connection, stack.credentials_id)
                stack.credentials_id = None
        elif action in CONVERGING:
            if action == "ROLLBACK":
                stack.definition_id = self._rolled_back_to(connection, stack)
            stack.previous_definition_id = None
        save_stack(connection, stack)
        if action == "DELETE":
            connection.execute(_forget_revisions, {"stack": stack.id})
        drop_unused_definitions(connection, stack.id, [stack.definition_id, stack.previous_definition_id])
        return None

    def _rolled_back_to(self, connection: Connection, stack: Stack) -> str:
        if self.operation.definition_id is not None:
            return self.operation.definition_id
        empty = self.definition.emptied() if self.definition else Definition(dict(EMPTY))
        store_definition(connection, self.parts.vault, stack.id, empty)
        return empty.id

    async def _give_back_credentials(self) -> None:
        """The root stack goes: nothing will act for its owner any more."""
        if self.deferred is not None:
            self.given_back = await withdraw(self.deferred, self.parts.cloud_for, self.parts.trustee)
        if self.stack.user_project_id is not None and self.run is not None and not self.run.retaining:
            users = self.run.signal_users
            if users is not None:
                await users.remove_project(self.stack.user_project_id)


__all__ = ["ABORTED", "BESIDE", "CONVERGING", "IN_TURN", "ROLLED_BACK", "Ending"]
