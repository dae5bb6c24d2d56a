# SPDX-License-Identifier: Apache-2.0
"""The orchestration API: routes put together, ready to be served."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from samovar import __version__
from samovar.auth import Policy, TokenValidator
from samovar.database import DatabaseUnavailable
from samovar.orchestration.engine.parts import Parts
from samovar.web import Api, health_routes

from .about import About
from .actions import Actions
from .adoption import Leaving
from .contents import Contents
from .desk import Desk
from .draft import DraftReader
from .event_streams import Streams
from .events import Events
from .faults import render_fault
from .history import History
from .listing import Listing
from .lookup import Lookup
from .outputs import Outputs
from .plans import Plans
from .preview import Preview
from .resource_types import ResourceTypes
from .resources import Resources
from .rules import DEFAULTS
from .snapshots import Snapshots
from .software_configs import SoftwareConfigs
from .software_deployments import SoftwareDeployments
from .stacks import Stacks
from .template_versions import TemplateVersions
from .validate import Validate
from .why import Why

OTHER_VERSION = re.compile(r"/v(?!1(?:\.0)?(?:/|$))\d+(?:\.\d+)?(?:/|$)")


class Service:
    """The native API v1. It needs no engine in its process: they meet in the database and on the bus."""

    def __init__(
        self,
        parts: Parts,
        validator: TokenValidator,
        *,
        policy_file: Path | None = None,
        revision: str = __version__,
    ) -> None:
        self.parts, self.validator = parts, validator
        self.policy = Policy(DEFAULTS, policy_file)
        self.desk = Desk(parts, revision)
        self.streams = Streams(parts)

    def api(self) -> Api:
        api = Api(
            "orchestration",
            render_fault=render_fault,
            validator=self.validator,
            policy=self.policy,
            max_body=self.parts.settings.api.max_json_body_size,
        )
        health_routes(api, {"database": self._database})
        desk = self.desk
        reader = DraftReader(self.parts)
        lookup = Lookup(desk)
        About(desk).routes(api)
        ResourceTypes(desk).routes(api)
        TemplateVersions(desk).routes(api)
        Validate(desk, reader).routes(api)
        Preview(desk, reader).routes(api)
        Plans(desk, reader).routes(api)
        Listing(desk).routes(api)
        lookup.routes(api)
        Stacks(desk, reader).routes(api)
        Contents(desk).routes(api)
        Leaving(desk).routes(api)
        Resources(desk).routes(api)
        Events(desk, self.streams).routes(api)
        Outputs(desk).routes(api)
        Actions(desk).routes(api)
        SoftwareConfigs(desk).routes(api)
        SoftwareDeployments(desk).routes(api)
        Snapshots(desk, reader).routes(api)
        Why(desk).routes(api)
        History(desk).routes(api)
        lookup.arn_routes(api)
        return api

    def asgi(self) -> ASGIApp:
        """The API as an application. ``/v1.0`` is another spelling of ``/v1``; any other version is told
        which there are."""
        application = self.api().asgi()

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            prefix = scope.get("root_path", "")  # where the API is mounted; the path begins with it
            path = scope.get("path", "").removeprefix(prefix)
            if path.startswith("/v1.0/"):
                scope = dict(scope, path=f"{prefix}/v1/{path.removeprefix('/v1.0/')}")
            elif OTHER_VERSION.match(path):
                scope = dict(scope, path=f"{prefix}/versions")
            await application(scope, receive, send)

        return serve

    async def start(self) -> None:
        """Nothing runs in the background here."""

    async def stop(self) -> None:
        """End the streams of events: whoever reads them comes again, to another process."""
        self.streams.close()

    async def _database(self) -> str | None:
        from sqlalchemy import text

        try:
            await self.parts.database.read(lambda c: c.execute(text("SELECT 1")).scalar())
        except DatabaseUnavailable as error:
            return str(error)
        return None
