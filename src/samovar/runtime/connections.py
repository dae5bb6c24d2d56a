# SPDX-License-Identifier: Apache-2.0
"""Clients' connections: none is kept by a client that does not speak, does not end its request, or does
not read its answer. There are only so many."""

from __future__ import annotations

import asyncio
import contextlib
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STALLED_SECONDS = 60.0
"""Longer than any client needs between two pieces of a request, or to take the next piece of an answer."""
DESCRIPTORS = 65_536


def raise_limit() -> None:
    """Have as many connections and files as the machine allows; shells begin programs with few."""
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, DESCRIPTORS)
    if few < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class ClientConnection(HttpToolsProtocol):
    """uvicorn's, which by itself waits for ever for a request to come whole and for an answer to be read."""

    _waiting: asyncio.TimerHandle | None = None
    _incomplete = True  # nothing was heard yet, or a request has begun and not come to its end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._incomplete:
            self._wait()

    def on_message_begin(self) -> None:
        self._incomplete = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._incomplete = False
        self._wait_no_more()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait_no_more()

    def _wait(self) -> None:
        self._wait_no_more()
        self._waiting = self.loop.call_later(STALLED_SECONDS, self._stalled)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _stalled(self) -> None:
        self._waiting = None
        if self.flow.read_paused:  # it is we who have not taken what was sent
            self._wait()
        elif not self.transport.is_closing():
            self.transport.abort()
