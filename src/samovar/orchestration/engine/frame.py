# SPDX-License-Identifier: Apache-2.0
"""What every step of one resource has in common: its intent is written first, its end or failure last.

Whatever goes wrong inside becomes a failure of the row, except what is no fault of it: an operation that goes
to another engine leaves the row as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from samovar.database import utcnow

from .achievements import CREATED, REPLACED, UPDATED
from .context import Context
from .events import STATE_CHANGED, cut, resource_event
from .failures import StepFailed, TimedOut, aborted, step_failed
from .groups import GROUPS
from .pursuit import Fatal
from .rows import COMPLETE, FAILED, IN_PROGRESS, Resource
from .scribe import LeaseLost
from .stack_run import StackRun, second
from .witnesses import console, servers_of


class Frame:
    """The beginning and the ends of a step of a running stack."""

    def __init__(self, run: StackRun) -> None:
        self.run = run
        self.scribe = run.scribe

    async def guarded(self, row: Resource, action: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            reason = self.run.abort_reason or ("Timed out" if self.run.out_of_time else None)
            if reason is not None:
                self.fail(row, action, f"{action} aborted ({reason})", aborted(reason))
            elif row.id in self.run.rows:
                self.scribe.save(row)  # what is known of the object helps whoever goes on
            raise
        except (LeaseLost, Fatal) as error:
            raise Fatal(error) from error
        except TimedOut:
            self.fail(row, action, f"{action} aborted (Timed out)", aborted("Timed out"))
            raise
        except Exception as error:
            failure = step_failed(row.name, error)
            failure.action = action
            await self._keep_consoles(row, failure)
            self.fail(row, action, failure.reason, failure.cause)
            await self.scribe.flush()
            raise failure from error

    async def _keep_consoles(self, row: Resource, failure: StepFailed) -> None:
        """What servers say of the failure, where a rollback is about to take them away."""
        cloud = self.run.known_cloud
        if cloud is None or not self.run.will_roll_back:
            return
        for server in servers_of(self.run.rows.values(), row)[:1]:
            lines = await console(cloud, server)
            if lines:
                evidence = failure.cause.setdefault("evidence", {})
                evidence[f"the console of server {server}"] = "\n".join(lines)

    async def begin(self, row: Resource, action: str, *, announce: bool = True) -> None:
        """Make the intent durable."""
        row.action, row.status, row.status_reason = action, IN_PROGRESS, STATE_CHANGED
        row.operation_id, row.updated_at = self.run.operation.id, utcnow()
        row.waiting, row.failure = None, None
        done = self.scribe.save(row)
        if announce:
            self.scribe.event(resource_event(row))
        await done

    async def progress(self, row: Resource, context: Context, action: str, *, made: bool = False) -> None:
        behaviour = self.run.behaviour(context.type)
        service = context.type.service
        first = await self.run.persist(row, lambda: behaviour.progress(context, action), service)
        if first is None:
            row.waiting = None
            return
        if made:
            await self.scribe.save_state(row)
        await self.run.until_done(row, lambda: behaviour.progress(context, action), service)

    def end(
        self,
        row: Resource,
        action: str,
        reason: str = STATE_CHANGED,
        *,
        whole: bool = False,
        counted: bool = True,
    ) -> None:
        """Record that the action is complete; whoever runs the graph goes on in the same commit."""
        row.action, row.status, row.status_reason = action, COMPLETE, reason
        row.updated_at, row.waiting, row.failure = utcnow(), None, None
        if counted:
            self._achieved(row, action)
        if whole:
            self.scribe.save(row)
        else:
            self.scribe.save_state(row)
        self.scribe.event(resource_event(row))

    def _achieved(self, row: Resource, action: str) -> None:
        """Count it for the history; what a nested stack achieved is counted there."""
        nested = "template" in row.definition or row.definition.get("implementation") in GROUPS
        if action == "CREATE":
            self.scribe.done.note(REPLACED if row.replaces else CREATED, row.name)
        elif action == "UPDATE" and not nested and row.type not in GROUPS:
            self.scribe.done.note(UPDATED, row.name)

    def fail(self, row: Resource, action: str, reason: str, cause: dict[str, Any]) -> None:
        failure = {**cause, "at": second(utcnow())}
        if row.waiting is not None:
            failure["waited"] = row.waiting
        row.action, row.status, row.status_reason = action, FAILED, cut(reason)
        row.updated_at, row.waiting, row.failure = utcnow(), None, failure
        self.run.note_failure(row, action, failure)
        if row.id not in self.run.rows:
            return
        self.scribe.save(row)
        self.scribe.event(resource_event(row))

    async def refuse(
        self, row: Resource, action: str, failure: StepFailed, *, told: str = "", keep_state: bool = False
    ) -> None:
        """Record that an action cannot even be begun, and fail."""
        if keep_state:
            self.scribe.event(
                resource_event(row, action=action, status=FAILED, reason=told or failure.reason)
            )
            self.run.note_failure(row, action, {**failure.cause, "at": second(utcnow())})
        else:
            self.fail(row, action, failure.reason, failure.cause)
        failure.action = action
        await self.scribe.flush()
        raise failure


__all__ = ["Frame"]
