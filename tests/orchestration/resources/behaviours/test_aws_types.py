# SPDX-License-Identifier: Apache-2.0
"""EC2's types against the local network service."""

import pytest

from samovar.orchestration.resources.behaviour import ResourceFailed


async def listed(cloud, plural, **query):
    return (await cloud.get("network", f"/v2.0/{plural}", query=query))[plural.replace("-", "_")]


@pytest.fixture
async def vpc(held):
    vpc = held("AWS::EC2::VPC", CidrBlock="10.9.0.0/16")
    await vpc.create()
    return vpc


@pytest.fixture
async def subnet(held, vpc):
    subnet = held("AWS::EC2::Subnet", VpcId=vpc.physical_id, CidrBlock="10.9.1.0/24", AvailabilityZone="nova")
    await subnet.create()
    return subnet


async def leader(cloud, subnet):
    """The router that leads the subnet's traffic."""
    ports = await listed(cloud, "ports", device_owner="network:router_interface")
    found = [
        port["device_id"]
        for port in ports
        if any(each["subnet_id"] == subnet.physical_id for each in port["fixed_ips"])
    ]
    return found[0] if found else None


async def test_a_vpc_is_a_network_with_a_router(cloud, vpc, subnet):
    (router,) = await listed(cloud, "routers", name=vpc.physical_name)
    assert await leader(cloud, subnet) == router["id"]
    assert await subnet.attribute("AvailabilityZone") == "nova"
    await vpc.behaviour.find(vpc)  # after an interrupted create: no second router
    assert len(await listed(cloud, "routers", name=vpc.physical_name)) == 1
    await subnet.delete()
    await vpc.delete()
    await vpc.delete()
    assert await listed(cloud, "routers", name=vpc.physical_name) == []


async def test_route_tables_take_subnets_over_and_have_the_way_out(held, cloud, parts, vpc, subnet):
    table = held("AWS::EC2::RouteTable", VpcId=vpc.physical_id)
    await table.create()
    led = held(
        "AWS::EC2::SubnetRouteTableAssociation", RouteTableId=table.physical_id, SubnetId=subnet.physical_id
    )
    await led.create()
    assert await leader(cloud, subnet) == table.physical_id
    gateway = held("AWS::EC2::InternetGateway")
    await gateway.create()
    out = held("AWS::EC2::VPCGatewayAttachment", VpcId=vpc.physical_id, InternetGatewayId="any")
    await out.create()
    routers = [each for each in await listed(cloud, "routers") if each["external_gateway_info"]]
    assert len(routers) == 2
    later = held("AWS::EC2::RouteTable", VpcId=vpc.physical_id)
    await later.create()
    (shown,) = await listed(cloud, "routers", id=later.physical_id)
    assert shown["external_gateway_info"]["network_id"] == routers[0]["external_gateway_info"]["network_id"]
    await later.delete()
    await out.delete()
    assert not [each for each in await listed(cloud, "routers") if each["external_gateway_info"]]
    await led.delete()
    (own,) = await listed(cloud, "routers", name=vpc.physical_name)
    assert await leader(cloud, subnet) == own["id"]
    for each in (table, subnet, vpc):
        await each.delete()


async def test_an_address_leads_to_an_interface(held, cloud, vpc, subnet):
    group = held(
        "AWS::EC2::SecurityGroup",
        GroupDescription="web",
        SecurityGroupIngress=[
            {"IpProtocol": "tcp", "FromPort": "80", "ToPort": "81", "CidrIp": "0.0.0.0/0"},
            {"IpProtocol": "-1", "SourceSecurityGroupName": "default"},
        ],
    )
    await group.create()
    rules = await listed(cloud, "security-group-rules", security_group_id=group.physical_id)
    found = {
        (rule["protocol"], rule["port_range_min"], rule["remote_ip_prefix"], bool(rule["remote_group_id"]))
        for rule in rules
        if rule["direction"] == "ingress"
    }
    assert found == {("tcp", 80, "0.0.0.0/0", False), (None, None, None, True)}
    assert sum(rule["direction"] == "egress" for rule in rules) == 2
    await group.update(SecurityGroupIngress=[])
    rules = await listed(cloud, "security-group-rules", security_group_id=group.physical_id)
    assert {rule["direction"] for rule in rules} == {"egress"}

    interface = held(
        "AWS::EC2::NetworkInterface",
        SubnetId=subnet.physical_id,
        GroupSet=[group.physical_id],
        PrivateIpAddress="10.9.1.77",
    )
    await interface.create()
    assert await interface.attribute("PrivateIpAddress") == "10.9.1.77"
    out = held("AWS::EC2::VPCGatewayAttachment", VpcId=vpc.physical_id, InternetGatewayId="any")
    await out.create()
    address = held("AWS::EC2::EIP", Domain="vpc")
    await address.create()
    assert await address.attribute("AllocationId") == address.physical_id
    public = address.behaviour.reference(address)
    link = held("AWS::EC2::EIPAssociation", EIP=public, NetworkInterfaceId=interface.physical_id)
    await link.create()
    (shown,) = await listed(cloud, "floatingips", id=address.physical_id)
    assert (shown["floating_ip_address"], shown["fixed_ip_address"]) == (public, "10.9.1.77")
    await link.delete()
    (shown,) = await listed(cloud, "floatingips", id=address.physical_id)
    assert shown["port_id"] is None
    nowhere = held("AWS::EC2::EIPAssociation", EIP="192.0.2.1", NetworkInterfaceId=interface.physical_id)
    with pytest.raises(ResourceFailed, match=r"192\.0\.2\.1"):
        await nowhere.create()
    await address.delete()
    await address.delete()


async def test_an_address_of_a_pool(held, cloud, parts):
    address = held("OS::Nova::FloatingIP", pool=parts.public)
    await address.create()
    (shown,) = await listed(cloud, "floatingips", id=address.physical_id)
    assert await address.attribute("ip") == shown["floating_ip_address"]
    found = await address.behaviour.find(address)
    assert found == address.physical_id
    await address.delete()


async def test_an_agent_has_keys(held):
    user = held("AWS::IAM::User")
    assert await user.create() == user.physical_name
    key = held("AWS::IAM::AccessKey", UserName=user.physical_name)
    with pytest.raises(ResourceFailed, match="no user"):
        await key.create()
    key.others[user.physical_name] = user
    assert await key.create() == "access"
    assert await key.attribute("SecretAccessKey") == "secret"
    assert await key.attribute("UserName") == user.physical_name
