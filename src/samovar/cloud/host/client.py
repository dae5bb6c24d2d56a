# SPDX-License-Identifier: Apache-2.0
"""The services' side of the host agent's socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from samovar.cloud.host import calls
from samovar.cloud.host.calls import Call, Named, Nothing
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.reports import (
    AgentReturned,
    Event,
    ImageReport,
    Inventory,
    NetworkReport,
    ServerStatus,
)
from samovar.cloud.host.specs import ExternalSpec, ImageSpec, NetworkSpec, RouterSpec, ServerSpec
from samovar.cloud.host.wire import Answer, Connection, Notice, Question, decode_message, encode
from samovar.unix_sockets import named_for_the_kernel

__all__ = ["HostClient"]

Q = TypeVar("Q", bound=Struct)
R = TypeVar("R")
RETRY_SECONDS = 0.02


class HostClient:
    """Calls the host agent behind ``socket_path``; one connection, made when first needed and made again
    when lost.

    Calls are idempotent, so one whose connection broke is sent again. An agent that stays away for
    ``patience`` seconds is a ``HostError`` with code "unreachable".
    """

    def __init__(self, socket_path: Path | str, *, patience: float = 10.0) -> None:
        self.socket_path = Path(socket_path)
        self._patience = patience
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[tuple[Answer, list[int]]]] = {}
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._listeners: set[asyncio.Queue[Event]] = set()
        self._returning: asyncio.Task[None] | None = None
        self._closed = False

    # ── networks ──

    async def ensure_network(self, spec: NetworkSpec, *, verify: bool = False) -> NetworkReport:
        """Make the network and all its bound ports so; tells the interface of every port."""
        return await self.call(calls.NETWORK_ENSURE, calls.EnsureNetwork(spec, verify))

    async def remove_network(self, network_id: str) -> None:
        await self.call(calls.NETWORK_REMOVE, Named(network_id))

    async def ensure_router(self, spec: RouterSpec, *, verify: bool = False) -> None:
        await self.call(calls.ROUTER_ENSURE, calls.EnsureRouter(spec, verify))

    async def remove_router(self, router_id: str) -> None:
        await self.call(calls.ROUTER_REMOVE, Named(router_id))

    async def ensure_external(self, spec: ExternalSpec) -> None:
        await self.call(calls.EXTERNAL_ENSURE, spec)

    async def remove_external(self, network_id: str) -> None:
        await self.call(calls.EXTERNAL_REMOVE, Named(network_id))

    async def open_listener(
        self, network_id: str, address: str = "169.254.169.254", port: int = 80
    ) -> socket.socket:
        """A listening TCP socket inside the network: who connects is known by its address there."""
        return await self._socket(calls.OpenListener(network_id, address, port))

    async def open_datagrams(self, network_id: str, address: str, port: int) -> socket.socket:
        """A bound UDP socket inside the network."""
        return await self._socket(calls.OpenListener(network_id, address, port, "udp"))

    # ── servers and images ──

    async def ensure_server(self, spec: ServerSpec) -> ServerStatus:
        return await self.call(calls.SERVER_ENSURE, spec)

    async def start_server(self, server_id: str) -> ServerStatus:
        return await self.call(calls.SERVER_START, Named(server_id))

    async def stop_server(self, server_id: str, timeout: float = 10.0) -> ServerStatus:
        return await self.call(calls.SERVER_STOP, calls.StopServer(server_id, timeout))

    async def reboot_server(self, server_id: str, *, hard: bool = False) -> ServerStatus:
        return await self.call(calls.SERVER_REBOOT, calls.RebootServer(server_id, hard))

    async def rebuild_server(self, spec: ServerSpec) -> ServerStatus:
        """Make the server anew from the spec's image: everything it wrote is gone."""
        return await self.call(calls.SERVER_REBUILD, spec)

    async def resize_server(self, spec: ServerSpec) -> ServerStatus:
        """Give the server the spec's memory and CPUs, running or not, and leave everything else."""
        return await self.call(calls.SERVER_RESIZE, spec)

    async def pause_server(self, server_id: str) -> ServerStatus:
        """Freeze every process of the server, its memory kept (also what "suspend" means here)."""
        return await self.call(calls.SERVER_PAUSE, Named(server_id))

    async def unpause_server(self, server_id: str) -> ServerStatus:
        return await self.call(calls.SERVER_UNPAUSE, Named(server_id))

    async def save_server(self, server_id: str, image_id: str) -> str:
        """Make what the server wrote into the data of an image; the path of the file, to be removed after
        use. A running server stands still meanwhile."""
        return await self.call(calls.SERVER_SAVE, calls.SaveServer(server_id, image_id))

    async def remove_server(self, server_id: str) -> None:
        await self.call(calls.SERVER_REMOVE, Named(server_id))

    async def server_console(self, server_id: str, lines: int | None = None) -> str:
        return await self.call(calls.SERVER_CONSOLE, calls.Console(server_id, lines))

    async def server_status(self) -> list[ServerStatus]:
        return await self.call(calls.SERVER_STATUS, Nothing())

    async def unpack_image(self, spec: ImageSpec) -> ImageReport:
        return await self.call(calls.IMAGE_UNPACK, spec)

    async def remove_image(self, image_id: str) -> None:
        await self.call(calls.IMAGE_REMOVE, Named(image_id))

    # ── the agent itself ──

    async def hello(self) -> int:
        """The agent's process id."""
        return await self.call(calls.HELLO, Nothing())

    async def inventory(self) -> Inventory:
        return await self.call(calls.INVENTORY, Nothing())

    async def purge(self) -> None:
        """Remove everything that the inventory lists."""
        await self.call(calls.PURGE, Nothing())

    async def events(self) -> AsyncIterator[Event]:
        """What happens from now on, without end; ``AgentReturned`` after each lost connection."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            await self.call(calls.SUBSCRIBE, Nothing())
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    async def close(self) -> None:
        self._closed = True
        if self._returning is not None:
            self._returning.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._returning
        if self._connection is not None:
            self._connection.close()

    # ── how it works ──

    async def call(self, call: Call[Q, R], request: Q) -> R:
        """Ask for ``call``; raises HostError with the agent's code and sentence."""
        answer, descriptors = await self._ask(call.name, encode(request))
        for descriptor in descriptors:
            os.close(descriptor)
        return msgspec.msgpack.decode(answer.body, type=call.result)

    async def _socket(self, request: calls.OpenListener) -> socket.socket:
        _, (descriptor,) = await self._ask(calls.LISTENER_OPEN.name, encode(request))
        opened = socket.socket(fileno=descriptor)
        opened.setblocking(False)
        return opened

    async def _ask(self, name: str, body: bytes) -> tuple[Answer, list[int]]:
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            connection = await self._connected(deadline)
            number = next(self._ids)
            future: asyncio.Future[tuple[Answer, list[int]]] = asyncio.get_running_loop().create_future()
            self._pending[number] = future
            connection.send(encode(Question(number, name, Raw(body))))
            try:
                answer, descriptors = await future
            except ConnectionError:
                if asyncio.get_running_loop().time() > deadline:
                    raise self._unreachable("the connection broke again and again") from None
                continue
            finally:
                self._pending.pop(number, None)
            if answer.problem is not None:
                raise HostError(answer.problem.code, answer.problem.message)
            return answer, descriptors

    async def _connected(self, deadline: float) -> Connection:
        async with self._connecting:
            while self._connection is None:
                if self._closed:
                    raise HostError("unreachable", "This client of the host agent is closed.")
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.setblocking(False)
                loop = asyncio.get_running_loop()
                try:
                    with named_for_the_kernel(self.socket_path) as name:
                        await loop.sock_connect(sock, name)
                except PermissionError:
                    sock.close()
                    raise self._unreachable("its socket belongs to another user") from None
                except OSError as error:
                    sock.close()
                    if loop.time() > deadline:
                        raise self._unreachable(error.strerror or "no answer") from None
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                except BaseException:
                    sock.close()
                    raise
                self._connection = Connection(sock, self._frame, self._lost)
            return self._connection

    def _frame(self, payload: bytes, descriptors: list[int]) -> None:
        message = decode_message(payload)
        if isinstance(message, Notice):
            self._publish(message.event)
            return
        future = self._pending.get(message.id)
        if future is None or future.done():
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            future.set_result((message, descriptors))

    def _lost(self) -> None:
        self._connection = None
        for future in self._pending.values():
            if not future.done():
                future.set_exception(ConnectionResetError())
        if self._listeners and not self._closed:
            self._returning = asyncio.get_running_loop().create_task(self._return())

    async def _return(self) -> None:
        """Subscribe again on a new connection, however long the agent stays away."""
        while self._listeners:
            try:
                await self.call(calls.SUBSCRIBE, Nothing())
            except HostError:
                await asyncio.sleep(1.0)
            else:
                self._publish(AgentReturned())
                return

    def _publish(self, event: Event) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def _unreachable(self, why: str) -> HostError:
        return HostError("unreachable", f"The host agent does not answer at {self.socket_path}: {why}.")
