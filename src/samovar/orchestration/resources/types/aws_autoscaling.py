# SPDX-License-Identifier: Apache-2.0
"""Auto-scaling groups, in the words of AWS."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    INERT,
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    at_least,
    boolean,
    check,
    integer,
    items,
    mapping,
    number,
    record,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

AUTO_SCALING_GROUP = ResourceType(
    name="AWS::AutoScaling::AutoScalingGroup",
    description="A group of instances that scaling policies grow and shrink.",
    support=since("2014.1"),
    properties={
        "AvailabilityZones": items("Has no effect.", REQUIRED),
        "Cooldown": integer("Seconds to wait between two scalings.", UPDATE),
        "DesiredCapacity": integer("Desired capacity.", UPDATE),
        "HealthCheckGracePeriod": integer("Health check grace period.", INERT),
        "HealthCheckType": string("Health check type.", INERT, allowed("EC2", "ELB")),
        "InstanceId": string("Instance, by id.", check("nova.server")),
        "LaunchConfigurationName": string("Launch configuration name.", UPDATE),
        "LoadBalancerNames": items("Load balancer names."),
        "MaxSize": integer("Largest size.", REQUIRED, UPDATE),
        "MinSize": integer("Smallest size.", REQUIRED, UPDATE),
        "Tags": records(
            "Tags of the object.",
            {
                "Key": string("Key of the tag.", REQUIRED),
                "Value": string("Value of the tag.", REQUIRED),
            },
        ),
        "VPCZoneIdentifier": items("Vpczone identifier.", of=string()),
    },
    attributes={
        "InstanceList": string_attr("Instance list."),
    },
    update_policy={
        "AutoScalingRollingUpdate": record(
            "How instances are changed.",
            {
                "MaxBatchSize": integer("Instances changed at once.", default=1),
                "MinInstancesInService": integer("Instances kept in service during an update.", default=0),
                "PauseTime": string("Time between two batches, as an ISO 8601 duration.", default="PT0S"),
            },
        ),
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt", "metadata_reset"}),
    nested_stack=True,
    deferred_auth=True,
)


LAUNCH_CONFIGURATION = ResourceType(
    name="AWS::AutoScaling::LaunchConfiguration",
    description="The description of the instances that an auto-scaling group makes.",
    properties={
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
        "ImageId": string("Image, by name or id.", check("glance.image")),
        "InstanceId": string("Instance, by id.", check("nova.server")),
        "InstanceType": string("Flavor, by name or id.", check("nova.flavor")),
        "KernelId": string("Id of the kernel.", INERT),
        "KeyName": string("Key pair, by name.", check("nova.keypair")),
        "NovaSchedulerHints": records(
            "Nova scheduler hints.",
            {
                "Key": string("Key of the tag.", REQUIRED),
                "Value": string("Value of the tag.", REQUIRED),
            },
        ),
        "RamDiskId": string("Id of the RAM disk.", INERT),
        "SecurityGroups": items("Security groups."),
        "UserData": string("User data for cloud-init."),
    },
    reference=Reference.PHYSICAL_NAME,
)


SCALING_POLICY = ResourceType(
    name="AWS::AutoScaling::ScalingPolicy",
    description="Grows or shrinks an auto-scaling group when it is signalled.",
    properties={
        "AdjustmentType": string(
            "Adjustment type.",
            REQUIRED,
            UPDATE,
            allowed("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"),
        ),
        "AutoScalingGroupName": string("Auto scaling group name.", REQUIRED),
        "Cooldown": integer("Seconds to wait between two scalings.", UPDATE),
        "MinAdjustmentStep": integer("Smallest adjustment step.", UPDATE, at_least(0)),
        "ScalingAdjustment": integer("Scaling adjustment.", REQUIRED, UPDATE),
    },
    attributes={
        "AlarmUrl": string_attr("Alarm URL.", UNCACHED),
    },
    reference=Reference.PRESIGNED_SIGNAL_URL,
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
)


TYPES = (
    AUTO_SCALING_GROUP,
    LAUNCH_CONFIGURATION,
    SCALING_POLICY,
)
