# SPDX-License-Identifier: Apache-2.0
"""The network types against the local network service."""

import pytest

from samovar.orchestration.resources.behaviour import ResourceGone
from samovar.orchestration.resources.behaviours import Lookup, NameNotFound, missing_objects
from samovar.orchestration.resources.validation import validate_properties


@pytest.fixture
async def net(held):
    net = held("OS::Neutron::Net", name="net")
    await net.create()
    return net


@pytest.fixture
async def subnet(held, net):
    subnet = held("OS::Neutron::Subnet", network=net.physical_id, cidr="10.1.0.0/24")
    await subnet.create()
    return subnet


async def test_a_network_lives(held, cloud, net):
    assert await net.attribute("status") == "ACTIVE"
    assert await net.attribute("name") == "net"
    assert (await net.attribute("show"))["id"] == net.physical_id
    await net.update(name="blue", tags=["a", "b"])
    assert await net.attribute("name") == "blue"
    assert sorted((await net.attribute("show"))["tags"]) == ["a", "b"]
    await net.delete()
    await net.delete()
    with pytest.raises(ResourceGone):
        await net.behaviour.observe(net)


async def test_drift_is_seen(cloud, net):
    await net.update(name="blue")
    net.given["name"] = "blue"
    assert await net.behaviour.observe(net) == {"name": "blue", "admin_state_up": True, "shared": False}
    path = f"/v2.0/networks/{net.physical_id}"
    await cloud.request("network", "PUT", path, json={"network": {"name": "red"}})
    assert (await net.behaviour.observe(net))["name"] == "red"


@pytest.mark.parametrize("name", [None, "given"])
async def test_an_interrupted_create_is_found_again(held, cloud, name):
    other = held("OS::Neutron::Net", name="given")
    await other.create()
    net = held("OS::Neutron::Net", **({"name": name} if name else {}))
    await net.take(net.given)
    net.data |= await net.behaviour.prepare(net)
    assert await net.behaviour.find(net) is None
    made = await net.behaviour.create(net)
    net.physical_id = None
    assert await net.behaviour.find(net) == made


async def test_a_subnet_finds_its_network_by_name(held, cloud):
    net = held("OS::Neutron::Net", name="by-name")
    await net.create()
    subnet = held(
        "OS::Neutron::Subnet",
        network="by-name",
        cidr="10.2.0.0/24",
        gateway_ip=None,
        dns_nameservers=["8.8.8.8"],
        allocation_pools=[{"start": "10.2.0.10", "end": "10.2.0.20"}],
        host_routes=[{"destination": "10.9.0.0/24", "nexthop": "10.2.0.9"}],
    )
    await subnet.create()
    assert await subnet.attribute("network_id") == net.physical_id
    assert await subnet.attribute("gateway_ip") is None
    assert await subnet.attribute("allocation_pools") == [{"start": "10.2.0.10", "end": "10.2.0.20"}]
    await subnet.update(dns_nameservers=["1.1.1.1"], gateway_ip="10.2.0.1")
    assert await subnet.attribute("dns_nameservers") == ["1.1.1.1"]
    assert await subnet.attribute("gateway_ip") == "10.2.0.1"


async def test_a_port_has_its_addresses_and_groups(held, net, subnet):
    group = held("OS::Neutron::SecurityGroup", name="web")
    await group.create()
    port = held(
        "OS::Neutron::Port",
        network=net.physical_id,
        fixed_ips=[{"subnet": subnet.physical_id, "ip_address": "10.1.0.77"}],
        security_groups=["web"],
        allowed_address_pairs=[{"ip_address": "10.1.0.200"}],
    )
    await port.create()
    assert (await port.attribute("fixed_ips"))[0]["ip_address"] == "10.1.0.77"
    assert await port.attribute("security_groups") == [group.physical_id]
    assert (await port.attribute("subnets"))[0]["cidr"] == "10.1.0.0/24"
    assert (await port.attribute("network"))["id"] == net.physical_id
    await port.update(security_groups=[], name="eth")
    assert await port.attribute("security_groups") == []
    assert await port.attribute("name") == "eth"


