# SPDX-License-Identifier: Apache-2.0
"""The service: identity put together from its parts."""

from __future__ import annotations

from collections.abc import Sequence

from samovar.auth import Policy
from samovar.config import Settings
from samovar.database import Database
from samovar.web import Api

from .api import discovery
from .api.application_credentials import ApplicationCredentialsApi
from .api.catalog_parts import CatalogPartsApi
from .api.credentials import CredentialsApi
from .api.domains import DomainsApi
from .api.ec2 import Ec2Api
from .api.grants import GrantsApi
from .api.groups import GroupsApi
from .api.projects import ProjectsApi
from .api.role_assignments import RoleAssignmentsApi
from .api.roles import RolesApi
from .api.tokens import TokensApi
from .api.trusts import TrustsApi
from .api.users import UsersApi
from .authentication import Authentication
from .bootstrap import IDENTITY, CatalogEntry, FirstCloud, bootstrap
from .faults import render_fault
from .rules import RULES
from .store import Store
from .tokens import TokenKeys
from .validator import Validator

PARTS = (
    DomainsApi,
    ProjectsApi,
    UsersApi,
    GroupsApi,
    RolesApi,
    GrantsApi,
    RoleAssignmentsApi,
    CatalogPartsApi,
    CredentialsApi,
    ApplicationCredentialsApi,
    TrustsApi,
)


class Service:
    """Keystone's role. The tables must exist before anything is asked of it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._settings = settings
        self._store = Store(database.in_turn("identity"))
        lifetime = settings.identity.token_expiration
        self._keys = TokenKeys(self._store, lifetime)
        self._validator = Validator(self._store, self._keys)
        self._authentication = Authentication(self._store, self._keys, lifetime)

    def validator(self) -> Validator:
        """What every service of this process validates tokens with."""
        return self._validator

    async def bootstrap(self, entries: Sequence[CatalogEntry] | None = ()) -> FirstCloud:
        """Make sure of the first cloud and of these services in its catalog (identity itself always).

        None leaves the catalog to another process. Processes that start at once take turns.
        """
        everything: list[CatalogEntry] = []
        if entries is not None:
            known = any(entry.type == IDENTITY.type for entry in entries)
            everything = [*([] if known else [IDENTITY]), *entries]
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
        store = self._store
        tokens = TokensApi(store, self._authentication, self._validator)
        discovery.add_routes(api)
        tokens.add_routes(api)
        Ec2Api(store, self._authentication, tokens).add_routes(api)
        for part in PARTS:
            part(store).add_routes(api)
        return api
