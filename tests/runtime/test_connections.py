# SPDX-License-Identifier: Apache-2.0
"""Clients that keep a connection for nothing, against a real server."""

import asyncio
import contextlib

import pytest
import uvicorn

from samovar.runtime import connections
from samovar.runtime.connections import ClientConnection

STALLED = 0.3


async def application(scope, receive, send):
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if scope["path"] == "/slow":
        await asyncio.sleep(STALLED * 3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(64 if scope["path"] == "/big" else 1):
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    ended.set()


@pytest.fixture
async def connect(monkeypatch):
    global ended
    ended = asyncio.Event()
    monkeypatch.setattr(connections, "STALLED_SECONDS", STALLED)
    server = uvicorn.Server(
        uvicorn.Config(application, port=0, http=ClientConnection, lifespan="off", log_config=None)
    )
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    writers = []

    async def connected():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    yield connected
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    server.should_exit = True
    await serving


async def ended_by_the_server(reader):
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            while await reader.read(1 << 20):
                pass


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HTTP/1.1\r\nhost: x\r\n", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1"],
)
async def test_a_connection_on_which_no_whole_request_comes_is_ended(connect, said):
    reader, writer = await connect()
    writer.write(said)
    await ended_by_the_server(reader)


async def test_an_answer_that_nobody_reads_is_given_up(connect):
    _, writer = await connect()
    writer.transport.pause_reading()
    writer.write(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n")
    await asyncio.wait_for(ended.wait(), 10)


async def test_a_request_that_takes_its_time_and_one_that_comes_in_pieces_are_answered(connect):
    reader, writer = await connect()
    for piece in (b"GET /slow HTTP/1.1\r\n", b"host: x\r\n", b"connection: close\r\n", b"\r\n"):
        writer.write(piece)
        await asyncio.sleep(STALLED / 2)
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200")