async def test_a_router_leads_out(held, parts, net, subnet):
    router = held("OS::Neutron::Router", external_gateway_info={"network": "public"})
    await router.create()
    assert (await router.attribute("external_gateway_info"))["network_id"] == parts.public
    interface = held("OS::Neutron::RouterInterface", router=router.physical_id, subnet=subnet.physical_id)
    reference = await interface.create()
    assert reference == f"{router.physical_id}:subnet_id={subnet.physical_id}"
    assert await interface.behaviour.create(interface) == reference
    port = held("OS::Neutron::Port", network=net.physical_id)
    await port.create()
    address = held("OS::Neutron::FloatingIP", floating_network="public", port_id=port.physical_id)
    await address.create()
    assert await address.behaviour.find(address) == address.physical_id
    assert await address.attribute("fixed_ip_address") == (await port.attribute("fixed_ips"))[0]["ip_address"]
    assert await address.attribute("router_id") == router.physical_id
    await address.update(port_id=None)
    assert await address.attribute("port_id") is None
    association = held(
        "OS::Neutron::FloatingIPAssociation", floatingip_id=address.physical_id, port_id=port.physical_id
    )
    await association.create()
    assert await address.attribute("port_id") == port.physical_id
    await association.delete()
    assert await address.attribute("port_id") is None
    await address.delete()
    await interface.delete()
    await interface.delete()
    with pytest.raises(ResourceGone):
        await interface.behaviour.check(interface)
    await router.delete()


def rules_of(shown):
    keep = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max")
    return sorted([rule[key] for key in keep] for rule in shown["security_group_rules"])


async def test_a_security_group_has_exactly_its_rules(held):
    group = held(
        "OS::Neutron::SecurityGroup",
        rules=[
            {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80},
            {"remote_mode": "remote_group_id", "protocol": "icmp"},
        ],
    )
    await group.create()
    assert len(rules_of(await group.attribute("show"))) == 4
    await group.update(rules=[{"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}])
    assert rules_of(await group.attribute("show")) == [
        ["egress", "IPv4", None, None, None],
        ["egress", "IPv6", None, None, None],
        ["ingress", "IPv4", "tcp", 22, 22],
    ]
    await group.update(rules=[{"direction": "egress", "protocol": "udp"}])
    assert rules_of(await group.attribute("show")) == [["egress", "IPv4", "udp", None, None]]
    await group.delete()


async def test_a_single_rule_finds_itself_after_a_crash(held):
    group = held("OS::Neutron::SecurityGroup", name="ssh")
    await group.create()
    rule = held("OS::Neutron::SecurityGroupRule", security_group="ssh", port_range_min=22, port_range_max=22)
    await rule.create()
    made, rule.physical_id = rule.physical_id, None
    assert await rule.behaviour.find(rule) == made
    rule.physical_id = made
    await rule.delete()


async def test_a_missing_name_is_told_with_a_guess(held, cloud):
    net = held("OS::Neutron::Net", name="private-net")
    await net.create()
    with pytest.raises(NameNotFound) as caught:
        await Lookup(cloud).find("neutron", "network", "private-nett")
    assert str(caught.value) == 'There is no network "private-nett" in the cloud.'
    assert "private-net" in caught.value.advice


async def test_missing_objects_are_all_told(held, cloud):
    server = held("OS::Nova::Server")
    given = {"flavor": "m1.smal", "image": "host", "networks": [{"network": "nowhere"}]}
    validated = validate_properties(server.type, given, ("resources", "web", "properties"))
    found = await missing_objects(validated.lookups, Lookup(cloud))
    assert [(each.path, each.message, each.advice) for each in found] == [
        (
            "resources.web.properties.flavor",
            'There is no flavor "m1.smal" in the cloud.',
            'Did you mean "m1.small"?',
        ),
        (
            "resources.web.properties.networks[0].network",
            'There is no network "nowhere" in the cloud.',
            "",
        ),
    ]
