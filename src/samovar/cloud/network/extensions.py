# SPDX-License-Identifier: Apache-2.0
"""The extensions of the API that this service has: what clients look up before they use a feature."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call

from .faults import refuse

EXTENSIONS = {
    "address-scope": "Address scopes",
    "agent": "Agents",
    "allowed-address-pairs": "Allowed address pairs",
    "availability_zone": "Availability zones",
    "binding": "Port binding",
    "default-subnetpools": "Default subnet pools",
    "dns-integration": "DNS names of networks, ports and floating IPs",
    "empty-string-filtering": "Filtering by an empty value",
    "ext-gw-mode": "Source NAT of router gateways",
    "external-net": "External networks",
    "extra_dhcp_opt": "Extra DHCP options of ports",
    "extraroute": "Static routes of routers",
    "extraroute-atomic": "Adding and removing single routes",
    "filter-validation": "Unknown filters are refused",
    "fip-port-details": "The port of a floating IP",
    "ip_allocation": "How a port got its addresses",
    "net-mtu": "The MTU of networks",
    "net-mtu-writable": "The MTU of networks can be changed",
    "network-ip-availability": "How many addresses are in use",
    "network_availability_zone": "Availability zones of networks",
    "pagination": "Lists in pages",
    "port-security": "Port security",
    "project-id": "project_id as well as tenant_id",
    "provider": "How networks are made",
    "quota_details": "How much of a quota is used",
    "quotas": "Quotas",
    "rbac-address-scope": "Sharing of address scopes",
    "rbac-policies": "Sharing with single projects",
    "rbac-security-groups": "Sharing of security groups",
    "rbac-subnetpool": "Sharing of subnet pools",
    "revision-if-match": "Changes of a known revision only",
    "router": "Routers and floating IPs",
    "router_availability_zone": "Availability zones of routers",
    "security-group": "Security groups",
    "security-groups-normalized-cidr": "The usual form of a rule's prefix",
    "security-groups-shared-filtering": "Filtering security groups by shared",
    "service-type": "Service providers",
    "sorting": "Sorted lists",
    "standard-attr-description": "Descriptions",
    "standard-attr-revisions": "Revision numbers",
    "standard-attr-tag": "Tags",
    "standard-attr-timestamp": "Times of creation and change",
    "subnet-dns-publish-fixed-ip": "Publication of fixed addresses",
    "subnet-service-types": "Subnets for certain owners of ports",
    "subnet_allocation": "Subnet pools",
}
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
