# SPDX-License-Identifier: Apache-2.0
"""The agent dies, namespaces vanish, clouds stand side by side: what must survive, come back, or be left
alone.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import pytest

from samovar.cloud.host import HostError, launch
from samovar.cloud.host.reports import AgentReturned
from samovar.cloud.host.specs import FloatingIp, NetworkSpec, PortSpec, RouterSpec

from .conftest import Cloud, Greeters, greeting, home, in_namespace, ring

pytestmark = pytest.mark.kernel


async def build(cloud: Cloud) -> tuple[str, PortSpec, NetworkSpec, RouterSpec]:
    """A network with two servers, one of them with a floating IP; returns that and what was asked for."""
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    floating = f"{cloud.range}.100"
    network = tenant.network(one, two)
    router = tenant.router(10, floating_ips=(FloatingIp(floating, "10.0.0.10"),))
    await ensure(cloud, network, router)
    return floating, one, network, router


async def ensure(cloud: Cloud, network: NetworkSpec, router: RouterSpec) -> tuple[str, ...]:
    await cloud.host.ensure_external(cloud.external())
    report = await cloud.host.ensure_network(network)
    await cloud.host.ensure_router(router)
    return report.changed


async def listing(namespace: str) -> bytes:
    return await asyncio.to_thread(subprocess.check_output, in_namespace(namespace, "ip", "-o", "address"))


async def test_traffic_flows_without_the_agent_and_a_new_one_adopts_what_is_there(
    cloud: Cloud, greeters: Greeters
) -> None:
    floating, one, network, router = await build(cloud)
    greeters.start(home(one), "one")
    names = [home(one), f"sv-net-{network.id}", f"sv-rtr-{router.id}"]
    before = [await listing(name) for name in names]
    cloud.kill()
    assert greeting(await ring(None, floating, 80))
    await cloud.start()
    await ensure(cloud, network, router)
    assert [await listing(name) for name in names] == before
    assert greeting(await ring(None, floating, 80))


async def test_a_call_waits_for_an_agent_that_returns(cloud: Cloud) -> None:
    await cloud.host.hello()
    cloud.kill()
    asking = asyncio.create_task(cloud.host.hello())
    await cloud.start()
    assert await asking == cloud.pid


async def test_who_listens_for_events_hears_that_the_agent_returned(cloud: Cloud) -> None:
    events = cloud.host.events()
    following = asyncio.ensure_future(anext(events))
    await cloud.host.hello()
    await asyncio.sleep(0)
    cloud.kill()
    await cloud.start()
    assert await asyncio.wait_for(following, 10) == AgentReturned()
    await events.aclose()


async def test_everything_is_built_again_after_every_namespace_vanished(
    cloud: Cloud, greeters: Greeters
) -> None:
    floating, one, network, router = await build(cloud)
    for name in (await cloud.host.inventory()).namespaces:
        await asyncio.to_thread(subprocess.run, ["ip", "netns", "delete", name], check=True)
    assert not greeting(await ring(None, floating, 80, timeout=0.3))
    assert set(await ensure(cloud, network, router)) == {port.id for port in network.ports}
    greeters.start(home(one), "one")
    assert greeting(await ring(None, floating, 80))


async def test_a_network_that_vanished_alone_gets_its_servers_and_routers_back(
    cloud: Cloud, greeters: Greeters
) -> None:
    floating, one, network, _ = await build(cloud)
    greeters.start(home(one), "one")
    await asyncio.to_thread(subprocess.run, ["ip", "netns", "delete", f"sv-net-{network.id}"], check=True)
    assert (await cloud.host.ensure_network(network)).rebuilt
    assert greeting(await ring(None, floating, 80))
    assert not (await cloud.host.ensure_network(network)).rebuilt


async def test_verify_repairs_what_someone_broke(cloud: Cloud, greeters: Greeters) -> None:
    floating, one, network, router = await build(cloud)
    greeters.start(home(one), "one")
    for namespace, broken in (
        (home(one), "ip address flush dev eth0 scope global"),
        (home(one), "nft add rule inet samovar-eth0 arriving drop"),
        (home(one), "nft insert rule inet samovar-eth0 arriving drop"),
        (f"sv-net-{network.id}", "nft insert rule bridge samovar arriving drop"),
        (f"sv-rtr-{router.id}", "nft flush ruleset"),
        (f"sv-rtr-{router.id}", "ip link delete qg"),
    ):
        await asyncio.to_thread(subprocess.run, in_namespace(namespace, *broken.split()), check=True)
    await cloud.host.ensure_network(network, verify=True)
    await cloud.host.ensure_router(router, verify=True)
    assert greeting(await ring(None, floating, 80))


async def test_purge_leaves_nothing_and_touches_no_other_cloud(cloud: Cloud, tmp_path: Path) -> None:
    other = Cloud(tmp_path / "other")
    await other.start()
    try:
        await build(cloud)
        _, _, network, _ = await build(other)
        mine, others = await cloud.host.inventory(), await other.host.inventory()
        assert mine.namespaces and mine.links and not set(mine.namespaces) & set(others.namespaces)
        await cloud.host.purge()
        found = await cloud.host.inventory()
        assert (found.namespaces, found.links, found.tables) == ((), (), ())
        listed = (await asyncio.to_thread(subprocess.check_output, ["ip", "netns", "list"])).decode()
        assert not any(name in listed for name in mine.namespaces)
        assert all(name in listed for name in others.namespaces)
        assert (await other.host.ensure_network(network)).changed == ()
        await other.host.purge()
    finally:
        await other.host.close()
        other.kill()


async def test_a_state_directory_has_one_agent(cloud: Cloud) -> None:
    with pytest.raises(HostError, match="Another host agent already serves"):
        await launch(cloud.state_dir, cloud.state_dir / "second.sock")


async def test_the_agent_starts_fast_and_stays_small(cloud: Cloud) -> None:
    await build(cloud)
    started = time.monotonic()
    cloud.kill()
    await cloud.start()
    assert time.monotonic() - started < 2.0
    status = await asyncio.to_thread(Path(f"/proc/{cloud.pid}/status").read_text)
    resident = int(status.split("VmRSS:")[1].split()[0])
    assert resident < 45_000
