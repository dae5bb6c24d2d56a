# SPDX-License-Identifier: Apache-2.0
"""Texts by URLs that users give: http and https, bounded in size and time, not from where only we can go.

Names are resolved once and the connection goes to the address that was checked; each redirect is checked
like the first URL. So a URL cannot reach this machine, its network, or a cloud's metadata service.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))


class FetchFailed(Exception):
    """The text cannot be had; the message says why."""


def is_public(address: str) -> bool:
    """Whether an address is one of the whole internet, and holds none that is not."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _EMBEDDING):
            return False
    return ip.is_global and not ip.is_multicast


async def fetch_text(url: str, *, most: int, seconds: float, private: bool = False) -> str:
    """The text at `url`, at most `most` bytes, within `seconds`; `private` allows every address.

    Raises FetchFailed.
    """
    import aiohttp

    try:
        async with (
            asyncio.timeout(seconds),
            aiohttp.ClientSession(connector=_connector(private), trust_env=False) as session,
        ):
            for _ in range(_MOST_REDIRECTS + 1):
                _check(url, private)
                async with session.get(url, allow_redirects=False) as answer:
                    if answer.status in _REDIRECTS and "location" in answer.headers:
                        url = urljoin(url, answer.headers["location"])
                        continue
                    return await _text(answer, url, most)
            raise FetchFailed(f"{url}: more than {_MOST_REDIRECTS} redirects")
    except TimeoutError:
        raise FetchFailed(f"{url}: no answer within {seconds:g} s") from None
    except UnicodeError:
        raise FetchFailed(f"{url}: it is not UTF-8 text") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None or getattr(cause, "os_error", None) is not None:
            cause = cause.__cause__ or getattr(cause, "os_error")  # noqa: B009
            if isinstance(cause, _Private):
                break
        raise FetchFailed(f"{url}: {cause}") from error


def _check(url: str, private: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchFailed(f"{url}: only http and https URLs are fetched")
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    if not private and not is_public(str(literal)):
        raise FetchFailed(f"{url}: {literal} is not a public address")


async def _text(answer: Any, url: str, most: int) -> str:
    if answer.status >= 400:
        raise FetchFailed(f"{url}: HTTP {answer.status}")
    text = bytearray()
    async for chunk in answer.content.iter_chunked(65536):
        text += chunk
        if len(text) > most:
            raise FetchFailed(f"{url}: it is larger than {most} bytes")
    return text.decode("utf-8")


class _Private(OSError):
    """A name that leads to an address that is not public."""


def _connector(private: bool) -> Any:
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class PublicResolver(AbstractResolver):
        """Resolves names to public addresses only."""

        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            found = await self._inner.resolve(host, port, family)
            if not private:
                for each in found:
                    if not is_public(each["host"]):
                        raise _Private(f"{host} is at {each['host']}, which is not a public address")
            return found

        async def close(self) -> None:
            await self._inner.close()

    return aiohttp.TCPConnector(resolver=PublicResolver(), use_dns_cache=False)
