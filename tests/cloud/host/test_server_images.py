# SPDX-License-Identifier: Apache-2.0
"""Images of all kinds become servers, and what cannot become one is refused with a remedy."""

from __future__ import annotations

import asyncio
import gzip
import lzma
import shutil
import struct
import subprocess
import tarfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from samovar.cloud.host.disk_images import file_system, partitions, sniff
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.images import Images
from samovar.cloud.host.server_files import State
from samovar.cloud.host.specs import ImageSpec

from .machine import Machine, busybox_archive, machine, run, spec

SECTOR = 512
OFFSET = 2048 * SECTOR


def image(source: Path, image_id: str = "img") -> ImageSpec:
    return ImageSpec(id=image_id, source=str(source), disk_format="raw", container_format="bare")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine(tmp_path / "state") as one:
        yield one


def file_system_disk(directory: Path) -> Path:
    """An ext4 file system of busybox."""
    program = shutil.which("mkfs.ext4")
    if program is None:
        pytest.fail("this machine has no mkfs.ext4; ./samovar test installs it")
    busybox_archive(directory)
    disk = directory / "ext4.raw"
    with disk.open("wb") as file:
        file.truncate(32 << 20)
    command = [program, "-q", "-O", "^has_journal", "-d", str(directory / "tree"), str(disk)]
    subprocess.run(command, check=True)
    return disk


