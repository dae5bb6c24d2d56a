# SPDX-License-Identifier: Apache-2.0
"""The default policy, under Octavia's rule names: keystone's roles and the load-balancer_* roles alike.

With ``[oslo_policy] enforce_new_defaults`` only keystone's roles count.
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "os_load-balancer_api:"

OWNER = "project_id:%(project_id)s"
MAIN = {
    "context_is_admin": "role:admin",
    "load-balancer:owner": OWNER,
    "service": "role:service",
    "project-member": f"role:member and {OWNER}",
    "project-reader": f"role:reader and {OWNER}",
    "load-balancer:admin": "role:admin",
    "load-balancer:global_observer": "role:admin",
    "load-balancer:quota-admin": "role:admin",
    "load-balancer:observer_and_owner": "rule:project-reader",
    "load-balancer:member_and_owner": "rule:project-member",
}
OLDER = {
    "load-balancer:admin": "role:load-balancer_admin",
    "load-balancer:global_observer": "role:load-balancer_global_observer",
    "load-balancer:quota-admin": "role:load-balancer_quota_admin",
    "load-balancer:observer_and_owner": "(role:load-balancer_observer and rule:load-balancer:owner)",
    "load-balancer:member_and_owner": "(role:load-balancer_member and rule:load-balancer:owner)",
}
SETS = {
    "load-balancer:read": (
        "rule:load-balancer:observer_and_owner or rule:load-balancer:global_observer or "
        "rule:load-balancer:member_and_owner or rule:load-balancer:admin"
    ),
    "load-balancer:read-global": "rule:load-balancer:global_observer or rule:load-balancer:admin",
    "load-balancer:write": "rule:load-balancer:member_and_owner or rule:load-balancer:admin",
    "load-balancer:read-quota": "rule:load-balancer:read or rule:load-balancer:quota-admin",
    "load-balancer:read-quota-global": (
        "rule:load-balancer:global_observer or rule:load-balancer:quota-admin or rule:load-balancer:admin"
    ),
    "load-balancer:write-quota": "rule:load-balancer:quota-admin or rule:load-balancer:admin",
}
READ, WRITE, ADMIN = "rule:load-balancer:read", "rule:load-balancer:write", "rule:load-balancer:admin"
READ_GLOBAL = "rule:load-balancer:read-global"

OWNED = ("loadbalancer", "listener", "pool", "member", "healthmonitor", "l7policy", "l7rule")
CATALOGUED = {
    "flavor": READ,
    "flavor-profile": ADMIN,
    "availability-zone": READ,
    "availability-zone-profile": ADMIN,
}
OTHERS = {
    "loadbalancer:post:vip_sg_ids": WRITE,
    "loadbalancer:put:vip_sg_ids": WRITE,
    "loadbalancer:get_stats": READ,
    "loadbalancer:get_status": READ,
    "loadbalancer:put_failover": ADMIN,
    "listener:get_stats": READ,
    "member:get_all": f"{READ} or rule:service",
    "provider:get_all": READ,
    "provider-flavor:get_all": ADMIN,
    "provider-availability-zone:get_all": ADMIN,
    "quota:get_all": "rule:load-balancer:read-quota",
    "quota:get_all-global": "rule:load-balancer:read-quota-global",
    "quota:get_one": "rule:load-balancer:read-quota",
    "quota:get_defaults": "rule:load-balancer:read-quota",
    "quota:put": "rule:load-balancer:write-quota",
    "quota:delete": "rule:load-balancer:write-quota",
    "amphora:get_all": ADMIN,
    "amphora:get_one": ADMIN,
    "amphora:get_stats": ADMIN,
    "amphora:put_config": ADMIN,
    "amphora:put_failover": ADMIN,
    "amphora:delete": ADMIN,
}


def default_rules(*, older_roles: bool = True) -> Mapping[str, str]:
    """Every rule by name. `older_roles`: the load-balancer_* roles count, too."""
    rules = {**MAIN, **SETS}
    if older_roles:
        rules.update({name: f"{MAIN[name]} or {rule}" for name, rule in OLDER.items()})
    for kind in OWNED:
        for action, rule in (
            ("get_all", READ),
            ("get_all-global", READ_GLOBAL),
            ("get_one", READ),
            ("post", WRITE),
            ("put", WRITE),
            ("delete", WRITE),
        ):
            rules[f"{PREFIX}{kind}:{action}"] = rule
    for kind, reading in CATALOGUED.items():
        for action in ("get_all", "get_one"):
            rules[f"{PREFIX}{kind}:{action}"] = reading
        for action in ("post", "put", "delete"):
            rules[f"{PREFIX}{kind}:{action}"] = ADMIN
    rules.update({PREFIX + name: rule for name, rule in OTHERS.items()})
    return rules
