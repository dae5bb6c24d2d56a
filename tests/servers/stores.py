# SPDX-License-Identifier: Apache-2.0
"""Redis and memcached of the tests' own."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from .program import Program, accepts, found


class Redis(Program):
    """Started at once."""

    def __init__(self) -> None:
        super().__init__("redis")
        self.begin()

    def begin(self) -> None:
        command = [found("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.start([*command, "--dir", str(self.directory)], lambda: accepts(self.port))

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


class Memcached(Program):
    """Started at once; `begin` after `end` gives an empty one at the same address.

    `prefix` is put before its command: it may be on another machine, where nobody waits for it here.
    """

    def __init__(self, host: str = "127.0.0.1", port: int | None = None, prefix: Sequence[str] = ()) -> None:
        super().__init__("memcached")
        self.host, self.port, self._prefix = host, port or self.port, tuple(prefix)
        self.begin()

    def begin(self) -> None:
        command = [found("memcached"), "-l", self.host, "-p", str(self.port), "-U", "0", "-m", "16"]
        listens = (lambda: None) if self._prefix else (lambda: accepts(self.port))
        self.start([*self._prefix, *command, "-u", "nobody"], listens)

    @property
    def url(self) -> str:
        return f"memcached://{self.host}:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def freeze(self) -> None:
        """It accepts connections and answers nothing."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)
