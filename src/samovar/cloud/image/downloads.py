# SPDX-License-Identifier: Apache-2.0
"""Fetching an image from the web, but never from what only this machine or its own network can reach."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from samovar.web import BadRequest

REDIRECTS = 5
SILENCE = 60.0
"""Seconds without a byte after which a download is given up."""


class DownloadFailed(RuntimeError):
    """The data could not be fetched; the message says why."""


def checked_uri(uri: Any, allowed_hosts: Collection[str]) -> str:
    """The URI, if it may be fetched by its looks. Raises BadRequest."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except (ValueError, TypeError, AttributeError):
        raise BadRequest(f"The uri {uri!r} is no URL.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadRequest(f"Import of image from {uri} is not supported: the uri must be http or https.")
    if host not in allowed_hosts:
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            return str(uri)
        if not literal.is_global:
            raise BadRequest(f"Import of image from {uri} is refused: {host} is not a public address.")
    return str(uri)


class _PublicResolver(AbstractResolver):
    """Resolves names, and forgets all addresses that are not public ones."""

    def __init__(self, allowed_hosts: Collection[str]) -> None:
        self._inner = ThreadedResolver()
        self._allowed = allowed_hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host in self._allowed:
            return found
        public = [entry for entry in found if ipaddress.ip_address(entry["host"]).is_global]
        if not public:
            raise OSError(errno.EACCES, f"{host} has no public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


@asynccontextmanager
async def fetched(uri: str, allowed_hosts: Collection[str]) -> AsyncIterator[AsyncIterator[bytes]]:
    """The data behind `uri`, piece by piece. Raises DownloadFailed."""
    connector = aiohttp.TCPConnector(resolver=_PublicResolver(allowed_hosts), use_dns_cache=False)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            for _ in range(REDIRECTS + 1):
                async with session.get(uri, allow_redirects=False) as response:
                    if response.status in (301, 302, 303, 307, 308) and "location" in response.headers:
                        uri = checked_uri(urljoin(uri, response.headers["location"]), allowed_hosts)
                        continue
                    if response.status != 200:
                        raise DownloadFailed(f"{uri} answered {response.status} {response.reason}.")
                    yield response.content.iter_chunked(1 << 20)
                    return
            raise DownloadFailed(f"{uri} leads to more than {REDIRECTS} redirects.")
    except BadRequest as error:
        raise DownloadFailed(error.message) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise DownloadFailed(f"{uri} could not be fetched: {error or type(error).__name__}.") from error
