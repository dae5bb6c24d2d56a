# SPDX-License-Identifier: Apache-2.0
"""Images unpacked once, each into a directory named by its content; a server costs only its own upper
directory.

An unpacked image is a list of layers: where each is mounted in the server, and the read-only directories (or
file systems in a file) that make it up. The bytes decide what an image is, not the format that it was
registered with.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from samovar.cloud.host import disk_images, host_image, saved_images, tarballs
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.reports import ImageReport
from samovar.cloud.host.specs import ImageSpec

__all__ = ["HOST_IMAGE", "Images", "Layers"]

HOST_IMAGE = "host"
libc = ctypes.CDLL(None, use_errno=True)
HOST_SECONDS = 5.0  # the host's own files are looked at again after this
UNFINISHED = ".new-"
Layers = list[dict[str, Any]]


class Record(msgspec.Struct):
    """What an image id stands for: the directory of its content, and the layers of a server made from it."""

    tree: str
    layers: Layers
    size: int


class Images:
    """The unpacked images of one host. Functions block; call them in a thread."""

    def __init__(self, directory: Path) -> None:
        self._trees = directory / "trees"
        self._records = directory / "ids"
        self._saved = directory / "saved"
        self._key = self._saved / "key"
        self._host_seen = (0.0, self._trees / "none")

    def prepare(self) -> None:
        """Make the directories, and remove what an unpacking that was killed has left."""
        for path in (self._trees, self._records):
            path.mkdir(parents=True, exist_ok=True)
        self._trees.parent.chmod(0o700)
        self._saved.mkdir(mode=0o700, exist_ok=True)
        if not self._key.exists():
            _write(self._key, os.urandom(32))
        for path in self._saved.iterdir():
            if path != self._key:
                path.unlink()  # what was not fetched any more
        with self._locked():
            for path in self._trees.glob(f"{UNFINISHED}*"):
                shutil.rmtree(path, ignore_errors=True)

    def unpack(self, spec: ImageSpec) -> ImageReport:
        """Have the image ready for servers. Raises HostError when its bytes are not something that can be
        one.
        """
        if spec.id == HOST_IMAGE:
            return ImageReport(id=spec.id, path=str(self._host_tree()), size=0)
        with suppress(HostError):
            record = self._record(spec.id)
            if record.tree == (spec.checksum or record.tree) and (self._trees / record.tree).is_dir():
                return ImageReport(id=spec.id, path=str(self._trees / record.tree), size=record.size)
        source = Path(spec.source)
        if not source.is_file():
            raise HostError("missing", f"The image {spec.id} has no data: {source} is not a file.")
        name = spec.checksum or _digest(source)
        if not name.isalnum():
            raise HostError("invalid", f"The checksum {name!r} of the image {spec.id} is not one.")
        with (
            _named(f"the image {spec.id}"),
            self._made(name, lambda place: self._fill(place, source, spec.id)) as tree,
        ):
            record = msgspec.json.decode((tree / "layers.json").read_bytes(), type=Record)
            record.tree = name
            _write(self._records / _file_name(spec.id), msgspec.json.encode(record))
        return ImageReport(id=spec.id, path=str(tree), size=record.size)

    def save(self, image_id: str, image: str, upper: Path, layers: Layers, base: int) -> Path:
        """Make what a server wrote over its image into the data of a new image; the file, ours to remove."""
        result = self._saved / f"{_file_name(image_id)}.tar"
        targets = {_upper_name(layer["target"]): layer["target"] for layer in layers}
        there = {name: target for name, target in targets.items() if (upper / name).is_dir()}
        with _named(f"the image {image_id}"):
            saved_images.save(upper, there, image, base, self._key.read_bytes(), result)
        return result

    def layers(self, image_id: str) -> Layers:
        """The layers of a new server of this image, as the launcher wants them."""
        if image_id == HOST_IMAGE:
            with _named("the host's own image"):
                return host_image.layers(self._host_tree())
        record = self._record(image_id)
        return [_placed(layer, self._trees / record.tree) for layer in record.layers]

    def remove(self, image_id: str) -> None:
        """Forget the id; the content goes with ``collect``, when no server needs it."""
        (self._records / _file_name(image_id)).unlink(missing_ok=True)

    def known(self) -> list[str]:
        return sorted(path.name for path in self._records.iterdir())

    def collect(self, used: Iterable[Layers]) -> None:
        """Remove every content that no image id and none of the ``used`` layers needs."""
        kept = [
            self._record(name).layers for name in self.known()
        ]  # those of saved images name others' trees
        text = msgspec.json.encode([*used, *kept]).decode()
        with self._locked():
            needed = {self._record(name).tree for name in self.known()} | {self._host_seen[1].name}
            for tree in self._trees.iterdir():
                unfinished = tree.name.startswith(UNFINISHED)
                if tree.name not in needed and not unfinished and f"/{tree.name}/" not in text:
                    shutil.rmtree(tree)

    def _record(self, image_id: str) -> Record:
        try:
            content = (self._records / _file_name(image_id)).read_bytes()
        except FileNotFoundError:
            raise HostError("missing", f"The image {image_id} has not been unpacked on this host.") from None
        return msgspec.json.decode(content, type=Record)

    def _host_tree(self) -> Path:
        age = time.monotonic() - self._host_seen[0]
        if age > HOST_SECONDS or not self._host_seen[1].is_dir():
            self._host_seen = (time.monotonic(), self._make_host_tree())
        return self._host_seen[1]

    def _make_host_tree(self) -> Path:
        with self._made(f"host{host_image.digest()}", host_image.make_skeleton) as tree:
            return tree

    @contextmanager
    def _made(self, name: str, fill: Callable[[Path], None]) -> Iterator[Path]:
        """The content's directory, filled if it wasn't; nothing is removed meanwhile. Filling locks nobody
        out.
        """
        tree = self._trees / name
        with self._locked():
            if tree.is_dir():
                yield tree
                return
        place = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self._trees))
        try:
            fill(place)
            place.chmod(0o755)
            with self._locked():
                if not tree.is_dir():  # else another was quicker
                    os.rename(place, tree)
                yield tree
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _fill(self, place: Path, source: Path, image_id: str) -> None:
        """Unpack ``source`` into the new directory ``place``; ``layers.json`` in it says what came of it."""
        kind = disk_images.sniff(source)
        if kind == "tar" and saved_images.is_saved(source):
            layers = saved_images.unpack(source, place, image_id, self._key.read_bytes(), self.layers)
        elif kind == "tar":
            layers = tarballs.unpack(source, place, image_id)
        else:
            layers = disk_images.unpack(source, kind, place, image_id)
        size = sum(path.lstat().st_blocks * 512 for path in place.rglob("*"))
        (place / "layers.json").write_bytes(msgspec.json.encode(Record("", layers, size)))
        _flush(place)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._trees, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def _named(what: str) -> Iterator[None]:
    """A full disk and the like, as a sentence."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror} ({error.filename})" if error.filename else error.strerror or str(error)
        raise HostError("kernel", f"There was no making {what} ready: {reason}.") from None


def _upper_name(target: str) -> str:
    """As the launcher names the upper directory of a layer."""
    return target.strip("/").replace("/", "-") or "root"


def _placed(layer: dict[str, Any], tree: Path) -> dict[str, Any]:
    """The layer with the directory of its content in the place of @TREE@."""

    def put(text: str) -> str:
        return text.replace("@TREE@", str(tree))

    lowers = [
        put(one) if isinstance(one, str) else {**one, "file": put(one["file"])} for one in layer["lowers"]
    ]
    return {**layer, "lowers": lowers}


def _flush(place: Path) -> None:
    """Have it on the disk before it gets its name: a half-written image must not survive a power failure."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        libc.syncfs(descriptor)
    finally:
        os.close(descriptor)


def _file_name(image_id: str) -> str:
    if not image_id or image_id.startswith(".") or "/" in image_id:
        raise HostError("invalid", f"{image_id!r} cannot be the id of an image.")
    return image_id


def _digest(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    os.rename(new, path)
