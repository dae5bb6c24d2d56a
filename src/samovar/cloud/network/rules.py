# SPDX-License-Identifier: Apache-2.0
"""The default policy: readers read, members change what is their project's, admins everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .kind import Kind

OWNER = "role:admin or (role:member and project_id:%(project_id)s)"
READER = "role:reader"
ADMIN = "role:admin"

OF_ADMINS = (
    "create_network:shared",
    "get_agent",
    "get_network_ip_availability",
    "update_quota",
    "delete_quota",
    "create_floatingip:floating_ip_address",
    "create_router:external_gateway_info:enable_snat",
    "create_router:external_gateway_info:external_fixed_ips",
    "create_port:binding:host_id",
)
ROUTER_ACTIONS = (
    "add_router_interface",
    "remove_router_interface",
    "add_extraroutes",
    "remove_extraroutes",
)


def default_rules(kinds: Iterable[Kind]) -> Mapping[str, str]:
    """Every rule by name."""
    rules = dict.fromkeys(OF_ADMINS, ADMIN)
    rules.update(dict.fromkeys(ROUTER_ACTIONS, OWNER))
    rules["get_quota"] = "role:admin or (role:reader and project_id:%(project_id)s)"
    for kind in kinds:
        rules[f"get_{kind.name}"] = READER
        for action in ("create", "update", "delete"):
            rules[f"{action}_{kind.name}"] = OWNER
            rules[f"{action}_{kind.name}:tags"] = OWNER
            for name, attribute in kind.attributes.items():
                if attribute.guarded:
                    rules[f"{action}_{kind.name}:{name}"] = ADMIN
    return rules
