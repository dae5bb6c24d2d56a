# SPDX-License-Identifier: Apache-2.0
"""What a stack's owner delegates to the engine: made with the stack, made again when it works no more."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection, update

from samovar.clients import CloudError, CloudUnreachable
from samovar.database import DatabaseUnavailable
from samovar.orchestration.engine.deferred import (
    CredentialsMissing,
    Deferred,
    credentials_of,
    delegate,
    load_deferred,
    store_deferred,
    withdraw,
)
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.rows import FAILED, Stack
from samovar.orchestration.engine.tables import stacks
from samovar.web import Call

from .draft import Draft
from .needs_cloud import needs_cloud

UNKNOWN_SECONDS = 10.0
"""Between two looks whether a change was made whose answer was lost."""


class Delegation:
    """Trusts and application credentials of stacks; each is stored with the change that needs it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._looking: set[asyncio.Task[None]] = set()

    async def first(self, call: Call, draft: Draft) -> Deferred | None:
        """What the engine will act with, when anything in the stack needs a cloud at all."""
        if not needs_cloud(draft):
            return None
        return await delegate(call.context, self.parts.cloud_for, self.parts.trustee)

    async def again(self, call: Call, stack: Stack) -> Deferred | None:
        """A new delegation by the caller, when that of a stack that has failed does not work any more.

        So a stack whose trust was withdrawn, or whose owner is gone, can still be mended and deleted.
        """
        identity = stack.credentials_id
        if identity is None or stack.status != FAILED or call.context.project_id != stack.project_id:
            return None
        stored = await self.parts.database.read(lambda c: load_deferred(c, self.parts.vault, identity))
        try:
            if stored is not None:
                await self.parts.cloud_for(credentials_of(stored, self.parts.trustee)).token()
                return None
        except CloudUnreachable:
            return None
        except CloudError as error:
            if error.status not in (401, 403, 404):
                return None
        except CredentialsMissing:
            pass
        return await delegate(call.context, self.parts.cloud_for, self.parts.trustee)

    def keep(self, connection: Connection, stack: Stack, deferred: Deferred) -> None:
        store_deferred(connection, self.parts.vault, deferred)
        connection.execute(
            update(stacks).where(stacks.c.root_id == stack.root_id).values(credentials_id=deferred.id)
        )

    async def undo(self, deferred: Deferred | None, error: BaseException) -> None:
        """The change that needed it was not made; where nobody knows, it is looked for later."""
        if deferred is None:
            return
        if isinstance(error, (DatabaseUnavailable, asyncio.CancelledError)):
            work = asyncio.get_running_loop().create_task(self._undo_if_it_was_not_made(deferred))
            self._looking.add(work)
            work.add_done_callback(self._looking.discard)
        else:
            await withdraw(deferred, self.parts.cloud_for, self.parts.trustee)

    async def _undo_if_it_was_not_made(self, deferred: Deferred) -> None:
        """A stack whose delegation was taken back could only be mended by its owner."""
        answered = False
        while True:
            await asyncio.sleep(UNKNOWN_SECONDS)
            try:
                found = await self.parts.database.read(
                    lambda c: load_deferred(c, self.parts.vault, deferred.id)
                )
            except DatabaseUnavailable:
                continue
            if found is not None:
                return
            if answered:  # a transaction that was under way had its time
                await withdraw(deferred, self.parts.cloud_for, self.parts.trustee)
                return
            answered = True
