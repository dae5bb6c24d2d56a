# SPDX-License-Identifier: Apache-2.0
import asyncio
import uuid

import pytest

SERVER = str(uuid.UUID(int=7))


@pytest.fixture
async def network(member):
    network = await member.create("networks", name="n")
    await member.create("subnets", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    return network["id"]


def ips(port):
    return [item["ip_address"] for item in port["fixed_ips"]]


async def test_a_port_as_clients_read_it(member, admin, network):
    port = await member.create("ports", network_id=network, name="p")
    [default] = [g["id"] for g in await member.get("/security-groups")]
    assert (
        port
        | {
            "status": "DOWN",
            "admin_state_up": True,
            "device_id": "",
            "device_owner": "",
            "security_groups": [default],
            "allowed_address_pairs": [],
            "port_security_enabled": True,
            "binding:vnic_type": "normal",
        }
        == port
    )
    assert ips(port) == ["10.0.0.2"]
    assert port["mac_address"].startswith("fa:16:3e:")
    assert port["dns_assignment"][0]["hostname"] == "host-10-0-0-2"
    assert "binding:host_id" not in port
    assert (await admin.get(f"/ports/{port['id']}"))["binding:vif_type"] == "unbound"


async def test_addresses_are_given_once(member, network):
    made = await asyncio.gather(*(member.create("ports", network_id=network) for _ in range(40)))
    given = [address for port in made for address in ips(port)]
    assert len(set(given)) == 40
    await asyncio.gather(*(member.delete(f"/ports/{port['id']}") for port in made[:20]))
    again = await member.create("ports", network_id=network)
    assert ips(again)[0] not in given, "an address just given back rests before it is given away again"


async def test_a_subnet_fills_up_and_frees(member):
    network = await member.create("networks", name="small")
    await member.create("subnets", network_id=network["id"], cidr="10.0.0.0/29", ip_version=4)
    made = [await member.create("ports", network_id=network["id"]) for _ in range(5)]
    body = {"port": {"network_id": network["id"]}}
    assert await member.refused("POST", "/ports", body) == (409, "IpAddressGenerationFailure")
    await member.delete(f"/ports/{made[2]['id']}")
    assert ips(await member.create("ports", network_id=network["id"])) == ips(made[2])


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"fixed_ips": [{"ip_address": "10.0.0.2"}]}, 409, "IpAddressInUse"),
        ({"fixed_ips": [{"ip_address": "10.7.0.2"}]}, 400, "InvalidIpForNetwork"),
        ({"fixed_ips": [{"ip_address": "10.0.0.255"}]}, 400, "InvalidIpForNetwork"),
        ({"fixed_ips": [{"ip_address": "ten"}]}, 400, "HTTPBadRequest"),
        ({"fixed_ips": [{}]}, 400, "InvalidInput"),
        ({"fixed_ips": [{"subnet_id": SERVER}]}, 400, "InvalidInput"),
        ({"mac_address": "fa:16:3e:00:00:01"}, 409, "MacAddressInUse"),
        ({"mac_address": "01:00:5e:00:00:01"}, 400, "HTTPBadRequest"),
        ({"security_groups": [SERVER]}, 404, "SecurityGroupNotFound"),
        ({"network_id": SERVER}, 404, "NetworkNotFound"),
        ({"network_id": "x"}, 400, "HTTPBadRequest"),
        ({"binding:host_id": "h"}, 403, "PolicyNotAuthorized"),
        ({"binding:vnic_type": "direct"}, 400, "HTTPBadRequest"),
        ({"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:09"}]}, 400, "HTTPBadRequest"),
        (
            {"allowed_address_pairs": [{"ip_address": "10.0.0.9"}] * 2},
            400,
            "DuplicateAddressPairInRequest",
        ),
        (
            {"port_security_enabled": False, "allowed_address_pairs": [{"ip_address": "10.0.0.9"}]},
            409,
            "AddressPairAndPortSecurityRequired",
        ),
    ],
)
async def test_ports_that_cannot_be(member, network, given, status, kind):
    await member.create("ports", network_id=network, mac_address="fa:16:3e:00:00:01")
    body = {"port": {"network_id": network, **given}}
    assert await member.refused("POST", "/ports", body) == (status, kind)
    assert len(await member.get("/ports")) == 1


