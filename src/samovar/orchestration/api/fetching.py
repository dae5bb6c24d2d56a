# SPDX-License-Identifier: Apache-2.0
"""Templates by URL: http and https only, bounded in size and time."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from samovar.web import BadRequest


async def fetch_template(url: str, most: int, seconds: float) -> str:
    """The text at `url`, at most `most` bytes. Raises BadRequest."""
    import aiohttp

    if urlsplit(url).scheme not in ("http", "https"):
        raise BadRequest(f"Invalid URL scheme of {url}; http and https are possible.", type="HTTPBadRequest")
    try:
        async with (
            asyncio.timeout(seconds),
            aiohttp.ClientSession() as session,
            session.get(url, max_redirects=5) as answer,
        ):
            if answer.status >= 400:
                raise BadRequest(
                    f"Failed to retrieve the template {url}: HTTP {answer.status}.", type="HTTPBadRequest"
                )
            text = b""
            async for chunk in answer.content.iter_chunked(65536):
                text += chunk
                if len(text) > most:
                    raise BadRequest(
                        f"The template {url} is larger than {most} bytes.", type="RequestLimitExceeded"
                    )
            return text.decode("utf-8")
    except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError) as error:
        reason = str(error) or f"no answer within {seconds:g} s"
        raise BadRequest(
            f"Failed to retrieve the template {url}: {reason}.", type="HTTPBadRequest"
        ) from error
