# SPDX-License-Identifier: Apache-2.0
"""How a request travels: over HTTP, or straight into an application of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

from .errors import CloudUnreachable

Body = bytes | AsyncIterator[bytes] | None


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """Status, headers (names in lower case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Carries one request to `url` and brings the answer back."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, timeout: float
    ) -> RawAnswer:
        """Raises CloudUnreachable when there was no answer within `timeout` seconds."""

    async def close(self) -> None:
        """Give up pooled connections."""


GRACE = 2.0


async def _messages(body: Body) -> AsyncIterator[Message]:
    """The body as an ASGI application receives it."""
    if body is not None and not isinstance(body, bytes):
        async for piece in body:
            yield {"type": "http.request", "body": piece, "more_body": True}
        body = b""
    yield {"type": "http.request", "body": body or b"", "more_body": False}


class InProcess:
    """Calls an ASGI application directly: the same requests, no socket."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self._serving: set[asyncio.Future[None]] = set()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, timeout: float
    ) -> RawAnswer:
        parts = urlsplit(url)
        raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        raw.append((b"host", parts.netloc.encode()))
        if isinstance(body, bytes):
            raw.append((b"content-length", str(len(body)).encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": parts.scheme,
            "path": unquote(parts.path) or "/",
            "raw_path": parts.path.encode(),
            "root_path": "",
            "query_string": parts.query.encode(),
            "headers": raw,
            "client": None,
            "server": (parts.hostname or "", parts.port or 80),
            "state": {},
        }
        pieces = _messages(body)
        status = 0
        answered: dict[str, str] = {}
        chunks: list[bytes] = []

        async def receive() -> Message:
            message = await anext(pieces, None)
            if message is None:  # who asked is still there, and has no more to say
                await asyncio.get_running_loop().create_future()
            assert message is not None
            return message

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answered.update(
                    (k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in message["headers"]
                )
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))

        await self._serve(self._application(scope, receive, send), f"{method} {url}", timeout)
        return RawAnswer(status, answered, b"".join(chunks))

    async def _serve(self, work: Awaitable[None], what: str, timeout: float) -> None:
        """Let the application answer. As over a line, it goes on when nobody waits for it any more."""
        serving = asyncio.ensure_future(work)
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        serving.add_done_callback(_looked_at)
        for patience in (timeout, GRACE):  # when this process has stood still, the answer comes just now
            done, _ = await asyncio.wait({serving}, timeout=patience)
            if done:
                return serving.result()
        raise CloudUnreachable(f"{what}: no answer within {timeout:g} s")

    async def close(self) -> None:
        """Nothing to give up."""


def _looked_at(serving: asyncio.Future[None]) -> None:
    if not serving.cancelled():
        serving.exception()


class Http:
    """HTTP over a pool of connections (aiohttp)."""

    def __init__(self, *, verify: bool = True, ca_file: str | None = None, connections: int = 64) -> None:
        self._verify, self._ca_file, self._connections = verify, ca_file, connections
        self._session: Any = None

    def session(self) -> Any:
        """The aiohttp session that requests go through."""
        if self._session is None:
            import ssl

            import aiohttp

            tls: ssl.SSLContext | bool = True
            if not self._verify:
                tls = False
            elif self._ca_file:
                tls = ssl.create_default_context(cafile=self._ca_file)
            connector = aiohttp.TCPConnector(limit=self._connections, ssl=tls)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)
        return self._session

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, timeout: float
    ) -> RawAnswer:
        import aiohttp
        from yarl import URL

        try:
            async with self.session().request(
                method,
                URL(url, encoded=True),
                headers=dict(headers),
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                payload = await response.read()
                answered = {name.lower(): value for name, value in response.headers.items()}
                return RawAnswer(response.status, answered, payload)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            sent = not isinstance(error, aiohttp.ClientConnectorError)
            raise CloudUnreachable(f"{method} {url}: {reason}", sent=sent) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
