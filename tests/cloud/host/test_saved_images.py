# SPDX-License-Identifier: Apache-2.0
"""A server becomes an image: what it added and took away is in servers made from it, whatever it was over."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from samovar.cloud.host import saved_images
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.specs import ImageSpec, ServerSpec

from .machine import Machine, machine, run, spec

pytestmark = pytest.mark.kernel
CHANGES = """
echo kept >/root/kept
chown 1000:1000 /root/kept
ln /root/kept /root/linked
ln -s /nowhere /root/lost
rm /etc/debian_version /etc/os-release
rm -rf /etc/skel
mkdir /etc/skel
echo new >/etc/skel/one
"""
LOOK = """
cat /root/linked
ls -ln /root/kept | cut -d" " -f2-4
ls -l /root/lost | cut -d">" -f2
ls /etc/skel /etc/debian_version 2>&1
test -e /usr/bin/env && echo whole
"""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine(tmp_path / "state") as one:
        yield one


async def saved(here: Machine, server: ServerSpec, image_id: str) -> Path:
    return Path(await here.servers.save(server.id, image_id))


def image(source: Path, image_id: str) -> ImageSpec:
    return ImageSpec(id=image_id, source=str(source), disk_format="raw", container_format="bare")


async def test_what_a_server_did_is_in_those_made_from_it(here: Machine, tmp_path: Path) -> None:
    first = spec(f"{CHANGES}\necho done")
    await here.servers.ensure(first)
    await here.says(first.id, "finished at")
    shot = await saved(here, first, "shot")
    assert here.status(first.id) == "running"  # it stood still only for a moment
    assert shot.stat().st_size < 1_000_000  # nothing of the image below is in it
    await here.servers._unpack(image(shot, "shot"))
    told = await run(here, LOOK, image="shot")
    assert told.split() == [
        *("kept", "2", "1000", "1000", "/nowhere"),
        *("ls:", "cannot", "access", "'/etc/debian_version':", "No", "such", "file", "or", "directory"),
        *("/etc/skel:", "one", "whole"),
    ]
    # And of one that was made from it: both layers of changes, the first server gone meanwhile.
    await here.servers.remove(first.id)
    second = spec("echo again >/root/again; rm /root/lost; echo done", image="shot")
    await here.servers.ensure(second)
    await here.says(second.id, "finished at")
    await here.servers.stop_server(second.id, 1.0)
    await here.servers._unpack(image(await saved(here, second, "next"), "next"))
    told = await run(here, "cat /root/linked /root/again; ls /root/lost 2>&1", image="next")
    assert told.split()[:2] == ["kept", "again"] and "No such file" in told


async def test_only_what_this_host_has_signed_is_unpacked(here: Machine, tmp_path: Path) -> None:
    one = spec("echo done")
    await here.servers.ensure(one)
    shot = await saved(here, one, "shot")

    def with_other(name: str, content: bytes) -> Path:
        forged = tmp_path / "forged.tar"
        with tarfile.open(shot) as old, tarfile.open(forged, "w") as new:
            for member in old:
                opened = old.extractfile(member)
                data = content if member.name == name else opened.read() if opened else b""
                member.size = len(data)
                new.addfile(member, io.BytesIO(data))
        return forged

    with tarfile.open(shot) as tar:
        opened = tar.extractfile("samovar-saved.json")
        manifest = opened.read() if opened else b""
    forged = await asyncio.to_thread(with_other, "samovar-saved.json", manifest.replace(b'e":"', b'e":"0', 1))
    assert saved_images.is_saved(forged)
    with pytest.raises(HostError, match=r"cannot be read|saved from a server of another host"):
        await here.servers._unpack(image(forged, "forged"))
    forged = await asyncio.to_thread(with_other, "content.tar", b"\0" * 10240)
    with pytest.raises(HostError, match="its content is not what was saved"):
        await here.servers._unpack(image(forged, "forged"))
    async with machine(tmp_path / "elsewhere") as other:
        with pytest.raises(HostError, match="saved from a server of another host"):
            await other.servers._unpack(image(shot, "shot"))
