# SPDX-License-Identifier: Apache-2.0
"""Types in the words of AWS that templates implement."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    CONVERTED,
    REQUIRED,
    SECRET,
    UPDATE,
    allowed,
    any_attr,
    items,
    string,
)
from samovar.orchestration.resources.schema import ResourceType

ALARM = ResourceType(
    name="AWS::CloudWatch::Alarm",
    description="An alarm on the statistics of a metric, in the words of AWS.",
    properties={
        "AlarmActions": items("Alarm actions.", UPDATE, CONVERTED),
        "AlarmDescription": string("Alarm description.", UPDATE),
        "ComparisonOperator": string(
            "Comparison operator.",
            REQUIRED,
            UPDATE,
            allowed(
                "GreaterThanOrEqualToThreshold",
                "GreaterThanThreshold",
                "LessThanThreshold",
                "LessThanOrEqualToThreshold",
            ),
        ),
        "Dimensions": items("Dimensions.", UPDATE, CONVERTED),
        "EvaluationPeriods": string("Evaluation periods.", REQUIRED, UPDATE),
        "InsufficientDataActions": items("Insufficient data actions.", UPDATE, CONVERTED),
        "MetricName": string("Metric name.", REQUIRED, UPDATE),
        "Namespace": string("Namespace.", UPDATE),
        "OKActions": items("Okactions.", UPDATE, CONVERTED),
        "Period": string("Period.", REQUIRED, UPDATE),
        "Statistic": string(
            "Statistic.", REQUIRED, UPDATE, allowed("SampleCount", "Average", "Sum", "Minimum", "Maximum")
        ),
        "Threshold": string("Threshold.", REQUIRED, UPDATE),
        "Units": string(
            "Units.",
            UPDATE,
            allowed(
                "Seconds",
                "Microseconds",
                "Milliseconds",
                "Bytes",
                "Kilobytes",
                "Megabytes",
                "Gigabytes",
                "Terabytes",
                "Bits",
                "Kilobits",
                "Megabits",
                "Gigabits",
                "Terabits",
                "Percent",
                "Count",
                "Bytes/Second",
                "Kilobytes/Second",
                "Megabytes/Second",
                "Gigabytes/Second",
                "Terabytes/Second",
                "Bits/Second",
                "Kilobits/Second",
                "Megabits/Second",
                "Gigabits/Second",
                "Terabits/Second",
                "Count/Second",
                "None",
            ),
        ),
    },
    template="AWS_CloudWatch_Alarm.yaml",
)


DBINSTANCE = ResourceType(
    name="AWS::RDS::DBInstance",
    description="A database server, in the words of AWS.",
    properties={
        "AllocatedStorage": string("Allocated storage.", REQUIRED, UPDATE),
        "DBInstanceClass": string("Dbinstance class.", REQUIRED, UPDATE),
        "DBName": string("Dbname.", REQUIRED, UPDATE),
        "DBSecurityGroups": items("Dbsecurity groups.", UPDATE, CONVERTED),
        "Engine": string("Engine.", REQUIRED, UPDATE, allowed("MySQL")),
        "KeyName": string("Key pair, by name.", UPDATE),
        "MasterUserPassword": string("Master user password.", REQUIRED, UPDATE, SECRET),
        "MasterUsername": string("Master username.", REQUIRED, UPDATE),
        "Port": string("Port.", UPDATE),
    },
    template="AWS_RDS_DBInstance.yaml",
    attributes={
        "Endpoint.Address": any_attr("Endpoint address."),
        "Endpoint.Port": any_attr("Endpoint port."),
    },
)


TYPES = (
    ALARM,
    DBINSTANCE,
)
