# SPDX-License-Identifier: Apache-2.0
"""Disk images: what a file holds, by its bytes, and the root file system in it.

A raw disk (or a qcow2, turned into one) is kept as it is; a server mounts its root partition read-only as
its lowest layer. The kernel and boot loader on it are not used: servers are containers.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import IO, Any

from samovar.cloud.host.errors import HostError
from samovar.cloud.host.tarballs import compression, decompressed

__all__ = ["file_system", "partitions", "sniff", "unpack"]

SECTOR = 512
HEAD = 68 * 1024
LARGEST_DISK = 1 << 40
FOREIGN = (
    (b"KDMV", 0, "VMDK"),
    (b"# Disk DescriptorFile", 0, "VMDK"),
    (b"conectix", 0, "VHD"),
    (b"vhdxfile", 0, "VHDX"),
    (b"<<< ", 0, "VDI"),
    (b"CD001", 0x8001, "ISO 9660"),
    (b"\x7fELF", 0, "kernel (ELF)"),
)


def sniff(source: Path) -> str:
    """ "tar", "qcow2", "disk" (a file system or partitions), or the name of a format that cannot be a
    server.
    """
    with source.open("rb") as file:
        packed = compression(file.read(6))
    if packed:
        try:
            with decompressed(source) as file:
                head = _read(file, HEAD)
                return _kind(head)
        except (OSError, EOFError) as error:
            raise HostError("invalid", f"The image's compressed data is damaged: {error}.") from None
    with source.open("rb") as file:
        return _kind(_read(file, HEAD))


def _kind(head: bytes) -> str:
    if head[257:262] == b"ustar":
        return "tar"
    if head.startswith(b"QFI\xfb"):
        return "qcow2"
    for magic, offset, name in FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            return name
    if file_system(head) or head[SECTOR : SECTOR + 8] == b"EFI PART" or head[510:512] == b"\x55\xaa":
        return "disk"
    return "unknown"


def file_system(head: bytes) -> str:
    """The Linux file system that begins with these bytes (68 KiB), by the kernel's name; "" for none."""
    if head[:4] == b"hsqs":
        return "squashfs"
    if head[:4] == b"XFSB":
        return "xfs"
    if head[0x400:0x404] == b"\xe2\xe1\xf5\xe0":
        return "erofs"
    if head[0x438:0x43A] == b"\x53\xef":
        return "ext4"
    if head[0x10040:0x10048] == b"_BHRfS_M":
        return "btrfs"
    return ""


def partitions(disk: Path) -> list[tuple[int, int]]:
    """(offset, size) in bytes of each partition: GPT, or the primary ones of an MBR."""
    found = []
    with disk.open("rb") as file:
        head = _read(file, 2 * SECTOR)
        if head[SECTOR : SECTOR + 8] == b"EFI PART":
            first, count, size = struct.unpack_from("<QII", head, SECTOR + 72)
            if 128 <= size <= 4096 and count <= 1024:
                file.seek(first * SECTOR)
                table = _read(file, count * size)
                for entry in range(0, len(table) - size + 1, size):
                    begin, end = struct.unpack_from("<QQ", table, entry + 32)
                    if table[entry : entry + 16] != bytes(16) and end >= begin:
                        found.append((begin * SECTOR, (end - begin + 1) * SECTOR))
        elif head[510:512] == b"\x55\xaa":
            for entry in range(446, 510, 16):
                begin, sectors = struct.unpack_from("<II", head, entry + 8)
                if head[entry + 4] and sectors:
                    found.append((begin * SECTOR, sectors * SECTOR))
    return found


def unpack(source: Path, kind: str, place: Path, image_id: str) -> list[dict[str, Any]]:
    """Keep the disk as ``place/disk``; its layers, with @TREE@ for where it will end up."""
    if kind not in ("qcow2", "disk"):
        named = "of a format that was not recognised" if kind == "unknown" else f"in the format {kind}"
        raise HostError(
            "lacking",
            f"The image {image_id} is {named}, which is not supported here: servers are containers. "
            "Give a tar archive of a root file system (also .gz, .xz, .zst), a squashfs, or a raw or qcow2 "
            "disk with a Linux root partition.",
        )
    disk = place / "disk"
    with source.open("rb") as file:
        packed = compression(file.read(6))
    if packed:
        with decompressed(source) as content:
            _copy_sparse(content, disk, image_id)
    if kind == "qcow2":
        plain = place / "plain"
        _convert_qcow2(disk if packed else source, plain, image_id)
        os.rename(plain, disk)
    elif not packed:
        try:
            os.link(source, disk)
        except OSError:
            subprocess.run(["cp", "--reflink=auto", "--sparse=always", str(source), str(disk)], check=True)
    offset, size, name = _root_partition(disk, image_id)
    return [
        {"target": "/", "lowers": [{"file": "@TREE@/disk", "offset": offset, "size": size, "kind": name}]}
    ]


