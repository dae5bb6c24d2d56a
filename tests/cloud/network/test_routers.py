# SPDX-License-Identifier: Apache-2.0
import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


class Place:
    """A network with a subnet, a router that joins it to the outside, and a port in it."""

    def __init__(self, user, public):
        self.user, self.public = user, public

    async def build(self, cidr="10.0.0.0/24"):
        self.network = await self.user.create("networks", name="n")
        self.subnet = await self.user.create(
            "subnets", network_id=self.network["id"], cidr=cidr, ip_version=4
        )
        self.router = await self.user.create(
            "routers", name="r", external_gateway_info={"network_id": self.public}
        )
        self.path = f"/routers/{self.router['id']}"
        self.joined = await self.user.put(f"{self.path}/add_router_interface", subnet_id=self.subnet["id"])
        self.port = await self.user.create("ports", network_id=self.network["id"])
        return self


@pytest.fixture
async def place(member, public):
    return await Place(member, public).build()


async def test_a_router_joins_subnets(place, member, admin):
    router = place.router
    gateway = router["external_gateway_info"]
    assert gateway["network_id"] == place.public and gateway["enable_snat"] is True
    assert gateway["external_fixed_ips"][0]["ip_address"] == "172.24.4.2"
    assert router["routes"] == [] and router["admin_state_up"] is True
    assert (
        place.joined
        | {
            "id": router["id"],
            "subnet_id": place.subnet["id"],
            "subnet_ids": [place.subnet["id"]],
            "network_id": place.network["id"],
            "tenant_id": "red",
        }
        == place.joined
    )
    [leg] = await member.get(f"/ports?device_id={router['id']}")
    assert leg["id"] == place.joined["port_id"]
    assert leg["fixed_ips"][0]["ip_address"] == "10.0.0.1"
    assert leg["device_owner"] == "network:router_interface"
    assert leg["security_groups"] == []
    owners = {p["device_owner"] for p in await admin.get(f"/ports?device_id={router['id']}")}
    assert owners == {"network:router_interface", "network:router_gateway"}


async def test_what_holds_a_router_and_its_parts(place, member, public):
    leg = place.joined["port_id"]
    assert await member.refused("DELETE", place.path) == (409, "RouterInUse")
    assert await member.refused("DELETE", f"/ports/{leg}") == (409, "ServicePortInUse")
    assert await member.refused("DELETE", f"/subnets/{place.subnet['id']}") == (409, "SubnetInUse")
    assert await member.refused("DELETE", f"/networks/{place.network['id']}") == (409, "NetworkInUse")
    body = {"subnet": {"gateway_ip": "10.0.0.77"}}
    assert await member.refused("PUT", f"/subnets/{place.subnet['id']}", body) == (409, "GatewayIpInUse")
    floating = await member.create("floatingips", floating_network_id=public, port_id=place.port["id"])
    gone = f"{place.path}/remove_router_interface"
    body = {"subnet_id": place.subnet["id"]}
    assert await member.refused("PUT", gone, body) == (409, "RouterInterfaceInUseByFloatingIP")
    body = {"router": {"external_gateway_info": None}}
    assert await member.refused("PUT", place.path, body) == (409, "RouterExternalGatewayInUseByFloatingIp")
    await member.delete(f"/floatingips/{floating['id']}")
    answer = await member.put(gone, subnet_id=place.subnet["id"])
    assert answer["port_id"] == leg
    assert await member.get(f"/ports?device_id={place.router['id']}") == []
    assert (await member.put(place.path, router={"external_gateway_info": {}}))["router"][
        "external_gateway_info"
    ] is None
    await member.delete(place.path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (400, "BadRequest")),
        ({"subnet_id": UNKNOWN, "port_id": UNKNOWN}, (400, "BadRequest")),
        ({"subnet_id": UNKNOWN}, (404, "SubnetNotFound")),
        ({"port_id": UNKNOWN}, (404, "PortNotFound")),
        ({"subnet_id": "x"}, (400, "HTTPBadRequest")),
        ({"subnet": "its own"}, (400, "BadRequest")),
        ({"subnet": "overlapping"}, (400, "BadRequest")),
        ({"subnet": "without gateway"}, (400, "BadRequest")),
        ({"subnet": "outside"}, (400, "BadRequest")),
    ],
)
async def test_interfaces_that_cannot_be(place, member, given, expected):
    if "subnet" in given:
        second = await member.create("networks", name="m")
        which = given["subnet"]
        if which == "its own":
            subnet = place.subnet
        elif which == "outside":
            [subnet] = await member.get(f"/subnets?network_id={place.public}")
        else:
            cidr = "10.0.0.128/25" if which == "overlapping" else "10.1.0.0/24"
            gateway = None if which == "without gateway" else "10.0.0.129"
            subnet = await member.create(
                "subnets", network_id=second["id"], cidr=cidr, ip_version=4, gateway_ip=gateway
            )
        given = {"subnet_id": subnet["id"]}
    assert await member.refused("PUT", f"{place.path}/add_router_interface", given) == expected


