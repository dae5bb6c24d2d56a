# SPDX-License-Identifier: Apache-2.0
"""The validator: a token's Context, remembered until anything in identity changes."""

from __future__ import annotations

import time

from samovar.auth import Context
from samovar.database import utcnow

from .standing import Standing, stand
from .store import Store
from .tokens import TokenKeys

REMEMBERED = 4096
SECONDS = 5.0
"""How long another process's change may go unnoticed; changes of this process are seen at once."""


class Validator:
    """A samovar.auth.TokenValidator over identity's own tables."""

    def __init__(self, store: Store, keys: TokenKeys) -> None:
        self._store = store
        self._keys = keys
        self._generation = -1
        self._known: dict[str, tuple[float, float, Context]] = {}

    async def validate(self, token: str) -> Context:
        """The bearer of the token. Raises samovar.auth.InvalidToken."""
        known = self._known.get(token)
        if known is not None and self._generation == self._store.generation:
            looked_up, expires, context = known
            if time.monotonic() - looked_up < SECONDS and utcnow().timestamp() < expires:
                return context
        generation = self._store.generation
        standing = await self.standing(token)
        context = standing.context(token)
        if generation != self._generation or len(self._known) >= REMEMBERED:
            self._known.clear()
            self._generation = generation
        self._known[token] = (time.monotonic(), standing.token.expires / 1_000_000, context)
        return context

    async def standing(self, token: str) -> Standing:
        """Everything that there is to know of the token. Raises samovar.auth.InvalidToken."""
        opened = await self._keys.open(token)
        return await self._store.read(lambda connection: stand(connection, opened))
