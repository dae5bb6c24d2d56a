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
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from samovar.database import utcnow
from samovar.graph import CycleError
from samovar.orchestration.templates.errors import TemplateError

from .actions import TEMPLATE_CHECKED
from .assignment import Assignment, load_assignment
from .children import cancel_children
from .definitions import EMPTY, Definition
from .ending import ABORTED, BESIDE, CONVERGING, IN_TURN, ROLLED_BACK, Ending
from .event_bell import EventBell
from .events import resource_failed
from .failures import StepFailed, Superseded, TimedOut
from .parts import Parts
from .pursuit import Pursuit
from .requests import OPERATIONS_TOPIC
from .rows import Operation, Stack
from .scribe import LeaseLost, Scribe
from .stack_run import StackRun
from .store import get_operation, get_stack

log = logging.getLogger(__name__)
GRACE_SECONDS = 60.0
TIMED_OUT = "Timed out"


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
        self._about: Assignment
        self._run: StackRun | None = None
        self._pursuit: Pursuit[Any] | None = None
        self._superseding: asyncio.Task[None] | None = None
        self._newer = asyncio.Event()  # another operation of the stack has come
        self._lost_by: BaseException | None = None
        self._bell: EventBell | None = None

    async def run(self) -> None:
        """Bring the operation to its end. Raises LeaseLost when another engine has it now."""
        try:
            self._about = await load_assignment(self.parts, self.operation_id, self.stack_id)
            self.scribe.done.load(self.operation.done)
            self._bell = EventBell(self.parts.bus, self.stack.root_id)
            if await self._is_over():
                await self._finish(None)
                return
            failure = await self._work()
            await self.scribe.flush()
            await self._finish(failure)
        finally:
            if self._superseding is not None:
                self._superseding.cancel()
            if self._bell is not None:
                await self._bell.close()

    @property
    def operation(self) -> Operation:
        return self._about.operation

    @property
    def stack(self) -> Stack:
        return self._about.stack

    async def _is_over(self) -> bool:
        """Whether a newer operation of the stack makes this one pointless."""
        return self.stack.operation_id != self.operation_id and self._yields_to(await self._newest_action())

    def _yields_to(self, newest: str) -> bool:
        """Whether this operation has no end of its own any more when an operation of that action has come."""
        action = self.operation.action
        return newest == "DELETE" or (action not in BESIDE and not {action, newest} <= IN_TURN)

    async def _newest_action(self) -> str:
        """What the stack's newest operation does; a stack that is gone was deleted."""

        def query(connection: Connection) -> str:
            stack = get_stack(connection, self.stack_id)
            newest = get_operation(connection, stack.operation_id or "") if stack is not None else None
            return newest.action if newest is not None else "DELETE"

        return await self.parts.database.read(query)

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
        alone = stack is None or stack.operation_id == self.operation_id
        if pursuit is None or run is None or alone or not self._yields_to(await self._newest_action()):
            self._superseding = None
            return
        pursuit.stop()
        # What waits for a nested stack, or waits long, is taken over by the newer operation where it stands.
        if await self._newest_action() != "DELETE":
            run.leave_waits_of_others()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                while await self._newest_action() != "DELETE":
                    self._newer.clear()
                    await self._newer.wait()
                run.abort_reason = ABORTED
        pursuit.cancel()

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

    async def _work(self) -> str | None:
        """Walk the graph; return the reason of the failure, or None when all went well."""
        about, action = self._about, self.operation.action
        if action == "CANCEL":
            await cancel_children(self.parts.bus, self.scribe, self.operation, about.rows)
            return None
        self._run = run = StackRun(
            self.parts,
            self.stack,
            self.operation,
            about.definition or Definition(dict(EMPTY)),
            about.rows,
            self.scribe,
            about.cloud(self.assert_held),
            await about.path(),
        )
        run.assert_held = self.assert_held
        run.will_roll_back = action in ROLLED_BACK and not await about.root_keeps()
        kept = await about.snapshots()
        if "adopt" in self.operation.details:
            run.adopted = self.parts.vault.open(self.operation.details["adopt"])
        left = (self.operation.deadline_at - utcnow()).total_seconds()
        if left <= 0:
            return TIMED_OUT
        try:
            if action in CONVERGING or action in TEMPLATE_CHECKED:
                await asyncio.to_thread(run.read)
            self._pursuit = pursuit = await about.pursuit(run, kept)
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
            if self._lost_by is None:
                raise
        finally:
            timer.cancel()
        if isinstance(self._lost_by, DataError):
            told = f"The database does not take what is to be written: {self._lost_by.orig}"
            return resource_failed(action, told)
        if self._lost_by is not None:
            raise self._lost_by
        if run.abort_reason == TIMED_OUT:
            return TIMED_OUT
        return self._reason(pursuit, action)

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
            first = failures[0]
            if isinstance(first, StepFailed):
                action = first.action or action
            else:
                log.error("a step of operation %s failed", self.operation_id, exc_info=first)
            return resource_failed(action, told[0])
        if not pursuit.complete and self._superseding is None:
            return resource_failed(action, "the work stopped before its end")
        return None

    # The end

    async def _finish(self, failure: str | None) -> None:
        """Write how the operation ended; a newer one of the stack decides the stack's state instead."""
        about = self._about
        ending = Ending(
            self.parts,
            self.scribe,
            about.operation,
            about.stack,
            about.definition,
            about.deferred,
            self._run,
            self._pursuit is not None,
            failure,
        )
        await ending.prepare()
        self.ending = True
        await ending.write()
        self.finished = True
        self.outcome = "failed" if failure is not None else "superseded" if ending.superseded else "done"
        if ending.following is not None:
            await self.parts.bus.ring(OPERATIONS_TOPIC, ending.following)


__all__ = ["Execution"]
