# SPDX-License-Identifier: Apache-2.0
"""The network service: its API, and the wiring that makes the kernel follow the database."""

from __future__ import annotations

import datetime

from samovar.auth import Policy, TokenValidator
from samovar.cloud.host import HostClient
from samovar.config import Settings
from samovar.database import Database
from samovar.messaging import Bus
from samovar.web import Api

from . import floating, networks, ports, rbac, routers, security_groups, security_rules, subnets
from .backend import Backend
from .bootstrap import ADMIN, first_network
from .collection import Collection
from .extensions import extension_routes
from .faults import render_fault
from .quotas import Quotas
from .router_interfaces import RouterActions
from .rules import default_rules
from .subnet_pools import POOLS, SCOPES
from .surroundings import Surroundings, version_routes
from .tagging import Tags
from .wiring import Wiring

KINDS = (
    networks.KIND,
    subnets.KIND,
    POOLS,
    SCOPES,
    ports.KIND,
    routers.KIND,
    floating.KIND,
    security_groups.KIND,
    security_rules.KIND,
    rbac.KIND,
)


class Service:
    """Neutron's role. Without `host` it serves the API and leaves the wiring to another process."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        settings: Settings,
        validator: TokenValidator,
        host: HostClient | None = None,
    ) -> None:
        database = database.in_turn("network")
        self.policy = Policy(default_rules(KINDS), settings.policy_file)
        self.backend = Backend(database, bus, settings.network, self.policy)
        self.wiring = Wiring(database, bus, settings.network, host) if host is not None else None
        self._validator = validator
        self._max_body = settings.api.max_json_body_size

    def api(self) -> Api:
        """The API, to be mounted under ``/network``."""
        api = Api(
            "network",
            render_fault=render_fault,
            validator=self._validator,
            policy=self.policy,
            max_body=self._max_body,
        )
        version_routes(api, KINDS)
        extension_routes(api)
        for kind in KINDS:
            Collection(kind, self.backend).routes(api)
            if kind.taggable:
                Tags(kind, self.backend).routes(api)
        RouterActions(self.backend).routes(api)
        Quotas(self.backend).routes(api)
        Surroundings(self.backend, self._seen).routes(api)
        return api

    async def bootstrap(self, project_id: str = "") -> str:
        """Make the external network `public`, owned by the (admin's) project, unless there is one; its id."""
        return await self.backend.commit(ADMIN, first_network(project_id))

    async def start(self) -> None:
        """Begin to wire: everything once, then what changes."""
        if self.wiring is not None:
            await self.wiring.start()

    async def stop(self) -> None:
        """Finish what is being wired, then let go; what is wired stays."""
        if self.wiring is not None:
            await self.wiring.stop()

    def _seen(self) -> tuple[datetime.datetime, datetime.datetime] | None:
        return self.wiring.seen if self.wiring is not None else None
