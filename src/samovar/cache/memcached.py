# SPDX-License-Identifier: Apache-2.0
"""Memcached servers, asked by a client that spreads keys over them itself."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import msgspec

from samovar.config import CacheSettings

from .sealing import Sealer

log = logging.getLogger(__name__)
T = TypeVar("T")
THREADS = 4
ASK_SECONDS = 1.0
"""What a request waits for the cache at most, however many servers are frozen at once."""


class Cache(Protocol):
    """Remembers values for a while. Nothing here raises: what goes wrong is as if nothing were there."""

    async def get(self, key: str) -> Any:
        """The value, or None."""

    async def set(self, key: str, value: Any, seconds: float) -> None:
        """Remember a JSON-able value; `seconds` from now nobody believes it any more."""

    async def close(self) -> None:
        """Give up connections."""


class NoCache:
    """Remembers nothing."""

    async def get(self, key: str) -> Any:
        return None

    async def set(self, key: str, value: Any, seconds: float) -> None:
        pass

    async def close(self) -> None:
        pass


class Memcached:
    """A Cache over these servers (``host:port``)."""

    def __init__(
        self,
        servers: Sequence[str],
        sealer: Sealer,
        *,
        socket_timeout: float = 0.2,
        dead_retry: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        from pymemcache.client.hash import HashClient

        self._client: Any = HashClient(
            [_address(server) for server in servers],
            connect_timeout=socket_timeout,
            timeout=socket_timeout,
            retry_attempts=0,
            dead_timeout=dead_retry,
            use_pooling=True,
            max_pool_size=THREADS,
            no_delay=True,
            ignore_exc=True,
        )
        self._sealer, self._clock = sealer, clock
        self._threads = ThreadPoolExecutor(THREADS, "cache")

    async def get(self, key: str) -> Any:
        name = _name(key)
        found = await self._ask(lambda: self._client.get(name))
        opened = self._sealer.open(name, found) if isinstance(found, bytes) else None
        if opened is None:
            return None
        until, value = msgspec.json.decode(opened)
        return value if self._clock() < until else None

    async def set(self, key: str, value: Any, seconds: float) -> None:
        if seconds < 1:
            return
        name = _name(key)
        sealed = self._sealer.seal(name, msgspec.json.encode([self._clock() + seconds, value]))
        await self._ask(lambda: self._client.set(name, sealed, expire=int(seconds), noreply=False))

    async def close(self) -> None:
        self._threads.shutdown(wait=False)
        self._client.close()

    async def _ask(self, question: Callable[[], T]) -> T | None:
        def run() -> T | None:
            try:
                return question()
            except Exception as error:
                log.debug("the cache could not be asked: %s", error)
                return None

        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except (TimeoutError, RuntimeError):
            return None


def open_cache(settings: CacheSettings, secret: str) -> Cache:
    """The cache that the settings name; `secret`: what the cluster's processes share if they name none.

    Raises ValueError with a sentence.
    """
    servers = settings.memcached_servers or settings.memcache_servers
    if not servers:
        return NoCache()
    strategy = (settings.memcache_security_strategy or "MAC").upper()
    if strategy not in ("MAC", "ENCRYPT", "NONE"):
        raise ValueError(f"memcache_security_strategy is MAC or ENCRYPT, not {strategy!r}")
    sealer = Sealer(settings.memcache_secret_key or secret, encrypt=strategy == "ENCRYPT")
    return Memcached(
        servers,
        sealer,
        socket_timeout=settings.memcache_socket_timeout,
        dead_retry=settings.memcache_dead_retry,
    )


def _name(key: str) -> str:
    """Keys of memcached are short and plain, and tell nothing."""
    return "samovar:" + hashlib.sha256(key.encode()).hexdigest()


def _address(server: str) -> tuple[str, int] | str:
    """``host:port``, ``inet6:[address]:port`` as oslo writes it, or the path of a socket."""
    server = server.removeprefix("inet6:").removeprefix("inet:")
    if server.startswith("/"):
        return server
    host, colon, port = server.rpartition(":")
    if not colon or host.endswith(":") or (":" in host and not host.startswith("[")):
        host, port = server, "11211"
    if not port.isdigit():
        raise ValueError(f"memcached_servers: {server!r} is not host:port")
    return host.strip("[]"), int(port)
