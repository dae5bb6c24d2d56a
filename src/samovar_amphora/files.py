# SPDX-License-Identifier: Apache-2.0
"""Files by their names as text. (The library's paths would take most of a megabyte, and longer to load.)"""

from __future__ import annotations

import contextlib
import os

__all__ = ["read", "remove", "write"]


def read(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def remove(path: str) -> None:
    """Where it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write(path: str, content: str, mode: int = 0o600, *, durable: bool = True) -> None:
    """Put `content` at `path` whole or not at all, never readable by others meanwhile. What is there already
    is left alone. `durable`: after a power cut, too; not needed for what each start writes anew."""
    if _is(path, content, mode):
        return
    folder, name = os.path.split(path)
    temporary = f"{folder}/.{name}.{os.getpid()}.{os.urandom(4).hex()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _is(path: str, content: str, mode: int) -> bool:
    try:
        return os.stat(path).st_mode & 0o7777 == mode and read(path) == content
    except (OSError, ValueError):
        return False
