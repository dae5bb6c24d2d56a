# SPDX-License-Identifier: Apache-2.0
"""Dependencies that types add."""

from samovar.orchestration.resources.implicit import implicit_requirements
from samovar.orchestration.templates.values import Unknown

NET, ROUTER, PORT = Unknown("net id"), Unknown("router id"), Unknown("port id")

STACK = {
    "net": ("OS::Neutron::Net", {}),
    "sub": ("OS::Neutron::Subnet", {"network": NET}),
    "other_sub": ("OS::Neutron::Subnet", {"network": Unknown("other id")}),
    "port": ("OS::Neutron::Port", {"network": NET}),
    "server": ("OS::Nova::Server", {"networks": [{"network": NET}]}),
    "router": ("OS::Neutron::Router", {"external_gateway_info": {"network": "public"}}),
    "leg": ("OS::Neutron::RouterInterface", {"router": ROUTER, "subnet": Unknown("sub id")}),
    "fip": ("OS::Neutron::FloatingIP", {"floating_network": "public", "port_id": PORT}),
    "link": ("OS::Neutron::FloatingIPAssociation", {"floatingip_id": Unknown("fip id"), "port_id": PORT}),
    "route": ("OS::Neutron::ExtraRoute", {"router_id": ROUTER}),
}


def test_a_port_and_a_server_wait_for_the_subnets_of_their_network():
    added = implicit_requirements(STACK)
    assert added["port"] == {"sub"}
    assert added["server"] == {"sub"}


def test_a_floating_ip_waits_for_the_way_to_its_port():
    added = implicit_requirements(STACK)
    assert added["fip"] == {"router", "leg"}
    assert added["link"] == {"leg"}
    assert added["route"] == {"leg"}


def test_the_same_holds_for_ids_that_are_known():
    known = {"net": "N", "sub": "S", "port": "P", "router": "R"}

    def put(value):
        if isinstance(value, Unknown):
            return known.get(value.source.split()[0], value)
        if isinstance(value, dict):
            return {key: put(item) for key, item in value.items()}
        return [put(item) for item in value] if isinstance(value, list) else value

    stack = {name: (kind, put(values)) for name, (kind, values) in STACK.items()}
    references = {value: name for name, value in known.items()}
    assert implicit_requirements(stack, references) == implicit_requirements(STACK)


def test_a_port_with_subnets_of_its_own_waits_for_their_routers_only():
    stack = STACK | {"port": ("OS::Neutron::Port", {"network": NET, "fixed_ips": [{"subnet": "elsewhere"}]})}
    assert implicit_requirements(stack)["fip"] == {"router"}


def test_other_types_add_nothing():
    assert "net" not in implicit_requirements(STACK)
    assert implicit_requirements({"a": ("OS::Heat::Value", {})}) == {}


def test_public_addresses_of_ec2_wait_for_the_way_out():
    vpc = Unknown("vpc id")
    stack = {
        "table": ("AWS::EC2::RouteTable", {"VpcId": vpc}),
        "led": ("AWS::EC2::SubnetRouteTableAssociation", {"RouteTableId": Unknown("table id")}),
        "out": ("AWS::EC2::VPCGatewayAttachment", {"VpcId": vpc}),
        "ip": ("AWS::EC2::EIP", {}),
    }
    added = implicit_requirements(stack)
    assert added["out"] == {"table"} and added["ip"] == {"out", "led"}
