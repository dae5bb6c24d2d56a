# SPDX-License-Identifier: Apache-2.0
"""From a request to the kernel and back: real namespaces, real packets."""

import asyncio
import time
import uuid

import pytest

from samovar.clients import InProcess
from samovar.cloud.network import Service
from samovar.config import NetworkSettings, Settings
from samovar.messaging import LocalBus

from ..host.conftest import cloud, greeters, greeting, ring  # noqa: F401
from .conftest import Tokens, User

pytestmark = pytest.mark.kernel


@pytest.fixture
async def services(database, cloud, tmp_path):  # noqa: F811
    """Starts network services over one database and one host agent, one after the other."""
    running = []
    settings = Settings(state_dir=tmp_path, network=NetworkSettings(external_cidr=f"{cloud.range}.0/24"))

    async def start():
        while running:
            await running.pop().stop()
        service = Service(database, LocalBus(), settings, Tokens(), cloud.host)
        await service.bootstrap()
        await service.start()
        running.append(service)
        return service

    yield start
    for service in running:
        await service.stop()


class Member(User):
    """A member of a project that builds things."""

    def __init__(self, service, name="member"):
        application = service.api().asgi()
        super().__init__(InProcess(_Mounted(application)), name)

    async def becomes(self, path, seconds=10.0, **wanted):
        deadline = time.monotonic() + seconds
        while True:
            shown = await self.get(path)
            if shown | wanted == shown:
                return shown
            assert time.monotonic() < deadline, shown
            await asyncio.sleep(0.02)

    async def server(self, network, *groups):
        """An active port of a server to be; the server's namespace and address."""
        device = str(uuid.uuid4())
        more = {"security_groups": [group["id"] for group in groups]} if groups else {}
        port = await self.create(
            "ports", network_id=network["id"], device_id=device, device_owner="compute:nova", **more
        )
        await self.becomes(f"/ports/{port['id']}", status="ACTIVE")
        return port, f"sv-srv-{device}", port["fixed_ips"][0]["ip_address"]

    async def opens(self, group, port, **more):
        return await self.create(
            "security-group-rules",
            security_group_id=group["id"],
            direction="ingress",
            protocol="tcp",
            port_range_min=port,
            port_range_max=port,
            **more,
        )


class _Mounted:
    """The application under /network."""

    def __init__(self, application):
        self._application = application

    async def __call__(self, scope, receive, send):
        await self._application(dict(scope, path=scope["path"].removeprefix("/network")), receive, send)


async def heard(answer, namespace, address, port, seconds=5.0):
    """Wait until a call is answered (or, with False, until it is not any more)."""
    deadline = time.monotonic() + seconds
    while greeting(said := await ring(namespace, address, port, timeout=0.3)) is not answer:
        assert time.monotonic() < deadline, said
    return said


async def test_two_networks_a_router_a_floating_ip_and_rules(services, cloud, greeters):  # noqa: F811
    service = await services()
    user = Member(service)
    [public] = await user.get("/networks?router:external=true")
    web = await user.create("security-groups", name="web")
    rule = await user.opens(web, 80)
    here, there = [await user.create("networks", name=name) for name in ("here", "there")]
    router = await user.create("routers", external_gateway_info={"network_id": public["id"]})
    for network, cidr in ((here, "10.0.0.0/24"), (there, "10.1.0.0/24")):
        subnet = await user.create("subnets", network_id=network["id"], cidr=cidr, ip_version=4)
        await user.put(f"/routers/{router['id']}/add_router_interface", subnet_id=subnet["id"])
    port, one, one_ip = await user.server(here, web)
    _, two, two_ip = await user.server(there, web)
    floating = await user.create("floatingips", floating_network_id=public["id"], port_id=port["id"])
    await user.becomes(f"/floatingips/{floating['id']}", status="ACTIVE")
    await user.becomes(f"/routers/{router['id']}", status="ACTIVE")
    for name, namespace in (("one", one), ("two", two)):
        for number in (80, 81):
            greeters.start(namespace, name, port=number)
    outside = floating["floating_ip_address"]

    assert await ring(None, outside, 80) == f"one saw {cloud.range}.1"
    assert not greeting(await ring(None, outside, 81, timeout=0.3)), "only the open port is open"
    assert await ring(two, one_ip, 80) == f"one saw {two_ip}", "a router does not translate between networks"
    assert greeting(await ring(one, two_ip, 80))
    assert not greeting(await ring(one, two_ip, 81, timeout=0.3))

    await user.delete(f"/security-group-rules/{rule['id']}")
    await heard(False, None, outside, 80)
    trusting = await user.opens(web, 81, remote_group_id=web["id"])
    await heard(True, one, two_ip, 81)
    assert not greeting(await ring(None, outside, 81, timeout=0.3)), "the host is no member of the group"
    await user.delete(f"/security-group-rules/{trusting['id']}")
    await heard(False, one, two_ip, 81)

    await user.opens(web, 80, remote_ip_prefix=f"{cloud.range}.0/24")
    await heard(True, None, outside, 80)
    await user.put(f"/floatingips/{floating['id']}", floatingip={"port_id": None})
    await heard(False, None, outside, 80)


async def test_the_same_prefix_twice_and_a_lost_kernel(services, cloud, greeters):  # noqa: F811
    service = await services()
    users = [Member(service, name) for name in ("member", "other")]
    seen = []
    for user in users:
        network = await user.create("networks", name="n")
        await user.create("subnets", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
        group = await user.create("security-groups", name="open")
        await user.opens(group, 80)
        seen.append([await user.server(network, group) for _ in range(2)])
    for name, servers in zip(("red", "blue"), seen, strict=True):
        greeters.start(servers[0][1], name)
    assert seen[0][0][2] == seen[1][0][2]
    for name, servers in zip(("red", "blue"), seen, strict=True):
        assert (await ring(servers[1][1], servers[0][2], 80)).startswith(name)

    greeters.stop()
    await cloud.host.purge()
    await services()
    deadline = time.monotonic() + 10
    wanted = {server[1] for servers in seen for server in servers}
    while not wanted <= set((await cloud.host.inventory()).namespaces):
        assert time.monotonic() < deadline, "a start rebuilds what the kernel lost"
        await asyncio.sleep(0.05)


async def test_deleting_leaves_the_machine_clean(services, cloud):  # noqa: F811
    service = await services()
    user = Member(service)
    [public] = await user.get("/networks?router:external=true")
    network = await user.create("networks", name="n")
    subnet = await user.create("subnets", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    router = await user.create("routers", external_gateway_info={"network_id": public["id"]})
    await user.put(f"/routers/{router['id']}/add_router_interface", subnet_id=subnet["id"])
    port, namespace, _ = await user.server(network)
    await user.becomes(f"/routers/{router['id']}", status="ACTIVE")
    before = set((await cloud.host.inventory()).namespaces)
    assert {namespace, f"sv-net-{network['id']}", f"sv-rtr-{router['id']}"} <= before
    await user.delete(f"/ports/{port['id']}")
    await user.put(f"/routers/{router['id']}/remove_router_interface", subnet_id=subnet["id"])
    await user.delete(f"/routers/{router['id']}")
    await user.delete(f"/networks/{network['id']}")
    deadline = time.monotonic() + 10
    while any(not n.startswith("sv-ext-") for n in (await cloud.host.inventory()).namespaces):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
