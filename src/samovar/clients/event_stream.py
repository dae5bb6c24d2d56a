# SPDX-License-Identifier: Apache-2.0
"""Reading Server-Sent Events (WHATWG HTML, section 9.2) from a service of a cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from .cloud import Cloud
from .errors import CloudUnreachable
from .transport import Http

SILENCE = 45.0  # seconds without even a heartbeat: the connection is dead
LONGEST_LINE = 4 * 1024 * 1024


class NoEventStream(Exception):
    """The service answers the collection otherwise: it has no streams."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. `about` is its type, `data` the decoded JSON."""

    id: str
    about: str
    data: Any


async def event_stream(
    cloud: Cloud, service: str, path: str, *, query: Mapping[str, Any] | None = None, after: str | None = None
) -> AsyncIterator[ServerEvent]:
    """The events that the service sends, from the one after `after` on, until it ends the stream.

    Raises NoEventStream, CloudUnreachable when the connection breaks.
    """
    import aiohttp
    from yarl import URL

    transport = cloud.transport
    if not isinstance(transport, Http):
        raise NoEventStream("events are streamed over HTTP only")
    url = await cloud.endpoint(service) + path + (f"?{urlencode(query)}" if query else "")
    headers = {"accept": "text/event-stream", "x-auth-token": await cloud.token()}
    if after:
        headers["last-event-id"] = after
    timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE)
    try:
        async with transport.session().get(
            URL(url, encoded=True), headers=headers, timeout=timeout, read_bufsize=LONGEST_LINE
        ) as answer:
            if answer.status != 200 or answer.content_type != "text/event-stream":
                raise NoEventStream(f"HTTP {answer.status}, {answer.content_type}")
            fields: dict[str, str] = {}
            async for raw in answer.content:
                line = raw.decode().rstrip("\r\n")
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    data = msgspec.json.decode(fields["data"])
                    yield ServerEvent(fields.get("id", ""), fields.get("event", "message"), data)
                    fields = {}
                else:
                    fields = {}
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise CloudUnreachable(f"GET {url}: {str(error) or type(error).__name__}") from error


__all__ = ["NoEventStream", "ServerEvent", "event_stream"]
