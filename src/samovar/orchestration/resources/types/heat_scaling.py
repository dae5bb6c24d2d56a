# SPDX-License-Identifier: Apache-2.0
"""Groups that scale."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    at_least,
    integer,
    integer_attr,
    items,
    list_attr,
    map_attr,
    mapping,
    number,
    record,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

AUTO_SCALING_GROUP = ResourceType(
    name="OS::Heat::AutoScalingGroup",
    description="A group of equal resources that scaling policies grow and shrink.",
    support=since("2014.1"),
    properties={
        "cooldown": integer("Seconds to wait between two scalings.", UPDATE),
        "desired_capacity": integer("Desired capacity.", UPDATE),
        "max_size": integer("Largest size.", REQUIRED, UPDATE, at_least(0)),
        "min_size": integer("Smallest size.", REQUIRED, UPDATE, at_least(0)),
        "resource": mapping("Resource.", REQUIRED, UPDATE),
        "rolling_updates": record(
            "Rolling updates.",
            {
                "max_batch_size": integer("Members changed at once.", at_least(1), default=1),
                "min_in_service": integer(
                    "Members kept in service during an update.", at_least(0), default=0
                ),
                "pause_time": number("Seconds between two batches.", at_least(0), default=0),
            },
            UPDATE,
            default={"max_batch_size": 1, "min_in_service": 0, "pause_time": 0},
        ),
    },
    attributes={
        "current_size": integer_attr("Current size.", since("2015.1")),
        "outputs": map_attr("Outputs.", since("2014.2")),
        "outputs_list": list_attr("Outputs list.", since("2014.2")),
        "refs": list_attr("Refs.", since("7.0.0")),
        "refs_map": map_attr("Refs map.", since("7.0.0")),
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt", "metadata_reset"}),
    nested_stack=True,
    deferred_auth=True,
)


INSTANCE_GROUP = ResourceType(
    name="OS::Heat::InstanceGroup",
    description="A group of instances of a fixed size.",
    properties={
        "AvailabilityZones": items("Has no effect.", REQUIRED),
        "LaunchConfigurationName": string("Launch configuration name.", REQUIRED, UPDATE),
        "LoadBalancerNames": items("Load balancer names."),
        "Size": integer("Size.", REQUIRED, UPDATE),
        "Tags": records(
            "Tags of the object.",
            {
                "Key": string("Key of the tag.", REQUIRED),
                "Value": string("Value of the tag.", REQUIRED),
            },
        ),
    },
    attributes={
        "InstanceList": string_attr("Instance list."),
    },
    update_policy={
        "RollingUpdate": record(
            "How instances are changed.",
            {
                "MaxBatchSize": integer("Instances changed at once.", default=1),
                "MinInstancesInService": integer("Instances kept in service during an update.", default=0),
                "PauseTime": string("Time between two batches, as an ISO 8601 duration.", default="PT0S"),
            },
        ),
    },
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


SCALING_POLICY = ResourceType(
    name="OS::Heat::ScalingPolicy",
    description="Grows or shrinks an auto-scaling group when it is signalled.",
    properties={
        "adjustment_type": string(
            "Adjustment type.",
            REQUIRED,
            UPDATE,
            allowed("change_in_capacity", "exact_capacity", "percent_change_in_capacity"),
        ),
        "auto_scaling_group_id": string("Id of the auto scaling group.", REQUIRED),
        "cooldown": number("Seconds to wait between two scalings.", UPDATE),
        "min_adjustment_step": integer("Smallest adjustment step.", UPDATE, at_least(0)),
        "scaling_adjustment": number("Scaling adjustment.", REQUIRED, UPDATE),
    },
    attributes={
        "alarm_url": string_attr("Alarm URL.", UNCACHED),
        "signal_url": string_attr("Signal URL.", since("5.0.0")),
    },
    handlers=frozenset({"suspend", "resume", "signal"}),
    stack_user=True,
    deferred_auth=True,
    signal_responder=True,
)


TYPES = (
    AUTO_SCALING_GROUP,
    INSTANCE_GROUP,
    SCALING_POLICY,
)
