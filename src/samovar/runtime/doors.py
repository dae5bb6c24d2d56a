# SPDX-License-Identifier: Apache-2.0
"""Which application answers: told apart by the port that a request came in at, then by its path."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from samovar.clients import CloudUnreachable, Transport
from samovar.web import METRICS

OF_THE_PROCESS = ("/livez", "/readyz", "/healthcheck", METRICS)
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}
TIMEOUT = 60.0


class Alone:
    """One API at the root of its own port; its health beside it, and its prefix for those who use it."""

    def __init__(self, application: ASGIApp, prefix: str, front: ASGIApp) -> None:
        self._application, self._prefix, self._front = application, f"/{prefix}", front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path in OF_THE_PROCESS:
            await self._front(scope, receive, send)
        elif scope["method"] == "OPTIONS" and path == "/":
            # What a bare `option httpchk` asks: let it check what /readyz does.
            await self._front(dict(scope, method="GET", path="/readyz"), receive, send)
        elif path == self._prefix or path.startswith(f"{self._prefix}/"):
            below = path if path != self._prefix else f"{path}/"
            root = f"{scope.get('root_path', '')}{self._prefix}"
            await self._application(dict(scope, path=below, root_path=root), receive, send)
        else:
            await self._application(scope, receive, send)


class Doors:
    """Hands a request to the application of the port that it came in at, else to the shared one."""

    def __init__(self, shared: ASGIApp, own: Mapping[int, ASGIApp], *, believe_proxy: bool = False) -> None:
        self._shared, self._own, self._believe_proxy = shared, dict(own), believe_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._believe_proxy:
            for name, value in scope["headers"]:
                if name == b"x-forwarded-proto" and value in (b"http", b"https"):
                    scope = dict(scope, scheme=value.decode())
        server = scope.get("server")
        application = self._own.get(server[1]) if server and server[1] is not None else None
        await (application or self._shared)(scope, receive, send)


class Forwarding:
    """For servers of the local cloud: what is served here but the figures, and every other API where it is.

    `elsewhere` maps a prefix to the URL at which that API knows the prefix, too.
    """

    def __init__(self, here: ASGIApp, elsewhere: Mapping[str, str], transport: Transport) -> None:
        self._here, self._transport = here, transport
        self._elsewhere = {
            prefix: f"{parts.scheme}://{parts.netloc}"
            for prefix, target in elsewhere.items()
            for parts in (urlsplit(target),)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == METRICS:
            scope = dict(scope, path="/nothing")
        target = self._elsewhere.get(scope["path"].split("/", 2)[1]) if scope["type"] == "http" else None
        if target is None:
            await self._here(scope, receive, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = scope.get("raw_path", b"").decode() or quote(scope["path"])
        query = scope.get("query_string", b"").decode()
        url = target + path.partition("?")[0] + (f"?{query}" if query else "")
        headers = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name.decode() not in HOP_BY_HOP
        }
        try:
            answer = await self._transport.send(scope["method"], url, headers, bytes(body) or None, TIMEOUT)
            status, payload = answer.status, answer.body
            told = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
        except CloudUnreachable as error:
            status, payload, told = 503, f"{error}\n".encode(), {"content-type": "text/plain"}
        told["content-length"] = str(len(payload))
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in told.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else payload})
