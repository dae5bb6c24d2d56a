# SPDX-License-Identifier: Apache-2.0
"""The API service of load balancing, and the paths under which Octavia's clients look for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from samovar.auth import Policy, TokenValidator
from samovar.clients import Cloud
from samovar.config import Settings
from samovar.database import Database
from samovar.messaging import Bus
from samovar.web import Api

from ..deployment import Deployment
from .amphorae import Amphorae
from .catalogue import OFFERS, Catalogue
from .change import Backend, Clouds
from .discovery import Discovery
from .faults import render_fault
from .health_monitors import HealthMonitors
from .l7policies import L7Policies
from .l7rules import L7Rules
from .listeners import Listeners
from .load_balancers import LoadBalancers
from .members import Members
from .pools import Pools
from .quotas import Quotas
from .rules import default_rules


class Service:
    """Octavia's API. `own` are this service's credentials, an administrator's in the cloud; `caller` gives
    the cloud as the bearer of a token sees it."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        settings: Settings,
        validator: TokenValidator,
        *,
        own: Cloud,
        caller: Callable[[str], Cloud],
    ) -> None:
        older_roles = not settings.policy.enforce_new_defaults
        self.policy = Policy(default_rules(older_roles=older_roles), settings.policy_file)
        database = database.in_turn("loadbalancer")
        clouds, deployment = Clouds(own, caller), Deployment(database)
        self.backend = Backend(database, bus, settings.loadbalancer, self.policy, clouds, deployment)
        self._validator = validator
        self._max_body = settings.api.max_json_body_size

    def api(self) -> Api:
        """The API under its canonical paths."""
        api = Api(
            "load-balancer",
            render_fault=render_fault,
            validator=self._validator,
            policy=self.policy,
            max_body=self._max_body,
        )
        backend = self.backend
        Discovery(backend).routes(api)
        LoadBalancers(backend).routes(api)
        Listeners(backend).routes(api)
        Pools(backend).routes(api)
        Members(backend).routes(api)
        HealthMonitors(backend).routes(api)
        L7Policies(backend).routes(api)
        L7Rules(backend).routes(api)
        Quotas(backend).routes(api)
        for offer in OFFERS:
            Catalogue(offer, backend).routes(api)
        Amphorae(backend).routes(api)
        return api

    def asgi(self) -> ASGIApp:
        """The application, to be mounted under ``/load-balancer``."""
        return Spellings(self.api().asgi())

    async def start(self) -> None:
        """Nothing runs beside the requests."""

    async def stop(self) -> None:
        """Nothing runs beside the requests."""


class Spellings:
    """Brings the spellings of paths that Octavia takes to the canonical one, and tells who wants no JSON that
    there is nothing else.

    ``/v2`` for ``/v2.0``, no ``lbaas``, a slash or ``.json`` at the end.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if not takes_json(Headers(scope=scope).getlist("accept")):
                await NOT_ACCEPTABLE(scope, receive, send)
                return
            root = scope.get("root_path", "")
            path: str = scope["path"]
            inner = path[len(root) :] if root and path.startswith(root) else path
            scope = {**scope, "path": path[: len(path) - len(inner)] + canonical(inner)}
        await self._application(scope, receive, send)


NOT_ACCEPTABLE = JSONResponse(
    {"code": 406, "title": "Not Acceptable", "description": "This API answers in application/json alone."},
    406,
)


def takes_json(accepted: Sequence[str]) -> bool:
    """Whether an answer in JSON is among what a client accepts; it accepts all when it says nothing."""
    ranges = [one.partition(";")[0].strip().lower() for value in accepted for one in value.split(",")]
    return not any(ranges) or any(one in ("*/*", "application/*", "application/json") for one in ranges)


def canonical(path: str) -> str:
    """The path under which the API knows what `path` names."""
    parts = [part for part in path.split("/") if part]
    if not parts or parts[0] not in ("v2", "v2.0"):
        return path
    parts[0] = "v2.0"
    if len(parts) > 1 and parts[1] not in ("lbaas", "octavia"):
        parts.insert(1, "lbaas")
    parts[-1] = parts[-1].removesuffix(".json") if len(parts) > 2 else parts[-1]
    return "/" + "/".join(parts)
