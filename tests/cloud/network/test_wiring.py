# SPDX-License-Identifier: Apache-2.0
"""What the host agent is told, and what the API shows when it has done it."""

import asyncio
import time
import uuid

import pytest

from samovar.clients import InProcess
from samovar.cloud.host import HostError
from samovar.cloud.host.specs import Address, FloatingIp
from samovar.cloud.network import Service
from samovar.cloud.network.wiring import ACTIVE_TOPIC
from samovar.config import Settings
from samovar.messaging import LocalBus
from samovar.web import Prefixes

from .conftest import RememberingHost, Tokens, User


async def until(probe, seconds=5.0):
    """Wait until the coroutine function answers something true; the answer."""
    deadline = time.monotonic() + seconds
    while not (answer := await probe()):
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)
    return answer


@pytest.fixture
async def running(service):
    await service.start()
    yield service
    await service.stop()


def server_port(network, **values):
    return {
        "network_id": network["id"],
        "device_id": str(uuid.uuid4()),
        "device_owner": "compute:nova",
        **values,
    }


async def shows(user, path, **wanted):
    async def probe():
        shown = await user.get(path)
        return shown if shown | wanted == shown else None

    return await until(probe)


@pytest.fixture
async def network(member):
    network = await member.create("networks", name="n", mtu=1400)
    await member.create(
        "subnets",
        network_id=network["id"],
        cidr="10.0.0.0/24",
        ip_version=4,
        dns_nameservers=["9.9.9.9"],
        host_routes=[{"destination": "10.7.0.0/16", "nexthop": "10.0.0.7"}],
    )
    return network


async def test_a_servers_port_becomes_active(running, host, member, network):
    told = []

    async def hear(ids):
        told.extend(ids)

    running.backend.bus.listen(ACTIVE_TOPIC, hear)
    port = await member.create("ports", **server_port(network))
    unbound = await member.create("ports", network_id=network["id"])
    assert port["status"] == "DOWN"
    await shows(member, f"/ports/{port['id']}", status="ACTIVE")
    await until(lambda: asyncio.sleep(0, port["id"] in told))
    spec = host.networks[network["id"]]
    [wired] = spec.ports
    assert (spec.mtu, wired.id, wired.mac, wired.interface) == (1400, port["id"], port["mac_address"], "eth0")
    assert wired.fixed_ips == (Address("10.0.0.2", 24),)
    assert (wired.gateways, wired.nameservers) == (("10.0.0.1",), ("9.9.9.9",))
    assert [(r.destination, r.nexthop) for r in wired.routes] == [("10.7.0.0/16", "10.0.0.7")]
    assert (await member.get(f"/ports/{unbound['id']}"))["status"] == "DOWN"

    await member.put(f"/ports/{port['id']}", port={"device_id": "", "device_owner": ""})
    assert (await member.get(f"/ports/{port['id']}"))["status"] == "DOWN"
    await until(lambda: asyncio.sleep(0, host.networks[network["id"]].ports == ()))


async def test_a_servers_interfaces_are_numbered_in_order(running, host, member, network):
    second = await member.create("networks", name="m")
    device = str(uuid.uuid4())
    ports = [
        await member.create("ports", **server_port(where, device_id=device))
        for where in (network, second, network)
    ]
    for port in ports:
        await shows(member, f"/ports/{port['id']}", status="ACTIVE")
    names = {port.id: port.interface for spec in host.networks.values() for port in spec.ports}
    assert [names[port["id"]] for port in ports] == ["eth0", "eth1", "eth2"]
    await member.delete(f"/ports/{ports[1]['id']}")
    again = await member.create("ports", **server_port(second, device_id=device))
    await shows(member, f"/ports/{again['id']}", status="ACTIVE")
    assert host.networks[second["id"]].ports[0].interface == "eth1"


