# SPDX-License-Identifier: Apache-2.0
"""Servers and what belongs to them, against a compute twin with real ports."""

import base64

import pytest

from samovar.orchestration.resources.behaviour import ResourceFailed


@pytest.fixture
async def net(held):
    net = held("OS::Neutron::Net", name="net")
    await net.create()
    await held("OS::Neutron::Subnet", network="net", cidr="10.1.0.0/24").create()
    return net


@pytest.fixture
def server(held, net):
    return lambda **given: held(
        "OS::Nova::Server", name="web", **({"flavor": "m1.small", "image": "cirros"} | given)
    )


async def test_a_server_lives(server, compute, net):
    web = server(
        networks=[{"network": "net"}],
        metadata={"a": 1, "b": "two"},
        user_data="#!/bin/sh\necho hello",
        user_data_format="RAW",
        key_name="me",
        security_groups=["default"],
        scheduler_hints={"group": "g"},
    )
    await web.create()
    body, version = compute.requests[-1]
    assert version is None
    assert body["os:scheduler_hints"] == {"group": "g"}
    sent = body["server"]
    assert (sent["flavorRef"], sent["imageRef"], sent["key_name"]) == ("small", "img", "me")
    assert sent["networks"] == [{"uuid": net.physical_id}]
    assert sent["metadata"] == {"a": "1", "b": "two"}
    assert base64.b64decode(sent["user_data"]) == b"#!/bin/sh\necho hello"
    address = await web.attribute("first_address")
    assert address.startswith("10.1.0.")
    assert await web.attribute("networks") == {"net": [address], net.physical_id: [address]}
    assert (await web.attribute("addresses"))["net"][0]["port"]
    await web.delete()
    assert compute.servers == {}


async def test_an_interrupted_create_is_found(server):
    web = server()
    await web.create()
    made, web.physical_id = web.physical_id, None
    assert await web.behaviour.find(web) == made


async def test_tags_and_networks_ask_for_their_microversions(server, compute):
    await server(tags=["x"]).create()
    body, version = compute.requests[-1]
    assert version == "compute 2.52"
    assert body["server"]["networks"] == "auto"


async def test_changes_are_made_in_place(server, compute):
    web = server()
    await web.create()
    await web.update(flavor="m1.big", metadata={"c": "3"})
    assert compute.actions == ["resize", "confirmResize"]
    shown = compute.servers[web.physical_id]
    assert (shown["flavor"], shown["metadata"]) == ({"id": "big"}, {"c": "3"})
    await web.update(flavor="m1.big", metadata={"c": "3"}, user_data="new", user_data_update_policy="REBUILD")
    assert compute.actions[2:] == ["rebuild"]


async def test_a_port_of_its_own_goes_with_the_server(server, cloud, net):
    web = server(networks=[{"subnet": (await net.attribute("subnets"))[0], "fixed_ip": "10.1.0.50"}])
    await web.create()
    assert await web.attribute("first_address") == "10.1.0.50"
    await web.delete()
    ports = (await cloud.get("network", "/v2.0/ports", query={"network_id": net.physical_id}))["ports"]
    assert [port for port in ports if not port["device_owner"].startswith("network:")] == []


async def test_interfaces_change_in_place(server, held, cloud, net):
    first = held("OS::Neutron::Port", network="net", name="one")
    second = held("OS::Neutron::Port", network="net", name="two")
    await first.create()
    await second.create()
    web = server(networks=[{"port": first.physical_id}])
    await web.create()
    await web.update(networks=[{"port": second.physical_id}])
    assert await second.attribute("device_id") == web.physical_id
    assert await first.attribute("device_id") == ""


async def test_a_server_sleeps_and_is_saved(server, compute):
    web = server()
    await web.create()
    await web.behaviour.suspend(web)
    await web.wait("SUSPEND")
    with pytest.raises(ResourceFailed, match="SUSPENDED"):
        await web.behaviour.check(web)
    await web.behaviour.resume(web)
    await web.wait("RESUME")
    notes = await web.behaviour.snapshot(web)
    await web.wait("SNAPSHOT")
    assert notes["image"] in compute.images
    await web.behaviour.restore(web, notes)
    await web.wait("RESTORE")
    await web.behaviour.delete_snapshot(web, notes)
    assert notes["image"] not in compute.images


async def test_a_server_in_error_says_why(server, compute):
    web = server()
    await web.create()
    compute.servers[web.physical_id] |= {"status": "ERROR", "fault": {"message": "No valid host"}}
    with pytest.raises(ResourceFailed, match="No valid host") as caught:
        await web.behaviour.progress(web, "UPDATE")
    assert caught.value.in_error


async def test_a_key_pair_keeps_its_private_key_when_asked(held, compute):
    pair = held("OS::Nova::KeyPair", name="k", save_private_key=True)
    assert await pair.create() == "k"
    assert await pair.attribute("private_key") == "PRIVATE"
    assert await pair.attribute("public_key") == "ssh-rsa MADE"
    await pair.delete()
    assert compute.keys == {}


async def test_a_flavor_with_extra_specs(held, compute):
    flavor = held("OS::Nova::Flavor", ram=512, vcpus=1, extra_specs={"a": "b"})
    assert await flavor.create() == flavor.uuid
    assert await flavor.attribute("extra_specs") == {"a": "b"}
    await flavor.update(extra_specs={"c": "d"})
    assert await flavor.attribute("extra_specs") == {"c": "d"}
    assert await flavor.behaviour.find(flavor) == flavor.uuid
    await flavor.delete()


async def test_a_server_group(held, compute):
    group = held("OS::Nova::ServerGroup", policies=["affinity"])
    await group.create()
    assert compute.groups[group.physical_id]["policies"] == ["affinity"]
    assert await group.behaviour.find(group) == group.physical_id
    await group.delete()


async def test_an_image_is_fetched_from_its_url(held, compute):
    image = held(
        "OS::Glance::WebImage",
        container_format="bare",
        disk_format="raw",
        location="http://example.org/i.raw",
    )
    assert await image.create() == image.uuid
    assert compute.images[image.uuid]["source"] == "http://example.org/i.raw"
    await image.update(os_distro="debian")
    assert compute.images[image.uuid]["os_distro"] == "debian"
    await image.delete()
