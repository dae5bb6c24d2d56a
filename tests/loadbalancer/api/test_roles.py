# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every request of the API by everyone, under the four ways to configure the roles."""

from pathlib import Path

import pytest

from samovar.config import PolicySettings

POLICIES = Path(__file__).parents[3] / "examples" / "policies"

EVERYONE = (
    *("admin", "member", "reader", "other", "none", "telemetry"),
    *("lb-admin", "lb-member", "lb-observer", "lb-other", "observer", "lb-quota"),
)
"""Those of the tests' cloud: each has one role in one project; what is asked for belongs to project red."""

KEYSTONE = {
    "admin": {"admin"},
    "write": {"admin", "member"},
    "read": {"admin", "member", "reader"},
    "anywhere": {"admin"},
    "elsewhere": {"other"},
    "quota": {"admin"},
}
"""What each set of rights is for whom; `elsewhere`: those who read, but in another project."""
ROLES = {
    "admin": {"admin", "lb-admin"},
    "write": {"admin", "lb-admin", "lb-member"},
    "read": {"admin", "lb-admin", "lb-member", "lb-observer", "observer"},
    "anywhere": {"admin", "lb-admin", "observer"},
    "elsewhere": {"lb-other"},
    "quota": {"admin", "lb-admin", "lb-quota"},
}
RED = {"member", "reader", "none", "lb-member", "lb-observer"}
OWNERS = {
    "admin": {"admin"},
    "write": {"admin"} | RED,
    "read": {"admin"} | RED,
    "anywhere": {"admin"},
    "elsewhere": {"other", "telemetry", "lb-admin", "lb-other", "observer", "lb-quota"},
    "quota": {"admin"},
}
CONFIGURED = {
    "by default": ({}, {name: KEYSTONE[name] | ROLES[name] for name in KEYSTONE}),
    "keystone's roles": ({"policy": PolicySettings(enforce_new_defaults=True)}, KEYSTONE),
    "load balancing's roles": ({"policy_file": POLICIES / "load-balancer-roles.yaml"}, ROLES),
    "owner or admin": ({"policy_file": POLICIES / "owner-or-admin.yaml"}, OWNERS),
}

