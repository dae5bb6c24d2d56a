# SPDX-License-Identifier: Apache-2.0
"""Redis and memcached of the tests' own."""

from __future__ import annotations

import signal

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
    """Started at once; `begin` after `end` gives an empty one at the same address."""

    def __init__(self) -> None:
        super().__init__("memcached")
        self.begin()

    def begin(self) -> None:
        command = [found("memcached"), "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-m", "16"]
        self.start([*command, "-u", "nobody"], lambda: accepts(self.port))

    @property
    def url(self) -> str:
        return f"memcached://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def freeze(self) -> None:
        """It accepts connections and answers nothing."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)
