# SPDX-License-Identifier: Apache-2.0
"""The service: identity put together from its parts."""

from __future__ import annotations

from collections.abc import Sequence

from samovar.auth import Policy
from samovar.config import Settings
from samovar.database import Database
from samovar.web import Api

from .api import discovery
from .api.tokens import TokensApi
from .authentication import Authentication
from .bootstrap import IDENTITY, CatalogEntry, FirstCloud, bootstrap
from .faults import render_fault
from .rules import RULES
from .store import Store
from .tokens import TokenKeys
from .validator import Validator


class Service:
    """Keystone's role. The tables must exist before anything is asked of it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._settings = settings
        self._store = Store(database)
        lifetime = settings.identity.token_expiration
        self._keys = TokenKeys(self._store, lifetime)
        self._validator = Validator(self._store, self._keys)
        self._authentication = Authentication(self._store, self._keys, lifetime)

    def validator(self) -> Validator:
        """What every service of this process validates tokens with."""
        return self._validator

    async def bootstrap(self, entries: Sequence[CatalogEntry] = ()) -> FirstCloud:
        """Make sure of the first cloud and of these services in its catalog (identity itself always)."""
        everything = [IDENTITY, *(entry for entry in entries if entry.type != IDENTITY.type)]
        region = self._settings.identity.region_name
        return await bootstrap(self._store, self._settings.state_dir, everything, region)

    async def rotate_keys(self) -> None:
        """Sign tokens with a new key from now on; tokens made with older ones stay good."""
        await self._keys.rotate()

    async def start(self) -> None:
        """Nothing runs in the background."""

    async def stop(self) -> None:
        """Nothing to end."""

    def api(self) -> Api:
        """The HTTP API, to be served under /identity."""
        api = Api(
            "identity",
            render_fault=render_fault,
            validator=self._validator,
            policy=Policy(RULES, self._settings.policy_file),
        )
        discovery.add_routes(api)
        TokensApi(self._store, self._authentication, self._validator).add_routes(api)
        return api
