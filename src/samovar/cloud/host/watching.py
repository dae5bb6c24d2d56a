# SPDX-License-Identifier: Apache-2.0
"""First processes of servers, each held by a pidfd that tells of its end. They are not our children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from samovar.cloud.host import launcher
from samovar.cloud.host.server_files import Running

__all__ = ["Watches"]


@dataclass
class Watch:
    process: Running
    descriptor: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Watches:
    """``ended`` is called on the loop with the server's id when its first process has ended."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._watches: dict[str, Watch] = {}

    def hold(self, server_id: str, process: Running | None) -> bool:
        """Watch this process, and no longer an earlier one of the server; tells whether there is anything
        to.
        """
        watch = self._watches.get(server_id)
        if watch is not None and process is not None and watch.process == process:
            return True
        self.release(server_id)
        if process is None:
            return False
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        if launcher.start_time(process.pid) != process.start:  # another process has the number by now
            os.close(descriptor)
            return False
        self._watches[server_id] = Watch(process, descriptor)
        asyncio.get_running_loop().add_reader(descriptor, self._gone, server_id)
        return True

    async def end(self, server_id: str, number: signal.Signals, seconds: float) -> bool:
        """Send the signal to a held process, and wait; tells whether it has ended."""
        watch = self._watches.get(server_id)
        if watch is None:
            return True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(watch.descriptor, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watch.gone.wait(), seconds)
        return watch.gone.is_set()

    def release(self, server_id: str) -> None:
        watch = self._watches.pop(server_id, None)
        if watch is not None:
            asyncio.get_running_loop().remove_reader(watch.descriptor)
            os.close(watch.descriptor)
            watch.gone.set()

    def release_all(self) -> None:
        for server_id in tuple(self._watches):
            self.release(server_id)

    def _gone(self, server_id: str) -> None:
        self.release(server_id)
        self._ended(server_id)
