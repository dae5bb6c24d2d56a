# SPDX-License-Identifier: Apache-2.0
"""Private networks, in the words of EC2."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    INERT,
    REQUIRED,
    allowed,
    check,
    inert_items,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

INTERNET_GATEWAY = ResourceType(
    name="AWS::EC2::InternetGateway",
    description="The way from a VPC to the outside.",
    properties={
        "Tags": inert_items(
            records(
                "Tags of the object.",
                {
                    "Key": string("Key of the tag.", REQUIRED),
                    "Value": string("Value of the tag.", REQUIRED),
                },
            )
        ),
    },
)


ROUTE_TABLE = ResourceType(
    name="AWS::EC2::RouteTable",
    description="The routes of a VPC, kept by a router.",
    support=since("2014.1"),
    service="neutron",
    properties={
        "Tags": inert_items(
            records(
                "Tags of the object.",
                {
                    "Key": string("Key of the tag.", REQUIRED),
                    "Value": string("Value of the tag.", REQUIRED),
                },
            )
        ),
        "VpcId": string("VPC, by id.", REQUIRED),
    },
)


SUBNET = ResourceType(
    name="AWS::EC2::Subnet",
    description="A range of addresses in a VPC.",
    service="neutron",
    properties={
        "AvailabilityZone": string("Availability zone."),
        "CidrBlock": string("CIDR block.", REQUIRED),
        "Tags": inert_items(
            records(
                "Tags of the object.",
                {
                    "Key": string("Key of the tag.", REQUIRED),
                    "Value": string("Value of the tag.", REQUIRED),
                },
            )
        ),
        "VpcId": string("VPC, by id.", REQUIRED),
    },
    attributes={
        "AvailabilityZone": string_attr("Availability zone."),
    },
)


SUBNET_ROUTE_TABLE_ASSOCIATION = ResourceType(
    name="AWS::EC2::SubnetRouteTableAssociation",
    description="Connects a subnet to a route table.",
    service="neutron",
    properties={
        "RouteTableId": string("Id of the route table.", REQUIRED),
        "SubnetId": string("Subnet, by id.", REQUIRED, check("neutron.subnet")),
    },
)


VPC = ResourceType(
    name="AWS::EC2::VPC",
    description="A private network with its router, in the words of EC2.",
    service="neutron",
    properties={
        "CidrBlock": string("CIDR block."),
        "InstanceTenancy": string(
            "Instance tenancy.", INERT, allowed("default", "dedicated"), default="default"
        ),
        "Tags": inert_items(
            records(
                "Tags of the object.",
                {
                    "Key": string("Key of the tag.", REQUIRED),
                    "Value": string("Value of the tag.", REQUIRED),
                },
            )
        ),
    },
)


VPCGATEWAY_ATTACHMENT = ResourceType(
    name="AWS::EC2::VPCGatewayAttachment",
    description="Connects an internet gateway to a VPC.",
    service="neutron",
    properties={
        "InternetGatewayId": string("Id of the internet gateway."),
        "VpcId": string("VPC, by id.", REQUIRED),
        "VpnGatewayId": string("Id of the VPN gateway.", INERT),
    },
    implicit_dependencies=True,
)


TYPES = (
    INTERNET_GATEWAY,
    ROUTE_TABLE,
    SUBNET,
    SUBNET_ROUTE_TABLE_ASSOCIATION,
    VPC,
    VPCGATEWAY_ATTACHMENT,
)
