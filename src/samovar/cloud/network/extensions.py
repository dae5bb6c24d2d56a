# SPDX-License-Identifier: Apache-2.0
"""The extensions of the API that this service has: what clients look up before they use a feature."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call

from .faults import refuse

EXTENSIONS = {
    "address-scope": "Address scope",
    "agent": "agent",
    "allowed-address-pairs": "Allowed Address Pairs",
    "availability_zone": "Availability Zone",
    "binding": "Port Binding",
    "default-subnetpools": "Default Subnetpools",
    "dns-integration": "DNS Integration",
    "empty-string-filtering": "Empty String Filtering Extension",
    "ext-gw-mode": "Neutron L3 Configurable external gateway mode",
    "external-net": "Neutron external network",
    "extra_dhcp_opt": "Neutron Extra DHCP options",
    "extraroute": "Neutron Extra Route",
    "extraroute-atomic": "Atomically add/remove extra routes",
    "filter-validation": "Filter parameters validation",
    "fip-port-details": "Floating IP Port Details Extension",
    "ip_allocation": "IP Allocation",
    "net-mtu": "Network MTU",
    "net-mtu-writable": "Network MTU (writable)",
    "network-ip-availability": "Network IP Availability",
    "network_availability_zone": "Network Availability Zone",
    "pagination": "Pagination support",
    "port-security": "Port Security",
    "project-id": "project_id field enabled",
    "provider": "Provider Network",
    "quota_details": "Quota details management support",
    "quotas": "Quota management support",
    "rbac-address-scope": "Add address_scope type to RBAC",
    "rbac-policies": "RBAC Policies",
    "rbac-security-groups": "Add security_group type to network RBAC",
    "rbac-subnetpool": "Add subnetpool type to RBAC",
    "revision-if-match": "If-Match constraints based on revision_number",
    "router": "Neutron L3 Router",
    "router_availability_zone": "Router Availability Zone",
    "security-group": "security-group",
    "security-groups-normalized-cidr": "Normalized CIDR field for security group rules",
    "security-groups-shared-filtering": "Security group filtering on the shared field",
    "service-type": "Neutron Service Type Management",
    "sorting": "Sorting support",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-tag": "Tag support for resources with standard attribute",
    "standard-attr-timestamp": "Resource timestamps",
    "subnet-dns-publish-fixed-ip": "Subnet DNS publish fixed IP",
    "subnet-service-types": "Subnet service types",
    "subnet_allocation": "Subnet Allocation",
}
"""Alias and name; some clients look for the one, some for the other."""
UPDATED = "2026-01-01T00:00:00-00:00"


def _document(alias: str, name: str) -> dict[str, Any]:
    return {"alias": alias, "name": name, "description": f"{name}.", "updated": UPDATED, "links": []}


def extension_routes(api: Api) -> None:
    """``/v2.0/extensions`` and one of them."""

    async def index(_call: Call) -> Any:
        return {"extensions": [_document(*item) for item in EXTENSIONS.items()]}

    async def show(call: Call) -> Any:
        alias = call.path["alias"]
        if alias not in EXTENSIONS:
            raise refuse("ExtensionNotFound", f"This service does not have the extension {alias!r}.")
        return {"extension": _document(alias, EXTENSIONS[alias])}

    for suffix in ("", ".json"):
        api.route("GET", f"/v2.0/extensions{suffix}", index)
    api.route("GET", "/v2.0/extensions/{alias}", show)
