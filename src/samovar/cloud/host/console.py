# SPDX-License-Identifier: Apache-2.0
"""Console logs: what a server wrote, kept in a file of bounded size, and its last lines.

A server writes to its file by itself, so that nothing is lost while no agent runs; ``trim`` gives the head
of a grown file back to the file system without moving what follows, and so without a race with the writer.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["KEPT_BYTES", "tail", "trim"]

KEPT_BYTES = 1 << 20
KEEP_SIZE_PUNCH_HOLE = 0x01 | 0x02
libc = ctypes.CDLL(None, use_errno=True)


def tail(path: Path, lines: int | None = None, kept: int = KEPT_BYTES) -> str:
    """The last ``lines`` lines (None = all that is kept) as text; "" when the server never wrote."""
    if lines is not None and lines <= 0:
        return ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        size = os.fstat(descriptor).st_size
        content = _read(descriptor, max(0, size - kept), size, lines)
    finally:
        os.close(descriptor)
    text = content.lstrip(b"\0").decode("utf-8", "replace").replace("\0", "")
    if lines is None:
        return text
    return "".join(text.splitlines(keepends=True)[-lines:])


def _read(descriptor: int, first: int, size: int, lines: int | None) -> bytes:
    """Blocks from the end until they hold enough line ends."""
    content, position, step = b"", size, 1 << 14
    while position > first:
        begin = max(first, position - step)
        content = os.pread(descriptor, position - begin, begin) + content
        position = begin
        if lines is not None and content.count(b"\n") > lines:
            break
        step *= 2
    return content


def trim(path: Path, kept: int = KEPT_BYTES) -> None:
    """Let the file occupy about ``kept`` bytes."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if status.st_blocks * 512 <= 2 * kept:
                return
            hole = ctypes.c_long((status.st_size - kept) & ~0xFFF)
            if libc.fallocate(descriptor, KEEP_SIZE_PUNCH_HOLE, ctypes.c_long(0), hole) < 0:
                # The file system has no holes: keep the end by hand; what is written meanwhile is lost.
                end = os.pread(descriptor, kept, status.st_size - kept)
                os.ftruncate(descriptor, 0)
                os.write(descriptor, end)
        finally:
            os.close(descriptor)
