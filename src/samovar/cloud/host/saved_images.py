# SPDX-License-Identifier: Apache-2.0
"""A server made into an image: what it changed, over the image that it was made from.

A saved image is a tar archive of two files: ``samovar-saved.json`` says over which image, and what had been
taken away; ``content.tar`` holds what was added. The host that wrote it has signed it and unpacks no other:
else whoever makes up such an archive could read any image that the host has.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import io
import os
import stat
import struct
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from samovar.cloud.host import tarballs
from samovar.cloud.host.errors import HostError

__all__ = ["is_saved", "save", "unpack"]

MANIFEST, CONTENT = "samovar-saved.json", "content.tar"
IDS = 1 << 16
BLOCK = 1 << 20
MARKS = ("opaque", "redirect")  # of directories in an overlay's upper layer
CAPABILITIES = "security.capability"


class Manifest(Struct):
    """Layers by the names of their upper directories; ``removed`` and ``marks`` by path below ``layers``."""

    image: str
    layers: dict[str, str]  # name -> where it is mounted
    removed: list[str]
    marks: dict[str, dict[str, str]]
    digest: str  # of content.tar, sha256


class Signed(Struct):
    manifest: bytes
    signature: str


def save(upper: Path, targets: dict[str, str], image: str, base: int, key: bytes, result: Path) -> int:
    """Write the upper directories of a server that stands still as an image; the image's size in bytes.

    ``base``: what its user ids outside are shifted by, 0 for none. Slow; run it in a thread.
    """
    result.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content, new = result.with_suffix(".content"), result.with_suffix(".new")
    try:
        manifest = Manifest(image, targets, [], {}, "")
        with tarfile.open(content, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in targets:
                _add(tar, upper / name, f"layers/{name}", base, manifest)
        with content.open("rb") as written:
            manifest.digest = hashlib.file_digest(written, "sha256").hexdigest()
        text = msgspec.json.encode(manifest)
        signed = msgspec.json.encode(Signed(text, _signature(key, text)))
        with tarfile.open(new, mode="w", format=tarfile.PAX_FORMAT) as tar:
            about = tarfile.TarInfo(MANIFEST)
            about.size = len(signed)
            tar.addfile(about, io.BytesIO(signed))
            tar.add(content, CONTENT)
        os.rename(new, result)
        return result.stat().st_size
    finally:
        content.unlink(missing_ok=True)
        new.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, path: Path, name: str, base: int, manifest: Manifest) -> None:
    """One file or a whole directory, as the server itself sees it."""
    about = path.lstat()
    if stat.S_ISCHR(about.st_mode) and about.st_rdev == 0:
        manifest.removed.append(name)
        return
    if stat.S_ISBLK(about.st_mode) or stat.S_ISCHR(about.st_mode) or stat.S_ISSOCK(about.st_mode):
        return  # servers get their own
    if _attribute(path, "metacopy") is not None:
        raise HostError("invalid", f"{name} is only a part of a file: this overlay keeps metadata alone.")
    info = tar.gettarinfo(str(path), name)
    info.uid, info.gid = (each - base if 0 <= each - base < IDS else each for each in (info.uid, info.gid))
    info.uname = info.gname = ""
    capabilities = _capabilities(path)
    if capabilities:
        text = capabilities.decode("utf-8", "surrogateescape")
        info.pax_headers = {f"SCHILY.xattr.{CAPABILITIES}": text}
    if info.isreg():
        with path.open("rb") as file:
            tar.addfile(info, file)
        return
    tar.addfile(info)
    if info.isdir():
        marks = {mark: value for mark in MARKS if (value := _attribute(path, mark)) is not None}
        if marks:
            manifest.marks[name] = marks
        for entry in sorted(os.scandir(path), key=lambda each: each.name):
            _add(tar, Path(entry.path), f"{name}/{entry.name}", base, manifest)


def _attribute(path: Path, mark: str) -> str | None:
    for prefix in ("trusted", "user"):
        with suppress(OSError):
            return os.getxattr(path, f"{prefix}.overlay.{mark}", follow_symlinks=False).decode()
    return None


def _capabilities(path: Path) -> bytes:
    """File capabilities, those of a user namespace made into those of a whole machine."""
    try:
        value = os.getxattr(path, CAPABILITIES, follow_symlinks=False)
    except OSError:
        return b""
    magic = struct.unpack("<I", value[:4])[0]
    if magic >> 24 == 3:  # revision 3 names the namespace's root; an image has none
        value = struct.pack("<I", 2 << 24 | magic & 0xFFFFFF) + value[4:20]
    return value


def is_saved(source: Path) -> bool:
    """Whether the archive claims to be a saved image."""
    try:
        with tarfile.open(source, "r:") as tar:
            first = tar.next()
            return first is not None and first.name == MANIFEST
    except (tarfile.TarError, OSError):
        return False


def unpack(
    source: Path, place: Path, image_id: str, key: bytes, layers_of: Callable[[str], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Unpack to ``place``; the layers of the image below, each with what was saved over it."""
    problem = f"The image {image_id} cannot be unpacked"
    content = place / CONTENT
    with tarfile.open(source, "r:") as tar:
        manifest = _read_manifest(tar, key, problem)
        member = tar.getmember(CONTENT)
        opened = tar.extractfile(member)
        if opened is None:
            raise HostError("invalid", f"{problem}: it has no content.")
        if _copied(opened, content) != manifest.digest:
            raise HostError("invalid", f"{problem}: its content is not what was saved.")
    tree = place / "tree"
    tree.mkdir()
    tarballs.extract(content, tree, problem)
    content.unlink()
    for name in manifest.removed:
        path = _below(tree, name)
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(0, 0))
    for name, marks in manifest.marks.items():
        path = _below(tree, name)
        for mark, value in marks.items():
            _mark(path, mark, value.encode())
    names = {target: name for name, target in manifest.layers.items()}
    found = []
    for layer in layers_of(manifest.image):
        own = names.get(layer["target"])
        mine = [f"@TREE@/tree/layers/{own}"] if own and (tree / "layers" / own).is_dir() else []
        found.append({**layer, "lowers": [*mine, *layer["lowers"]]})
    return found