def _root_partition(disk: Path, image_id: str) -> tuple[int, int, str]:
    """The whole disk when it is a file system, else its largest partition that is one."""
    whole = disk.stat().st_size
    choices = []
    with disk.open("rb") as file:
        for offset, size in [(0, whole), *partitions(disk)]:
            file.seek(offset)
            name = file_system(_read(file, HEAD))
            if name and not (offset == 0 and size != whole):
                choices.append((size if offset else size + 1, offset, size, name))
    if not choices:
        words = f"The image {image_id} holds no Linux root partition (ext4, xfs, btrfs, squashfs or erofs)."
        raise HostError("invalid", words)
    _, offset, size, name = max(choices)
    supported = Path("/proc/filesystems").read_text().split()
    if name not in supported and not shutil.which("modprobe"):
        raise HostError(
            "lacking", f"The image {image_id} holds a file system {name}, which this kernel does not know."
        )
    return offset, size, name


def _copy_sparse(content: IO[bytes], disk: Path, image_id: str) -> None:
    zeros, position = bytes(1 << 16), 0
    with disk.open("wb") as file:
        while block := content.read(len(zeros)):
            if block != zeros[: len(block)]:
                os.pwrite(file.fileno(), block, position)
            position += len(block)
            if position > LARGEST_DISK:
                raise HostError(
                    "invalid", f"The image {image_id} unpacks to more than {LARGEST_DISK >> 40} TiB."
                )
        os.ftruncate(file.fileno(), position)


def _convert_qcow2(source: Path, target: Path, image_id: str) -> None:
    """qcow2 (versions 2 and 3; plain and zlib-compressed clusters) to a sparse raw disk."""
    with source.open("rb") as file, target.open("wb") as out:
        header = _read(file, 104)
        version, backing = struct.unpack_from(">IQ", header, 4)
        (cluster_bits,) = struct.unpack_from(">I", header, 20)
        size, encryption, entries, table = struct.unpack_from(">QIIQ", header, 24)
        features = struct.unpack_from(">Q", header, 72)[0] if version >= 3 and len(header) >= 80 else 0
        reason = ""
        if backing:
            reason = "it depends on a backing file"
        elif encryption:
            reason = "it is encrypted"
        elif version not in (2, 3) or not 9 <= cluster_bits <= 21 or size > LARGEST_DISK or entries > 1 << 22:
            reason = "its header is damaged or of an unknown version"
        elif features & ~0b1:
            reason = (
                "it uses features that are not supported (external data, other compression or extended L2)"
            )
        if reason:
            raise HostError("invalid", f"The qcow2 image {image_id} cannot be read: {reason}.")
        cluster = 1 << cluster_bits
        source_fd, out_fd = file.fileno(), out.fileno()
        try:
            first = struct.unpack(f">{entries}Q", os.pread(source_fd, 8 * entries, table))
            for index, entry in enumerate(first):
                if entry & 0x00FFFFFFFFFFFE00:
                    second = os.pread(source_fd, cluster, entry & 0x00FFFFFFFFFFFE00)
                    for number, (value,) in enumerate(struct.iter_unpack(">Q", second)):
                        position = (index * (cluster // 8) + number) * cluster
                        block = _cluster(source_fd, value, cluster_bits)
                        if block and position < size:
                            os.pwrite(out_fd, block[: size - position], position)
        except (struct.error, zlib.error, OSError) as error:
            raise HostError("invalid", f"The qcow2 image {image_id} is damaged: {error}.") from None
        os.ftruncate(out_fd, size)


def _cluster(source: int, entry: int, cluster_bits: int) -> bytes:
    """One cluster's bytes; empty when it is all zeros."""
    cluster = 1 << cluster_bits
    if entry >> 62 & 1:
        shift = 62 - (cluster_bits - 8)
        offset = entry & ((1 << shift) - 1)
        sectors = (entry >> shift & ((1 << (cluster_bits - 8)) - 1)) + 1
        packed = os.pread(source, sectors * SECTOR - (offset & (SECTOR - 1)), offset)
        return zlib.decompressobj(-15).decompress(packed, cluster)
    offset = entry & 0x00FFFFFFFFFFFE00
    if not offset or entry & 1:
        return b""
    return os.pread(source, cluster, offset)


def _read(file: IO[bytes], size: int) -> bytes:
    """Up to ``size`` bytes, also from files that give less at a time."""
    content = b""
    while len(content) < size and (block := file.read(size - len(content))):
        content += block
    return content
