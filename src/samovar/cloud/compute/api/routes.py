# SPDX-License-Identifier: Apache-2.0
"""Routes of the v2.1 API: each handler receives the microversion of its request."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from samovar.cloud.compute.microversions import Version, answered, negotiate
from samovar.web import Api, BadRequest, Call, NotFound, Reply

Handler = Callable[[Call, Version], Awaitable[Any]]
PREFIX = "/v2.1"
IN_PATH = "samovar.compute.project"
PROJECT = re.compile(r"^(/v2\.1)/([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(/.*)?$")


class Routes:
    """Adds versioned routes to an Api."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def add(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        rule: str | None = None,
        since: Version = (2, 1),
        until: Version | None = None,
        max_body: int | None = None,
    ) -> None:
        """Serve ``method /v2.1/path`` by `handler` from microversion `since` to `until` (404 outside)."""

        async def versioned(call: Call) -> Any:
            version = negotiate(call)
            if version < since or (until is not None and version > until):
                raise NotFound("The resource could not be found.")
            in_path = call.request.scope.get(IN_PATH)
            if in_path is not None and in_path != call.context.project_id:
                raise BadRequest(
                    f"Malformed request URL: URL's project_id '{in_path}' doesn't match "
                    f"Context's project_id '{call.context.project_id}'"
                )
            result = await handler(call, version)
            if isinstance(result, Response):
                return result
            reply = result if isinstance(result, Reply) else Reply(200, result)
            return Reply(reply.status, reply.body, {**answered(version), **reply.headers})

        self.api.route(method, PREFIX + path, versioned, rule=rule, max_body=max_body)


def without_project(application: ASGIApp) -> ASGIApp:
    """Accept the older form of the paths too, ``/v2.1/{project_id}/servers``."""

    async def shortened(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            path = scope["path"]
            inner = path[len(root) :] if root and path.startswith(root) else path
            match = PROJECT.match(inner)
            if match:
                kept = path[: len(path) - len(inner)]
                scope = {**scope, "path": kept + match[1] + (match[3] or "/"), IN_PATH: match[2]}
        await application(scope, receive, send)

    return shortened