def _read_manifest(tar: tarfile.TarFile, key: bytes, problem: str) -> Manifest:
    opened = tar.extractfile(MANIFEST)
    try:
        signed = msgspec.json.decode(opened.read() if opened else b"", type=Signed)
        manifest = msgspec.json.decode(signed.manifest, type=Manifest)
    except msgspec.DecodeError as error:
        raise HostError("invalid", f"{problem}: what it says of itself cannot be read ({error}).") from None
    if not hmac.compare_digest(signed.signature, _signature(key, signed.manifest)):
        raise HostError("invalid", f"{problem}: it was saved from a server of another host.")
    return manifest


def _copied(source: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for block in _blocks(source):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(BLOCK):
        yield block


def _below(tree: Path, name: str) -> Path:
    """A path in the tree whose directories are all real ones. Raises HostError."""
    path = tree
    *directories, last = name.split("/")
    for each in directories:
        path = path / each
        if each in ("", ".", "..") or not stat.S_ISDIR(path.lstat().st_mode):
            raise HostError("invalid", f"{name} is not inside of the image.")
    if last in ("", ".", ".."):
        raise HostError("invalid", f"{name} is not inside of the image.")
    return path / last


def _mark(path: Path, mark: str, value: bytes) -> None:
    """For overlays of the machine's root and for those of a user namespace's; one of them at least."""
    set_any = False
    for prefix in ("trusted", "user"):
        try:
            os.setxattr(path, f"{prefix}.overlay.{mark}", value, follow_symlinks=False)
            set_any = True
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
                raise
    if not set_any:
        raise OSError(errno.EOPNOTSUPP, "no extended attributes here", str(path))


def _signature(key: bytes, text: bytes) -> str:
    return hmac.new(key, text, hashlib.sha256).hexdigest()
