# SPDX-License-Identifier: Apache-2.0
import pytest


@pytest.fixture
async def network(member):
    return (await member.create("networks", name="n"))["id"]


async def test_what_is_not_said_is_filled_in(member, network):
    subnet = await member.create("subnets", network_id=network, cidr="10.0.0.0/24", ip_version=4)
    assert (
        subnet
        | {
            "gateway_ip": "10.0.0.1",
            "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.254"}],
            "enable_dhcp": True,
            "dns_nameservers": [],
            "host_routes": [],
            "ipv6_ra_mode": None,
            "subnetpool_id": None,
        }
        == subnet
    )
    assert (await member.get(f"/networks/{network}"))["subnets"] == [subnet["id"]]


@pytest.mark.parametrize(
    ("cidr", "gateway", "pools"),
    [
        ("10.0.0.0/24", None, ["10.0.0.1-10.0.0.254"]),
        ("10.0.0.0/24", "10.0.0.100", ["10.0.0.1-10.0.0.99", "10.0.0.101-10.0.0.254"]),
        ("10.0.0.0/30", "10.0.0.2", ["10.0.0.1-10.0.0.1"]),
        ("10.0.0.4/31", "10.0.0.4", ["10.0.0.5-10.0.0.5"]),
        ("fd00::/64", "fd00::1", ["fd00::2-fd00::ffff:ffff:ffff:ffff"]),
    ],
)
async def test_pools_leave_out_the_gateway(member, network, cidr, gateway, pools):
    version = 6 if ":" in cidr else 4
    subnet = await member.create(
        "subnets", network_id=network, cidr=cidr, ip_version=version, gateway_ip=gateway
    )
    assert [f"{p['start']}-{p['end']}" for p in subnet["allocation_pools"]] == pools


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"cidr": "10.0.0.5/24"}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0"}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0/33"}, 400, "HTTPBadRequest"),
        ({"cidr": "0.0.0.0/0"}, 400, "InvalidInput"),
        ({"cidr": "224.0.0.0/24"}, 400, "InvalidInput"),
        ({"cidr": None}, 400, "BadRequest"),
        ({"cidr": "10.0.0.0/24", "ip_version": 6}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.1.1"}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.255"}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "here"}, 400, "HTTPBadRequest"),
        ({"cidr": "192.168.0.128/25"}, 400, "InvalidInput"),
        (
            {"cidr": "10.0.0.0/24", "pool": ("10.0.0.1", "10.0.0.9")},
            409,
            "GatewayConflictWithAllocationPools",
        ),
        ({"cidr": "10.0.0.0/24", "pool": ("10.0.0.9", "10.0.0.2")}, 400, "InvalidAllocationPool"),
        ({"cidr": "10.0.0.0/24", "pool": ("10.0.0.9", "10.0.1.2")}, 400, "OutOfBoundsAllocationPool"),
        ({"cidr": "10.0.0.0/24", "dns_nameservers": ["dns"]}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0/24", "dns_nameservers": ["1.1.1.1", "1.1.1.1"]}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0/24", "host_routes": [{"destination": "10.1.0.0/16"}]}, 400, "HTTPBadRequest"),
        ({"cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"}, 400, "InvalidInput"),
        ({"cidr": "fd00::/80", "ip_version": 6, "ipv6_ra_mode": "slaac"}, 400, "InvalidInput"),
        ({"cidr": "10.0.0.0/24", "prefixlen": 24}, 400, "BadRequest"),
    ],
)
async def test_subnets_that_cannot_be(member, network, given, status, kind):
    await member.create("subnets", network_id=network, cidr="192.168.0.0/24", ip_version=4)
    given = {"network_id": network, "ip_version": 4, **given}
    pool = given.pop("pool", None)
    if pool:
        given["allocation_pools"] = [{"start": pool[0], "end": pool[1]}]
    assert await member.refused("POST", "/subnets", {"subnet": given}) == (status, kind)
    assert len(await member.get("/subnets")) == 1