LIST, READ, WRITE, ADMIN = ("read", "elsewhere"), ("read",), ("write",), ("admin",)
POOL = {"loadbalancer_id": "{lb}", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
MONITOR = {"pool_id": "{bare}", "type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1}
MEMBER = {"address": "10.1.0.9", "protocol_port": 80}
RULE = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"}
LISTENER = {"loadbalancer_id": "{lb}", "protocol": "HTTP", "protocol_port": 81}
PROFILE = {"name": "p", "provider_name": "amphora"}

TABLE = (
    ("GET", "lbaas/loadbalancers", None, LIST),
    ("GET", "lbaas/loadbalancers/{lb}", None, READ),
    ("GET", "lbaas/loadbalancers/{lb}/status", None, READ),
    ("GET", "lbaas/loadbalancers/{lb}/stats", None, READ),
    (
        "POST",
        "lbaas/loadbalancers",
        {"loadbalancer": {"vip_subnet_id": "{subnet}", "project_id": "red"}},
        WRITE,
    ),
    ("PUT", "lbaas/loadbalancers/{lb}", {"loadbalancer": {"name": "n"}}, WRITE),
    ("PUT", "lbaas/loadbalancers/{lb}/failover", None, ADMIN),
    ("GET", "lbaas/listeners", None, LIST),
    ("GET", "lbaas/listeners/{listener}", None, READ),
    ("GET", "lbaas/listeners/{listener}/stats", None, READ),
    ("POST", "lbaas/listeners", {"listener": LISTENER}, WRITE),
    ("PUT", "lbaas/listeners/{listener}", {"listener": {"name": "n"}}, WRITE),
    ("GET", "lbaas/pools", None, LIST),
    ("GET", "lbaas/pools/{pool}", None, READ),
    ("POST", "lbaas/pools", {"pool": POOL}, WRITE),
    ("PUT", "lbaas/pools/{pool}", {"pool": {"name": "n"}}, WRITE),
    ("GET", "lbaas/pools/{pool}/members", None, (*READ, "telemetry")),
    ("GET", "lbaas/pools/{pool}/members/{member}", None, READ),
    ("POST", "lbaas/pools/{pool}/members", {"member": MEMBER}, WRITE),
    ("PUT", "lbaas/pools/{pool}/members/{member}", {"member": {"weight": 2}}, WRITE),
    ("PUT", "lbaas/pools/{pool}/members?additive_only=true", {"members": [MEMBER]}, WRITE),
    ("GET", "lbaas/healthmonitors", None, LIST),
    ("GET", "lbaas/healthmonitors/{monitor}", None, READ),
    ("POST", "lbaas/healthmonitors", {"healthmonitor": MONITOR}, WRITE),
    ("PUT", "lbaas/healthmonitors/{monitor}", {"healthmonitor": {"delay": 2}}, WRITE),
    ("GET", "lbaas/l7policies", None, LIST),
    ("GET", "lbaas/l7policies/{policy}", None, READ),
    ("POST", "lbaas/l7policies", {"l7policy": {"listener_id": "{listener}", "action": "REJECT"}}, WRITE),
    ("PUT", "lbaas/l7policies/{policy}", {"l7policy": {"name": "n"}}, WRITE),
    ("GET", "lbaas/l7policies/{policy}/rules", None, READ),
    ("GET", "lbaas/l7policies/{policy}/rules/{rule}", None, READ),
    ("POST", "lbaas/l7policies/{policy}/rules", {"rule": RULE}, WRITE),
    ("PUT", "lbaas/l7policies/{policy}/rules/{rule}", {"rule": {"value": "/a"}}, WRITE),
    ("GET", "lbaas/quotas/red", None, ("read", "quota")),
    ("GET", "lbaas/quotas/red/default", None, ("read", "quota")),
    ("PUT", "lbaas/quotas/red", {"quota": {"pool": 100}}, ("quota",)),
    ("DELETE", "lbaas/quotas/red", None, ("quota",)),
    ("GET", "lbaas/providers", None, LIST),
    ("GET", "lbaas/providers/amphora/flavor_capabilities", None, ADMIN),
    ("GET", "lbaas/providers/amphora/availability_zone_capabilities", None, ADMIN),
    ("GET", "lbaas/flavors", None, LIST),
    ("GET", "lbaas/flavors/{nothing}", None, LIST),
    ("POST", "lbaas/flavors", {"flavor": {"name": "f", "flavor_profile_id": "{nothing}"}}, ADMIN),
    ("PUT", "lbaas/flavors/{nothing}", {"flavor": {"name": "f"}}, ADMIN),
    ("DELETE", "lbaas/flavors/{nothing}", None, ADMIN),
    ("GET", "lbaas/flavorprofiles", None, ADMIN),
    ("GET", "lbaas/flavorprofiles/{nothing}", None, ADMIN),
    ("POST", "lbaas/flavorprofiles", {"flavorprofile": {**PROFILE, "flavor_data": "{}"}}, ADMIN),
    ("PUT", "lbaas/flavorprofiles/{nothing}", {"flavorprofile": {"name": "q"}}, ADMIN),
    ("DELETE", "lbaas/flavorprofiles/{nothing}", None, ADMIN),
    ("GET", "lbaas/availabilityzones", None, LIST),
    ("GET", "lbaas/availabilityzones/none", None, LIST),
    ("PUT", "lbaas/availabilityzones/none", {"availability_zone": {"enabled": False}}, ADMIN),
    ("DELETE", "lbaas/availabilityzones/none", None, ADMIN),
    ("GET", "lbaas/availabilityzoneprofiles", None, ADMIN),
    ("GET", "lbaas/availabilityzoneprofiles/{nothing}", None, ADMIN),
    ("PUT", "lbaas/availabilityzoneprofiles/{nothing}", {"availability_zone_profile": {"name": "q"}}, ADMIN),
    ("DELETE", "lbaas/availabilityzoneprofiles/{nothing}", None, ADMIN),
    ("GET", "octavia/amphorae", None, ADMIN),
    # Deletions last: those who may are let through one after the other.
    ("DELETE", "lbaas/l7policies/{policy}/rules/{rule}", None, WRITE),
    ("DELETE", "lbaas/l7policies/{policy}", None, WRITE),
    ("DELETE", "lbaas/healthmonitors/{monitor}", None, WRITE),
    ("DELETE", "lbaas/pools/{pool}/members/{member}", None, WRITE),
    ("DELETE", "lbaas/pools/{pool}", None, WRITE),
    ("DELETE", "lbaas/listeners/{listener}", None, WRITE),
    ("DELETE", "lbaas/loadbalancers/{lb}?cascade=true", None, WRITE),
)


@pytest.fixture(params=CONFIGURED)
def configured(request):
    return CONFIGURED[request.param]


@pytest.fixture
def policy(configured):
    return configured[0]


@pytest.fixture
async def places(admin, subnet, worker):
    """The ids that the table names, all of project red."""
    lb = await admin.create("loadbalancers", vip_subnet_id=subnet["id"], project_id="red")
    listener = await admin.create("listeners", **filled(LISTENER, {"lb": lb["id"]}) | {"protocol_port": 80})
    pool = await admin.create("pools", **filled(POOL, {"lb": lb["id"]}))
    bare = await admin.create("pools", **filled(POOL, {"lb": lb["id"]}))
    l7policy = await admin.create("l7policies", listener_id=listener["id"], action="REJECT")
    monitor = await admin.create("healthmonitors", **{**MONITOR, "pool_id": pool["id"]})
    member = await admin.create(f"pools/{pool['id']}/members", **{**MEMBER, "protocol_port": 81})
    rule = await admin.create(f"l7policies/{l7policy['id']}/rules", **RULE)
    await worker.work()
    made = {"lb": lb, "listener": listener, "pool": pool, "bare": bare, "policy": l7policy}
    made |= {"monitor": monitor, "member": member, "rule": rule, "subnet": subnet}
    return {name: each["id"] for name, each in made.items()} | {"nothing": subnet["id"]}


def filled(values, places):
    """The same with ids in their places."""
    if isinstance(values, str):
        for name, identity in places.items():
            values = values.replace("{" + name + "}", identity)
        return values
    if isinstance(values, dict):
        return {name: filled(value, places) for name, value in values.items()}
    return [filled(value, places) for value in values] if isinstance(values, list) else values


async def test_everyone_may_do_what_the_table_says(users, places, configured):
    rights = configured[1] | {"telemetry": {"telemetry"}}
    wrong = []
    for method, path, body, names in TABLE:
        allowed = set().union(*(rights[name] for name in names))
        for who in sorted(EVERYONE, key=lambda who: who in allowed):
            user = users[who].at("/load-balancer/v2.0")
            status, shown = await user.ask(method, f"/{filled(path, places)}", filled(body, places))
            assert status < 500, (who, method, path, shown)
            # The network service has roles of its own, which a new VIP needs as well.
            refused = status == 403 and "not allowed to do os_load-balancer_api" in shown["faultstring"]
            if refused is (who in allowed):
                wrong.append(f"{who} {method} {path}: {status}")
    assert wrong == []


async def test_lists_hold_what_one_may_see(users, places, configured):
    rights = configured[1]
    for who in sorted(rights["read"] | rights["elsewhere"]):
        shown = [item["id"] for item in await users[who].get("/loadbalancers")]
        assert shown == ([places["lb"]] if who in rights["read"] else []), who
        if who in rights["anywhere"]:
            assert len(await users[who].get("/loadbalancers?project_id=red")) == 1
