# SPDX-License-Identifier: Apache-2.0
"""What resource types do. `behaviour_of` gives the behaviour of a type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from samovar.orchestration.resources.behaviour import Behaviour
from samovar.orchestration.resources.behaviours.agents import AccessKey, User
from samovar.orchestration.resources.behaviours.compute import FLAVOR, KEY_PAIR, SERVER_GROUP
from samovar.orchestration.resources.behaviours.deployed_server import DeployedServer
from samovar.orchestration.resources.behaviours.elastic_address import (
    AddressAssociation,
    ElasticAddress,
    NovaAddressAssociation,
    NovaFloatingIP,
)
from samovar.orchestration.resources.behaviours.identity import (
    DOMAIN,
    ENDPOINT,
    GROUP,
    GROUP_ROLE_ASSIGNMENT,
    PROJECT,
    REGION,
    ROLE,
    SERVICE,
    USER,
    USER_ROLE_ASSIGNMENT,
)
from samovar.orchestration.resources.behaviours.image import WEB_IMAGE
from samovar.orchestration.resources.behaviours.instance import Instance
from samovar.orchestration.resources.behaviours.instance_security import INSTANCE_SECURITY_GROUP
from samovar.orchestration.resources.behaviours.key_management import (
    CERTIFICATE_CONTAINER,
    GENERIC_CONTAINER,
    ORDER,
    RSA_CONTAINER,
    SECRET,
)
from samovar.orchestration.resources.behaviours.load_balancing import (
    AVAILABILITY_ZONE,
    AVAILABILITY_ZONE_PROFILE,
    FLAVOR_PROFILE,
    HEALTH_MONITOR,
    L7_POLICY,
    L7_RULE,
    LISTENER,
    LOAD_BALANCER,
    POOL,
    POOL_MEMBER,
    QUOTA,
)
from samovar.orchestration.resources.behaviours.load_balancing import FLAVOR as LOAD_BALANCER_FLAVOR
from samovar.orchestration.resources.behaviours.names import (
    Lookup,
    NameNotFound,
    NameNotUnique,
    missing_objects,
    resolve_names,
)
from samovar.orchestration.resources.behaviours.network import (
    FLOATING_IP,
    NET,
    PORT,
    ROUTER,
    SUBNET,
    FloatingIPAssociation,
)
from samovar.orchestration.resources.behaviours.network_parts import (
    ADDRESS_SCOPE,
    PROVIDER_NET,
    RBAC_POLICY,
    SUBNET_POOL,
    ExtraRoute,
    ExtraRouteSet,
    RouterGateway,
)
from samovar.orchestration.resources.behaviours.neutron_balancing import (
    FIRST_LOAD_BALANCER,
    FIRST_MEMBER,
    FIRST_MONITOR,
    FIRST_POOL,
    LBAAS_LISTENER,
)
from samovar.orchestration.resources.behaviours.quotas import COMPUTE_QUOTA, NETWORK_QUOTA
from samovar.orchestration.resources.behaviours.remote_stack import RemoteStack
from samovar.orchestration.resources.behaviours.router_interface import RouterInterface
from samovar.orchestration.resources.behaviours.scaling import (
    AwsScalingPolicy,
    LaunchConfiguration,
    ScalingPolicy,
)
from samovar.orchestration.resources.behaviours.security_group import SECURITY_GROUP, SECURITY_GROUP_RULE
from samovar.orchestration.resources.behaviours.server import SERVER
from samovar.orchestration.resources.behaviours.software_config import (
    CloudConfig,
    MultipartMime,
    SoftwareComponent,
    SoftwareConfig,
)
from samovar.orchestration.resources.behaviours.software_deployment import (
    SoftwareDeployment,
    StructuredDeployment,
)
from samovar.orchestration.resources.behaviours.unavailable import Unavailable
from samovar.orchestration.resources.behaviours.values import Placeholder, RandomString, TestResource, Value
from samovar.orchestration.resources.behaviours.vpc import (
    NETWORK_INTERFACE,
    ROUTE_TABLE,
    VPC,
    InternetGateway,
    SubnetRouteTableAssociation,
    VpcGatewayAttachment,
)
from samovar.orchestration.resources.behaviours.vpc import SUBNET as VPC_SUBNET
from samovar.orchestration.resources.behaviours.waiting import (
    AccessPolicy,
    AwsWaitCondition,
    Delay,
    PresignedHandle,
    WaitCondition,
    WaitConditionHandle,
)
from samovar.orchestration.resources.registry import canonical_name, find_type

__all__ = [
    "Lookup",
    "NameNotFound",
    "NameNotUnique",
    "behaviour_of",
    "is_available",
    "missing_objects",
    "resolve_names",
]

_BEHAVIOURS: Mapping[str, Behaviour] = {
    "AWS::AutoScaling::LaunchConfiguration": LaunchConfiguration(),
    "AWS::AutoScaling::ScalingPolicy": AwsScalingPolicy(),
    "AWS::CloudFormation::WaitCondition": AwsWaitCondition(),
    "AWS::CloudFormation::WaitConditionHandle": PresignedHandle(),
    "AWS::EC2::EIP": ElasticAddress(),
    "AWS::EC2::EIPAssociation": AddressAssociation(),
    "AWS::EC2::Instance": Instance(),
    "AWS::EC2::InternetGateway": InternetGateway(),
    "AWS::EC2::NetworkInterface": NETWORK_INTERFACE,
    "AWS::EC2::RouteTable": ROUTE_TABLE,
    "AWS::EC2::SecurityGroup": INSTANCE_SECURITY_GROUP,
    "AWS::EC2::Subnet": VPC_SUBNET,
    "AWS::EC2::SubnetRouteTableAssociation": SubnetRouteTableAssociation(),
    "AWS::EC2::VPC": VPC,
    "AWS::EC2::VPCGatewayAttachment": VpcGatewayAttachment(),
    "AWS::IAM::AccessKey": AccessKey(),
    "AWS::IAM::User": User(),
    "OS::Barbican::CertificateContainer": CERTIFICATE_CONTAINER,
    "OS::Barbican::GenericContainer": GENERIC_CONTAINER,
    "OS::Barbican::Order": ORDER,
    "OS::Barbican::RSAContainer": RSA_CONTAINER,
    "OS::Barbican::Secret": SECRET,
    "OS::Glance::WebImage": WEB_IMAGE,
    "OS::Heat::AccessPolicy": AccessPolicy(),
    "OS::Heat::CloudConfig": CloudConfig(),
    "OS::Heat::Delay": Delay(),
    "OS::Heat::DeployedServer": DeployedServer(),
    "OS::Heat::MultipartMime": MultipartMime(),
    "OS::Heat::RandomString": RandomString(),
    "OS::Heat::ScalingPolicy": ScalingPolicy(),
    "OS::Heat::SoftwareComponent": SoftwareComponent(),
    "OS::Heat::SoftwareConfig": SoftwareConfig(),
    "OS::Heat::SoftwareDeployment": SoftwareDeployment(),
    "OS::Heat::Stack": RemoteStack(),
    "OS::Heat::StructuredConfig": SoftwareConfig(),
    "OS::Heat::StructuredDeployment": StructuredDeployment(),
    "OS::Heat::TestResource": TestResource(),
    "OS::Heat::UpdateWaitConditionHandle": PresignedHandle(),
    "OS::Heat::Value": Value(),
    "OS::Heat::WaitCondition": WaitCondition(),
    "OS::Heat::WaitConditionHandle": WaitConditionHandle(),
    "OS::Keystone::Domain": DOMAIN,
    "OS::Keystone::Endpoint": ENDPOINT,
    "OS::Keystone::Group": GROUP,
    "OS::Keystone::GroupRoleAssignment": GROUP_ROLE_ASSIGNMENT,
    "OS::Keystone::Project": PROJECT,
    "OS::Keystone::Region": REGION,
    "OS::Keystone::Role": ROLE,
    "OS::Keystone::Service": SERVICE,
    "OS::Keystone::User": USER,
    "OS::Keystone::UserRoleAssignment": USER_ROLE_ASSIGNMENT,
    "OS::Neutron::AddressScope": ADDRESS_SCOPE,
    "OS::Neutron::ExtraRoute": ExtraRoute(),
    "OS::Neutron::ExtraRouteSet": ExtraRouteSet(),
    "OS::Neutron::FloatingIP": FLOATING_IP,
    "OS::Neutron::FloatingIPAssociation": FloatingIPAssociation(),
    "OS::Neutron::HealthMonitor": FIRST_MONITOR,
    "OS::Neutron::LBaaS::HealthMonitor": HEALTH_MONITOR,
    "OS::Neutron::LBaaS::L7Policy": L7_POLICY,
    "OS::Neutron::LBaaS::L7Rule": L7_RULE,
    "OS::Neutron::LBaaS::Listener": LBAAS_LISTENER,
    "OS::Neutron::LBaaS::LoadBalancer": LOAD_BALANCER,
    "OS::Neutron::LBaaS::Pool": POOL,
    "OS::Neutron::LBaaS::PoolMember": POOL_MEMBER,
    "OS::Neutron::LoadBalancer": FIRST_LOAD_BALANCER,
    "OS::Neutron::Net": NET,
    "OS::Neutron::Pool": FIRST_POOL,
    "OS::Neutron::PoolMember": FIRST_MEMBER,
    "OS::Neutron::Port": PORT,
    "OS::Neutron::ProviderNet": PROVIDER_NET,
    "OS::Neutron::Quota": NETWORK_QUOTA,
    "OS::Neutron::RBACPolicy": RBAC_POLICY,
    "OS::Neutron::Router": ROUTER,
    "OS::Neutron::RouterGateway": RouterGateway(),
    "OS::Neutron::RouterInterface": RouterInterface(),
    "OS::Neutron::SecurityGroup": SECURITY_GROUP,
    "OS::Neutron::SecurityGroupRule": SECURITY_GROUP_RULE,
    "OS::Neutron::Subnet": SUBNET,
    "OS::Nova::Flavor": FLAVOR,
    "OS::Nova::FloatingIP": NovaFloatingIP(),
    "OS::Nova::FloatingIPAssociation": NovaAddressAssociation(),
    "OS::Nova::KeyPair": KEY_PAIR,
    "OS::Neutron::SubnetPool": SUBNET_POOL,
    "OS::Nova::Quota": COMPUTE_QUOTA,
    "OS::Nova::Server": SERVER,
    "OS::Nova::ServerGroup": SERVER_GROUP,
    "OS::Octavia::AvailabilityZone": AVAILABILITY_ZONE,
    "OS::Octavia::AvailabilityZoneProfile": AVAILABILITY_ZONE_PROFILE,
    "OS::Octavia::Flavor": LOAD_BALANCER_FLAVOR,
    "OS::Octavia::FlavorProfile": FLAVOR_PROFILE,
    "OS::Octavia::HealthMonitor": HEALTH_MONITOR,
    "OS::Octavia::L7Policy": L7_POLICY,
    "OS::Octavia::L7Rule": L7_RULE,
    "OS::Octavia::Listener": LISTENER,
    "OS::Octavia::LoadBalancer": LOAD_BALANCER,
    "OS::Octavia::Pool": POOL,
    "OS::Octavia::PoolMember": POOL_MEMBER,
    "OS::Octavia::Quota": QUOTA,
}


@cache
def behaviour_of(type_name: str) -> Behaviour:
    """The behaviour of a declared type (or alias); Unavailable for those nothing here can make.

    Types that own a nested stack have none: the engine runs their stack.
    """
    name = canonical_name(type_name)
    declared = find_type(name)
    if declared is not None and declared.noop:
        return Placeholder()
    return _BEHAVIOURS.get(name) or Unavailable()


def is_available(type_name: str) -> bool:
    """Whether resources of the type can be made."""
    return not isinstance(behaviour_of(type_name), Unavailable)
