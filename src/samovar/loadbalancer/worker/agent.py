# SPDX-License-Identifier: Apache-2.0
"""The agent in an amphora, as its controller speaks to it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import aiohttp

__all__ = ["Agent", "AgentRefused", "AgentUnreachable", "Agents"]

FIRST_TRY, SLOWER, LONGEST_TRY = 0.05, 1.1, 2.0
FIRST_PAUSE, SHARE = 0.01, 0.06  # so that it is noticed late by this share of the time it took, at most


class AgentUnreachable(Exception):
    """The agent does not answer; says where and for how long it was tried."""


class AgentRefused(Exception):
    """The agent answered that it cannot; in its words."""


class Agents:
    """Connections to agents, kept open between requests. `context`, `version`: see `authorities.Store`;
    another version means that certificates were replaced."""

    def __init__(
        self,
        context: Callable[[], ssl.SSLContext],
        version: Callable[[], Any],
        port: int,
        *,
        connect: float,
        read: float,
    ) -> None:
        self._make_context, self._version, self.port = context, version, port
        self._made_of: Any = None
        self._connect, self._read = connect, read
        self._session: aiohttp.ClientSession | None = None
        self._former: dict[aiohttp.ClientSession, asyncio.TimerHandle] = {}
        self._ending: asyncio.Future[None] | None = None

    def of(self, amphora_id: str, address: str) -> Agent:
        return Agent(self, amphora_id, address)

    async def close(self) -> None:
        for session, ending in self._former.items():
            ending.cancel()
            await session.close()
        self._former.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _retire(self, session: aiohttp.ClientSession) -> None:
        """Close it in a while: whoever is speaking over it may finish."""

        def end() -> None:
            del self._former[session]
            self._ending = asyncio.ensure_future(session.close())

        self._former[session] = asyncio.get_running_loop().call_later(self._read, end)

    async def send(
        self, amphora_id: str, url: str, method: str, json: Any, connect: float | None
    ) -> tuple[int, Any]:
        version = self._version()
        if self._session is None or self._made_of != version:
            former, self._made_of = self._session, version
            if former is not None:
                self._retire(former)
            connector = aiohttp.TCPConnector(ssl=self._make_context(), keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector)
            self._made_of = self._version()
        timeout = aiohttp.ClientTimeout(total=self._read, sock_connect=connect or self._connect)
        # The certificate must be this amphora's, not merely any amphora's.
        request = self._session.request(method, url, json=json, server_hostname=amphora_id, timeout=timeout)
        async with request as answer:
            return answer.status, await answer.json()


class Agent:
    """One amphora's agent, reached at `address`."""

    def __init__(self, agents: Agents, amphora_id: str, address: str) -> None:
        self._agents, self.amphora_id, self.address = agents, amphora_id, address
        host = f"[{address}]" if ":" in address else address
        self._url = f"https://{host}:{agents.port}"

    async def wait(self, seconds: float, pause: float) -> None:
        """Until it answers. Raises AgentUnreachable after `seconds`."""
        began, patience, last = time.monotonic(), FIRST_TRY, ""
        while time.monotonic() - began < seconds:
            try:
                # What is sent before the way exists is lost, and sent again only after a second: better to
                # begin anew, and to speak TLS only with somebody who listens.
                async with asyncio.timeout(patience):
                    await self._listens()
                async with asyncio.timeout(max(patience * 4, 1.0)):
                    await self._agents.send(self.amphora_id, f"{self._url}/", "GET", None, None)
                return
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                last = str(error)
                await asyncio.sleep(min(max(FIRST_PAUSE, SHARE * (time.monotonic() - began)), pause))
                patience = min(patience * SLOWER, LONGEST_TRY)
        raise AgentUnreachable(
            f"The agent of amphora {self.amphora_id} did not answer at {self.address}:{self._agents.port} "
            f"within {seconds:.0f} seconds ({last or 'no answer'}); its console log says how far it came."
        )

    async def _listens(self) -> None:
        """Raises OSError unless somebody listens there."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            await asyncio.get_running_loop().sock_connect(probe, (self.address, self._agents.port))

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path, None)

    async def put(self, path: str, body: Any) -> Any:
        return await self._ask("PUT", path, body)

    async def post(self, path: str, body: Any) -> Any:
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Any) -> Any:
        try:
            status, answer = await self._agents.send(self.amphora_id, self._url + path, method, body, None)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AgentUnreachable(
                f"The agent of amphora {self.amphora_id} does not answer at {self.address}: "
                f"{error or 'timeout'}"
            ) from error
        if status >= 400:
            said = answer.get("error", answer) if isinstance(answer, dict) else answer
            raise AgentRefused(f"Amphora {self.amphora_id}: {said}")
        return answer