async def test_a_ports_own_switch(running, host, member, network):
    port = await member.create("ports", **server_port(network, admin_state_up=False))
    await until(
        lambda: asyncio.sleep(
            0, bool(host.networks.get(network["id"], None)) and host.networks[network["id"]].ports
        )
    )
    assert (await member.get(f"/ports/{port['id']}"))["status"] == "DOWN"
    await member.put(f"/ports/{port['id']}", port={"admin_state_up": True})
    await shows(member, f"/ports/{port['id']}", status="ACTIVE")


async def test_groups_of_members_follow_the_ports(running, host, member, network):
    web = await member.create("security-groups", name="web")
    db = await member.create("security-groups", name="db")
    rule = await member.create(
        "security-group-rules",
        security_group_id=db["id"],
        direction="ingress",
        protocol="tcp",
        port_range_min=5432,
        port_range_max=5432,
        remote_group_id=web["id"],
    )
    port = await member.create("ports", **server_port(network, security_groups=[db["id"]]))
    await shows(member, f"/ports/{port['id']}", status="ACTIVE")

    def spec():
        return host.networks[network["id"]]

    [opened] = [r for r in spec().ports[0].rules if r.direction == "ingress"]
    assert (opened.protocol, opened.port_min, opened.remote_group) == ("tcp", 5432, web["id"])
    assert spec().groups == {web["id"]: ()}
    elsewhere = await member.create("networks", name="m")
    await member.create("subnets", network_id=elsewhere["id"], cidr="10.3.0.0/24", ip_version=4)
    client = await member.create(
        "ports",
        network_id=elsewhere["id"],
        security_groups=[web["id"]],
        allowed_address_pairs=[{"ip_address": "10.3.0.100"}],
    )
    both = ("10.3.0.100/32", "10.3.0.2/32")
    await until(lambda: asyncio.sleep(0, spec().groups == {web["id"]: both}))
    await member.put(f"/ports/{client['id']}", port={"security_groups": []})
    await until(lambda: asyncio.sleep(0, spec().groups == {web["id"]: ()}))
    await member.delete(f"/security-group-rules/{rule['id']}")
    await until(lambda: asyncio.sleep(0, spec().groups == {}))


async def test_routers_and_floating_ips_become_active(running, host, member, network, public):
    [subnet] = await member.get(f"/subnets?network_id={network['id']}")
    router = await member.create("routers", external_gateway_info={"network_id": public})
    assert router["status"] in ("BUILD", "ACTIVE")
    path = f"/routers/{router['id']}"
    await shows(member, path, status="ACTIVE")
    await member.put(f"{path}/add_router_interface", subnet_id=subnet["id"])
    port = await member.create("ports", **server_port(network))
    floating = await member.create("floatingips", floating_network_id=public, port_id=port["id"])
    await shows(member, f"/floatingips/{floating['id']}", status="ACTIVE")
    spec = host.routers[router["id"]]
    assert spec.floating_ips == (FloatingIp(floating["floating_ip_address"], "10.0.0.2"),)
    assert spec.interfaces[0].addresses == (Address("10.0.0.1", 24),)
    assert (spec.gateway.nexthops, spec.enable_snat) == (("172.24.4.1",), True)
    assert host.externals[public].host_addresses == (Address("172.24.4.1", 24),)
    [leg] = await member.get(f"/ports?device_id={router['id']}")
    assert leg["status"] == "ACTIVE"
    await member.put(f"/floatingips/{floating['id']}", floatingip={"port_id": None})
    await shows(member, f"/floatingips/{floating['id']}", status="DOWN")
    await until(lambda: asyncio.sleep(0, host.routers[router["id"]].floating_ips == ()))


async def test_what_is_deleted_goes_from_the_kernel(running, host, member, public, service):
    network = await member.create("networks", name="n")
    router = await member.create("routers", external_gateway_info={"network_id": public})
    await until(lambda: asyncio.sleep(0, network["id"] in host.networks and router["id"] in host.routers))
    await member.delete(f"/networks/{network['id']}")
    await member.delete(f"/routers/{router['id']}")
    await until(lambda: asyncio.sleep(0, not host.networks and not host.routers))