async def test_a_port_becomes_an_interface(place, member):
    network = await member.create("networks", name="m")
    await member.create("subnets", network_id=network["id"], cidr="10.1.0.0/24", ip_version=4)
    port = await member.create("ports", network_id=network["id"])
    await member.put(f"{place.path}/add_router_interface", port_id=port["id"])
    assert (await member.get(f"/ports/{port['id']}"))["device_id"] == place.router["id"]
    again = {"port_id": port["id"]}
    assert await member.refused("PUT", f"{place.path}/add_router_interface", again) == (409, "PortInUse")
    await member.put(f"{place.path}/remove_router_interface", port_id=port["id"])
    assert await member.refused("GET", f"/ports/{port['id']}") == (404, "PortNotFound")
    refused = await member.refused("PUT", f"{place.path}/remove_router_interface", again)
    assert refused == (404, "RouterInterfaceNotFound")


async def test_routes(place, member):
    route = {"destination": "10.50.0.0/16", "nexthop": "10.0.0.9"}
    shown = (await member.put(place.path, router={"routes": [route]}))["router"]
    assert shown["routes"] == [route]
    more = {"destination": "10.51.0.0/16", "nexthop": "10.0.0.9"}
    shown = (await member.put(f"{place.path}/add_extraroutes", router={"routes": [more, route]}))["router"]
    assert {r["destination"] for r in shown["routes"]} == {"10.50.0.0/16", "10.51.0.0/16"}
    gone = {"subnet_id": place.subnet["id"]}
    refused = await member.refused("PUT", f"{place.path}/remove_router_interface", gone)
    assert refused == (409, "RouterInterfaceInUseByRoute")
    shown = (await member.put(f"{place.path}/remove_extraroutes", router={"routes": [route]}))["router"]
    assert shown["routes"] == [more]
    body = {"router": {"routes": [{"destination": "10.50.0.0/16", "nexthop": "10.99.0.9"}]}}
    assert await member.refused("PUT", place.path, body) == (400, "InvalidRoutes")


async def test_gateways(member, admin, other, public):
    private = await member.create("networks", name="n")
    body = {"router": {"external_gateway_info": {"network_id": private["id"]}}}
    assert await member.refused("POST", "/routers", body) == (400, "BadRequest")
    body = {"router": {"external_gateway_info": {"network_id": UNKNOWN}}}
    assert await member.refused("POST", "/routers", body) == (404, "NetworkNotFound")
    body = {"router": {"external_gateway_info": {"network_id": public, "enable_snat": False}}}
    assert await member.refused("POST", "/routers", body) == (403, "PolicyNotAuthorized")
    chosen = {"network_id": public, "external_fixed_ips": [{"ip_address": "172.24.4.99"}]}
    body = {"router": {"external_gateway_info": chosen}}
    assert await member.refused("POST", "/routers", body) == (403, "PolicyNotAuthorized")
    router = await admin.create("routers", external_gateway_info={**chosen, "enable_snat": False})
    info = router["external_gateway_info"]
    assert info["enable_snat"] is False
    assert info["external_fixed_ips"][0]["ip_address"] == "172.24.4.99"
    assert await admin.refused("DELETE", f"/networks/{public}") == (409, "NetworkInUse")
    assert await other.refused("GET", f"/routers/{router['id']}") == (404, "RouterNotFound")
    await admin.delete(f"/routers/{router['id']}")
    await admin.delete(f"/networks/{public}")


