# SPDX-License-Identifier: Apache-2.0
"""What a stack's owner delegates to the engine: made with the stack, made again when it works no more."""

from __future__ import annotations

from sqlalchemy import Connection, update

from samovar.clients import CloudError, CloudUnreachable
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


class Delegation:
    """Trusts and application credentials of stacks; each is stored with the change that needs it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

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

    async def undo(self, deferred: Deferred | None) -> None:
        """The change that needed it was not made."""
        if deferred is not None:
            await withdraw(deferred, self.parts.cloud_for, self.parts.trustee)
