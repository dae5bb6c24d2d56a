# SPDX-License-Identifier: Apache-2.0
"""The host agent: the only process of the product that needs privileges.

It listens on a unix socket that only its owner may open, reads typed questions, dispatches each by the
table that its parts make together, and answers. It keeps no truth of its own: what should be comes with
each call, what is stands in the kernel. Killing it at any moment harms nothing that runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from samovar.cloud.host import calls
from samovar.cloud.host.calls import Call, Nothing
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.parts import Handler, Host, Part, WithDescriptors
from samovar.cloud.host.reports import Event, Inventory
from samovar.cloud.host.wire import Answer, Connection, Notice, Problem, decode_question, encode
from samovar.unix_sockets import named_for_the_kernel

__all__ = ["Agent", "run"]

log = logging.getLogger(__name__)


class Agent:
    """Serves the parts' calls. ``owner`` is the uid, beside root and our own, that may connect (and owns
    the socket).
    """

    def __init__(self, host: Host, parts: Sequence[Part], owner: int | None = None) -> None:
        self._host = host
        self._parts = parts
        self._allowed = {0, os.geteuid()} | ({owner} if owner is not None else set())
        self._owner = owner
        self._connections: set[Connection] = set()
        self._subscribers: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._table: dict[str, tuple[Call[Any, Any], Handler]] = {}
        for part in parts:
            self._learn(part.handlers().items())
        self._learn(
            [(calls.HELLO, self._hello), (calls.INVENTORY, self._inventory), (calls.PURGE, self._purge)]
        )
        host.publish = self._publish

    def _learn(self, handlers: Iterable[tuple[Call[Any, Any], Handler]]) -> None:
        for call, handler in handlers:
            self._table[call.name] = (call, handler)

    async def serve(self, socket_path: Path, stopping: asyncio.Event) -> None:
        """Answer on ``socket_path`` until ``stopping`` is set; then finish what is being done."""
        listener = self._bind(socket_path)
        for part in self._parts:
            await part.start()
        listener.listen(64)
        accepting = asyncio.create_task(self._accept(listener))
        try:
            await stopping.wait()
        finally:
            accepting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await accepting
            listener.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for connection in tuple(self._connections):
                connection.close()
            for part in reversed(self._parts):
                await part.stop()
            os.unlink(socket_path)

    def _bind(self, socket_path: Path) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        socket_path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            with named_for_the_kernel(socket_path) as name:
                listener.bind(name)
        finally:
            os.umask(previous)
        if self._owner is not None:
            os.chown(socket_path, self._owner, -1)
        return listener

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid, uid, _ = struct.unpack("3i", credentials)
            if uid not in self._allowed:
                log.warning("Refused process %d of user %d: it is not this agent's owner.", pid, uid)
                sock.close()
                continue
            self._welcome(sock)

    def _welcome(self, sock: socket.socket) -> None:
        def on_frame(payload: bytes, descriptors: list[int]) -> None:
            for descriptor in descriptors:
                os.close(descriptor)
            task = asyncio.get_running_loop().create_task(self._respond(connection, payload))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def on_close() -> None:
            self._connections.discard(connection)
            self._subscribers.discard(connection)

        connection = Connection(sock, on_frame, on_close)
        self._connections.add(connection)

    async def _respond(self, connection: Connection, payload: bytes) -> None:
        try:
            question = decode_question(payload)
        except msgspec.MsgspecError as error:
            log.warning("Closed a connection that sent what is not a question: %s", error)
            connection.close()
            return
        descriptors: tuple[int, ...] = ()
        try:
            if question.call == calls.SUBSCRIBE.name:
                self._subscribers.add(connection)
                result: object = None
            else:
                result = await self._dispatch(question.call, question.body)
            if isinstance(result, WithDescriptors):
                result, descriptors = result
            answer = Answer(question.id, Raw(encode(result)))
        except HostError as error:
            answer = Answer(question.id, problem=Problem(error.code, error.message))
        except Exception as error:
            log.exception("%s failed", question.call)
            sentence = f"The host agent failed at {question.call}: {error!r}. Its log has the details."
            answer = Answer(question.id, problem=Problem("internal", sentence))
        connection.send(encode(answer), descriptors)

    async def _dispatch(self, name: str, body: Raw) -> object:
        if name not in self._table:
            raise HostError("invalid", f"The host agent does not know the call {name!r}.")
        call, handler = self._table[name]
        try:
            request = msgspec.msgpack.decode(body, type=call.request)
        except msgspec.MsgspecError as error:
            raise HostError("invalid", f"What was sent to {name} does not fit: {error}.") from None
        return await handler(request)

    def _publish(self, event: Event) -> None:
        frame = encode(Notice(event))
        for connection in tuple(self._subscribers):
            connection.send(frame)

    async def _hello(self, _: Nothing) -> int:
        return os.getpid()

    async def _inventory(self, _: Nothing) -> Inventory:
        found = [await part.inventory() for part in self._parts]
        fields = Inventory.__struct_fields__
        return Inventory(**{field: sum((getattr(one, field) for one in found), ()) for field in fields})

    async def _purge(self, _: Nothing) -> None:
        for part in reversed(self._parts):
            await part.purge()


def run(
    state_dir: Path,
    socket_path: Path,
    make_parts: Callable[[Host], Sequence[Part]],
    *,
    owner: int | None = None,
    namespace_dir: Path = Path("/run/netns"),
) -> None:
    """Be the agent of ``state_dir`` until SIGTERM or SIGINT. Raises HostError if another one is."""
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(state_dir / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise HostError("clash", f"Another host agent already serves {state_dir}.") from None
    host = Host(state_dir, namespace_dir=namespace_dir)
    try:
        agent = Agent(host, make_parts(host), owner)
        asyncio.run(_until_signalled(lambda stopping: agent.serve(socket_path, stopping)))
    finally:
        host.close()
        os.close(lock)


async def _until_signalled(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(stopping)
