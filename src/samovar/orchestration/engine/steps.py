# SPDX-License-Identifier: Apache-2.0
"""The steps of one resource: create, update, delete, and the actions on what exists.

The order is always: intent durable → cloud asked → answer durable. A step that was interrupted is begun
again by whoever holds the operation next; creating first looks for what it may have made already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from samovar.clients import CloudError, CloudUnreachable
from samovar.orchestration.resources.behaviour import Changes, ResourceGone, ResourceInError

from .achievements import DELETED
from .adoption import take_over
from .context import Context
from .events import STATE_CHANGED, resource_event
from .failures import StepFailed
from .frame import Frame
from .hooks import pause_at_hook
from .leaving import StillUsed
from .rows import COMPLETE, FAILED, IN_PROGRESS, Resource
from .snapshots import Kept
from .wanted import Wanted

CREATE_TRIES = 5
CONFLICT_SECONDS = 60.0
CONFLICT_WITHIN_SECONDS = 2.0  # where the conflict may be with what waits for this very stack
UNKNOWN = "creation_unknown"  # in a row's data: an object was asked for, and what became of that is not known


class Steps(Frame):
    """What can be done to one resource of a running stack."""

    # Making

    def create(self, row: Resource, wanted: Wanted) -> Coroutine[Any, Any, None]:
        """Make the object of a row, or go on making it."""
        interrupted = row.state == ("CREATE", IN_PROGRESS)
        wanted.write_to(row)
        return self.guarded(row, "CREATE", lambda: self._create(row, wanted, interrupted))

    async def _create(self, row: Resource, wanted: Wanted, interrupted: bool) -> None:
        declared = wanted.kind.declared
        context = self.run.context(row, declared, wanted.values)
        behaviour = self.run.behaviour(declared)
        if declared.prepares_for_replace and row.replaces and row.physical_id is None:
            await self._make_way(row, self.run.rows.get(row.replaces))
        if not interrupted:
            notes = await self.run.persist(row, lambda: behaviour.prepare(context), declared.service)
            row.data.update(self._as_kept(row, wanted, notes))
        await self.begin(row, "CREATE", announce=not interrupted)
        if interrupted and row.physical_id is None:
            await self._look_for_object(row, context, self.run.taken_over)
        for attempt in range(1, CREATE_TRIES + 1):
            try:
                if row.physical_id is None:
                    await self._ask_for_object(row, context, declared.service)
                await self.progress(row, context, "CREATE", made=True)
                break
            except ResourceInError:
                if attempt == CREATE_TRIES:
                    raise
                await self._discard(row, context, declared.service)
                await self.run.pause(row, 0.5 * 2**attempt)
        self.end(row, "CREATE")

    def _as_kept(self, row: Resource, wanted: Wanted, notes: Mapping[str, str]) -> Mapping[str, str]:
        """Notes of a new object; what lives in the stack alone has those of the snapshot that is restored."""
        kept = self.run.kept.get(row.name)
        if kept is None or wanted.kind.declared.service or kept.fingerprint != wanted.fingerprint:
            return notes
        return {key: kept.data.get(key, value) for key, value in notes.items()}

    def restore(self, row: Resource, kept: Kept) -> Coroutine[Any, Any, None]:
        """Bring the object of a row to what a snapshot keeps of it."""
        declared = self.run.kind_of_row(row).declared
        behaviour, context = self.run.behaviour(declared), self.run.context(row, declared)

        async def restoring() -> None:
            await self.begin(row, "UPDATE")
            await self.run.persist(
                row, lambda: behaviour.restore(context, kept.notes or {}), declared.service
            )
            await self.progress(row, context, "RESTORE")
            row.data["restored"] = self.run.operation.id
            self.run.forget_attributes(row)
            self.end(row, "UPDATE", whole=True)

        return self.guarded(row, "UPDATE", restoring)

    async def _make_way(self, row: Resource, old: Resource | None) -> None:
        """Have the old object let go of what the object of `row` needs."""
        if old is None or old.physical_id is None:
            return
        declared = self.run.kind_of_row(old).declared
        behaviour, context = self.run.behaviour(declared), self.run.context(old, declared)
        await self.run.until_done(row, lambda: behaviour.make_way(context), declared.service)

    def take_back(self, row: Resource, replacement: Resource) -> Coroutine[Any, Any, None]:
        """Keep an object after all that had made way for a replacement."""

        async def back() -> None:
            await self._make_way(row, replacement)
            declared = self.run.kind_of_row(row).declared
            behaviour, context = self.run.behaviour(declared), self.run.context(row, declared)
            await self.run.persist(row, lambda: behaviour.take_back(context), declared.service)

        return self.guarded(row, "UPDATE", back)

    async def _ask_for_object(self, row: Resource, context: Context, service: str | None) -> None:
        """Create until it is known that the object exists: a lost reply is followed by a search."""
        behaviour = self.run.behaviour(context.type)

        async def create() -> None:
            made = await behaviour.create(context)
            row.physical_id = made if made is not None else row.physical_id

        tries = 0
        while row.physical_id is None:
            asked = asyncio.get_running_loop().time()
            row.data[UNKNOWN] = True
            try:
                await self.run.persist(row, create, service, ambiguous=True)
                del row.data[UNKNOWN]
                break
            except (CloudUnreachable, CloudError) as error:
                unreachable = isinstance(error, CloudUnreachable)
                under_way = error.sent if isinstance(error, CloudUnreachable) else error.status in (502, 504)
                if not under_way:
                    del row.data[UNKNOWN]
                tries += 1
                unknown = isinstance(error, CloudUnreachable) or error.status in (500, 502, 504)
                if not unknown or (not unreachable and tries >= CREATE_TRIES):
                    raise
                name = service or "cloud"
                told = f"the {name} service to answer ({error})"
                self.run.note_wait(row, told, about=f"service {name}", cloud=name)
                await self.run.pause(row, min(30.0, 0.25 * 2 ** min(tries, 7)))
                await self._look_for_object(row, context, asked if under_way else None)
        self.scribe.save_state(row)

    async def _look_for_object(self, row: Resource, context: Context, asked: float | None) -> None:
        """Find what was asked for at the moment `asked` (of the loop's clock; None: it is known to be over).

        A cloud may go on with a request whose sender is gone. So an object that is not there counts as not
        made only when the cloud has had time to deal with the request.
        """
        behaviour, service = self.run.behaviour(context.type), context.type.service
        loop = asyncio.get_running_loop()
        while True:
            row.physical_id = await self.run.persist(row, lambda: behaviour.find(context), service)
            if row.physical_id is not None or asked is None or service is None:
                return
            left = asked + self.run.parts.settle_seconds - loop.time()
            if left <= 0:
                return
            told = f"the {service} service to deal with what it was asked for"
            self.run.note_wait(row, told, left=left, about=f"service {service}")
            await self.run.pause(row, min(left, 1.0))

    async def _discard(self, row: Resource, context: Context, service: str | None) -> None:
        """Remove an object that went into error, so that another can be made."""
        behaviour = self.run.behaviour(context.type)
        await self.run.persist(row, lambda: behaviour.delete(context), service)
        await self.progress(row, context, "DELETE")
        row.physical_id = None
        await self.scribe.save(row)

    # Changing

    def update(self, row: Resource, wanted: Wanted, changes: Changes) -> Coroutine[Any, Any, None]:
        """Bring the object of a row to other values in place."""
        return self.guarded(row, "UPDATE", lambda: self._update(row, wanted, changes))

    async def _update(self, row: Resource, wanted: Wanted, changes: Changes) -> None:
        declared = wanted.kind.declared
        behaviour = self.run.behaviour(declared)
        row.definition = {**row.definition, "pending": wanted.values}
        await self.begin(row, "UPDATE")
        if changes.metadata:
            row.metadata = dict(wanted.metadata)
        context = self.run.context(row, declared, wanted.values)
        if changes.names or changes.metadata:
            await self.run.persist(row, lambda: behaviour.update(context, changes), declared.service)
            await self.progress(row, context, "UPDATE")
        wanted.write_to(row)
        self.run.forget_attributes(row)
        self.end(row, "UPDATE", whole=True)

    def adopt_external(self, row: Resource, wanted: Wanted) -> Coroutine[Any, Any, None]:
        """Take an object that is there already (external_id) under the stack, and look that it is."""
        wanted.write_to(row)

        async def adopting() -> None:
            row.physical_id = wanted.external_id
            await self.begin(row, "ADOPT")
            self.end(row, "ADOPT")
            declared = wanted.kind.declared
            if "check" not in declared.handlers:
                self.end(row, "CHECK", f"CHECK not supported for {row.type}")
                return
            await self.begin(row, "CHECK")
            context = self.run.context(row, declared, wanted.values)
            behaviour = self.run.behaviour(declared)
            await self.run.persist(row, lambda: behaviour.check(context), declared.service)
            self.end(row, "CHECK")

        return self.guarded(row, "ADOPT", adopting)

    def adopt(self, row: Resource, wanted: Wanted, entry: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
        """Take over the object that an exported stack had for this resource; nothing is made."""
        wanted.write_to(row)

        async def adopting() -> None:
            announce = row.state != ("ADOPT", IN_PROGRESS)
            take_over(row, entry)
            if wanted.kind.declared.signal_responder and isinstance(entry.get("metadata"), Mapping):
                row.metadata = dict(entry["metadata"])
            await self.begin(row, "ADOPT", announce=announce)
            if row.physical_id is None:
                raise StepFailed("ResourceFailure", f"resources.{row.name}", "Resource ID was not provided.")
            declared = wanted.kind.declared
            behaviour, context = self.run.behaviour(declared), self.run.context(row, declared)
            await self.run.persist(row, lambda: behaviour.observe(context), declared.service)
            self.end(row, "ADOPT")

        return self.guarded(row, "ADOPT", adopting)

    # Removing

    def delete(self, row: Resource) -> Coroutine[Any, Any, None]:
        """Remove the object of a row, then the row."""
        return self.guarded(row, "DELETE", lambda: self._delete(row))

    def clear(self, row: Resource) -> Coroutine[Any, Any, None]:
        """Remove what was replaced, or is no longer asked for; what is in use elsewhere may stay for now."""

        async def clearing() -> None:
            try:
                await self._delete(row, may_leave=self.run.may_leave)
            except StillUsed as error:
                self.run.left_over = True
                row.status, row.waiting = FAILED, None
                row.status_reason = f"left until nothing outside this stack uses it ({error})"
                self.scribe.save(row)
                self.scribe.event(resource_event(row))

        return self.guarded(row, "DELETE", clearing)

    async def _delete(self, row: Resource, *, may_leave: bool = False) -> None:
        failed = row.failed
        asked = self.run.taken_over if row.status == IN_PROGRESS or row.data.get(UNKNOWN) else None
        await self.begin(row, "DELETE", announce=row.state != ("DELETE", IN_PROGRESS))
        policy = row.definition.get("deletion_policy", "Delete")
        kept = policy == "Retain" or row.definition.get("external_id") is not None
        if self.run.retaining:
            if self.run.kind_of_row(row).nested:
                await self._delete_object(row, asked, snapshot=False)
        elif not kept:
            snapshot = policy == "Snapshot" and not failed
            await self._delete_object(row, asked, snapshot=snapshot, may_leave=may_leave)
            await self._delete_user(row)
        row.status, row.status_reason, row.waiting = COMPLETE, STATE_CHANGED, None
        if self.run.current.get(row.name) is row:
            self.scribe.done.note(DELETED, row.name)
        self.scribe.event(resource_event(row))
        if self.run.operation.action == "DELETE":
            await pause_at_hook(self.run, row, "post-delete")
        done = self.scribe.delete(row)
        self.run.rows.pop(row.id, None)
        if self.run.current.get(row.name) is row:
            del self.run.current[row.name]
        await done

    async def _delete_object(
        self, row: Resource, asked: float | None, *, snapshot: bool, may_leave: bool = False
    ) -> None:
        kind = self.run.kind_of_row(row)
        if kind.nested:
            from .children import delete_child

            await delete_child(self.run, row)
            return
        context = self.run.context(row, kind.declared)
        behaviour, service = self.run.behaviour(kind.declared), kind.declared.service
        if row.physical_id is None:
            await self._look_for_object(row, context, asked)
        if row.physical_id is None:
            return
        if snapshot:
            await self.run.persist(row, lambda: behaviour.snapshot(context), service)
            await self.progress(row, context, "SNAPSHOT")
        patience = CONFLICT_WITHIN_SECONDS if may_leave else CONFLICT_SECONDS
        conflict_until = asyncio.get_running_loop().time() + patience
        while True:
            try:
                await self.run.persist(row, lambda: behaviour.delete(context), service)
                await self.progress(row, context, "DELETE")
                return
            except ResourceGone:
                return
            except CloudError as error:
                if error.not_found:
                    return
                if not error.conflict:
                    raise
                if asyncio.get_running_loop().time() > conflict_until:
                    if may_leave:
                        raise StillUsed(error.message) from error
                    raise
                self.run.note_wait(row, f"what still uses it to go ({error.message})")
                await self.run.pause(row, 1.0)

    async def _delete_user(self, row: Resource) -> None:
        """Remove the stack user that was made for a row to be signalled by."""
        users, user = self.run.signal_users, row.data.get("stack_user_id")
        if users is not None and user is not None:
            await self.run.persist(row, lambda: users.remove_user(user), "keystone")

    # Acting on what exists

    def act(
        self, row: Resource, action: str, work: Callable[[], Awaitable[str | None]]
    ) -> Coroutine[Any, Any, None]:
        """Run SUSPEND, RESUME, CHECK or SNAPSHOT of one row; `work` may return the reason to show."""

        async def acting() -> None:
            await self.begin(row, action)
            reason = await work()
            self.end(row, action, reason or STATE_CHANGED)

        return self.guarded(row, action, acting)


__all__ = ["StepFailed", "Steps"]
