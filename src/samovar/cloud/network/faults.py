# SPDX-License-Identifier: Apache-2.0
"""Refusals, by the type names that Neutron's clients know, and the shape they are sent in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.web import Call, Fault

STATUS: Mapping[str, int] = dict.fromkeys(
    (
        "AddressScopeNotFound",
        "AgentNotFound",
        "ExtensionNotFound",
        "ExternalGatewayForFloatingIPNotFound",
        "FloatingIPNotFound",
        "NetworkNotFound",
        "PortNotFound",
        "RbacPolicyNotFound",
        "RouterInterfaceNotFound",
        "RouterInterfaceNotFoundForSubnet",
        "RouterNotFound",
        "SecurityGroupNotFound",
        "SecurityGroupRuleNotFound",
        "SubnetNotFound",
        "SubnetPoolNotFound",
        "TagNotFound",
        "TagResourceNotFound",
    ),
    404,
) | dict.fromkeys(
    (
        "AddressPairAndPortSecurityRequired",
        "AddressScopeInUse",
        "DuplicateRbacPolicy",
        "FloatingIPPortAlreadyAssociated",
        "GatewayConflictWithAllocationPools",
        "GatewayIpInUse",
        "InUse",
        "IpAddressAlreadyAllocated",
        "IpAddressGenerationFailure",
        "IpAddressInUse",
        "MacAddressInUse",
        "NetworkInUse",
        "OverQuota",
        "OverlappingAllocationPools",
        "PortInUse",
        "PortSecurityPortHasSecurityGroup",
        "RbacPolicyInUse",
        "RouterExternalGatewayInUseByFloatingIp",
        "RouterInUse",
        "RouterInterfaceInUseByFloatingIP",
        "RouterInterfaceInUseByRoute",
        "SecurityGroupCannotRemoveDefault",
        "SecurityGroupCannotUpdateDefault",
        "SecurityGroupConflict",
        "SecurityGroupDefaultAlreadyExists",
        "SecurityGroupInUse",
        "SecurityGroupRuleExists",
        "ServicePortInUse",
        "SubnetAllocationError",
        "SubnetInUse",
        "SubnetPoolInUse",
    ),
    409,
)
STATUS = {**STATUS, "PolicyNotAuthorized": 403, "RevisionNumberConstraintFailed": 412}
"""The status of each type; all others are 400."""

GENERIC = {
    "Forbidden": "PolicyNotAuthorized",
    "NotFound": "HTTPNotFound",
    "TooLarge": "HTTPRequestEntityTooLarge",
    "InternalError": "HTTPInternalServerError",
    "ServiceUnavailable": "HTTPServiceUnavailable",
    "MethodNotAllowed": "HTTPMethodNotAllowed",
}


def refuse(type: str, message: str) -> Fault:
    """The fault of this type, with the status that Neutron gives it."""
    return Fault(message, status=STATUS.get(type, 400), type=type)


def invalid(attribute: str, reason: str) -> Fault:
    """A value that cannot be."""
    return Fault(f"The value of {attribute} cannot be used: {reason}.", status=400, type="HTTPBadRequest")


def render_fault(fault: Fault, _call: Call) -> tuple[Any, Mapping[str, str]]:
    if fault.status == 401:
        return {"error": {"code": 401, "title": fault.title, "message": fault.message}}, {}
    kind = GENERIC.get(fault.type, fault.type)
    return {"NeutronError": {"type": kind, "message": fault.message, "detail": ""}}, {}
