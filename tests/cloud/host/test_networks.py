# SPDX-License-Identifier: Apache-2.0
"""Networks as their servers see them: who reaches whom, and who does not."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from samovar.cloud.host import HostError
from samovar.cloud.host.specs import Address, AddressPair, RuleSpec, SubnetSpec

from .conftest import OPEN_ALL, Cloud, Greeters, Talker, greeting, home, in_namespace, only_port, ring

pytestmark = pytest.mark.kernel


async def test_servers_of_a_network_reach_each_other(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    report = await cloud.host.ensure_network(tenant.network(one, two))
    assert {(place.port_id, place.namespace, place.interface) for place in report.interfaces} == {
        (one.id, home(one), "eth0"),
        (two.id, home(two), "eth0"),
    }
    greeters.start(home(one), "one")
    assert await ring(home(two), "10.0.0.10", 80) == "one saw 10.0.0.11"


async def test_a_security_group_lets_only_the_open_port_in(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10, rules=only_port(80)), tenant.port(11, rules=only_port(80))
    await cloud.host.ensure_network(tenant.network(one, two))
    for port in (80, 81):
        greeters.start(home(one), "one", port=port)
    assert await ring(home(two), "10.0.0.10", 80) == "one saw 10.0.0.11"
    assert not greeting(await ring(home(two), "10.0.0.10", 81, timeout=0.3))
    ping = in_namespace(home(two), "ping", "-c1", "-W1", "10.0.0.10")
    assert (await asyncio.to_thread(subprocess.run, ping, stdout=subprocess.DEVNULL)).returncode != 0


async def test_withdrawing_a_rule_closes_and_a_new_rule_opens(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10, rules=only_port(80)), tenant.port(11)
    await cloud.host.ensure_network(tenant.network(one, two))
    for port in (80, 81):
        greeters.start(home(one), "one", port=port)
    moved = tenant.port(10, id=one.id, mac=one.mac, device_id=one.device_id, rules=only_port(81))
    report = await cloud.host.ensure_network(tenant.network(moved, two))
    assert report.changed == (one.id,)
    assert not greeting(await ring(home(two), "10.0.0.10", 80, timeout=0.3))
    assert greeting(await ring(home(two), "10.0.0.10", 81))


async def test_a_withdrawn_rule_ends_what_it_let_in_and_nothing_else(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10, rules=only_port(81)), tenant.port(11)
    await cloud.host.ensure_network(tenant.network(one, two))
    with (
        Talker(home(two), "listen", "80") as member,
        Talker(home(one), "10.0.0.11", "80") as caller,
        Talker(home(one), "listen", "81") as served,
        Talker(home(two), "10.0.0.10", "81") as client,
    ):
        client.say("first")
        assert served.hear(5) == "first"
        moved = tenant.port(10, id=one.id, mac=one.mac, device_id=one.device_id, rules=only_port(82))
        await cloud.host.ensure_network(tenant.network(moved, two))
        member.say("late")  # and the caller has nothing to say that would let it in anew
        assert caller.hear(5) == "late"
        client.say("second")
        assert served.hear(0.3) == "nothing"


async def test_a_remote_group_opens_to_its_members_only(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    rules = (*OPEN_ALL[2:], RuleSpec(direction="ingress", ethertype="IPv4", remote_group="friends"))
    one, two, three = tenant.port(10, rules=rules), tenant.port(11), tenant.port(12)
    await cloud.host.ensure_network(tenant.network(one, two, three, groups={"friends": ("10.0.0.11/32",)}))
    greeters.start(home(one), "one")
    assert greeting(await ring(home(two), "10.0.0.10", 80))
    assert not greeting(await ring(home(three), "10.0.0.10", 80, timeout=0.3))
    await cloud.host.ensure_network(tenant.network(one, two, three, groups={"friends": ("10.0.0.12",)}))
    assert greeting(await ring(home(three), "10.0.0.10", 80))
    assert not greeting(await ring(home(two), "10.0.0.10", 80, timeout=0.3))
    await cloud.host.ensure_network(tenant.network(one, two, three, groups={"friends": ("10.0.0.0/28",)}))
    assert greeting(await ring(home(two), "10.0.0.10", 80))


async def test_a_spoofed_source_is_dropped_unless_it_is_an_allowed_pair(
    cloud: Cloud, greeters: Greeters
) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    await cloud.host.ensure_network(tenant.network(one, two))
    greeters.start(home(one), "one")
    for last in (99, 200):
        command = in_namespace(home(two), "ip", "address", "add", f"10.0.0.{last}/24", "dev", "eth0")
        await asyncio.to_thread(subprocess.run, command, check=True)
    assert not greeting(await ring(home(two), "10.0.0.10", 80, source="10.0.0.99", timeout=0.3))
    pairs = (AddressPair("10.0.0.99"), AddressPair("10.0.0.192/26"))
    paired = tenant.port(11, id=two.id, mac=two.mac, device_id=two.device_id, allowed_address_pairs=pairs)
    await cloud.host.ensure_network(tenant.network(one, paired))
    assert await ring(home(two), "10.0.0.10", 80, source="10.0.0.99") == "one saw 10.0.0.99"
    assert await ring(home(two), "10.0.0.10", 80, source="10.0.0.200") == "one saw 10.0.0.200"
    free = tenant.port(11, id=two.id, mac=two.mac, device_id=two.device_id, port_security=False)
    await cloud.host.ensure_network(tenant.network(one, free))
    assert greeting(await ring(home(two), "10.0.0.10", 80, source="10.0.0.99"))


async def test_networks_with_the_same_range_do_not_see_each_other(cloud: Cloud, greeters: Greeters) -> None:
    here, there = cloud.tenant(), cloud.tenant()
    one, two = here.port(10), here.port(11)
    other = there.port(10)
    await cloud.host.ensure_network(here.network(one, two))
    await cloud.host.ensure_network(there.network(other, there.port(12)))
    greeters.start(home(one), "ours")
    greeters.start(home(other), "theirs")
    assert await ring(home(two), "10.0.0.10", 80) == "ours saw 10.0.0.11"
    assert not greeting(await ring(home(two), "10.0.0.12", 80, timeout=0.3))


async def test_the_metadata_listener_knows_its_callers(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    one = tenant.port(10, gateways=(), rules=())
    bare = (SubnetSpec(cidr="10.0.0.0/24"),)  # no address of the network's own in the subnet
    await cloud.host.ensure_network(tenant.network(one, subnets=bare))
    listener = await cloud.host.open_listener(tenant.network_id)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"metadata saw {writer.get_extra_info('peername')[0]}".encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, sock=listener):
        assert await ring(home(one), "169.254.169.254", 80) == "metadata saw 10.0.0.10"


async def test_ensuring_again_changes_nothing_and_cuts_no_connection(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    spec = tenant.network(one, two)
    assert set((await cloud.host.ensure_network(spec)).changed) == {one.id, two.id}
    command = in_namespace(home(one), "ip", "-o", "link")
    before = await asyncio.to_thread(subprocess.check_output, command)
    assert (await cloud.host.ensure_network(spec)).changed == ()
    await cloud.host.ensure_network(spec, verify=True)
    assert await asyncio.to_thread(subprocess.check_output, command) == before


async def test_a_second_interface_comes_and_goes_while_the_server_lives(
    cloud: Cloud, greeters: Greeters
) -> None:
    first, second = cloud.tenant(), cloud.tenant("10.1.0")
    one = first.port(10)
    (cloud.state_dir / "servers" / one.device_id).mkdir(parents=True)
    two = second.port(20, device_id=one.device_id)
    other = second.port(21)
    await cloud.host.ensure_network(first.network(one))
    report = await cloud.host.ensure_network(second.network(two, other))
    assert {place.interface for place in report.interfaces if place.port_id == two.id} == {"eth1"}
    greeters.start(home(one), "both")
    assert await ring(home(other), "10.1.0.20", 80) == "both saw 10.1.0.21"
    await cloud.host.ensure_network(second.network(other))
    assert not greeting(await ring(home(other), "10.1.0.20", 80, timeout=0.3))
    assert home(one) in (await cloud.host.inventory()).namespaces
    await cloud.host.ensure_network(second.network(two, other))
    assert await ring(home(other), "10.1.0.20", 80) == "both saw 10.1.0.21"
    (cloud.state_dir / "servers" / one.device_id).rmdir()
    await cloud.host.ensure_network(first.network())
    await cloud.host.ensure_network(second.network(other))
    assert home(one) not in (await cloud.host.inventory()).namespaces


async def test_addresses_and_mtu_change_in_place(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    one, two = tenant.port(10), tenant.port(11)
    await cloud.host.ensure_network(tenant.network(one, two))
    greeters.start(home(one), "one")
    changes = {"id": one.id, "mac": one.mac, "device_id": one.device_id}
    moved = tenant.port(10, **changes, fixed_ips=(Address("10.0.0.33", 24),))
    await cloud.host.ensure_network(tenant.network(moved, two, mtu=1400))
    assert await ring(home(two), "10.0.0.33", 80) == "one saw 10.0.0.11"
    assert not greeting(await ring(home(two), "10.0.0.10", 80, timeout=0.3))
    for port in (one, two):
        shown = await asyncio.to_thread(
            subprocess.check_output, in_namespace(home(port), "ip", "link", "show", "eth0")
        )
        assert b"mtu 1400" in shown


async def test_version_six_works_beside_version_four(cloud: Cloud, greeters: Greeters) -> None:
    tenant = cloud.tenant()
    addresses = [(Address(f"10.0.0.{last}", 24), Address(f"fd00:5::{last}", 64)) for last in (10, 11)]
    one, two = (tenant.port(10 + at, fixed_ips=both) for at, both in enumerate(addresses))
    await cloud.host.ensure_network(tenant.network(one, two))
    greeters.start(home(one), "one", "::")
    assert await ring(home(two), "fd00:5::10", 80) == "one saw fd00:5::11"


async def test_a_spec_that_cannot_be_is_refused_with_a_sentence(cloud: Cloud) -> None:
    tenant = cloud.tenant()
    with pytest.raises(HostError, match=r"'10\.0\.0\.300/24' does not appear to be") as refusal:
        await cloud.host.ensure_network(
            tenant.network(tenant.port(10, fixed_ips=(Address("10.0.0.300", 24),)))
        )
    assert refusal.value.code == "invalid"
    with pytest.raises(HostError, match="no protocol 'tpc'"):
        rule = RuleSpec(direction="ingress", ethertype="IPv4", protocol="tpc")
        await cloud.host.ensure_network(tenant.network(tenant.port(10, rules=(rule,))))
    with pytest.raises(HostError, match="does not fit"):
        await cloud.host.ensure_network(tenant.network(id="../../etc"))
    with pytest.raises(HostError, match="There is no network namespace"):
        await cloud.host.open_listener(tenant.gateway_id)
