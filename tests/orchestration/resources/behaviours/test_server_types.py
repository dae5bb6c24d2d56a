# SPDX-License-Identifier: Apache-2.0
"""Servers and what belongs to them, against the local compute, image and network services."""

import pytest

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import ResourceFailed


@pytest.fixture
async def net(held):
    net = held("OS::Neutron::Net", name="net")
    await net.create()
    await held("OS::Neutron::Subnet", network="net", cidr="10.1.0.0/24").create()
    return net


@pytest.fixture
def server(held, net):
    def make(**given):
        wanted = {"flavor": "m1.tiny", "image": "host", "networks": [{"network": "net"}]} | given
        return held("OS::Nova::Server", **wanted)

    return make


async def shown(web):
    return await web.attribute("show")


async def test_a_server_lives(server, parts, net):
    web = server(
        name="web",
        metadata={"a": 1, "b": "two"},
        user_data="#!/bin/sh\necho hello",
        user_data_format="RAW",
        security_groups=["default"],
    )
    await web.create()
    server_id = web.physical_id
    assert (await shown(web))["metadata"] == {"a": "1", "b": "two"}
    address = await web.attribute("first_address")
    assert address.startswith("10.1.0.")
    assert await web.attribute("networks") == {"net": [address], net.physical_id: [address]}
    assert (await web.attribute("addresses"))["net"][0]["port"]
    web.cloud = parts.admin
    assert await web.attribute("instance_name")
    web.cloud = parts.cloud
    assert await web.attribute("console_urls")
    assert await web.attribute("accessIPv4") == ""
    assert server_id in parts.host.servers
    await web.delete()
    assert parts.host.servers == {}
    await web.delete()


async def test_an_interrupted_create_is_found(server):
    first = server(name="same")
    await first.create()
    web = server(name="same")
    await web.create()
    made, web.physical_id = web.physical_id, None
    assert await web.behaviour.find(web) == made


async def test_a_server_with_tags_and_without_networks(server, net):
    web = server(tags=["x", "y"], networks=[])
    await web.create()
    assert sorted(await web.attribute("tags")) == ["x", "y"]
    await web.update(tags=["z"])
    assert await web.attribute("tags") == ["z"]


async def test_no_network_at_all(server):
    web = server(networks=[{"allocate_network": "none"}])
    await web.create()
    assert await web.attribute("networks") == {}


async def test_changes_are_made_in_place(server, parts):
    web = server()
    await web.create()
    before = web.physical_id
    web.given |= {"flavor": "m1.small", "metadata": {"c": "3"}, "name": "renamed"}
    await web.update()
    assert "resize" in parts.host.did
    now = await shown(web)
    assert (now["id"], now["name"], now["metadata"]) == (before, "renamed", {"c": "3"})
    assert parts.host.specs[before].memory_mb == (await flavor_of(parts, "m1.small"))["ram"]
    await web.update(user_data="new", user_data_update_policy="REBUILD")
    assert "rebuild" in parts.host.did
    assert (await shown(web))["status"] == "ACTIVE"


async def flavor_of(parts, name):
    listed = (await parts.cloud.get("compute", "/flavors/detail"))["flavors"]
    return next(each for each in listed if each["name"] == name)


async def test_a_port_of_its_own_goes_with_the_server(server, cloud, net):
    web = server(networks=[{"subnet": (await net.attribute("subnets"))[0], "fixed_ip": "10.1.0.50"}])
    await web.create()
    assert await web.attribute("first_address") == "10.1.0.50"
    await web.delete()
    ports = (await cloud.get("network", "/v2.0/ports", query={"network_id": net.physical_id}))["ports"]
    assert [port for port in ports if not port["device_owner"].startswith("network:")] == []


async def test_interfaces_change_in_place(server, held, net):
    first = held("OS::Neutron::Port", network="net", name="one")
    second = held("OS::Neutron::Port", network="net", name="two")
    await first.create()
    await second.create()
    web = server(networks=[{"port": "one"}])
    await web.create()
    await web.update(networks=[{"port": "two"}])
    assert await second.attribute("device_id") == web.physical_id
    assert await first.attribute("device_id") == ""
    await web.update(networks=[{"port": "two"}, {"network": "net"}])
    assert len((await web.attribute("networks"))["net"]) == 2


