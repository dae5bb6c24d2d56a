# SPDX-License-Identifier: Apache-2.0
"""Unix sockets below folders whose paths are longer than the kernel takes (unix(7): 107 bytes)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

LONGEST_SOCKET_PATH = 107
LONGEST_SOCKET_NAME = LONGEST_SOCKET_PATH - len("/proc/self/fd/1000000/")


@contextlib.contextmanager
def named_for_the_kernel(path: Path) -> Iterator[str]:
    """A name to bind or connect to this socket by while the context lasts: its path, or, where that is
    too long, one through its folder, which is held open. Raises OSError when there is no such folder."""
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
