# SPDX-License-Identifier: Apache-2.0
"""The agent is killed while servers are made and removed: exactly one, or none, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from uuid import uuid4

import pytest

from samovar.cloud.host import HostClient, HostError
from samovar.cloud.host.reports import ServerExited
from samovar.cloud.host.specs import FloatingIp, ServerSpec

from .conftest import Cloud, only_port
from .machine import until

pytestmark = [pytest.mark.kernel, pytest.mark.faults]

MILLISECONDS = (0, 3, 8, 15, 25, 40, 60, 90, 130)


def first_processes(server_id: str) -> int:
    """How many first processes of the server there are on this machine."""
    found = 0
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            group = (directory / "cgroup").read_text()
            status = (directory / "status").read_text()
        except OSError:
            continue
        inner = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
        state = next(line for line in status.splitlines() if line.startswith("State:"))
        found += server_id in group and len(inner) == 3 and inner[2] == "1" and "Z" not in state
    return found


def leftovers(cloud: Cloud, server_id: str) -> list[str]:
    places = [cloud.state_dir / "servers", Path("/run/netns"), *Path("/sys/fs/cgroup").glob("**/samovar/*")]
    return [
        str(path) for place in places if place.is_dir() for path in place.iterdir() if server_id in path.name
    ]


async def cut_off(cloud: Cloud, work: Coroutine[object, object, object], milliseconds: int) -> None:
    """Begin ``work``, and kill the agent a little later."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(milliseconds / 1000)
    cloud.kill()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await cloud.host.close()
    cloud.host = HostClient(cloud.socket_path)
    await cloud.start()


async def test_agent_killed_while_making_and_removing(cloud: Cloud) -> None:
    for milliseconds in MILLISECONDS:
        server = ServerSpec(id=str(uuid4()), hostname="web", memory_mb=64)
        await cut_off(cloud, cloud.host.ensure_server(server), milliseconds)
        assert await asyncio.to_thread(first_processes, server.id) <= 1
        made = await cloud.host.ensure_server(server)
        assert made.state == "running"
        assert await asyncio.to_thread(first_processes, server.id) == 1, milliseconds
        await cut_off(cloud, cloud.host.remove_server(server.id), milliseconds)
        await cloud.host.remove_server(server.id)
        assert await asyncio.to_thread(first_processes, server.id) == 0
        assert await asyncio.to_thread(leftovers, cloud, server.id) == [], milliseconds


async def test_agent_killed_while_rebooting_and_rebuilding(cloud: Cloud) -> None:
    server = ServerSpec(id=str(uuid4()), hostname="web", memory_mb=64)
    await cloud.host.ensure_server(server)
    for milliseconds in MILLISECONDS[::2]:
        await cut_off(cloud, cloud.host.reboot_server(server.id), milliseconds)
        assert (await cloud.host.ensure_server(server)).state == "running"
        assert await asyncio.to_thread(first_processes, server.id) == 1
        await cut_off(cloud, cloud.host.rebuild_server(server), milliseconds)
        assert (await cloud.host.ensure_server(server)).state == "running"
        assert await asyncio.to_thread(first_processes, server.id) == 1


async def listen(cloud: Cloud) -> AsyncIterator[ServerExited]:
    async for event in cloud.host.events():
        if isinstance(event, ServerExited):
            yield event


async def test_server_answers_through_its_floating_ip_and_its_end_is_told(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    port = tenant.port(10, rules=only_port(80), nameservers=("10.0.0.2",))
    floating = f"{cloud.range}.100"
    await cloud.host.ensure_external(cloud.external())
    await cloud.host.ensure_network(tenant.network(port))
    await cloud.host.ensure_router(tenant.router(10, floating_ips=(FloatingIp(floating, "10.0.0.10"),)))
    script = b"#!/bin/sh\nmkdir /srv/www; hostname >/srv/www/index.html; cd /srv/www\n"
    script += b"python3 -m http.server 80 &\n"
    server = ServerSpec(id=port.device_id, hostname="web1", user_data=script, memory_mb=128)
    events = listen(cloud)
    waiting = asyncio.ensure_future(anext(events))
    await cloud.host.ensure_server(server)
    assert await fetch(floating) == "web1"
    assert "login:" in await cloud.host.server_console(server.id, 5)
    await cloud.host.pause_server(server.id)
    assert [one.state for one in await cloud.host.server_status()] == ["paused"]
    await cloud.host.unpause_server(server.id)
    await cloud.host.stop_server(server.id)
    await cloud.host.start_server(server.id)
    off = ServerSpec(id=str(uuid4()), hostname="off", user_data=b"#!/bin/sh\npoweroff\n", memory_mb=64)
    await cloud.host.ensure_server(off)
    assert (await asyncio.wait_for(waiting, 15)).id == off.id
    await events.aclose()  # type: ignore[attr-defined]
    await cloud.host.remove_server(server.id)
    await cloud.host.remove_server(off.id)
    await cloud.host.ensure_network(tenant.network())
    assert await asyncio.to_thread(leftovers, cloud, server.id) == []
    with pytest.raises(HostError, match="There is no server"):
        await cloud.host.start_server(server.id)


async def fetch(address: str) -> str:
    deadline = asyncio.get_running_loop().time() + 15
    while True:
        try:
            reader, writer = await asyncio.open_connection(address, 80)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer.decode().rsplit("\n\n", 1)[-1].split("\r\n\r\n")[-1].strip()
        except OSError:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)


async def test_purge_puts_servers_away_and_keeps_what_they_wrote(cloud: Cloud) -> None:
    server = ServerSpec(
        id=str(uuid4()), hostname="web", memory_mb=64, user_data=b"#!/bin/sh\ntouch /root/kept\n"
    )
    await cloud.host.ensure_server(server)
    kept = cloud.state_dir / "servers" / server.id / "upper/root/root/kept"
    await until(kept.exists)
    await cloud.host.purge()
    inventory = await cloud.host.inventory()
    assert not any(getattr(inventory, name) for name in inventory.__struct_fields__), inventory
    assert await asyncio.to_thread(first_processes, server.id) == 0
    assert (await cloud.host.ensure_server(server)).state == "running"
    assert kept.exists()
