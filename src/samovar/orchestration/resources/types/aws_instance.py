# SPDX-License-Identifier: Apache-2.0
"""Instances, their volumes and interfaces, in the words of EC2."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    IMMUTABLE,
    INERT,
    REQUIRED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    check,
    inert_items,
    integer,
    items,
    mapping,
    number,
    pattern,
    record,
    records,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

INSTANCE = ResourceType(
    name="AWS::EC2::Instance",
    description="A server, in the words of EC2.",
    service="nova",
    properties={
        "AvailabilityZone": string("Availability zone."),
        "BlockDeviceMappings": records(
            "Block device mappings.",
            {
                "DeviceName": string("Device name.", REQUIRED),
                "Ebs": record(
                    "Ebs.",
                    {
                        "DeleteOnTermination": boolean("Whether to delete on termination.", default=True),
                        "Iops": number("IOPS.", INERT),
                        "SnapshotId": string("Id of the snapshot.", check("cinder.snapshot")),
                        "VolumeSize": string("Volume size."),
                        "VolumeType": string("Volume type.", INERT),
                    },
                ),
                "NoDevice": mapping("No device.", INERT),
                "VirtualName": string("Virtual name.", INERT),
            },
        ),
        "DisableApiTermination": string("Disable API termination.", INERT),
        "ImageId": string("Image, by name or id.", REQUIRED, check("glance.image")),
        "InstanceType": string("Flavor, by name or id.", REQUIRED, UPDATE, check("nova.flavor")),
        "KernelId": string("Id of the kernel.", INERT),
        "KeyName": string("Key pair, by name.", check("nova.keypair")),
        "Monitoring": boolean("Whether it is monitoring.", INERT),
        "NetworkInterfaces": items("Network interfaces.", UPDATE),
        "NovaSchedulerHints": records(
            "Nova scheduler hints.",
            {
                "Key": string("Key of the tag.", REQUIRED),
                "Value": string("Value of the tag.", REQUIRED),
            },
        ),
        "PlacementGroupName": string("Placement group name.", INERT),
        "PrivateIpAddress": string("Private IP address.", INERT),
        "RamDiskId": string("Id of the RAM disk.", INERT),
        "SecurityGroupIds": items("Ids of the security groups."),
        "SecurityGroups": items("Security groups."),
        "SourceDestCheck": boolean("Source dest check: true or false.", INERT),
        "SubnetId": string("Subnet, by id.", UPDATE),
        "Tags": records(
            "Tags of the object.",
            {
                "Key": string("Key of the tag.", REQUIRED),
                "Value": string("Value of the tag.", REQUIRED),
            },
            UPDATE,
        ),
        "Tenancy": string("Tenancy.", INERT, allowed("dedicated", "default")),
        "UserData": string("User data for cloud-init."),
        "Volumes": records(
            "Volumes.",
            {
                "Device": string("Device.", REQUIRED),
                "VolumeId": string("Id of the volume.", REQUIRED, check("cinder.volume")),
            },
            default=[],
        ),
    },
    attributes={
        "AvailabilityZone": string_attr("Availability zone."),
        "PrivateDnsName": string_attr("Private DNS name."),
        "PrivateIp": string_attr("Private IP."),
        "PublicDnsName": string_attr("Public DNS name."),
        "PublicIp": string_attr("Public IP."),
    },
    handlers=frozenset({"check", "suspend", "resume"}),
    name_limit=53,
)


NETWORK_INTERFACE = ResourceType(
    name="AWS::EC2::NetworkInterface",
    description="A network interface on a subnet, in the words of EC2.",
    service="neutron",
    properties={
        "Description": string("Description."),
        "GroupSet": items("Group set.", UPDATE),
        "PrivateIpAddress": string("Private IP address."),
        "SourceDestCheck": boolean("Source dest check: true or false.", INERT),
        "SubnetId": string("Subnet, by id.", REQUIRED, check("neutron.subnet")),
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
    attributes={
        "PrivateIpAddress": string_attr("Private IP address."),
    },
)


VOLUME = ResourceType(
    name="AWS::EC2::Volume",
    description="A block storage volume, in the words of EC2.",
    service="cinder",
    properties={
        "AvailabilityZone": string("Availability zone.", REQUIRED, IMMUTABLE),
        "Size": integer("Size.", IMMUTABLE, at_least(1)),
        "SnapshotId": string("Id of the snapshot.", IMMUTABLE, check("cinder.backup")),
        "Tags": records(
            "Tags of the object.",
            {
                "Key": string("Key of the tag.", REQUIRED),
                "Value": string("Value of the tag.", REQUIRED),
            },
            IMMUTABLE,
        ),
    },
    handlers=frozenset({"check", "snapshot_delete"}),
)


VOLUME_ATTACHMENT = ResourceType(
    name="AWS::EC2::VolumeAttachment",
    description="Attaches a volume to an instance.",
    service="cinder",
    properties={
        "Device": string("Device.", REQUIRED, IMMUTABLE, pattern(r"/dev/vd[b-z]")),
        "InstanceId": string("Instance, by id.", REQUIRED, IMMUTABLE, check("nova.server")),
        "VolumeId": string("Id of the volume.", REQUIRED, IMMUTABLE, check("cinder.volume")),
    },
)


TYPES = (
    INSTANCE,
    NETWORK_INTERFACE,
    VOLUME,
    VOLUME_ATTACHMENT,
)
