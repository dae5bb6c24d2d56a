# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent, the answer is a sentence and never the server's own error."""

import random

import pytest

from samovar.config import LoadBalancerSettings
from samovar.loadbalancer.api import health_monitors, l7policies, l7rules, members, pools
from samovar.loadbalancer.api.listener import listener_fields
from samovar.loadbalancer.api.load_balancers import load_balancer_fields

JUNK = (
    None,
    True,
    0,
    -1,
    1.5,
    2**70,
    "",
    "a",
    "a\r\nb",
    "\x00",
    "\ud800",
    "%",
    '"',
    "é",
    "x" * 5000,
    "10.0.0.1",
    "fe80::1%eth0",
    "00000000-0000-0000-0000-000000000000",
    [],
    ["a"],
    [None],
    [{}],
    {},
    {"a": {"b": []}},
    {"type": "SOURCE_IP"},
    {"name": "a"},
)


@pytest.mark.parametrize("seed", range(6))
async def test_values_of_every_kind(member, lb, subnet, seed):
    dice = random.Random(seed)
    settings = LoadBalancerSettings()
    pool = await member.create("pools", loadbalancer_id=lb["id"], protocol="HTTP", lb_algorithm="SOURCE_IP")
    listener = await member.create("listeners", loadbalancer_id=lb["id"], protocol="HTTP", protocol_port=80)
    policy = await member.create("l7policies", listener_id=listener["id"], action="REJECT")
    kinds = (
        ("loadbalancers", "loadbalancer", load_balancer_fields(settings), {"vip_subnet_id": subnet["id"]}),
        (
            "listeners",
            "listener",
            listener_fields(settings),
            {"loadbalancer_id": lb["id"], "protocol": "HTTP", "protocol_port": 0},
        ),
        (
            "pools",
            "pool",
            pools.FIELDS,
            {"loadbalancer_id": lb["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
        ),
        (
            f"pools/{pool['id']}/members",
            "member",
            members.FIELDS,
            {"address": "10.1.0.9", "protocol_port": 0},
        ),
        (
            "healthmonitors",
            "healthmonitor",
            health_monitors.FIELDS,
            {"pool_id": pool["id"], "type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1},
        ),
        ("l7policies", "l7policy", l7policies.FIELDS, {"listener_id": listener["id"], "action": "REJECT"}),
        (
            f"l7policies/{policy['id']}/rules",
            "rule",
            l7rules.FIELDS,
            {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"},
        ),
    )
    port = 1000
    for path, wrapper, fields, good in kinds:
        made = None
        for name in fields:
            port += 1
            base = {key: port if key == "protocol_port" else value for key, value in good.items()}
            junk = dice.choice(JUNK)
            if path == "healthmonitors" and made is not None:
                await member.ask("DELETE", f"/{path}/{made}")
            status, body = await member.ask("POST", f"/{path}", {wrapper: {**base, name: junk}})
            assert status in (201, 400, 403, 404, 409, 501), (path, name, junk, body)
            if status == 201:
                made = body[wrapper]["id"]
            if made is not None:
                status, body = await member.ask("PUT", f"/{path}/{made}", {wrapper: {name: junk}})
                assert status in (200, 400, 403, 404, 409, 501), (path, name, junk, body)
        for junk in JUNK:
            status, body = await member.ask("POST", f"/{path}", {wrapper: junk})
            assert status in (400, 404), (path, junk, body)
        for query in ("?id=%00", "?name=%FF", "?created_at=x", "?limit=9e9", "?marker=%0a", "?fields=%00"):
            status, body = await member.ask("GET", f"/{path}{query}")
            assert status in (200, 400), (path, query, body)


OFFERED = {
    "flavorprofiles": ("flavorprofile", {"provider_name": "amphora", "flavor_data": "{}"}),
    "flavors": ("flavor", {"description": "", "enabled": True}),
    "availabilityzoneprofiles": (
        "availability_zone_profile",
        {"provider_name": "amphora", "availability_zone_data": "{}"},
    ),
    "availabilityzones": ("availability_zone", {"description": "", "enabled": True}),
}


async def test_what_administrators_offer(admin):
    made = {}
    for path, (wrapper, values) in OFFERED.items():
        if path == "flavors":
            values = {**values, "flavor_profile_id": made["flavorprofiles"]["id"]}
        if path == "availabilityzones":
            profile = made["availabilityzoneprofiles"]["id"]
            values = {**values, "availability_zone_profile_id": profile}
        good = {"name": "good", **values}
        made[path] = await admin.create(path, **good)
        one = made[path].get("id", "good")
        for number, junk in enumerate(JUNK):
            for name in good:
                body = {**good, "name": f"n{number}{name}", name: junk}
                status, shown = await admin.ask("POST", f"/{path}", {wrapper: body})
                assert status in (201, 400, 404, 409, 501), (path, name, junk, shown)
                status, shown = await admin.ask("PUT", f"/{path}/{one}", {wrapper: {name: junk}})
                assert status in (200, 400, 404, 409, 501), (path, name, junk, shown)
                if status == 200 and name == "name" and path != "availabilityzones":
                    await admin.ask("PUT", f"/{path}/{one}", {wrapper: {"name": "good"}})


async def test_quotas(admin):
    for junk in JUNK:
        for name in ("loadbalancer", "load_balancer", "listener", "member", "l7rule", "words"):
            status, shown = await admin.ask("PUT", "/quotas/red", {"quota": {name: junk}})
            assert status in (202, 400), (name, junk, shown)
        status, shown = await admin.ask("PUT", "/quotas/red", {"quota": junk})
        assert status in (202, 400), (junk, shown)


async def test_what_the_key_manager_is_given(member):
    keys = member.at("/key-manager/v1")
    secret = {"payload": "words", "payload_content_type": "text/plain"}
    names = ("name", "payload", "payload_content_type", "payload_content_encoding", "algorithm", "bit_length")
    status, kept = await keys.ask("POST", "/secrets", secret)
    assert status == 201
    path = "/secrets/" + kept["secret_ref"].rsplit("/", 1)[1]
    for junk in JUNK:
        for name in (*names, "mode", "secret_type", "expiration", "words"):
            status, shown = await keys.ask("POST", "/secrets", {**secret, name: junk})
            assert status in (201, 400, 406, 413, 415), (name, junk, shown)
        box = {"type": "generic", "name": "box", "secret_refs": []}
        for name in box:
            status, shown = await keys.ask("POST", "/containers", {**box, name: junk})
            assert status in (201, 400, 404), (name, junk, shown)
        for part in ("name", "secret_ref"):
            refs = [{"name": "certificate", "secret_ref": kept["secret_ref"], part: junk}]
            status, shown = await keys.ask("POST", "/containers", {**box, "secret_refs": refs})
            assert status in (201, 400, 404), (part, junk, shown)
        for body in (junk, {"read": junk}, {"read": {"users": junk}}, {"read": {"project-access": junk}}):
            status, shown = await keys.ask("PUT", f"{path}/acl", body)
            assert status in (200, 400), (body, shown)
        for name, meta in (("key", {"algorithm": junk}), (junk, {}), ("key", junk), ("key", {"name": junk})):
            status, shown = await keys.ask("POST", "/orders", {"type": name, "meta": meta})
            assert status in (202, 400, 403), (name, meta, shown)