def partitioned(disk: Path) -> Path:
    """The same behind a GPT, after a small partition of something else."""
    content = disk.read_bytes()
    entries = b""
    for begin, size in ((34, 100), (OFFSET // SECTOR, len(content) // SECTOR)):
        entries += struct.pack("<16s16sQQQ72s", b"\1" * 16, b"\2" * 16, begin, begin + size - 1, 0, b"")
    header = struct.pack(
        "<8sIIIIQQQQ16sQIII", b"EFI PART", 1 << 16, 92, 0, 0, 1, 0, 34, 0, b"", 2, 128, 128, 0
    )
    whole = bytearray(OFFSET)
    whole[510:512] = b"\x55\xaa"
    whole[SECTOR : SECTOR + len(header)] = header
    whole[2 * SECTOR : 2 * SECTOR + len(entries)] = entries
    target = disk.with_name("gpt.raw")
    target.write_bytes(bytes(whole) + content)
    return target


def qcow2(disk: Path, *, packed: bool) -> Path:
    """A qcow2 of the disk, every other cluster compressed if ``packed``."""
    cluster = 1 << 16
    content = disk.read_bytes()
    count = -(-len(content) // cluster)
    tables = -(-count // (cluster // 8))
    first, second = bytearray(cluster), bytearray(tables * cluster)
    data, position = bytearray(), (2 + tables) * cluster
    for number in range(tables):
        struct.pack_into(">Q", first, number * 8, (2 + number) * cluster | 1 << 63)
    for number in range(count):
        block = content[number * cluster : (number + 1) * cluster].ljust(cluster, b"\0")
        if not block.strip(b"\0"):
            continue
        entry = position + len(data) | 1 << 63
        if packed and number % 2:
            compressor = zlib.compressobj(9, zlib.DEFLATED, -12)
            block = compressor.compress(block) + compressor.flush()
            sectors = (len(block) - 1) // SECTOR
            entry = 1 << 62 | sectors << (62 - 8) | position + len(data)
            block = block.ljust(-(-len(block) // cluster) * cluster, b"\0")
        struct.pack_into(">Q", second, number * 8, entry)
        data += block
    header = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, len(content), 0, tables, cluster, 0, 0, 0, 0
    )
    target = disk.with_name("disk.qcow2")
    target.write_bytes(header.ljust(cluster, b"\0") + first + second + data)
    return target


def gzipped(disk: Path) -> Path:
    target = disk.with_name("disk.gz")
    target.write_bytes(gzip.compress(disk.read_bytes(), 1))
    return target


@pytest.mark.kernel
@pytest.mark.parametrize(
    "made",
    [
        lambda disk: disk,
        partitioned,
        gzipped,
        lambda disk: qcow2(disk, packed=False),
        lambda disk: qcow2(partitioned(disk), packed=True),
    ],
    ids=["file system", "gpt", "gzip", "qcow2", "packed qcow2 with gpt"],
)
async def test_disks(here: Machine, tmp_path: Path, made: Callable[[Path], Path]) -> None:
    source = await asyncio.to_thread(lambda: made(file_system_disk(tmp_path)))
    await here.servers._unpack(image(source))
    one = spec("ls /bin; echo new > /etc/new && cat /etc/new /etc/passwd", image="img")
    status = await here.servers.ensure(one)
    text = await here.says(one.id, "login:")
    assert "busybox" in text and "new\nroot:x:0:0" in text
    await here.servers.stop_server(one.id, 10)
    await here.servers.start_server(one.id)
    assert status.isolated
    await here.servers.remove(one.id)
    loops = await asyncio.to_thread(subprocess.check_output, ["losetup", "-a"], text=True)
    assert str(tmp_path) not in loops


@pytest.mark.kernel
async def test_content_is_kept_while_a_server_or_an_id_needs_it(here: Machine, tmp_path: Path) -> None:
    archive = await asyncio.to_thread(busybox_archive, tmp_path)
    first = await here.servers._unpack(image(archive, "a"))
    second = await here.servers._unpack(image(archive, "b"))
    assert first.path == second.path
    one = spec(image="a")
    await here.servers.ensure(one)
    images = here.servers._images

    def collected() -> bool:
        images.collect([here.servers._files(each).state().layers for each in here.servers._ids()])
        return not (tmp_path / "state/images/trees" / Path(first.path).name).exists()

    images.remove("a")
    images.remove("b")
    assert not await asyncio.to_thread(collected)
    await here.servers.remove(one.id)
    assert await asyncio.to_thread(collected)
    with pytest.raises(HostError, match="The image a has not been unpacked on this host"):
        await here.servers.ensure(spec(image="a"))


@pytest.mark.kernel
async def test_plain_mode_where_owners_cannot_be_shifted(here: Machine) -> None:
    one = spec(
        "ip link set lo down; mknod /x b 8 0; echo 1 >/proc/sys/kernel/panic; touch /usr/y && cat /etc/shadow; id"
    )
    files = here.servers._files(one.id)
    files.make()
    files.save_state(State(mode="plain", reason="this test wants it so"))
    status = await here.servers.ensure(one)
    assert (status.state, status.isolated) == ("running", False)
    assert status.warnings == ("It has no user namespace of its own: this test wants it so.",)
    text = await here.says(one.id, "login:")
    assert text.count("Operation not permitted") == 2, text
    assert "Read-only file system" in text
    assert "root:*:" in text and "uid=0" in text
    await here.servers.reboot(one.id, hard=False)
    assert not here.servers._status_of(one.id).isolated


@pytest.mark.kernel
async def test_file_system_without_shifted_owners_gives_plain_servers(tmp_path: Path) -> None:
    trees = tmp_path / "state/images"
    trees.mkdir(parents=True)
    archive = await asyncio.to_thread(busybox_archive, tmp_path)
    await asyncio.to_thread(subprocess.run, ["mount", "-t", "ramfs", "ramfs", str(trees)], check=True)
    try:
        async with machine(tmp_path / "state") as here:
            await here.servers._unpack(image(archive))
            one = spec("echo fine", image="img")
            status = await here.servers.ensure(one)
            assert not status.isolated
            assert "cannot be id-mapped" in status.warnings[0]
            await here.says(one.id, "login:")
            await here.servers.reboot(one.id, hard=True)
            await here.servers.remove(one.id)
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(trees)], check=True)


@pytest.mark.kernel
async def test_symbolic_links_of_an_image_lead_nowhere_on_the_host(here: Machine, tmp_path: Path) -> None:
    await asyncio.to_thread(busybox_archive, tmp_path)
    trap = tmp_path / "trap"
    trap.mkdir()
    tree = tmp_path / "tree"
    shutil.rmtree(tree / "dev")
    (tree / "dev").symlink_to(trap)
    (tree / "run").symlink_to(trap)
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as out:
        out.add(tree, ".")
    await here.servers._unpack(image(archive))
    one = spec("ls -d /dev/null", image="img")
    await here.servers.ensure(one)
    assert "/dev/null" in await here.says(one.id, "login:")
    assert list(trap.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"KDMV" + bytes(2000), "is in the format VMDK, which is not supported here"),
        (b"\0" * 0x8001 + b"CD001" + bytes(4096), "is in the format ISO 9660"),
        (b"hello", "is of a format that was not recognised"),
        (b"", "is of a format that was not recognised"),
        (b"\x1f\x8bnonsense", "compressed data is damaged"),
        (b"QFI\xfb" + struct.pack(">IQ", 3, 4096) + bytes(200), "it depends on a backing file"),
        (
            b"QFI\xfb" + struct.pack(">IQ", 9, 0) + bytes(200),
            "its header is damaged or of an unknown version",
        ),
        (bytes(510) + b"\x55\xaa" + bytes(4096), "holds no Linux root partition"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    images = Images(tmp_path / "images")
    images.prepare()
    source = tmp_path / "source"
    source.write_bytes(content)
    with pytest.raises(HostError, match=sentence):
        images.unpack(image(source))
    assert [path.name for path in (tmp_path / "images/trees").iterdir()] == []


def test_an_archive_without_a_shell_is_refused(tmp_path: Path) -> None:
    images = Images(tmp_path / "images")
    images.prepare()
    (tmp_path / "manifest.json").write_text("[]")
    for name, sentence in (("layers", 'flatten it with "docker export"'), ("other", "it has no /bin/sh")):
        with tarfile.open(tmp_path / name, "w") as out:
            out.add(tmp_path / "manifest.json", "manifest.json" if name == "layers" else "x")
        with pytest.raises(HostError, match=sentence):
            images.unpack(image(tmp_path / name))
    with pytest.raises(HostError, match="has no data"):
        images.unpack(image(tmp_path / "nothing"))


def test_archives_may_be_packed_and_have_one_directory_on_top(tmp_path: Path) -> None:
    images = Images(tmp_path / "images")
    images.prepare()
    (tmp_path / "rootfs/bin").mkdir(parents=True)
    (tmp_path / "rootfs/bin/sh").write_text("x")
    with tarfile.open(tmp_path / "a.tar", "w") as out:
        out.add(tmp_path / "rootfs", "rootfs")
    plain = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.xz").write_bytes(lzma.compress(plain))
    (tmp_path / "a.gz").write_bytes(gzip.compress(plain))
    for name in ("a.tar", "a.xz", "a.gz"):
        images.unpack(image(tmp_path / name, name))
        (layer,) = images.layers(name)
        assert layer["target"] == "/"
        assert (Path(layer["lowers"][0]) / "bin/sh").read_text() == "x"


def test_what_a_disk_holds(tmp_path: Path) -> None:
    disk = tmp_path / "mbr"
    table = bytearray(SECTOR)
    struct.pack_into("<BxxxBxxxII", table, 446, 0x80, 0x83, 2048, 4096)
    table[510:512] = b"\x55\xaa"
    disk.write_bytes(bytes(table) + bytes(4096))
    assert partitions(disk) == [(2048 * SECTOR, 4096 * SECTOR)]
    assert sniff(disk) == "disk"
    assert file_system(b"hsqs" + bytes(100)) == "squashfs"
    assert file_system(bytes(0x10040) + b"_BHRfS_M") == "btrfs"
    assert file_system(bytes(100)) == ""


@pytest.mark.kernel
async def test_hosts_people_and_keys_are_not_in_the_host_image(here: Machine) -> None:
    text = await run(
        here,
        "cut -d: -f3 /etc/passwd | sort -n | tail -2; find /etc -perm /077 -name '*key*' -newer /; ls -A /var",
    )
    numbers = [int(line) for line in text.splitlines() if line.isdigit()]
    assert all(number < 1000 or number == 65534 for number in numbers)