async def test_pools_do_not_overlap(member, network):
    pools = [{"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.20"}]
    given = {"network_id": network, "cidr": "10.0.0.0/24", "ip_version": 4, "allocation_pools": pools}
    assert await member.refused("POST", "/subnets", {"subnet": given}) == (409, "OverlappingAllocationPools")


async def test_two_projects_may_use_the_same_prefix(member, other, network):
    await member.create("subnets", network_id=network, cidr="10.0.0.0/24", ip_version=4)
    theirs = await other.create("networks", name="n")
    await other.create("subnets", network_id=theirs["id"], cidr="10.0.0.0/24", ip_version=4)
    assert len(await other.get("/subnets")) == 1


async def test_a_subnet_with_addresses_in_use_stays(member, network):
    subnet = await member.create("subnets", network_id=network, cidr="10.0.0.0/24", ip_version=4)
    port = await member.create("ports", network_id=network)
    assert await member.refused("DELETE", f"/subnets/{subnet['id']}") == (409, "SubnetInUse")
    await member.delete(f"/ports/{port['id']}")
    await member.delete(f"/subnets/{subnet['id']}")


async def test_a_change_keeps_the_rules(member, network):
    subnet = await member.create("subnets", network_id=network, cidr="10.0.0.0/24", ip_version=4)
    path = f"/subnets/{subnet['id']}"
    pool = [{"start": "10.0.0.50", "end": "10.0.0.60"}]
    changed = await member.put(path, subnet={"allocation_pools": pool, "dns_nameservers": ["9.9.9.9"]})
    assert changed["subnet"]["allocation_pools"] == pool
    assert (await member.create("ports", network_id=network))["fixed_ips"][0]["ip_address"] == "10.0.0.50"
    for given, expected in (
        ({"cidr": "10.0.0.0/25"}, (400, "HTTPBadRequest")),
        ({"gateway_ip": "10.0.0.55"}, (409, "GatewayConflictWithAllocationPools")),
        ({"gateway_ip": "10.7.0.1"}, (400, "InvalidInput")),
    ):
        assert await member.refused("PUT", path, {"subnet": given}) == expected


async def test_pools_of_subnets(member, admin, network):
    pool = await member.create("subnetpools", name="p", prefixes=["10.0.0.0/16"], default_prefixlen=24)
    first = await member.create("subnets", network_id=network, subnetpool_id=pool["id"], ip_version=4)
    second = await member.create("subnets", network_id=network, subnetpool_id=pool["id"], prefixlen=26)
    third = await member.create("subnets", network_id=network, subnetpool_id=pool["id"])
    assert [s["cidr"] for s in (first, second, third)] == ["10.0.0.0/24", "10.0.1.0/26", "10.0.2.0/24"]
    path = f"/subnetpools/{pool['id']}"
    assert await member.refused("DELETE", path) == (409, "SubnetPoolInUse")
    given = {"network_id": network, "subnetpool_id": pool["id"], "cidr": "10.0.2.0/25", "ip_version": 4}
    assert await member.refused("POST", "/subnets", {"subnet": given}) == (409, "SubnetAllocationError")
    given["cidr"] = "10.1.0.0/24"
    assert await member.refused("POST", "/subnets", {"subnet": given}) == (409, "SubnetAllocationError")
    scope = await member.create("address-scopes", name="s", ip_version=4)
    await member.put(path, subnetpool={"address_scope_id": scope["id"]})
    assert (await member.get(f"/networks/{network}"))["ipv4_address_scope"] == scope["id"]
    other_pool = {"name": "q", "prefixes": ["10.0.128.0/17"], "address_scope_id": scope["id"]}
    refused = await member.refused("POST", "/subnetpools", {"subnetpool": other_pool})
    assert refused == (400, "AddressScopePrefixConflict")
    assert await member.refused("DELETE", f"/address-scopes/{scope['id']}") == (409, "AddressScopeInUse")
