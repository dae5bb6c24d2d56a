# SPDX-License-Identifier: Apache-2.0
import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def group(member):
    return await member.create("security-groups", name="web", description="d")


async def test_each_project_has_its_default_group(member, other):
    [mine] = await member.get("/security-groups")
    [theirs] = await other.get("/security-groups")
    assert mine["id"] != theirs["id"] and mine["name"] == "default"
    meanings = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in mine["security_group_rules"]}
    assert meanings == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", mine["id"]),
        ("ingress", "IPv6", mine["id"]),
    }
    path = f"/security-groups/{mine['id']}"
    assert await member.refused("DELETE", path) == (409, "SecurityGroupCannotRemoveDefault")
    body = {"security_group": {"name": "x"}}
    assert await member.refused("PUT", path, body) == (409, "SecurityGroupCannotUpdateDefault")
    body = {"security_group": {"name": "default"}}
    refused = await member.refused("POST", "/security-groups", body)
    assert refused == (409, "SecurityGroupDefaultAlreadyExists")
    assert await other.refused("GET", path) == (404, "SecurityGroupNotFound")


async def test_a_new_group_lets_out(group):
    assert group["stateful"] is True
    assert {(r["direction"], r["ethertype"]) for r in group["security_group_rules"]} == {
        ("egress", "IPv4"),
        ("egress", "IPv6"),
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"protocol": "tcp", "port_range_min": 80, "port_range_max": 81}, {"protocol": "tcp"}),
        ({"protocol": "TCP", "port_range_min": "80", "port_range_max": "80"}, {"port_range_min": 80}),
        ({"protocol": 6, "port_range_min": 80, "port_range_max": 80}, {"protocol": "6"}),
        ({"protocol": "any"}, {"protocol": None}),
        ({"protocol": "icmp", "port_range_min": 8}, {"port_range_min": 8, "port_range_max": None}),
        ({"protocol": "icmpv6", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        ({"remote_ip_prefix": "10.0.0.1/24"}, {"remote_ip_prefix": "10.0.0.0/24"}),
        ({"remote_ip_prefix": "10.0.0.1"}, {"normalized_cidr": "10.0.0.1/32"}),
        ({"ethertype": "ipv6", "remote_ip_prefix": "fd00::/8"}, {"ethertype": "IPv6"}),
        ({"protocol": "vrrp"}, {"protocol": "vrrp"}),
    ],
)
async def test_rules(member, group, given, shown):
    given = {"security_group_id": group["id"], "direction": "ingress", **given}
    rule = await member.create("security-group-rules", **given)
    assert rule | shown == rule
    assert rule["id"] in [
        r["id"] for r in (await member.get(f"/security-groups/{group['id']}"))["security_group_rules"]
    ]
    body = {"security_group_rule": given}
    assert await member.refused("POST", "/security-group-rules", body) == (409, "SecurityGroupRuleExists")
    await member.delete(f"/security-group-rules/{rule['id']}")


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"direction": "up"}, 400, "HTTPBadRequest"),
        ({"ethertype": "IPv5"}, 400, "SecurityGroupRuleInvalidEtherType"),
        ({"protocol": "cake"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "256"}, 400, "SecurityGroupRuleInvalidProtocol"),
        (
            {"protocol": "tcp", "port_range_min": 90, "port_range_max": 80},
            400,
            "SecurityGroupInvalidPortRange",
        ),
        ({"protocol": "tcp", "port_range_max": 80}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65536}, 400, "HTTPBadRequest"),
        ({"port_range_min": 80, "port_range_max": 80}, 400, "SecurityGroupProtocolRequiredWithPorts"),
        (
            {"protocol": "vrrp", "port_range_min": 1, "port_range_max": 2},
            400,
            "SecurityGroupInvalidProtocolForPort",
        ),
        ({"protocol": "icmp", "port_range_max": 3}, 400, "SecurityGroupMissingIcmpType"),
        ({"protocol": "icmp", "port_range_min": 300}, 400, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "ipv6-icmp"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"remote_ip_prefix": "fd00::/8"}, 400, "SecurityGroupRuleParameterConflict"),
        ({"remote_ip_prefix": "ten"}, 400, "HTTPBadRequest"),
        (
            {"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": UNKNOWN},
            400,
            "SecurityGroupRemoteGroupAndRemoteIpPrefix",
        ),
        ({"remote_group_id": UNKNOWN}, 404, "SecurityGroupNotFound"),
        ({"security_group_id": UNKNOWN}, 404, "SecurityGroupNotFound"),
    ],
)
async def test_rules_that_cannot_be(member, group, given, status, kind):
    body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", **given}}
    assert await member.refused("POST", "/security-group-rules", body) == (status, kind)


async def test_a_group_in_use_stays(member, group):
    network = await member.create("networks", name="n")
    port = await member.create("ports", network_id=network["id"], security_groups=[group["id"]])
    path = f"/security-groups/{group['id']}"
    assert await member.refused("DELETE", path) == (409, "SecurityGroupInUse")
    await member.put(f"/ports/{port['id']}", port={"security_groups": []})
    await member.delete(path)


async def test_rules_about_a_group_go_with_it(member, group):
    second = await member.create("security-groups", name="db")
    await member.create(
        "security-group-rules",
        security_group_id=second["id"],
        direction="ingress",
        remote_group_id=group["id"],
    )
    await member.delete(f"/security-groups/{group['id']}")
    assert len((await member.get(f"/security-groups/{second['id']}"))["security_group_rules"]) == 2


async def test_many_rules_at_once_or_none(member, group):
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "udp"}
    body = {"security_group_rules": [rule, rule]}
    assert await member.refused("POST", "/security-group-rules", body) == (409, "SecurityGroupRuleExists")
    query = f"/security-group-rules?security_group_id={group['id']}&direction=ingress"
    assert await member.get(query) == []
