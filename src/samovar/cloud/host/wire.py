# SPDX-License-Identifier: Apache-2.0
"""Frames over a unix stream socket: length, number of descriptors, msgpack; descriptors travel by
SCM_RIGHTS.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw, Struct

from samovar.cloud.host.reports import Event

__all__ = [
    "Answer",
    "Connection",
    "Notice",
    "Problem",
    "Question",
    "decode_message",
    "decode_question",
    "encode",
]

HEADER = struct.Struct(">IB")
LARGEST_FRAME = 256 << 20
MOST_DESCRIPTORS = 16


class Question(Struct, frozen=True, array_like=True):
    """Client to agent: do ``call`` with ``body``; the answer carries the same ``id``."""

    id: int
    call: str
    body: Raw


class Problem(Struct, frozen=True):
    """Why a call failed."""

    code: str
    message: str


class Answer(Struct, frozen=True, array_like=True, tag="answer"):
    """Agent to client: the result of a question, or the problem."""

    id: int
    body: Raw = Raw(b"\xc0")
    problem: Problem | None = None


class Notice(Struct, frozen=True, array_like=True, tag="notice"):
    """Agent to client: something happened."""

    event: Event


encode = msgspec.msgpack.Encoder().encode
decode_question = msgspec.msgpack.Decoder(Question).decode
decode_message = msgspec.msgpack.Decoder(Answer | Notice).decode


class Connection:
    """One end of the wire, on the running loop. Takes over ``sock``; calls back on each frame and once at
    the end.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_frame: Callable[[bytes, list[int]], None],
        on_close: Callable[[], None],
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._on_frame = on_frame
        self._on_close = on_close
        self._received = bytearray()
        self._descriptors: deque[int] = deque()
        self._outgoing: deque[tuple[memoryview, Sequence[int]]] = deque()
        self.closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    def send(self, payload: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a frame; ``descriptors`` become the connection's and are closed once sent."""
        if self.closed:
            _close_all(descriptors)
            return
        frame = HEADER.pack(len(payload), len(descriptors)) + payload
        waiting = bool(self._outgoing)
        self._outgoing.append((memoryview(frame), descriptors))
        if not waiting:
            self._flush()

    def close(self) -> None:
        """Close at once; frames not yet sent are lost."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        _close_all(self._descriptors)
        for _, descriptors in self._outgoing:
            _close_all(descriptors)
        self._outgoing.clear()
        self._on_close()

    def _flush(self) -> None:
        while self._outgoing:
            view, descriptors = self._outgoing[0]
            rights = (
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            )
            try:
                sent = self._sock.sendmsg([view], rights)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._flush)
                return
            except OSError:
                self.close()
                return
            _close_all(descriptors)
            if sent == len(view):
                self._outgoing.popleft()
            else:
                self._outgoing[0] = (view[sent:], ())
        self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        try:
            data, ancillary, _, _ = self._sock.recvmsg(
                1 << 18, socket.CMSG_SPACE(4 * MOST_DESCRIPTORS), socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._descriptors.extend(array.array("i", content[: len(content) // 4 * 4]))
        if not data:
            self.close()
            return
        self._received += data
        while len(self._received) >= HEADER.size and not self.closed:
            length, count = HEADER.unpack_from(self._received)
            if length > LARGEST_FRAME:
                self.close()
                return
            end = HEADER.size + length
            if len(self._received) < end or len(self._descriptors) < count:
                return
            payload = bytes(self._received[HEADER.size : end])
            del self._received[:end]
            self._on_frame(payload, [self._descriptors.popleft() for _ in range(count)])


def _close_all(descriptors: Sequence[int] | deque[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
