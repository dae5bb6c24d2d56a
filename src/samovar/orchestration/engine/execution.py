# SPDX-License-Identifier: Apache-2.0
"""One operation, from its claim to its end: load, walk the graph, write how it ended.

load ─▶ graph ─▶ Pursuit ─▶ finish: stack state · event · (rollback) in one fenced commit
           ▲          │
           └── superseded, timed out, lease lost ──▶ stop here, another goes on
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, update

from samovar.clients import Cloud
from samovar.database import utcnow
from samovar.graph import CycleError, Graph
from samovar.orchestration.templates.errors import TemplateError

from .actions import TEMPLATE_CHECKED, StackAction
from .converge import Converge, Node
from .deferred import CredentialsMissing, credentials_of, drop_deferred, load_deferred, withdraw
from .definitions import EMPTY, Definition, drop_unused_definitions, load_definition
from .event_bell import EventBell
from .events import cut, insert_events, prune_events, resource_event, resource_failed, stack_completed
from .failures import StepFailed, Superseded, TimedOut, aborted
from .parts import Parts
from .pursuit import Pursuit
from .requests import (
    OPERATIONS_TOPIC,
    SUPERSEDED_TOPIC,
    Request,
    cancel_update,
    enter_state,
    roll_back,
    save_stack,
)
from .retention import prune_operations
from .rows import COMPLETE, DONE, FAILED, IN_PROGRESS, SUPERSEDED, Operation, Resource, Stack
from .scribe import LeaseLost, Scribe
from .snapshot_removal import SnapshotRemoval
from .snapshots import (
    BROKEN_OFF,
    NOTES,
    Snapshot,
    end_removal,
    end_snapshot,
    forget_snapshots,
    load_snapshot,
    snapshot_tree,
    snapshots_of,
)
from .stack_run import StackRun
from .store import get_operation, get_stack, list_resources, lock_stack
from .tables import operations, resources, revisions, stack_tags

log = logging.getLogger(__name__)
BESIDE = frozenset({"DELETE_SNAPSHOT"})  # what leaves the stack's state alone, whatever comes after it
CONVERGING = frozenset({"CREATE", "UPDATE", "ROLLBACK", "ADOPT", "RESTORE"})
ROLLED_BACK = frozenset({"CREATE", "UPDATE", "ADOPT", "RESTORE"})
GRACE_SECONDS = 60.0
ABORTED, TIMED_OUT = "user triggered cancel", "Timed out"

_end_operation = update(operations).where(operations.c.id == bindparam("operation"))
_end_resource = update(resources).where(resources.c.id == bindparam("resource"))
_forget_resources = delete(resources).where(resources.c.stack_id == bindparam("stack"))
_forget_tags = delete(stack_tags).where(stack_tags.c.stack_id == bindparam("stack"))
_forget_revisions = delete(revisions).where(revisions.c.stack_id == bindparam("stack"))


class Execution:
    """Runs one claimed operation. `finished` tells whether its end is written down."""

    def __init__(
        self, parts: Parts, operation_id: str, stack_id: str, epoch: int, lease_until: float
    ) -> None:
        self.parts = parts
        self.lease_until = lease_until  # by the loop's clock; moved on with each renewal
        self.operation_id, self.stack_id, self.epoch = operation_id, stack_id, epoch
        self.ending = False  # the last write is under way: the lease goes with it
        self.finished = False
        self.outcome = "left"  # to another engine, unless it comes to an end here
        self.scribe = Scribe(
            parts.database,
            parts.vault,
            stack_id=stack_id,
            operation_id=operation_id,
            epoch=epoch,
            max_events=parts.settings.engine.max_events_per_stack,
            event_batch=parts.settings.engine.event_purge_batch_size,
            on_superseded=self.superseded,
            on_lost=self._lost,
            on_written=self._written,
        )
        self.stack: Stack
        self.operation: Operation
        self._definition: Definition | None = None
        self._run: StackRun | None = None
        self._pursuit: Pursuit[Any] | None = None
        self._superseding: asyncio.Task[None] | None = None
        self._newer = asyncio.Event()  # another operation of the stack has come
        self._lost_by: BaseException | None = None
        self._bell: EventBell | None = None

    async def run(self) -> None:
        """Bring the operation to its end. Raises LeaseLost when another engine has it now."""
        try:
            rows = await self._load()
            if await self._is_over():
                await self._finish(None)
                return
            failure = await self._work(rows)
            await self.scribe.flush()
            await self._finish(failure)
        finally:
            if self._superseding is not None:
                self._superseding.cancel()
            if self._bell is not None:
                await self._bell.close()

    async def _is_over(self) -> bool:
        """Whether a newer operation of the stack makes this one pointless."""
        if self.stack.operation_id == self.operation_id:
            return False
        return self.operation.action not in BESIDE or await self._newest_deletes()

    async def _newest_deletes(self) -> bool:
        stack = await self.parts.database.read(lambda c: get_stack(c, self.stack_id))
        return stack is None or stack.action == "DELETE"

    # News from outside

    def assert_held(self) -> None:
        """Raise LeaseLost when the lease may have run out: then nothing more is asked of the cloud.

        The database is fenced by the epoch; a cloud is not, so an engine that was frozen looks at the clock.
        """
        if asyncio.get_running_loop().time() > self.lease_until:
            raise LeaseLost(f"the lease of operation {self.operation_id} was not renewed in time")

    def superseded(self) -> None:
        """A newer operation of the stack waits: begin nothing new, and end soon."""
        self._newer.set()
        if self._pursuit is None or self._superseding is not None:
            return
        self._superseding = asyncio.get_running_loop().create_task(self._give_way())

    async def _give_way(self) -> None:
        pursuit, run = self._pursuit, self._run
        stack = await self.parts.database.read(lambda c: get_stack(c, self.stack_id))
        if pursuit is None or run is None or stack is None or stack.operation_id == self.operation_id:
            self._superseding = None
            return
        if self.operation.action in BESIDE and stack.action != "DELETE":
            self._superseding = None
            return
        pursuit.stop()
        # What waits for a nested stack, or waits long, is taken over by the newer operation where it stands.
        if not await self._is_deleted():
            run.leave_waits_of_others()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                while not await self._is_deleted():
                    self._newer.clear()
                    await self._newer.wait()
                run.abort_reason = ABORTED
        pursuit.cancel()

    async def _is_deleted(self) -> bool:
        """Whether the stack's newest operation is its end: nothing is worth going on with then."""

        def query(connection: Connection) -> bool:
            stack = get_stack(connection, self.stack_id)
            newest = get_operation(connection, stack.operation_id or "") if stack is not None else None
            return newest is not None and newest.action == "DELETE"

        return await self.parts.database.read(query)

    def child_finished(self, stack_ids: Sequence[str]) -> None:
        """Nested stacks came to an end: whoever waits for them looks."""
        if self._run is not None:
            for row in self._run.rows.values():
                if row.physical_id in stack_ids:
                    self._run.wake(row.id)

    async def signalled(self, resource_ids: Sequence[str]) -> None:
        """Signals came in: waits for them look again."""
        if self._run is not None and any(identity in self._run.rows for identity in resource_ids):
            self._run.wake()

    def look_around(self) -> None:
        """Look for news that no bell told of."""
        if self._run is not None:
            self._run.wake()
        if self._pursuit is not None:
            self.superseded()

    def _written(self) -> None:
        """Events may have been written: whoever watches the stack is told."""
        if self._bell is not None:
            self._bell.ring()

    def _lost(self, error: BaseException) -> None:
        self._lost_by = error
        if self._pursuit is not None:
            self._pursuit.cancel()

    # The work

    async def _load(self) -> list[Resource]:
        def query(connection: Connection) -> tuple[Operation, Stack, Definition | None, Any, list[Resource]]:
            operation = get_operation(connection, self.operation_id)
            stack = get_stack(connection, self.stack_id)
            if operation is None or stack is None:
                raise LeaseLost(f"operation {self.operation_id} is gone")
            wanted = operation.definition_id or (
                "" if operation.action == "ROLLBACK" else stack.definition_id
            )
            definition = load_definition(connection, self.parts.vault, wanted) if wanted else None
            deferred = None
            if stack.credentials_id is not None:
                deferred = load_deferred(connection, self.parts.vault, stack.credentials_id)
            rows = list_resources(connection, self.parts.vault, self.stack_id)
            return operation, stack, definition, deferred, rows

        found = await self.parts.database.read(query)
        self.operation, self.stack, self._definition, self._deferred, rows = found
        self.scribe.done.load(self.operation.done)
        self._bell = EventBell(self.parts.bus, self.stack.root_id)
        return rows

    async def _path(self) -> list[str]:
        """The names of the resources that lead here from the root stack."""

        def query(connection: Connection) -> list[str]:
            path: list[str] = []
            stack: Stack | None = self.stack
            while stack is not None and stack.owner_id is not None:
                path.append(stack.parent_resource or "")
                stack = get_stack(connection, stack.owner_id)
            return path[::-1]

        return await self.parts.database.read(query) if self.stack.owner_id is not None else []

    async def _root_keeps(self) -> bool:
        """Whether what fails is left as it is: the root stack decides for all that are nested in it."""
        if self.stack.owner_id is None:
            return self.stack.disable_rollback
        root = await self.parts.database.read(lambda c: get_stack(c, self.stack.root_id))
        return root is None or root.disable_rollback

    def _cloud(self) -> Cloud | None:
        if self._deferred is None:
            return None
        try:
            cloud = self.parts.cloud_for(credentials_of(self._deferred, self.parts.trustee))
        except CredentialsMissing as error:
            log.warning("stack %s: %s", self.stack.name, error)
            return None
        cloud.permit = self.assert_held
        return cloud

    async def _work(self, rows: list[Resource]) -> str | None:
        """Walk the graph; return the reason of the failure, or None when all went well."""
        action = self.operation.action
        if action == "CANCEL":
            await self._cancel_nested(rows)
            return None
        definition = self._definition or Definition(dict(EMPTY))
        self._run = run = StackRun(
            self.parts,
            self.stack,
            self.operation,
            definition,
            rows,
            self.scribe,
            self._cloud(),
            await self._path(),
        )
        run.assert_held = self.assert_held
        run.will_roll_back = action in ROLLED_BACK and not await self._root_keeps()
        kept = await self._snapshots()
        if "adopt" in self.operation.details:
            run.adopted = self.parts.vault.open(self.operation.details["adopt"])
        left = (self.operation.deadline_at - utcnow()).total_seconds()
        if left <= 0:
            return TIMED_OUT
        try:
            if action in CONVERGING or action in TEMPLATE_CHECKED:
                await asyncio.to_thread(run.read)
            self._pursuit = pursuit = await self._prepare(run, action, kept)
        except (TemplateError, CycleError) as error:
            return resource_failed(action, str(error))

        def time_is_up() -> None:
            run.abort_reason = TIMED_OUT
            pursuit.cancel()

        timer = asyncio.get_running_loop().call_later(left, time_is_up)
        try:
            await pursuit.run()
        except LeaseLost:
            raise
        except BaseException:
            if self._lost_by is not None:
                raise self._lost_by from None
            raise
        finally:
            timer.cancel()
        if self._lost_by is not None:
            raise self._lost_by
        if run.abort_reason == TIMED_OUT:
            return TIMED_OUT
        return self._reason(pursuit, action)

    async def _cancel_nested(self, rows: list[Resource]) -> None:
        """Nested stacks that are under way stop where they are, too."""
        request = Request(
            self.operation.requested_by, self.operation.request_id, deadline=self.operation.deadline_at
        )
        begun: list[tuple[str, str]] = []

        def cancel(connection: Connection) -> None:
            begun.clear()
            for row in rows:
                child = lock_stack(connection, row.physical_id or "") if row.status == IN_PROGRESS else None
                if child is None or child.owner_id != self.stack_id or child.deleted_at is not None:
                    continue
                if child.state in (("CREATE", IN_PROGRESS), ("UPDATE", IN_PROGRESS)):
                    begun.append((child.id, cancel_update(connection, child.id, request, rollback=False)[1]))

        await self.scribe.change(cancel)
        for child_id, operation in begun:
            await self.parts.bus.announce(SUPERSEDED_TOPIC, child_id)
            await self.parts.bus.ring(OPERATIONS_TOPIC, operation)

    async def _snapshots(self) -> list[Snapshot]:
        """Those that this operation is about: one restored or removed, or all of a stack that goes."""
        parts, identity = self.parts, self.operation.details.get("snapshot_id")

        def query(connection: Connection) -> list[Snapshot]:
            if self.operation.action == "DELETE":
                own = [each.id for each in snapshots_of(connection, parts.vault, self.stack_id)]
                return snapshot_tree(connection, parts.vault, own)
            if self.operation.action == "DELETE_SNAPSHOT":
                return snapshot_tree(connection, parts.vault, [str(identity)])
            found = load_snapshot(connection, parts.vault, str(identity))
            return [found] if found is not None else []

        wanted = identity is not None or self.operation.action == "DELETE"
        return await parts.database.read(query) if wanted else []

    async def _prepare(self, run: StackRun, action: str, kept: list[Snapshot]) -> Pursuit[Any]:
        if action == "DELETE_SNAPSHOT":
            removal = SnapshotRemoval(run, kept)
            return Pursuit(removal.graph(), removal.begin, keep_going=True)
        if action in CONVERGING or action == "DELETE":
            removing = action == "DELETE"
            observing = bool(self.operation.details.get("converge"))
            converge = Converge(
                run,
                removing=removing,
                observing=observing,
                removal=SnapshotRemoval(run, kept) if removing and kept and not run.retaining else None,
            )
            if kept and not removing:
                run.kept = kept[0].kept
            graph = converge.graph()
            await converge.write_rows()
            try:
                return Pursuit(graph, converge.begin)
            except CycleError:
                if not removing:
                    raise
                # A stack can always be deleted, whatever its rows say of each other.
                flat: Graph[Node] = Graph(dict.fromkeys(graph, ()))
                return Pursuit(flat, converge.begin)
        acting = StackAction(run, action, self.operation.details)
        return Pursuit(acting.graph(), acting.begin, keep_going=action == "CHECK")

    def _reason(self, pursuit: Pursuit[Any], action: str) -> str | None:
        failures = [error for _node, error in pursuit.failures if not isinstance(error, Superseded)]
        if any(isinstance(error, TimedOut) for error in failures):
            return TIMED_OUT
        if failures:
            told = [str(error) for error in failures]
            if action in BESIDE:
                return "; ".join(told)
            if action == "CHECK" and len(told) > 1:
                return resource_failed(action, "; ".join(told))
            if not isinstance(failures[0], StepFailed):
                log.error("a step of operation %s failed", self.operation_id, exc_info=failures[0])
            return resource_failed(action, told[0])
        if not pursuit.complete and self._superseding is None:
            return resource_failed(action, "the work stopped before its end")
        return None

    # The end

    async def _finish(self, failure: str | None) -> None:
        """Write how the operation ended; a newer one of the stack decides the stack's state instead."""
        action = self.operation.action
        gone = action == "DELETE" and failure is None and self._pursuit is not None
        if gone and self.stack.owner_id is None and self.stack.operation_id == self.operation_id:
            await self._give_back_credentials()
        outcome: dict[str, str | None] = {"ring": None}
        failures = self._run.failures if self._run is not None and failure is not None else []
        if failure is not None and not failures:
            failures = [{"resource": None, "action": action, "cause": {"kind": "Error", "text": failure}}]
        rows = self._take_notes() if action == "SNAPSHOT" else []

        def end(connection: Connection) -> None:
            outcome["ring"] = None
            stack = lock_stack(connection, self.stack_id)
            if stack is None:
                return
            current = stack.operation_id == self.operation_id
            beside = action in BESIDE and stack.action != "DELETE"
            status = DONE if current or beside else SUPERSEDED
            details = self.operation.details
            connection.execute(
                _end_operation,
                {
                    "operation": self.operation_id,
                    "status": status,
                    "status_reason": cut(failure or ""),
                    "failures": failures or None,
                    "details": {key: each for key, each in details.items() if key != "adopt"},
                    "finished_at": utcnow(),
                    "lease_owner": None,
                    "lease_expires_at": None,
                },
            )
            if current:
                self._end_resources(connection, ABORTED if action == "CANCEL" else failure or "")
            prune_events(connection, self.stack_id, self.parts.settings.engine.max_events_per_stack)
            prune_operations(connection, self.stack_id, self.parts.settings.engine.max_operations_per_stack)
            snapshot = self.operation.details.get("snapshot_id")
            if beside and snapshot is not None:
                end_removal(connection, snapshot, failure)
            elif action == "SNAPSHOT" and snapshot is not None:
                why = (failure or "") if current else BROKEN_OFF
                end_snapshot(connection, self.parts.vault, snapshot, self.stack, rows, why)
            if current and action != "CANCEL":
                outcome["ring"] = self._end_stack(connection, stack, action, failure)

        self.ending = True
        await self.scribe.change(end)
        self.finished = True
        superseded = self.stack.operation_id != self.operation_id
        self.outcome = "failed" if failure is not None else "superseded" if superseded else "done"
        if outcome["ring"] is not None:
            await self.parts.bus.ring(OPERATIONS_TOPIC, outcome["ring"])

    def _end_resources(self, connection: Connection, reason: str) -> None:
        """Nothing of the stack is worked on any more: what was broken off has failed."""
        for row in list_resources(connection, self.parts.vault, self.stack_id, status=IN_PROGRESS):
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
        for row in self._run.current.values() if self._run is not None else ():
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
        if self._run is not None and self._run.unsupported_checks:
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
                drop_deferred(connection, stack.credentials_id)
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
        from .definitions import store_definition

        empty = self._definition.emptied() if self._definition else Definition(dict(EMPTY))
        store_definition(connection, self.parts.vault, stack.id, empty)
        return empty.id

    async def _give_back_credentials(self) -> None:
        """The root stack goes: nothing will act for its owner any more."""
        if self._deferred is not None:
            await withdraw(self._deferred, self.parts.cloud_for, self.parts.trustee)
        if self.stack.user_project_id is not None and self._run is not None and not self._run.retaining:
            users = self._run.signal_users
            if users is not None:
                await users.remove_project(self.stack.user_project_id)


__all__ = ["Execution"]
