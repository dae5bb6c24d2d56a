# SPDX-License-Identifier: Apache-2.0
"""Root file systems in tar archives, plain or compressed with gzip, bzip2, xz or zstd."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from samovar.cloud.host.errors import HostError

__all__ = ["compression", "decompressed", "extract", "unpack"]

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
BLOCK = 1 << 20
LARGEST = 64 << 30


def compression(head: bytes) -> str:
    """Which compression the first bytes of a file tell of; "" for none."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")


@contextmanager
def decompressed(source: Path) -> Iterator[IO[bytes]]:
    """The content of ``source`` without its compression."""
    with source.open("rb") as file:
        kind = compression(file.read(6))
    if kind == "zstd":
        program = shutil.which("zstd")
        if program is None:
            raise HostError(
                "lacking", "Images packed with zstd need the program zstd on this host: install it."
            )
        with subprocess.Popen([program, "-dcq", str(source)], stdout=subprocess.PIPE) as process:
            yield cast(IO[bytes], process.stdout)
        return
    openers: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open, "": open}
    with openers[kind](source, "rb") as opened:
        yield opened


def unpack(source: Path, place: Path, image_id: str) -> list[dict[str, Any]]:
    """Unpack the archive to ``place/tree``; its layers, with @TREE@ for where it will end up."""
    tree = place / "tree"
    tree.mkdir()
    extract(source, tree, f"The image {image_id} cannot be unpacked")
    top = _root_of(tree)
    if top is None:
        if (tree / "manifest.json").exists() or (tree / "oci-layout").exists():
            hint = 'a container image of layers is not supported; flatten it with "docker export"'
        else:
            hint = "it is not a root file system (it has no /bin/sh)"
        raise HostError("invalid", f"The image {image_id} cannot be a server: {hint}.")
    return [{"target": "/", "lowers": [f"@TREE@/{top.relative_to(place)}"]}]


def extract(source: Path, tree: Path, problem: str) -> None:
    """Unpack the archive into the directory. Raises HostError, its sentence begun with ``problem``."""
    program = shutil.which("tar")
    if program is None:
        raise HostError(
            "lacking", "Images that are tar archives need the program tar on this host: install it."
        )
    command = [program, "--extract", "--file=-", f"--directory={tree}", "--numeric-owner", "--same-owner"]
    command += [
        "--preserve-permissions",
        "--xattrs",
        "--xattrs-include=security.capability",
        "--delay-directory-restore",
    ]
    command += ["--exclude=./dev/*", "--exclude=dev/*"]  # device nodes; servers get their own
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        try:
            with decompressed(source) as content, process.stdin as sink:
                passed = 0
                while block := content.read(BLOCK):
                    sink.write(block)
                    passed += len(block)
                    if passed > LARGEST:
                        process.kill()
                        raise HostError("invalid", f"{problem}: it holds more than {LARGEST >> 30} GiB.")
        except BrokenPipeError:
            pass  # tar says why
        except (OSError, EOFError, lzma.LZMAError) as error:
            process.kill()
            raise HostError("invalid", f"{problem}: its compressed data is damaged ({error}).") from None
        words = process.stderr.read().decode(errors="replace").strip().splitlines()
    if process.returncode:
        raise HostError("invalid", f"{problem}: {words[0] if words else 'tar failed'}.")


def _root_of(tree: Path) -> Path | None:
    """The directory that has a shell: the archive's top, or the only directory in it."""
    candidates = [tree, *(list(tree.iterdir())[:1] if len(list(tree.iterdir())) == 1 else [])]
    for top in candidates:
        for name in ("bin/sh", "usr/bin/sh", "bin/busybox"):
            if (top / name).is_symlink() or (top / name).exists():
                return top
    return None
