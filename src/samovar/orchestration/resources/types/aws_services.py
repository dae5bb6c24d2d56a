# SPDX-License-Identifier: Apache-2.0
"""Load balancer, users and buckets, in the words of AWS."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    INERT,
    REQUIRED,
    UNCACHED,
    UPDATE,
    allowed,
    integer,
    items,
    record,
    records,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import Reference, ResourceType

LOAD_BALANCER = ResourceType(
    name="AWS::ElasticLoadBalancing::LoadBalancer",
    description="Spreads traffic over instances; runs as a stack of its own.",
    properties={
        "AppCookieStickinessPolicy": string("App cookie stickiness policy.", INERT),
        "AvailabilityZones": items("Has no effect.", REQUIRED),
        "HealthCheck": record(
            "Health check.",
            {
                "HealthyThreshold": integer("Healthy threshold.", REQUIRED),
                "Interval": integer("Interval.", REQUIRED),
                "Target": string("Target.", REQUIRED),
                "Timeout": integer("Timeout.", REQUIRED),
                "UnhealthyThreshold": integer("Unhealthy threshold.", REQUIRED),
            },
        ),
        "Instances": items("Instances.", UPDATE),
        "LBCookieStickinessPolicy": string("Lbcookie stickiness policy.", INERT),
        "Listeners": records(
            "Listeners.",
            {
                "InstancePort": integer("Instance port.", REQUIRED),
                "LoadBalancerPort": integer("Load balancer port.", REQUIRED),
                "PolicyNames": items("Policy names.", INERT),
                "Protocol": string("Protocol.", REQUIRED, allowed("TCP", "HTTP")),
                "SSLCertificateId": string("Id of the sslcertificate.", INERT),
            },
            REQUIRED,
        ),
        "SecurityGroups": items("Security groups.", UPDATE),
        "Subnets": items("Subnets.", INERT),
    },
    attributes={
        "CanonicalHostedZoneName": string_attr("Canonical hosted zone name."),
        "CanonicalHostedZoneNameID": string_attr("Id of the canonical hosted zone name."),
        "DNSName": string_attr("Dnsname."),
        "SourceSecurityGroup.GroupName": string_attr("Source security group group name."),
        "SourceSecurityGroup.OwnerAlias": string_attr("Source security group owner alias."),
    },
    reference=Reference.RESOURCE_NAME,
    handlers=frozenset({"check", "suspend", "resume", "preempt"}),
    nested_stack=True,
    deferred_auth=True,
)


ACCESS_KEY = ResourceType(
    name="AWS::IAM::AccessKey",
    description="A pair of keys of a stack user.",
    properties={
        "Serial": integer("Serial.", INERT),
        "Status": string("Status.", INERT, allowed("Active", "Inactive")),
        "UserName": string("User name.", REQUIRED),
    },
    attributes={
        "SecretAccessKey": string_attr("Secret access key.", UNCACHED),
        "UserName": string_attr("User name.", UNCACHED),
    },
)


USER = ResourceType(
    name="AWS::IAM::User",
    description="A user of the stack, for agents inside instances.",
    properties={
        "Groups": items("Groups."),
        "LoginProfile": record(
            "Login profile.",
            {
                "Password": string("Password."),
            },
        ),
        "Path": string("Path."),
        "Policies": items("Policies."),
    },
    reference=Reference.PHYSICAL_NAME,
    handlers=frozenset({"suspend", "resume"}),
    stack_user=True,
)


BUCKET = ResourceType(
    name="AWS::S3::Bucket",
    description="A container of the object store, in the words of S3.",
    service="swift",
    properties={
        "AccessControl": string(
            "Access control.",
            allowed(
                "Private",
                "PublicRead",
                "PublicReadWrite",
                "AuthenticatedRead",
                "BucketOwnerRead",
                "BucketOwnerFullControl",
            ),
        ),
        "Tags": records(
            "Tags of the object.",
            {
                "Key": string("Key of the tag.", REQUIRED),
                "Value": string("Value of the tag.", REQUIRED),
            },
        ),
        "WebsiteConfiguration": record(
            "Website configuration.",
            {
                "ErrorDocument": string("Error document."),
                "IndexDocument": string("Index document."),
            },
        ),
    },
    attributes={
        "DomainName": string_attr("Domain name."),
        "WebsiteURL": string_attr("Website URL."),
    },
    reference=Reference.PHYSICAL_ID,
)


TYPES = (
    LOAD_BALANCER,
    ACCESS_KEY,
    USER,
    BUCKET,
)
