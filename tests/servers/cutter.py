# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of a server that loses connections at the worst moment: around a COMMIT."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

Fate = str
"""What becomes of a commit: "kept", "lost before" the server heard of it, or "answer lost" after it."""


class Cutter:
    """Listens on `port`; `fate` is asked at each COMMIT that passes."""

    def __init__(self, server_port: int, fate: Callable[[], Fate]) -> None:
        self._server_port, self._fate = server_port, fate
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                link = _Link(client, server, self._fate)
                threading.Thread(target=link.upwards, daemon=True).start()
                threading.Thread(target=link.downwards, daemon=True).start()


class _Link:
    def __init__(self, client: socket.socket, server: socket.socket, fate: Callable[[], Fate]) -> None:
        self._client, self._server, self._fate = client, server, fate
        self._losing = False

    def upwards(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(65536):
                fate = self._fate() if data.rstrip(b"\0").endswith(b"COMMIT") else "kept"
                if fate == "lost before":
                    break
                self._losing = self._losing or fate == "answer lost"
                self._server.sendall(data)
        self._end()

    def downwards(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(65536):
                if self._losing:
                    break
                self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for one in (self._client, self._server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
