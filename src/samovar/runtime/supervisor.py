# SPDX-License-Identifier: Apache-2.0
"""Words to the supervisor (systemd's protocol): ready, alive, stopping. Without one, nothing is said.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


def tell(word: str) -> None:
    """Send a word such as READY=1."""
    where = os.environ.get("NOTIFY_SOCKET")
    if not where:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + where[1:] if where.startswith("@") else where)
        sender.sendall(word.encode())


async def sign_of_life() -> None:
    """Tell as often as is asked for (WatchdogSec=) that the loop turns; one that hangs is a dead process."""
    microseconds = int(os.environ.get("WATCHDOG_USEC") or 0)
    while microseconds:
        tell("WATCHDOG=1")
        await asyncio.sleep(microseconds / 2_000_000)
