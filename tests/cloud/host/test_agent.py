# SPDX-License-Identifier: Apache-2.0
"""The agent as a process: who may speak to it, what it makes of nonsense, and that it always comes back."""

from __future__ import annotations

import asyncio
import random
import socket
import stat
from pathlib import Path

import msgspec
import pytest

from samovar.cloud.host import HostClient, HostError
from samovar.cloud.host.calls import Call, Named, Nothing
from samovar.cloud.host.specs import FloatingIp, PortSpec, RuleSpec

from .conftest import Cloud, Greeters, Tenant, greeting, home, ring

pytestmark = pytest.mark.kernel


def mode_of(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)


async def test_only_its_owner_may_open_the_socket(cloud: Cloud) -> None:
    assert mode_of(cloud.socket_path) == "srw-------"


async def test_nonsense_closes_that_connection_and_no_other(cloud: Cloud) -> None:
    assert await cloud.host.hello() == cloud.pid
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x03\x00abc", b"\xff" * 64):
        reader, writer = await asyncio.open_unix_connection(str(cloud.socket_path))
        writer.write(nonsense)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()
    assert await cloud.host.hello() == cloud.pid


async def test_descriptors_sent_to_the_agent_are_not_kept(cloud: Cloud) -> None:
    def open_files() -> int:
        return len(list(Path(f"/proc/{cloud.pid}/fd").iterdir()))

    await cloud.host.hello()
    before = open_files()
    body = msgspec.msgpack.encode([1, "agent.hello", {}])
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(cloud.socket_path))
    socket.send_fds(sock, [len(body).to_bytes(4, "big") + b"\x01" + body], [0])
    assert (await asyncio.to_thread(sock.recv, 1000)).startswith(b"\x00")
    sock.close()
    await cloud.host.hello()
    assert open_files() <= before + 1


async def test_an_unknown_call_and_an_unfit_one_are_answered_with_a_sentence(cloud: Cloud) -> None:
    with pytest.raises(HostError, match=r"does not know the call 'host\.reboot'") as refusal:
        await cloud.host.call(Call("host.reboot", Nothing, object), Nothing())
    assert refusal.value.code == "invalid"
    with pytest.raises(HostError, match=r"What was sent to network\.ensure does not fit"):
        await cloud.host.call(Call("network.ensure", Named, object), Named("x"))


async def test_an_absent_agent_is_told_in_a_sentence(tmp_path: Path) -> None:
    client = HostClient(tmp_path / "nobody.sock", patience=0.1)
    with pytest.raises(
        HostError, match=r"The host agent does not answer at .*nobody\.sock: No such file"
    ) as refusal:
        await client.hello()
    assert refusal.value.code == "unreachable"
    await client.close()


async def test_one_port_that_cannot_be_does_not_stop_the_others(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    rule = RuleSpec(direction="ingress", ethertype="IPv4", protocol="tcp", port_min=90, port_max=80)
    bad, one, two = tenant.port(9, rules=(rule,)), tenant.port(10), tenant.port(11)
    with pytest.raises(HostError, match="cannot open ports 90 to 80"):
        await cloud.host.ensure_network(tenant.network(bad, one, two))
    greeters.start(home(one), "one")
    assert greeting(await ring(home(two), "10.0.0.10", 80))


async def everything(cloud: Cloud, tenant: Tenant, ports: list[PortSpec], floating: str) -> None:
    await cloud.host.ensure_external(cloud.external())
    await cloud.host.ensure_network(tenant.network(*ports))
    floating_ips = (FloatingIp(floating, ports[0].fixed_ips[0].address),)
    last = int(floating.rpartition(".")[2]) - 90
    await cloud.host.ensure_router(tenant.router(last, floating_ips=floating_ips))


async def test_killed_anywhere_it_ends_as_asked(cloud: Cloud, greeters: Greeters) -> None:
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    for round_number in range(6):
        tenant = cloud.tenant(f"10.{round_number}.0")
        ports = [tenant.port(10 + number) for number in range(4)]
        floating = f"{cloud.range}.{100 + round_number}"

        asking = asyncio.create_task(everything(cloud, tenant, ports, floating))
        await asyncio.sleep(moments.random() * 0.06)
        cloud.kill()
        await cloud.start()
        await asking  # the calls that were cut off have been asked again by themselves
        await everything(cloud, tenant, ports, floating)
        greeters.start(home(ports[0]), "one")
        assert greeting(await ring(None, floating, 80)), f"seed {seed}, round {round_number}"
        assert greeting(await ring(home(ports[3]), ports[0].fixed_ips[0].address, 80)), f"seed {seed}"