async def test_chosen_addresses(member, network):
    [subnet] = await member.get("/subnets")
    given = [{"ip_address": "10.0.0.77"}, {"subnet_id": subnet["id"]}]
    port = await member.create("ports", network_id=network, fixed_ips=given)
    assert ips(port) == ["10.0.0.77", "10.0.0.2"]
    path = f"/ports/{port['id']}"
    kept = [{"subnet_id": subnet["id"], "ip_address": "10.0.0.2"}, {"ip_address": "10.0.0.78"}]
    assert ips((await member.put(path, port={"fixed_ips": kept}))["port"]) == ["10.0.0.2", "10.0.0.78"]
    assert ips((await member.put(path, port={"fixed_ips": []}))["port"]) == []
    none = await member.create("ports", network_id=network, fixed_ips=[])
    assert none["fixed_ips"] == []


async def test_both_ip_versions(member):
    network = await member.create("networks", name="dual")
    await member.create("subnets", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    await member.create(
        "subnets",
        network_id=network["id"],
        cidr="fd00:1::/64",
        ip_version=6,
        ipv6_ra_mode="slaac",
        ipv6_address_mode="slaac",
    )
    port = await member.create("ports", network_id=network["id"], mac_address="fa:16:3e:12:34:56")
    assert ips(port) == ["10.0.0.2", "fd00:1::f816:3eff:fe12:3456"]
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    await member.create("subnets", network_id=network["id"], cidr="fd00:2::/64", ip_version=6, **modes)
    assert "fd00:2::f816:3eff:fe12:3456" in ips(await member.get(f"/ports/{port['id']}"))


async def test_filters(member, network):
    first = await member.create("ports", network_id=network, device_id="d", device_owner="me")
    second = await member.create("ports", network_id=network)
    found = lambda rows: {row["id"] for row in rows}  # noqa: E731
    [subnet] = await member.get("/subnets")
    for query, expected in (
        ("fixed_ips=ip_address%3D10.0.0.2", {first["id"]}),
        ("fixed_ips=ip_address%3D10.0.0.2&fixed_ips=ip_address%3D10.0.0.3", {first["id"], second["id"]}),
        (f"network_id={network}&fixed_ips=ip_address%3D10.0.0.3", {second["id"]}),
        (f"fixed_ips=subnet_id%3D{subnet['id']}", {first["id"], second["id"]}),
        (f"fixed_ips=subnet_id%3D{subnet['id']}&fixed_ips=ip_address%3D10.0.0.3", {second["id"]}),
        ("device_owner=me", {first["id"]}),
        ("device_id=", {second["id"]}),
        (f"mac_address={second['mac_address'].upper()}", {second["id"]}),
        (f"security_groups={first['security_groups'][0]}", {first["id"], second["id"]}),
        (f"id={first['id']}&id={second['id']}", {first["id"], second["id"]}),
    ):
        assert found(await member.get(f"/ports?{query}")) == expected, query
    assert await member.refused("GET", "/ports?fixed_ips=cake") == (400, "HTTPBadRequest")


async def test_port_security(member, network):
    port = await member.create("ports", network_id=network, port_security_enabled=False)
    assert (port["port_security_enabled"], port["security_groups"]) == (False, [])
    [group] = await member.get("/security-groups")
    path = f"/ports/{port['id']}"
    body = {"port": {"security_groups": [group["id"]]}}
    assert await member.refused("PUT", path, body) == (409, "PortSecurityPortHasSecurityGroup")
    await member.put(path, port={"port_security_enabled": True, "security_groups": [group["id"]]})
    body = {"port": {"port_security_enabled": False}}
    assert await member.refused("PUT", path, body) == (409, "PortSecurityPortHasSecurityGroup")


async def test_address_pairs_are_completed(member, network):
    port = await member.create(
        "ports", network_id=network, allowed_address_pairs=[{"ip_address": "10.0.0.100"}]
    )
    pair = {"ip_address": "10.0.0.100", "mac_address": port["mac_address"]}
    assert port["allowed_address_pairs"] == [pair]


async def test_no_server_in_an_external_network(admin, public):
    given = {"network_id": public, "device_id": SERVER, "device_owner": "compute:nova"}
    assert await admin.refused("POST", "/ports", {"port": given}) == (400, "InvalidInput")
    port = await admin.create("ports", network_id=public)
    body = {"port": {"device_id": SERVER, "binding:host_id": "here"}}
    assert await admin.refused("PUT", f"/ports/{port['id']}", body) == (400, "InvalidInput")


async def test_network_owners_see_the_ports_of_others(admin, member, other):
    network = await admin.create("networks", name="shared", shared=True)
    port = await member.create("ports", network_id=network["id"])
    assert [p["id"] for p in await admin.get("/ports")] == [port["id"]]
    assert await other.get("/ports") == []