async def test_a_floating_ip_leads_to_a_server(server, held, net):
    await held("OS::Neutron::Router", name="r", external_gateway_info={"network": "public"}).create()
    subnet = (await net.attribute("subnets"))[0]
    await held("OS::Neutron::RouterInterface", router="r", subnet=subnet).create()
    address = held("OS::Neutron::FloatingIP", floating_network="public")
    await address.create()
    web = server(networks=[{"network": "net", "floating_ip": address.physical_id}])
    await web.create()
    kinds = {each["OS-EXT-IPS:type"] for each in (await web.attribute("addresses"))["net"]}
    assert kinds == {"fixed", "floating"}


async def test_a_server_sleeps_and_is_checked(server):
    web = server()
    await web.create()
    await web.behaviour.check(web)
    await web.behaviour.suspend(web)
    await web.wait("SUSPEND")
    await web.behaviour.suspend(web)
    with pytest.raises(ResourceFailed, match="SUSPENDED"):
        await web.behaviour.check(web)
    await web.behaviour.resume(web)
    await web.wait("RESUME")


async def test_drift_of_a_server_is_seen(server, cloud):
    web = server(name="web", metadata={"a": "1"})
    await web.create()
    flavor = web.properties["flavor"]
    assert await web.behaviour.observe(web) == {"name": "web", "flavor": flavor}
    path = f"/servers/{web.physical_id}/metadata"
    await cloud.request("compute", "PUT", path, json={"metadata": {"a": "2"}})
    assert (await web.behaviour.observe(web))["metadata"] == {"a": "2"}


async def test_a_key_pair_keeps_its_private_key_when_asked(held, cloud):
    pair = held("OS::Nova::KeyPair", name="k", save_private_key=True)
    assert await pair.create() == "k"
    assert "PRIVATE KEY" in await pair.attribute("private_key")
    assert (await pair.attribute("public_key")).startswith(("ssh-", "ecdsa-"))
    other = held("OS::Nova::KeyPair", name="k")
    with pytest.raises(CloudError) as caught:
        await other.create()
    assert caught.value.conflict
    assert await other.behaviour.find(other) is None
    await pair.delete()
    await pair.delete()


async def test_a_flavor_with_extra_specs(boss):
    flavor = boss("OS::Nova::Flavor", ram=512, vcpus=1, extra_specs={"hw:a": "b"}, is_public=False)
    assert await flavor.create() == flavor.uuid
    assert await flavor.attribute("extra_specs") == {"hw:a": "b"}
    assert await flavor.attribute("is_public") is False
    await flavor.update(extra_specs={"hw:c": "d"})
    assert await flavor.attribute("extra_specs") == {"hw:c": "d"}
    assert await flavor.behaviour.find(flavor) == flavor.uuid
    await flavor.delete()


@pytest.mark.parametrize(
    "given",
    [
        {"policies": ["affinity"]},
        {"policies": ["soft-anti-affinity"]},
        {"policies": ["anti-affinity"], "rules": {"max_server_per_host": 3}},
    ],
)
async def test_a_server_group(held, given):
    group = held("OS::Nova::ServerGroup", **given)
    await group.create()
    assert await group.behaviour.find(group) == group.physical_id
    await group.delete()


async def test_an_image_is_fetched_from_its_url(held, picture):
    image = held("OS::Glance::WebImage", container_format="bare", disk_format="raw", location=picture)
    assert await image.create() == image.uuid
    assert (await image.attribute("show"))["size"] == 4096
    await image.update(os_distro="debian", extra_properties={"kind": "test"}, tags=["a"])
    now = await image.attribute("show")
    assert (now["os_distro"], now["kind"], now["tags"]) == ("debian", "test", ["a"])
    assert await image.behaviour.find(image) == image.uuid
    await image.delete()