async def test_a_floating_ip_from_birth_to_death(place, member, public):
    floating = await member.create("floatingips", floating_network_id=public)
    assert (
        floating
        | {
            "port_id": None,
            "fixed_ip_address": None,
            "router_id": None,
            "status": "DOWN",
            "port_details": None,
        }
        == floating
    )
    assert floating["floating_ip_address"].startswith("172.24.4.")
    path = f"/floatingips/{floating['id']}"
    shown = (await member.put(path, floatingip={"port_id": place.port["id"]}))["floatingip"]
    assert shown["fixed_ip_address"] == place.port["fixed_ips"][0]["ip_address"]
    assert shown["router_id"] == place.router["id"]
    assert shown["port_details"]["mac_address"] == place.port["mac_address"]
    body = {"floatingip": {"floating_network_id": public, "port_id": place.port["id"]}}
    refused = await member.refused("POST", "/floatingips", body)
    assert refused == (409, "FloatingIPPortAlreadyAssociated")
    assert len(await member.get("/floatingips")) == 1, "what was refused left nothing behind"
    same = (await member.put(path, floatingip={"description": "mine"}))["floatingip"]
    assert same["port_id"] == place.port["id"]
    await member.delete(f"/ports/{place.port['id']}")
    assert (await member.get(path))["port_id"] is None
    await member.delete(path)
    assert await member.refused("GET", path) == (404, "FloatingIPNotFound")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"floating_network_id": UNKNOWN}, (404, "NetworkNotFound")),
        ({"floating_network_id": "own"}, (400, "BadRequest")),
        ({"port_id": UNKNOWN}, (404, "PortNotFound")),
        ({"port_id": "own", "fixed_ip_address": "10.0.0.99"}, (400, "BadRequest")),
        ({"fixed_ip_address": "10.0.0.99"}, (400, "BadRequest")),
        ({"floating_ip_address": "172.24.4.50"}, (403, "PolicyNotAuthorized")),
        ({"port_id": "lonely"}, (404, "ExternalGatewayForFloatingIPNotFound")),
        ({"port_id": "addressless"}, (400, "BadRequest")),
    ],
)
async def test_floating_ips_that_cannot_be(place, member, public, given, expected):
    given = {"floating_network_id": public, **given}
    if given["floating_network_id"] == "own":
        given["floating_network_id"] = place.network["id"]
    if given.get("port_id") == "own":
        given["port_id"] = place.port["id"]
    if given.get("port_id") in ("lonely", "addressless"):
        network = await member.create("networks", name="lonely")
        if given["port_id"] == "lonely":
            await member.create("subnets", network_id=network["id"], cidr="10.8.0.0/24", ip_version=4)
        given["port_id"] = (await member.create("ports", network_id=network["id"]))["id"]
    assert await member.refused("POST", "/floatingips", {"floatingip": given}) == expected
    assert await member.get("/floatingips") == []


async def test_an_admin_chooses_the_address(admin, public):
    floating = await admin.create(
        "floatingips", floating_network_id=public, floating_ip_address="172.24.4.50"
    )
    assert floating["floating_ip_address"] == "172.24.4.50"
    body = {"floatingip": {"floating_network_id": public, "floating_ip_address": "172.24.4.50"}}
    assert await admin.refused("POST", "/floatingips", body) == (409, "IpAddressInUse")


async def test_floating_ips_run_out(admin):
    network = await admin.create("networks", **{"router:external": True})
    await admin.create("subnets", network_id=network["id"], cidr="172.30.0.0/30", ip_version=4)
    await admin.create("floatingips", floating_network_id=network["id"])
    body = {"floatingip": {"floating_network_id": network["id"]}}
    assert await admin.refused("POST", "/floatingips", body) == (400, "ExternalIpAddressExhausted")


async def test_strangers_ports_get_no_floating_ip(place, other, public):
    body = {"floatingip": {"floating_network_id": public, "port_id": place.port["id"]}}
    assert await other.refused("POST", "/floatingips", body) == (404, "PortNotFound")


async def test_bootstrap_is_harmless_twice(service, public, admin):
    assert await service.bootstrap("root") == public
    [network] = await admin.get("/networks")
    [subnet] = await admin.get("/subnets")
    assert (network["name"], subnet["cidr"], subnet["gateway_ip"]) == (
        "public",
        "172.24.4.0/24",
        "172.24.4.1",
    )
