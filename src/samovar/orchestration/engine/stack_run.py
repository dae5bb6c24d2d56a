# SPDX-License-Identifier: Apache-2.0
"""A loaded stack that is being worked on: with the scribe of its operation, deadlines, wakes and waits."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from samovar.clients import Cloud, CloudError, CloudUnreachable, to_its_end
from samovar.database import utcnow
from samovar.orchestration.resources.behaviour import Waiting

from .definitions import Definition
from .events import resource_event
from .failures import MOST_WORDS, TimedOut
from .leaving import MAY_LEAVE
from .loaded import LoadedStack
from .parts import Parts
from .rows import Operation, Resource, Stack
from .scribe import Scribe
from .store import resource_of
from .tables import resources

if TYPE_CHECKING:
    from .snapshots import Kept

T = TypeVar("T")
FIRST_PAUSES = (0.05, 0.1, 0.2)
LONGEST_PAUSE = 3.0
GROWTH = 1.15
SERVER_ERROR_TRIES = 4
TROUBLE_TOLD_AFTER = 3  # tries: shorter trouble is no event
MOST_FAILURES = 20
LONGEST_RESPECT = 300.0


class StackRun(LoadedStack):
    """One stack under one operation. Only what holds the operation's lease may have one."""

    def __init__(
        self,
        parts: Parts,
        stack: Stack,
        operation: Operation,
        definition: Definition,
        rows: Sequence[Resource],
        scribe: Scribe,
        cloud: Cloud | None = None,
        path: Sequence[str] = (),
    ) -> None:
        super().__init__(parts, stack, definition, rows, cloud, path)
        self.operation, self.scribe = operation, scribe
        self.abort_reason: str | None = None
        self.assert_held: Callable[[], None] = lambda: None
        self.unsupported_checks = False
        self.adopted: Mapping[str, Any] | None = None  # the exported resources that are taken over
        self.retaining = bool(operation.details.get("abandon"))  # what goes from the stack stays in the cloud
        self.kept: Mapping[str, Kept] = {}  # what the snapshot that is restored keeps, by resource
        self.paused: set[str] = set()  # rows that wait for a hook
        self.will_roll_back = False
        self.left_over = False  # something that was replaced or removed is still in use outside this stack
        self.failures: list[dict[str, Any]] = []  # what is told of this operation when it has ended
        self.taken_over = asyncio.get_running_loop().time()  # nobody else has asked the cloud since
        self._wakes: dict[str, asyncio.Event] = {}
        self._waiters: dict[str, asyncio.Task[Any]] = {}

    def read(self) -> None:
        """Read the template and order its resources; big ones take a while, so in a thread."""
        assert self.requirements is not None
        assert self.slow is not None

    @property
    def out_of_time(self) -> bool:
        """Whether the time for this operation is over."""
        return utcnow() >= self.operation.deadline_at

    @property
    def may_leave(self) -> bool:
        """Whether what is still in use may stay for now: the stack around this one comes back for it."""
        return bool(self.operation.details.get(MAY_LEAVE))

    def note_failure(self, row: Resource, action: str, failure: dict[str, Any]) -> None:
        """Remember what failed, for when the row is gone."""
        if len(self.failures) < MOST_FAILURES:
            told = {"resource": row.name, "type": row.type, "action": action, "physical_id": row.physical_id}
            self.failures.append({**told, "cause": failure})

    async def keep(self, row: Resource) -> None:
        row.updated_at = utcnow()
        await self.scribe.save(row)

    async def fresh_row_by_reference(self, reference: str) -> Resource | None:
        """The row as another process may have changed it: signals are taken by whoever hears them."""
        row = await super().fresh_row_by_reference(reference)
        if row is None:
            return None
        await self.reload(row)
        return row

    async def reload(self, row: Resource) -> None:
        """Read a row's metadata and data again."""
        query = resources.select().where(resources.c.id == row.id)
        found = await self.parts.database.read(lambda c: c.execute(query).mappings().first())
        if found is not None:
            fresh = resource_of(found, self.parts.vault)
            row.metadata, row.data, row.secrets = fresh.metadata, fresh.data, fresh.secrets

    def leave_waits_of_others(self) -> None:
        """Break off the waits for nested stacks and hooks; the next operation goes on with them."""
        for row_id, task in tuple(self._waiters.items()):
            row = self.rows.get(row_id)
            if row is not None and (row_id in self.paused or self.kind_of_row(row).nested):
                task.cancel()

    # Waking what waits

    def wake(self, row_id: str | None = None) -> None:
        """Let the waits of a row (None: of every row) look again at once."""
        for identity, event in self._wakes.items():
            if row_id is None or identity == row_id:
                event.set()

    async def pause(self, row: Resource, seconds: float) -> None:
        """Wait until woken, at most `seconds` and never past the deadline. Raises TimedOut."""
        left = (self.operation.deadline_at - utcnow()).total_seconds()
        if left <= 0:
            raise TimedOut("Timed out")
        event = self._wakes.setdefault(row.id, asyncio.Event())
        event.clear()
        task = asyncio.current_task()
        assert task is not None
        self._waiters[row.id] = task
        try:
            async with asyncio.timeout(min(seconds, left)):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._wakes.pop(row.id, None)
            self._waiters.pop(row.id, None)

    async def _leave_alone(self, row: Resource, seconds: float) -> None:
        """Pause for all of that time: news of other things do not end it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            await self.pause(row, left)

    # Waiting for the cloud

    async def until_done(
        self, row: Resource, ask: Callable[[], Awaitable[Waiting | None]], service: str | None
    ) -> None:
        """Ask again and again, with growing pauses, until nothing is left to wait for."""
        tries = 0
        while True:
            waiting = await self.persist(row, ask, service)
            if waiting is None:
                break
            self.note_wait(row, waiting.for_what, left=waiting.left, about=waiting.about)
            if tries < len(FIRST_PAUSES):
                seconds = min(FIRST_PAUSES[tries], waiting.seconds)
            else:
                seconds = min(
                    waiting.seconds * GROWTH ** (tries - len(FIRST_PAUSES)),
                    max(LONGEST_PAUSE, waiting.seconds),
                )
            tries += 1
            await self.pause(row, seconds)
        row.waiting = None

    def note_wait(
        self, row: Resource, for_what: str, *, left: float | None = None, about: str = "", cloud: str = ""
    ) -> None:
        """Make a wait visible: for what, since when, until when.

        `left`: it is given up after so many seconds, when the stack's time is not over before; `about`:
        another wait about the same thing goes on; `cloud`: the service whose trouble it is.
        """
        before, now = row.waiting, utcnow()
        if before is not None and before["for"] == for_what:
            return
        same = before is not None and bool(about) and before.get("about") == about
        until = self.operation.deadline_at
        if left is not None:
            until = min(until, now + datetime.timedelta(seconds=max(left, 0.0)))
        row.waiting = {
            "for": for_what,
            "since": before["since"] if before is not None and same else second(now),
            "until": before["until"] if before is not None and same and not cloud else second(until),
        }
        if about:
            row.waiting["about"] = about
        if cloud:
            row.waiting["service"] = cloud
        self.scribe.save_state(row)

    def _tell_of_trouble(self, row: Resource) -> None:
        """One event of a wait for a service that lasts."""
        if row.waiting is None:
            return
        wait = row.waiting
        told = f"waiting for {wait['for']} since {wait['since']}, gives up at {wait['until']}"
        self.scribe.event(resource_event(row, reason=told))

    async def persist(
        self,
        row: Resource,
        ask: Callable[[], Awaitable[T]],
        service: str | None,
        *,
        ambiguous: bool = False,
    ) -> T:
        """Ask the cloud, and again while it is only in trouble of its own.

        `ambiguous`: the request makes something, so one whose fate is not known is not repeated here, and
        one that is under way is not broken off before its answer.
        """
        tries, left = 0, None
        while True:
            asked_for = 0.0  # seconds for which the service wants to be left alone
            try:
                async with self.parts.limits.slot(service):
                    self.assert_held()
                    answer = await (to_its_end(ask()) if ambiguous else ask())
                if tries:
                    row.waiting = None
                    self.scribe.save_state(row)
                return answer
            except CloudUnreachable as error:
                if ambiguous:
                    raise
                name = service or "cloud"
                trouble = f"the {name} service to answer ({error})"
            except CloudError as error:
                if not error.transient or (error.status == 500 and tries >= SERVER_ERROR_TRIES - 1):
                    raise
                if ambiguous and error.status != 429 and error.status != 503:
                    raise
                name, asked_for = error.service, min(error.retry_after or 0.0, LONGEST_RESPECT)
                trouble = f"the {name} service to recover (HTTP {error.status}: {error.message[:MOST_WORDS]})"
                if error.status == 500:
                    left = sum(_trouble_pause(later) for later in range(tries + 1, SERVER_ERROR_TRIES))
            tries += 1
            self.note_wait(row, trouble, left=left, about=f"service {name}", cloud=name)
            if tries == TROUBLE_TOLD_AFTER:
                self._tell_of_trouble(row)
            await self._leave_alone(row, asked_for)
            if asked_for < _trouble_pause(tries):
                await self.pause(row, _trouble_pause(tries) - asked_for)


def _trouble_pause(tries: int) -> float:
    return min(30.0, 0.25 * 2.0 ** min(tries, 7))


def second(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
