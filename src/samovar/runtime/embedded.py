# SPDX-License-Identifier: Apache-2.0
"""The services of one process, composed: who is given what, and in which order they begin and end.

A room is imported when one of its services is asked for: an engine starts without the load balancers.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from starlette.types import ASGIApp, Receive, Scope, Send

from samovar import __version__
from samovar.auth import RememberingValidator, TokenValidator
from samovar.cache import NoCache, Recent, open_cache
from samovar.clients import (
    Cloud,
    CloudError,
    Credentials,
    Http,
    InProcess,
    KeystoneValidator,
    PasswordCredentials,
    TokenCredentials,
    Transport,
    is_down,
)
from samovar.cloud import identity
from samovar.config import DOORS, Settings
from samovar.coordination import Partition, open_coordinator
from samovar.database import Database, DatabaseUnavailable
from samovar.messaging import open_bus
from samovar.web import Api, Call, Fault, Prefixes, health_routes, metrics_route

from . import users
from .addresses import KINDS, Addresses
from .doors import Alone, Doors, Forwarding
from .secrets import share

if TYPE_CHECKING:
    from samovar.cloud.host import HostClient

log = logging.getLogger(__name__)

SERVICES = (
    *("identity", "image", "network", "compute", "key-manager"),
    *("orchestration-api", "cloudformation-api", "engine"),
    *("loadbalancer-api", "loadbalancer-worker", "loadbalancer-health", "loadbalancer-housekeeping"),
)
"""Services in the order in which they start; they stop in the opposite one."""

FIELD_NAMES = {
    "keystone": "identity",
    "glance-api": "image",
    "neutron-server": "network",
    "nova-api": "compute",
    "barbican-api": "key-manager",
    "heat-api": "orchestration-api",
    "heat-api-cfn": "cloudformation-api",
    "heat-engine": "engine",
    "octavia-api": "loadbalancer-api",
    "octavia-worker": "loadbalancer-worker",
    "octavia-health-manager": "loadbalancer-health",
    "octavia-housekeeping": "loadbalancer-housekeeping",
}
"""What operators know them as."""

ON_THE_HOST = {"network", "compute"}
ORCHESTRATION = {"orchestration-api", "cloudformation-api", "engine"}
CHECK_SECONDS = 2.0


class StartError(Exception):
    """The process cannot start; the message says why and what to do."""


class Embedded:
    """The services named in `wanted`, over one database and one bus.

    `origin` is that of the port that all APIs share, empty where each has its own. Identity's
    validator is always there: tokens are checked against the database that all share. Requests
    from service to service stay in the process when all of them are here.
    """

    def __init__(
        self, settings: Settings, wanted: set[str], database: Database, *, origin: str, agent_socket: Path
    ) -> None:
        self.settings, self.wanted, self.database = settings, wanted, database
        self.addresses = Addresses(settings, wanted, origin)
        self.draining = False
        self._started = False
        self._agent_socket = agent_socket
        self._bus = open_bus(settings.messaging)
        self._sandbox: Any = None
        self._host: HostClient | None = None
        self._seen_by_servers: ASGIApp | None = None
        self._services: dict[str, Any] = {}
        self._application: ASGIApp | None = None
        self.front: ASGIApp = self._front().asgi()
        self._whole = wanted == set(SERVICES)
        try:
            self._coordinator = open_coordinator(settings.coordination, database, alone=self._whole)
            shared = settings.engine.auth_encryption_key or settings.database_url
            self._cache = open_cache(settings.cache, shared)
            self._catalogs = Recent() if isinstance(self._cache, NoCache) else self._cache
        except ValueError as error:
            raise StartError(str(error)) from error
        self._foreign = users.foreign(settings, wanted)
        self._own_project = ""
        self._stack_domain: users.StackDomain | None = None
        self._transport: Transport = InProcess(self.application) if self._whole else self._http()

    async def application(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application of this process."""
        assert self._application is not None
        await self._application(scope, receive, send)

    def cloud(self, credentials: Credentials) -> Cloud:
        """A client of this cloud with these credentials."""
        given = self.settings.keystone
        return Cloud(
            self.addresses.auth_url,
            credentials,
            transport=self._transport,
            interface=given.interface or ("public" if self._whole else "internal"),
            region_name=given.region_name if self._foreign else None,
            remembered=self._catalogs,
        )

    def _http(self) -> Http:
        given = self.settings.keystone
        return Http(verify=not given.insecure, ca_file=given.cafile)

    def _service_user(self, name: str) -> Cloud:
        return self.cloud(users.service_user(self.settings, name, elsewhere=self._foreign))

    def _caller(self, token: str) -> Cloud:
        return self.cloud(TokenCredentials(token))

    async def prepare(self) -> None:
        """Build the services and the application; nothing is served yet."""
        settings, database, bus = self.settings, self.database, self._bus
        await share(database, settings)
        validator = await self._know_users()
        if self.wanted & ON_THE_HOST:
            from samovar.cloud.host import HostClient

            self._host = HostClient(self._agent_socket)
        if "image" in self.wanted:
            from samovar.cloud import image

            glance = image.Service(database, settings, validator)
            await glance.bootstrap()
            self._services["image"] = glance
        if "network" in self.wanted:
            from samovar.cloud import network

            neutron = network.Service(database, bus, settings, validator, self._host)
            await neutron.bootstrap(self._own_project)
            self._services["network"] = neutron
        if "compute" in self.wanted:
            from samovar.cloud import compute

            clouds = compute.Clouds(self._service_user("nova"), self._caller)
            nova = compute.Service(database, bus, settings, validator, clouds, self._host, self._for_servers)
            await nova.bootstrap()
            self._services["compute"] = nova
        if "key-manager" in self.wanted:
            from samovar.cloud import key_manager

            self._services["key-manager"] = key_manager.Service(database, settings, validator)
        if self.wanted & ORCHESTRATION:
            self._orchestrate(validator)
        self._balance(validator)
        apis = {name: _application(self._services[name]) for name in DOORS if name in self.wanted}
        shared = Prefixes({DOORS[name].prefix: api for name, api in apis.items()}, self.front)
        own = {
            port: Alone(apis[name], DOORS[name].prefix, self.front)
            for name, (_, port) in self.addresses.own_places().items()
        }
        believe = settings.services.enable_proxy_headers_parsing
        self._application = Doors(shared, own, believe_proxy=believe)
        elsewhere = {
            door.prefix: self.addresses.internal(name) for name, door in DOORS.items() if name not in apis
        }
        self._seen_by_servers = Forwarding(shared, elsewhere, self._transport)

    async def _know_users(self) -> TokenValidator:
        """Who services are and whose tokens are: by our own identity, or by a Keystone that is configured."""
        settings = self.settings
        remembering = settings.cache.token_cache_time
        if self._foreign:
            own = self._service_user("")
            try:
                self._own_project = await own.project_id()
                self._stack_domain = await users.stack_domain(settings.keystone, own)
            except (CloudError, LookupError) as error:
                if is_down(error):
                    raise
                raise StartError(f"[keystone_authtoken]: {self.addresses.auth_url}: {error}") from error
            return RememberingValidator(KeystoneValidator(own), self._cache, remembering)
        keystone = identity.Service(self.database, settings)
        here = "identity" in self.wanted
        first = await keystone.bootstrap(self.addresses.catalog() if here else None)
        self._services["identity"] = keystone
        self._own_project = first.admin_project_id
        admin = PasswordCredentials(
            first.passwords["heat_domain_admin"],
            username="heat_domain_admin",
            user_domain_id=first.stack_domain_id,
            domain_id=first.stack_domain_id,
        )
        self._stack_domain = users.StackDomain(first.stack_domain_id, admin)
        validator: TokenValidator = keystone.validator()
        if here or isinstance(self._cache, NoCache):
            return validator
        return RememberingValidator(validator, self._cache, remembering)

    async def _for_servers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """All APIs of the cluster, for servers of the local cloud."""
        assert self._seen_by_servers is not None
        await self._seen_by_servers(scope, receive, send)

    def _orchestrate(self, validator: TokenValidator) -> None:
        from samovar.orchestration import engine

        self._sandbox = engine.ProcessSandbox()
        parts = engine.Parts(
            database=self.database,
            bus=self._bus,
            settings=self.settings,
            vault=engine.Vault.of(self.settings.engine.auth_encryption_key, self.settings.state_dir),
            cloud_for=self.cloud,
            trustee=users.trustee(self.settings, elsewhere=self._foreign),
            stack_domain_admin=self._stack_domain.admin if self._stack_domain else None,
            stack_domain_id=self._stack_domain.id if self._stack_domain else "",
            endpoint=self.addresses.public("orchestration-api"),
            cfn_endpoint=self.addresses.public("cloudformation-api"),
            auth_url=self.addresses.auth_url,
            inside={}
            if self._foreign
            else self.addresses.inside(),  # another cloud's servers know no such place
            settle_seconds=0.0 if self._whole else 10.0,  # one process: what was under way dies with it
            sandbox=self._sandbox,
        )
        if "cloudformation-api" in self.wanted:
            from samovar.orchestration import cfn

            self._services["cloudformation-api"] = cfn.Service(parts)
        if "engine" in self.wanted:
            self._services["engine"] = engine.Service(parts)
        if "orchestration-api" in self.wanted:
            from samovar.orchestration import api as orchestration_api

            self._services["orchestration-api"] = orchestration_api.Service(
                parts, validator, policy_file=self.settings.policy_file
            )

    def _balance(self, validator: TokenValidator) -> None:
        database, bus, settings = self.database, self._bus, self.settings
        if "loadbalancer-api" in self.wanted:
            from samovar.loadbalancer import api as loadbalancer_api

            self._services["loadbalancer-api"] = loadbalancer_api.Service(
                database, bus, settings, validator, own=self._service_user("octavia"), caller=self._caller
            )
        if "loadbalancer-worker" in self.wanted:
            from samovar.loadbalancer import worker as loadbalancer_worker

            own = self._service_user("octavia")
            self._services["loadbalancer-worker"] = loadbalancer_worker.Service(database, bus, settings, own)
        if "loadbalancer-health" in self.wanted:
            from samovar.loadbalancer import health as loadbalancer_health

            own = self._service_user("octavia")
            self._services["loadbalancer-health"] = loadbalancer_health.Service(database, bus, settings, own)
        if "loadbalancer-housekeeping" in self.wanted:
            from samovar.loadbalancer import housekeeping as loadbalancer_housekeeping

            own = self._service_user("octavia")
            share = Partition(
                self._coordinator,
                loadbalancer_housekeeping.GROUP,
                settings.coordination.partitioning_group_prefix,
            )
            keeper = loadbalancer_housekeeping.Service(database, bus, settings, own, share)
            self._services["loadbalancer-housekeeping"] = keeper

    async def start(self) -> None:
        """Start every service, one after the other."""
        await self._bus.start()
        await self._coordinator.start()
        for name in SERVICES:
            if name in self.wanted:
                await self._services[name].start()
        self._started = True

    async def stop(self) -> None:
        """Let every service finish or hand back what it is doing."""
        for name in reversed(SERVICES):
            if name in self.wanted:
                try:
                    await self._services[name].stop()
                except Exception:
                    log.exception("%s did not stop in order", name)

    async def close(self) -> None:
        """Give up connections."""
        await self._coordinator.stop()
        await self._cache.close()
        if self._sandbox is not None:
            self._sandbox.close()
        await self._bus.close()
        await self._transport.close()
        if self._host is not None:
            await self._host.close()

    def _front(self) -> Api:
        """What answers outside every prefix: what is served here, and how it is."""
        api = Api("samovar", render_fault=_render)

        async def index(call: Call) -> dict[str, Any]:
            services = {
                KINDS[name][0]: (
                    self.addresses.public(name) if self.addresses.apart else f"{call.origin}/{door.prefix}"
                )
                + door.path.split("%")[0].rstrip("/")
                for name, door in DOORS.items()
                if name in self.wanted
            }
            return {"name": "samovar", "version": __version__, "services": services}

        api.route("GET", "/", index)
        metrics_route(api)
        health_routes(
            api,
            {"process": self._serving, "database": self._database_answers, "host agent": self._host_answers},
            {"broker": self._broker_answers},
        )
        return api

    async def _serving(self) -> str | None:
        if self.draining:
            return "The process is stopping."
        return None if self._started else "The services are starting."

    async def _database_answers(self) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.database.read(lambda connection: connection.execute(text("SELECT 1")).scalar())
        except DatabaseUnavailable as error:
            return str(error)
        except TimeoutError:
            return f"The database does not answer within {CHECK_SECONDS:g} seconds."
        return None

    async def _broker_answers(self) -> str:
        """Without a broker work is found by looking for it: slower, and no reason to ask others."""
        return self._bus.trouble() or "ok"

    async def _host_answers(self) -> str | None:
        if self._host is None:
            return None
        from samovar.cloud.host import HostError

        try:
            async with asyncio.timeout(5):
                await self._host.hello()
        except (HostError, TimeoutError) as error:
            return str(error) or "The host agent does not answer."
        return None


def _application(service: Any) -> ASGIApp:
    """A service's ASGI application: its own, or that of its API."""
    make = getattr(service, "asgi", None)
    application: ASGIApp = make() if make is not None else service.api().asgi()
    return application


def _render(fault: Fault, _call: Call) -> tuple[Any, dict[str, str]]:
    return {"error": {"code": fault.status, "title": fault.title, "message": fault.message}}, {}
