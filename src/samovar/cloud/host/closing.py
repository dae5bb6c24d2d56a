# SPDX-License-Identifier: Apache-2.0
"""Closing in the background what the kernel makes its closer wait for.

Closing a packet socket waits for a grace period of the kernel, and so does closing a netfilter socket while
rules are being freed: 10 ms and more each, which nobody has to spend waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["close_later"]

MOST_WAITING = 24
_threads = ThreadPoolExecutor(4, thread_name_prefix="closing")
_waiting = threading.Semaphore(MOST_WAITING)


def close_later(close: Callable[[], object]) -> None:
    """Have ``close`` called soon; waits only if many closings wait already."""
    _waiting.acquire()  # their grace periods pass at the same time, hence several threads
    _threads.submit(_close, close)


def _close(close: Callable[[], object]) -> None:
    try:
        close()
    finally:
        _waiting.release()
