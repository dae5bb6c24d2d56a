# SPDX-License-Identifier: Apache-2.0
"""Several APIs on one port, told apart by the first step of the path, as DevStack has them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefixes:
    """An ASGI application that hands ``/compute/…`` to the application under ``/compute``.

    `root` answers everything else. The application sees the prefix as its ``root_path``.
    """

    def __init__(self, applications: Mapping[str, ASGIApp], root: ASGIApp) -> None:
        self._applications = {prefix.strip("/"): application for prefix, application in applications.items()}
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        first = scope["path"].split("/", 2)[1]
        application = self._applications.get(first)
        if application is None:
            await self._root(scope, receive, send)
            return
        path = scope["path"]
        if path == f"/{first}":
            path += "/"
        await application(
            dict(scope, path=path, root_path=f"{scope.get('root_path', '')}/{first}"), receive, send
        )
