# SPDX-License-Identifier: Apache-2.0
"""The files of images: written beside, hashed on the way, renamed when whole.

<state_dir>/images/<id>            the data of an active image
<state_dir>/images/.staged/<id>    data that waits for its import
<state_dir>/images/.partial/<id>   what is being written; worth nothing after a crash
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Container
from dataclasses import dataclass
from pathlib import Path

from samovar.web import TooLarge

PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of written data."""

    size: int
    checksum: str  # md5
    hash_value: str  # sha512


class ImageFiles:
    """The directory; `largest` is the size in bytes beyond which an upload is refused."""

    def __init__(self, directory: Path, largest: int) -> None:
        self._directory = directory
        self._staged = directory / ".staged"
        self._partial = directory / ".partial"
        self._largest = largest

    def prepare(self) -> None:
        """Make the directories, and drop what a crash left half written."""
        for directory in (self._directory, self._staged, self._partial):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._partial.iterdir():
            left.unlink()

    def sweep(self, stored: Container[str], staged: Container[str]) -> None:
        """Drop the data of images that are not among these: a crash came between row and file."""
        for directory, having in ((self._directory, stored), (self._staged, staged)):
            for file in directory.iterdir():
                if file.is_file() and file.name not in having:
                    file.unlink()

    def path(self, image_id: str) -> Path:
        return self._directory / image_id

    def staged(self, image_id: str) -> Path:
        return self._staged / image_id

    async def write(self, image_id: str, pieces: AsyncIterator[bytes], *, staged: bool = False) -> Stored:
        """Take the data and put it in its place. Raises TooLarge; nothing stays behind of a failure."""
        place = self.staged(image_id) if staged else self.path(image_id)
        beside = self._partial / image_id
        writing = _Writing(beside)
        try:
            async for piece in _gathered(pieces):
                if writing.size + len(piece) > self._largest:
                    raise TooLarge(f"The image is larger than the {self._largest} bytes that are accepted.")
                await asyncio.to_thread(writing.add, piece)
            return await asyncio.to_thread(writing.finish, place)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TooLarge("The image storage media is full.") from error
            raise
        finally:
            writing.discard()

    async def adopt(self, image_id: str) -> Stored:
        """Make the staged data the image's. Raises FileNotFoundError when there are none."""
        return await asyncio.to_thread(self._adopt, image_id)

    def _adopt(self, image_id: str) -> Stored:
        place, staged = self.path(image_id), self.staged(image_id)
        md5, sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()
        size = 0
        with staged.open("rb") as file:
            while piece := file.read(PIECE):
                md5.update(piece)
                sha512.update(piece)
                size += len(piece)
        staged.replace(place)
        _sync(self._directory)
        return Stored(size, md5.hexdigest(), sha512.hexdigest())

    def remove(self, image_id: str) -> None:
        for place in (self.path(image_id), self.staged(image_id)):
            with contextlib.suppress(FileNotFoundError):
                place.unlink()


class _Writing:
    """One file while it is written; used by one thread at a time."""

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self._file = beside.open("wb", buffering=0)
        self._md5, self._sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()
        self.size = 0

    def add(self, piece: bytes) -> None:
        self._md5.update(piece)
        self._sha512.update(piece)
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(piece)

    def finish(self, place: Path) -> Stored:
        os.fsync(self._file.fileno())
        self._file.close()
        self._beside.replace(place)
        _sync(place.parent)
        return Stored(self.size, self._md5.hexdigest(), self._sha512.hexdigest())

    def discard(self) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._beside.unlink()


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same data in pieces worth a thread's while."""
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
