# SPDX-License-Identifier: Apache-2.0
"""Public addresses and security groups, in the words of EC2."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    INERT,
    REQUIRED,
    UPDATE,
    allowed,
    check,
    deprecated,
    records,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

EIP = ResourceType(
    name="AWS::EC2::EIP",
    description="A public address, in the words of EC2.",
    service="nova",
    properties={
        "Domain": string("Domain.", allowed("vpc"), deprecated("9.0.0")),
        "InstanceId": string("Instance, by id.", UPDATE, check("nova.server")),
    },
    attributes={
        "AllocationId": string_attr("Id of the allocation."),
    },
    reference=Reference.IP_ADDRESS,
)


EIPASSOCIATION = ResourceType(
    name="AWS::EC2::EIPAssociation",
    description="Binds a public address to an instance or an interface.",
    service="nova",
    properties={
        "AllocationId": string("Id of the allocation.", UPDATE),
        "EIP": string("EIP.", UPDATE, check("ip_addr")),
        "InstanceId": string("Instance, by id.", UPDATE, check("nova.server")),
        "NetworkInterfaceId": string("Id of the network interface.", UPDATE),
    },
    reference=Reference.PHYSICAL_NAME,
)


SECURITY_GROUP = ResourceType(
    name="AWS::EC2::SecurityGroup",
    description="Rules of the traffic that instances may receive and send.",
    properties={
        "GroupDescription": string("Group description.", REQUIRED),
        "SecurityGroupEgress": records(
            "Security group egress.",
            {
                "CidrIp": string("CIDR IP."),
                "FromPort": string("From port."),
                "IpProtocol": string("IP protocol."),
                "SourceSecurityGroupId": string("Id of the source security group."),
                "SourceSecurityGroupName": string("Source security group name."),
                "SourceSecurityGroupOwnerId": string("Id of the source security group owner.", INERT),
                "ToPort": string("To port."),
            },
            UPDATE,
        ),
        "SecurityGroupIngress": records(
            "Security group ingress.",
            {
                "CidrIp": string("CIDR IP."),
                "FromPort": string("From port."),
                "IpProtocol": string("IP protocol."),
                "SourceSecurityGroupId": string("Id of the source security group."),
                "SourceSecurityGroupName": string("Source security group name."),
                "SourceSecurityGroupOwnerId": string("Id of the source security group owner.", INERT),
                "ToPort": string("To port."),
            },
            UPDATE,
        ),
        "VpcId": string("VPC, by id."),
    },
)


TYPES = (
    EIP,
    EIPASSOCIATION,
    SECURITY_GROUP,
)