async def test_a_start_makes_everything_so(service, host, member, admin, network, public):
    """Rings that nobody heard, things that the kernel has too many, all in order after a start."""
    port = await member.create("ports", **server_port(network))
    router = await member.create("routers", external_gateway_info={"network_id": public})
    doomed = await admin.create("networks", **{"router:external": True})
    host.externals[doomed["id"]] = "left over"
    await admin.delete(f"/networks/{doomed['id']}")
    stray = str(uuid.uuid4())
    host.strays.append(f"sv-net-{stray}")
    await service.start()
    try:
        await shows(member, f"/ports/{port['id']}", status="ACTIVE")
        await shows(member, f"/routers/{router['id']}", status="ACTIVE")
        await until(lambda: asyncio.sleep(0, not host.strays and doomed["id"] not in host.externals))
        [agent] = await admin.get("/agents")
        assert agent["alive"] is True
        assert (await admin.get(f"/agents/{agent['id']}"))["binary"] == "samovar-host-agent"
    finally:
        await service.stop()


async def test_a_refusal_shows_and_is_overcome(running, host, member, network):
    host.refusal = HostError("kernel", "The kernel refused to make a bridge: no memory.")
    port = await member.create("ports", **server_port(network))
    router = await member.create("routers")
    await shows(member, f"/ports/{port['id']}", status="ACTIVE")
    host.refusal = HostError("clash", "Something is in the way.")
    await member.put(f"/routers/{router['id']}", router={"admin_state_up": False})
    await shows(member, f"/routers/{router['id']}", status="ACTIVE", admin_state_up=False)
    await until(lambda: asyncio.sleep(0, host.routers[router["id"]].enabled is False))


async def test_rings_gather(running, host, member, network):
    made = await asyncio.gather(*(member.create("ports", **server_port(network)) for _ in range(50)))
    for port in made:
        await shows(member, f"/ports/{port['id']}", status="ACTIVE")
    assert len(host.networks[network["id"]].ports) == 50
    assert len([call for call in host.calls if call[0] == "ensure_network"]) < 50


class MortalHost(RememberingHost):
    """Does what it is asked `left` times; then this process might as well be dead."""

    left = 0

    def _refuse(self, what):
        if self.left <= 0:
            raise HostError("unreachable", "The host agent does not answer.")
        self.left -= 1


@pytest.mark.parametrize("left", range(6))
async def test_wherever_it_stops_the_next_start_completes_it(left, database, tmp_path):
    host = MortalHost()
    host.left = left
    settings = Settings(state_dir=tmp_path)
    first = Service(database, LocalBus(), settings, Tokens(), host)
    public = await first.bootstrap()
    application = first.api().asgi()
    user = User(InProcess(Prefixes({"network": application}, application)), "member")
    await first.start()
    kept, gone = [await user.create("networks", name=name) for name in ("kept", "gone")]
    subnet = await user.create("subnets", network_id=kept["id"], cidr="10.0.0.0/24", ip_version=4)
    router = await user.create("routers", external_gateway_info={"network_id": public})
    await user.put(f"/routers/{router['id']}/add_router_interface", subnet_id=subnet["id"])
    port = await user.create("ports", **server_port(kept))
    floating = await user.create("floatingips", floating_network_id=public, port_id=port["id"])
    await asyncio.sleep(0)
    first.wiring._keeper.cancel()
    for task in tuple(first.wiring._tasks.values()):
        task.cancel()
    await user.delete(f"/networks/{gone['id']}")

    host.left = 1000
    second = Service(database, LocalBus(), settings, Tokens(), host)
    await second.start()
    try:
        for path in (f"/ports/{port['id']}", f"/routers/{router['id']}", f"/floatingips/{floating['id']}"):
            await shows(user, path, status="ACTIVE")
        await until(lambda: asyncio.sleep(0, set(host.networks) == {kept["id"]}))
        assert set(host.routers) == {router["id"]} and set(host.externals) == {public}
    finally:
        await second.stop()
