# SPDX-License-Identifier: Apache-2.0
"""UDP load balancers as their users have them: real datagrams through a real amphora, to members that answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from benchmarks.load_balancer_site import Site, inside, site

pytestmark = [pytest.mark.kernel, pytest.mark.asyncio(loop_scope="module")]
PORT, MEMBER_PORT = 53, 5353
PATIENCE = 10.0


class Echo:
    """A member in a server's namespace: answers each datagram with its own address."""

    def __init__(self, namespace: str, address: str) -> None:
        self.address = address

        def listen() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((address, MEMBER_PORT))
            return made

        self._socket = inside(namespace, listen)
        self._socket.settimeout(0.1)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._done.is_set():
            with contextlib.suppress(OSError):
                data, peer = self._socket.recvfrom(2048)
                if data:
                    self._socket.sendto(self.address.encode(), peer)

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()


class Udp:
    """A UDP load balancer before two members."""

    def __init__(self, here: Site) -> None:
        self.here = here
        self.echoes = [Echo(here.namespaces[address], address) for address in here.members]
        self.vip = self.id = self.pool = self.listener = ""

    async def build(self) -> None:
        members = [{"address": address, "protocol_port": MEMBER_PORT} for address in self.here.members]
        monitor = {"type": "UDP-CONNECT", "delay": 3, "timeout": 1, "max_retries": 1, "max_retries_down": 1}
        pool = {
            "name": "udp",
            "protocol": "UDP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": members,
            "healthmonitor": monitor,
        }
        listener = {"protocol": "UDP", "protocol_port": PORT, "default_pool": pool}
        subnet = self.here.subnet_id
        made = await self.here.create({"name": "udp", "vip_subnet_id": subnet, "listeners": [listener]})
        self.vip, self.id = made["vip_address"], made["id"]
        await self.here.active(self.id)
        found = await self.here.lb(self.id)
        self.pool, self.listener = found["pools"][0]["id"], found["listeners"][0]["id"]

    def sock(self) -> socket.socket:
        def connect() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.settimeout(0.5)
            made.connect((self.vip, PORT))
            return made

        return inside(self.here.client, connect)

    def asked(self, once: socket.socket | None = None) -> str:
        """Who answers: over a flow of its own, or over this one. A busy machine's members may be late."""
        made, deadline = once or self.sock(), time.monotonic() + PATIENCE
        try:
            while True:
                try:
                    made.send(b"who")
                    return made.recv(100).decode()
                except TimeoutError:
                    if time.monotonic() > deadline:
                        raise
        except OSError as error:
            return type(error).__name__
        finally:
            if once is None:
                made.close()

    async def set_pool(self, **values: Any) -> None:
        path = f"/v2.0/lbaas/pools/{self.pool}"
        await self.here.user.request("load-balancer", "PUT", path, json={"pool": values})
        await self.here.active(self.id)

    async def members(self) -> list[dict[str, Any]]:
        path = f"/v2.0/lbaas/pools/{self.pool}/members"
        return list((await self.here.user.get("load-balancer", path))["members"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def udp() -> AsyncIterator[Udp]:
    async with site() as here:
        one = Udp(here)
        try:
            await one.build()
            yield one
        finally:
            for echo in one.echoes:
                echo.close()


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("it did not happen in time")


async def test_flows_are_shared_out_and_each_stays_where_it_is(udp: Udp) -> None:
    assert Counter(udp.asked() for _ in range(20)) == dict.fromkeys(udp.here.members, 10)
    flow = udp.sock()
    assert len({udp.asked(flow) for _ in range(10)}) == 1
    flow.close()


async def test_it_says_how_its_members_are_and_counts(udp: Udp) -> None:
    async def online() -> bool:
        members = await udp.members()
        return [one["operating_status"] for one in members] == ["ONLINE", "ONLINE"]

    async def counted() -> bool:
        path = f"/v2.0/lbaas/listeners/{udp.listener}/stats"
        stats = (await udp.here.user.get("load-balancer", path))["stats"]
        return bool(stats["total_connections"] >= 20 and stats["bytes_in"] and stats["bytes_out"])

    udp.asked()
    await until(online)
    await until(counted)


async def test_clients_stay_with_a_member_by_their_address(udp: Udp) -> None:
    kept = {"type": "SOURCE_IP", "persistence_timeout": 60, "persistence_granularity": "255.255.255.255"}
    await udp.set_pool(session_persistence=kept)
    assert len({udp.asked() for _ in range(10)}) == 1
    await udp.set_pool(session_persistence=None)
    assert len({udp.asked() for _ in range(10)}) == 2
    await udp.set_pool(lb_algorithm="SOURCE_IP")
    assert len({udp.asked() for _ in range(10)}) == 1
    await udp.set_pool(lb_algorithm="ROUND_ROBIN")


async def test_least_connections_fill_up_who_has_fewest(udp: Udp) -> None:
    (first, *_) = await udp.members()
    path = f"/v2.0/lbaas/pools/{udp.pool}/members/{first['id']}"
    await udp.here.user.request("load-balancer", "PUT", path, json={"member": {"weight": 0}})
    await udp.here.active(udp.id)
    flows = [udp.sock() for _ in range(40)]
    assert {udp.asked(flow) for flow in flows} == {udp.here.members[1]}, (
        "a member of weight 0 takes nothing new"
    )
    await udp.here.user.request("load-balancer", "PUT", path, json={"member": {"weight": 1}})
    await udp.set_pool(lb_algorithm="LEAST_CONNECTIONS")

    async def mostly_the_first() -> bool:
        return Counter(udp.asked() for _ in range(8))[first["address"]] >= 7

    await until(mostly_the_first, 10)
    for flow in flows:
        flow.close()
    await udp.set_pool(lb_algorithm="ROUND_ROBIN")


async def test_a_member_that_is_gone_gets_nothing_not_even_of_old_flows(udp: Udp) -> None:
    flow = next(one for one in iter(udp.sock, None) if udp.asked(one) == udp.here.members[0])
    udp.echoes[0].close()

    async def all_to_the_other() -> bool:
        return {udp.asked(flow), *(udp.asked() for _ in range(6))} == {udp.here.members[1]}

    await until(all_to_the_other)

    async def told() -> bool:
        return [one["operating_status"] for one in await udp.members()] == ["ERROR", "ONLINE"]

    await until(told)
    udp.echoes[0] = Echo(udp.here.namespaces[udp.here.members[0]], udp.here.members[0])

    async def both() -> bool:
        return {udp.asked() for _ in range(8)} == set(udp.here.members)

    await until(both)
    flow.close()
