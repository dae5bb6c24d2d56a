# SPDX-License-Identifier: Apache-2.0
"""Events as a stream: in order, from where a client was, nested ones, and without asking again and again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from heat_client import PROJECT, Client
from test_why_api import INNER, OUTER

from samovar.orchestration.api import Service, event_streams


class Listener:
    """A client that reads one stream, on the application itself."""

    def __init__(self, service: Service, url: str, token: str, query: str = "", last: str = "") -> None:
        headers = [(b"accept", b"text/event-stream"), (b"host", b"heat"), (b"x-auth-token", token.encode())]
        if last:
            headers.append((b"last-event-id", last.encode()))
        path = urlsplit(url).path + "/events"
        self._scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": path,
            "scheme": "http", "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
            "headers": headers, "client": None, "server": ("heat", 80), "state": {},
        }  # fmt: skip
        self._application = service.asgi()
        self._chunks: asyncio.Queue[str | None] = asyncio.Queue()
        self._left = asyncio.Event()
        self.started: dict[str, Any] = {}
        self.beats = 0
        self._beat = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        asked: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if asked:
                return asked.pop()
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.started.update(message)
            elif message.get("body"):
                self._chunks.put_nowait(message["body"].decode())

        try:
            await self._application(self._scope, receive, send)
        finally:
            self._chunks.put_nowait(None)

    async def event(self) -> tuple[str, str, dict[str, Any]] | None:
        """(id, about, data) of the next event; None at the end of the stream."""
        while True:
            async with asyncio.timeout(10):
                chunk = await self._chunks.get()
            if chunk is None:
                return None
            if "heartbeat" in chunk:
                self.beats += 1
                self._beat.set()
            fields = dict(line.split(": ", 1) for line in chunk.strip().split("\n") if ": " in line)
            if "data" in fields:
                return fields["id"], fields["event"], json.loads(fields["data"])

    async def until(self, name: str, status: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Every event up to the one of this name and status."""
        found = []
        while True:
            event = await self.event()
            assert event is not None, found
            found.append(event)
            data = event[2]
            if (data["resource_name"], data["resource_status"]) == (name, status):
                return found

    async def beaten(self, times: int) -> None:
        """Wait for so many heartbeats; somebody must be reading."""
        while self.beats < times:
            await self._beat.wait()
            self._beat.clear()

    async def leave(self) -> None:
        self._left.set()
        await self.task


@contextlib.asynccontextmanager
async def listening(heat: Client, url: str, query: str = "", last: str = "") -> AsyncIterator[Listener]:
    listener = Listener(heat.service, url, heat.token, query, last)
    try:
        yield listener
    finally:
        await listener.leave()


async def test_events_come_as_they_happen_and_go_on_where_a_client_was(heat: Client) -> None:
    url = await heat.create()
    async with listening(heat, url) as listener:
        seen = await listener.until("s", "CREATE_COMPLETE")
        headers = dict(listener.started["headers"])
        assert headers[b"content-type"].startswith(b"text/event-stream")
    listed = (await heat("GET", f"{url}/events?sort_dir=asc")).json["events"]
    assert [data for _id, _about, data in seen] == listed
    assert [identity for identity, _about, _data in seen] == [event["id"] for event in listed]
    assert {about for _id, about, data in seen if data["resource_name"] == "s"} == {"stack"}
    async with listening(heat, url, last=seen[2][0]) as listener:
        assert await listener.until("s", "CREATE_COMPLETE") == seen[3:]
        assert (await heat("DELETE", url)).status == 204
        after = await listener.until("s", "DELETE_COMPLETE")
        assert after[0][2]["resource_status"] == "DELETE_IN_PROGRESS"
        assert await listener.event() is None  # the stack is gone, and so is the stream
    assert heat.service.streams.count == 0


async def test_nested_stacks_and_filters(heat: Client) -> None:
    heat.token = f"u:{PROJECT}:member"
    url = await heat.create("deep", OUTER, files={"web.yaml": INNER})
    async with listening(heat, url, "nested_depth=2") as listener:
        seen = await listener.until("deep", "CREATE_COMPLETE")
    assert "server" in {data["resource_name"] for _id, _about, data in seen}
    assert all(any(link["rel"] == "root_stack" for link in data["links"]) for _id, _about, data in seen)
    async with listening(heat, url, "resource_name=web") as listener:
        seen = await listener.until("web", "CREATE_COMPLETE")
    assert {data["resource_name"] for _id, _about, data in seen} == {"web"}


async def test_the_bell_wakes_and_silence_is_broken_by_heartbeats(
    heat: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "LOOK_SECONDS", 30.0)  # only the bell is left
    url = await heat.create()
    async with listening(heat, url) as listener:
        await listener.until("s", "CREATE_COMPLETE")
        assert (await heat("POST", f"{url}/actions", {"check": None})).status == 200
        await listener.until("s", "CHECK_COMPLETE")
    monkeypatch.setattr(event_streams, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.05)
    async with listening(
        heat, url, last=(await heat("GET", f"{url}/events")).json["events"][0]["id"]
    ) as quiet:
        waiting = asyncio.create_task(quiet.event())
        async with asyncio.timeout(10):
            await quiet.beaten(2)
        heat.service.streams.close()
        assert await waiting is None  # the process stops: the stream ends, not the patience of its reader


async def test_strangers_get_no_stream(heat: Client) -> None:
    url = await heat.create()
    listener = Listener(heat.service, url, "eve:p2:member")
    assert await listener.event() is None
    assert listener.started["status"] in (403, 404)
