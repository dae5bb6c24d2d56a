# SPDX-License-Identifier: Apache-2.0
"""Routers, floating IPs and the external network, with real traffic."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from samovar.cloud.host import HostError
from samovar.cloud.host.specs import Address, FloatingIp, Route, RouterInterface

from .conftest import Cloud, Greeters, Talker, Tenant, greeting, home, in_namespace, only_port, ring

pytestmark = pytest.mark.kernel


async def outside(cloud: Cloud, tenant: Tenant, last: int = 10, **more: object) -> None:
    await cloud.host.ensure_external(cloud.external())
    await cloud.host.ensure_router(tenant.router(last, **more))


async def test_the_host_reaches_a_floating_ip_on_its_open_port_only(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    one = tenant.port(10, rules=only_port(80))
    await cloud.host.ensure_network(tenant.network(one))
    floating = f"{cloud.range}.100"
    await outside(cloud, tenant, floating_ips=(FloatingIp(floating, "10.0.0.10"),))
    for port in (80, 81):
        greeters.start(home(one), "one", port=port)
    assert await ring(None, floating, 80) == f"one saw {cloud.range}.1"
    assert not greeting(await ring(None, floating, 81, timeout=0.3))
    await cloud.host.ensure_router(tenant.router(10))
    assert not greeting(await ring(None, floating, 80, timeout=0.3))


async def test_servers_go_out_with_their_floating_ip_or_the_routers_address(
    cloud: Cloud, greeters: Greeters
) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    await cloud.host.ensure_network(tenant.network(one, two))
    await outside(cloud, tenant, floating_ips=(FloatingIp(f"{cloud.range}.100", "10.0.0.10"),))
    greeters.start(None, "the host", f"{cloud.range}.1", 8099)
    assert await ring(home(one), f"{cloud.range}.1", 8099) == f"the host saw {cloud.range}.100"
    assert await ring(home(two), f"{cloud.range}.1", 8099) == f"the host saw {cloud.range}.10"
    await cloud.host.ensure_router(tenant.router(10, enable_snat=False))
    assert not greeting(await ring(home(two), f"{cloud.range}.1", 8099, timeout=0.3))


async def test_a_floating_ip_that_goes_ends_its_own_connections_only(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    await cloud.host.ensure_network(tenant.network(one, two))
    floating = f"{cloud.range}.100"
    await outside(cloud, tenant, floating_ips=(FloatingIp(floating, "10.0.0.10"),))
    with (
        Talker(None, f"listen {cloud.range}.1", "8097") as host,
        Talker(home(two), f"{cloud.range}.1", "8097") as downloading,
        Talker(home(one), "listen", "80") as served,
        Talker(None, floating, "80") as client,
    ):
        client.say("first")
        assert served.hear(5) == "first"
        downloading.say("begin")
        assert host.hear(5) == "begin"
        await cloud.host.ensure_router(tenant.router(10))
        host.say("late")
        assert downloading.hear(5) == "late"
        client.say("second")
        assert served.hear(0.3) == "nothing"


async def test_a_server_reaches_floating_ips_behind_its_own_router(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    await cloud.host.ensure_network(tenant.network(one, two))
    floating = f"{cloud.range}.100"
    await outside(cloud, tenant, floating_ips=(FloatingIp(floating, "10.0.0.10"),))
    greeters.start(home(one), "one")
    assert greeting(await ring(home(two), floating, 80))
    assert greeting(await ring(home(one), floating, 80))


async def test_a_floating_ip_moves_to_another_server_and_router(cloud: Cloud, greeters: Greeters) -> None:
    here, there = cloud.tenant(), cloud.tenant()
    one, two, three = here.port(10), here.port(11), there.port(10)
    await cloud.host.ensure_network(here.network(one, two))
    await cloud.host.ensure_network(there.network(three))
    floating = f"{cloud.range}.100"
    await outside(cloud, here, floating_ips=(FloatingIp(floating, "10.0.0.10"),))
    await cloud.host.ensure_router(there.router(20))
    for port, name in ((one, "one"), (two, "two"), (three, "three")):
        greeters.start(home(port), name)
    assert (await ring(None, floating, 80)).startswith("one")
    await cloud.host.ensure_router(here.router(10, floating_ips=(FloatingIp(floating, "10.0.0.11"),)))
    assert (await ring(None, floating, 80)).startswith("two")
    await cloud.host.ensure_router(here.router(10))
    await cloud.host.ensure_router(there.router(20, floating_ips=(FloatingIp(floating, "10.0.0.10"),)))
    assert (await ring(None, floating, 80)).startswith("three")


async def test_a_router_joins_two_networks_without_translating(cloud: Cloud, greeters: Greeters) -> None:
    here, there = cloud.tenant(), cloud.tenant("10.1.0")
    one, two = here.port(10), there.port(10)
    await cloud.host.ensure_network(here.network(one))
    await cloud.host.ensure_network(there.network(two))
    second = RouterInterface(
        port_id=there.interface_id,
        network_id=there.network_id,
        mac="fa:16:3e:00:00:02",
        addresses=(Address("10.1.0.1", 24),),
    )
    both = (*here.router(10).interfaces, second)
    await outside(cloud, here, interfaces=both)
    greeters.start(home(two), "two")
    assert await ring(home(one), "10.1.0.10", 80) == "two saw 10.0.0.10"
    await cloud.host.ensure_router(here.router(10))
    assert not greeting(await ring(home(one), "10.1.0.10", 80, timeout=0.3))
    await cloud.host.ensure_router(here.router(10, interfaces=both))
    assert greeting(await ring(home(one), "10.1.0.10", 80))
    await cloud.host.ensure_router(here.router(10, interfaces=both, enabled=False))
    assert not greeting(await ring(home(one), "10.1.0.10", 80, timeout=0.3))


async def test_static_routes_of_a_router_lead_where_they_say(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    await cloud.host.ensure_network(tenant.network(tenant.port(10)))
    await outside(cloud, tenant, routes=(Route("192.168.77.0/24", "10.0.0.10"),))
    command = in_namespace(f"sv-rtr-{tenant.router_id}", "ip", "-j", "route", "show", "192.168.77.0/24")
    shown = json.loads(await asyncio.to_thread(subprocess.check_output, command))
    assert [route["gateway"] for route in shown] == ["10.0.0.10"]
    await cloud.host.ensure_router(tenant.router(10))
    assert json.loads(await asyncio.to_thread(subprocess.check_output, command) or "[]") == []
    with pytest.raises(HostError, match="none of its subnets has that address"):
        await cloud.host.ensure_router(tenant.router(10, routes=(Route("192.168.77.0/24", "172.31.9.9"),)))


async def test_a_router_takes_the_mtu_of_its_networks(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    one = tenant.port(10)
    await cloud.host.ensure_network(tenant.network(one))
    await outside(cloud, tenant)
    await cloud.host.ensure_network(tenant.network(one, mtu=1380))
    command = in_namespace(f"sv-rtr-{tenant.router_id}", "ip", "-j", "link")
    links = json.loads(await asyncio.to_thread(subprocess.check_output, command))
    assert {link["mtu"] for link in links if link["ifname"].startswith("q") and link["ifname"] != "qg"} == {
        1380
    }


async def test_a_router_without_its_network_says_so(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    with pytest.raises(HostError, match="ensure that network first"):
        await cloud.host.ensure_router(tenant.router(10))


async def test_an_external_range_that_the_machine_uses_is_refused(cloud: Cloud) -> None:
    await cloud.host.ensure_external(cloud.external())
    with pytest.raises(
        HostError, match=r"already used on this machine: 198\.\d+\.\d+\.0/24 is on sv"
    ) as refusal:
        await cloud.host.ensure_external(cloud.external(id=str(uuid4())))
    assert refusal.value.code == "clash"
    await cloud.host.ensure_external(cloud.external())


async def test_the_external_network_can_be_renumbered_and_removed(cloud: Cloud) -> None:
    await cloud.host.ensure_external(cloud.external())
    (link,) = (await cloud.host.inventory()).links
    moved = (Address(f"{cloud.range}.254", 24),)
    await cloud.host.ensure_external(cloud.external(host_addresses=moved))
    shown = json.loads(
        await asyncio.to_thread(subprocess.check_output, ["ip", "-j", "address", "show", link])
    )
    addresses = {one["local"] for one in shown[0]["addr_info"] if one["family"] == "inet"}
    assert addresses == {f"{cloud.range}.254"}
    await cloud.host.remove_external(cloud.external_id)
    found = await cloud.host.inventory()
    assert (found.links, found.namespaces) == ((), ())


@pytest.fixture
def far_away() -> Iterator[str]:
    """A namespace that only the host reaches, at 203.0.113.2: the internet, as far as these tests go."""
    name = f"far-{uuid4().hex[:8]}"
    link = f"far{uuid4().hex[:8]}"
    for command in (
        f"ip netns add {name}",
        f"ip link add {link} type veth peer name eth0 netns {name}",
        f"ip address add 203.0.113.1/24 dev {link}",
        f"ip link set {link} up",
        f"ip -n {name} address add 203.0.113.2/24 dev eth0",
        f"ip -n {name} link set eth0 up",
    ):
        subprocess.run(command.split(), check=True)
    yield name
    subprocess.run(["ip", "link", "delete", link], check=True)
    subprocess.run(["ip", "netns", "delete", name], check=True)


def forwarding() -> str:
    return Path("/proc/sys/net/ipv4/ip_forward").read_text()


async def test_only_a_masqueraded_external_network_leads_further_than_the_host(
    cloud: Cloud, greeters: Greeters, far_away: str
) -> None:
    before = forwarding()
    tenant = cloud.tenant()
    one = tenant.port(10)
    await cloud.host.ensure_network(tenant.network(one))
    await outside(cloud, tenant)
    greeters.start(far_away, "far away")
    assert not greeting(await ring(home(one), "203.0.113.2", 80, timeout=0.3))
    await cloud.host.ensure_external(cloud.external(masquerade=True))
    assert await ring(home(one), "203.0.113.2", 80) == "far away saw 203.0.113.1"
    assert (await cloud.host.inventory()).tables
    await cloud.host.ensure_external(cloud.external())
    assert (await cloud.host.inventory()).tables == ()
    assert forwarding() == before
