# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest

from samovar.clients import InProcess
from samovar.cloud.network import Service
from samovar.config import Settings
from samovar.messaging import LocalBus
from samovar.web import Prefixes

from .conftest import Tokens, User

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def test_a_network_as_clients_read_it(member):
    network = await member.create("networks", name="n", description="d")
    shown = await member.get(f"/networks/{network['id']}")
    assert shown == network
    assert (
        network
        | {
            "name": "n",
            "status": "ACTIVE",
            "admin_state_up": True,
            "shared": False,
            "router:external": False,
            "tenant_id": "red",
            "project_id": "red",
            "mtu": 1500,
            "subnets": [],
            "tags": [],
            "revision_number": 1,
            "availability_zones": ["nova"],
            "port_security_enabled": True,
        }
        == network
    )
    assert "provider:network_type" not in network
    assert network["created_at"].endswith("Z")


async def test_change_and_delete(member):
    network = await member.create("networks", name="n")
    changed = (await member.put(f"/networks/{network['id']}", network={"name": "m", "mtu": 1400}))["network"]
    assert (changed["name"], changed["mtu"], changed["revision_number"]) == ("m", 1400, 2)
    await member.create("subnets", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    await member.delete(f"/networks/{network['id']}")
    assert await member.refused("GET", f"/networks/{network['id']}") == (404, "NetworkNotFound")
    assert await member.get("/subnets") == []


async def test_others_see_nothing(member, other, admin):
    network = await member.create("networks", name="n")
    path = f"/networks/{network['id']}"
    for method, body in (("GET", None), ("PUT", {"network": {"name": "x"}}), ("DELETE", None)):
        assert await other.refused(method, path, body) == (404, "NetworkNotFound")
    assert await other.get("/networks") == []
    assert [n["id"] for n in await admin.get("/networks")] == [network["id"]]
    body = {"port": {"network_id": network["id"]}}
    assert await other.refused("POST", "/ports", body) == (404, "NetworkNotFound")


async def test_readers_read_only(users, member):
    network = await member.create("networks", name="n")
    reader = users["reader"]
    assert (await reader.get(f"/networks/{network['id']}"))["id"] == network["id"]
    assert await reader.refused("DELETE", f"/networks/{network['id']}") == (403, "PolicyNotAuthorized")
    assert await reader.refused("POST", "/networks", {"network": {}}) == (403, "PolicyNotAuthorized")
    assert await users["none"].refused("GET", "/networks") == (403, "PolicyNotAuthorized")
    assert (await users["nobody"].ask("GET", "/networks"))[0] == 401


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"shared": True}, 403, "PolicyNotAuthorized"),
        ({"router:external": True}, 403, "PolicyNotAuthorized"),
        ({"tenant_id": "blue"}, 403, "PolicyNotAuthorized"),
        ({"mtu": 3}, 400, "HTTPBadRequest"),
        ({"mtu": "many"}, 400, "HTTPBadRequest"),
        ({"admin_state_up": "maybe"}, 400, "HTTPBadRequest"),
        ({"name": 5}, 400, "HTTPBadRequest"),
        ({"name": "x" * 256}, 400, "HTTPBadRequest"),
        ({"colour": "red"}, 400, "HTTPBadRequest"),
        ({"id": UNKNOWN}, 400, "HTTPBadRequest"),
        ({"dns_domain": "no dots."}, 400, "HTTPBadRequest"),
        ({"tenant_id": "red", "project_id": "blue"}, 400, "HTTPBadRequest"),
        ({"availability_zone_hints": ["mars"]}, 400, "HTTPBadRequest"),
    ],
)
async def test_what_a_member_cannot_create(member, given, status, kind):
    assert await member.refused("POST", "/networks", {"network": given}) == (status, kind)


@pytest.mark.parametrize("body", [None, [], {}, {"network": []}, {"networks": [1]}, "x"])
async def test_bodies_that_are_none(member, body):
    assert (await member.refused("POST", "/networks", body))[0] == 400


async def test_many_at_once_or_none(member):
    status, body = await member.ask("POST", "/networks", {"networks": [{"name": "a"}, {"name": "b"}]})
    assert (status, [n["name"] for n in body["networks"]]) == (201, ["a", "b"])
    await member.refused("POST", "/networks", {"networks": [{"name": "c"}, {"mtu": 1}]})
    assert {n["name"] for n in await member.get("/networks")} == {"a", "b"}


async def test_filters_fields_order_and_pages(member, admin):
    for name in "cab":
        await member.create("networks", name=name, admin_state_up=name != "a")
    names = lambda found: [n["name"] for n in found]  # noqa: E731
    assert names(await member.get("/networks")) == ["c", "a", "b"]
    assert names(await member.get("/networks?sort_key=name&sort_dir=desc")) == ["c", "b", "a"]
    assert names(await member.get("/networks?name=a&name=b")) == ["a", "b"]
    assert names(await member.get("/networks?admin_state_up=False")) == ["a"]
    assert names(await member.get("/networks?router:external=True")) == []
    assert names(await member.get("/networks?shared=false&tenant_id=red&name=c")) == ["c"]
    assert names(await member.get("/networks?name=")) == []
    assert await member.get("/networks?fields=name&name=a") == [{"name": "a"}]
    assert await member.refused("GET", "/networks?colour=red") == (400, "HTTPBadRequest")
    assert await member.refused("GET", "/networks?sort_key=colour") == (400, "BadRequest")
    assert await member.refused("GET", "/networks?limit=x") == (400, "BadRequest")
    assert await member.refused("GET", "/networks?shared=perhaps") == (400, "HTTPBadRequest")

    seen, path = [], "/networks?sort_key=name&limit=2"
    while path:
        _, body = await member.ask("GET", path)
        seen.append(names(body["networks"]))
        links = {link["rel"]: link["href"] for link in body.get("networks_links", [])}
        path = links.get("next", "").partition("/v2.0")[2]
        back = links.get("previous", "").partition("/v2.0")[2]
    assert seen == [["a", "b"], ["c"]]
    _, body = await member.ask("GET", back)
    assert names(body["networks"]) == ["a", "b"]


async def test_revisions_are_matched(member):
    network = await member.create("networks", name="n")
    path = f"/networks/{network['id']}"
    body = {"network": {"name": "m"}}
    stale = {"if-match": "revision_number=7"}
    assert await member.refused("PUT", path, body, stale) == (412, "RevisionNumberConstraintFailed")
    status, _ = await member.ask("PUT", path, body, {"if-match": "revision_number=1"})
    assert status == 200
    assert await member.refused("DELETE", path, None, {"if-match": "x"}) == (400, "HTTPBadRequest")


async def test_tags(member, other):
    network = await member.create("networks", name="n")
    await member.create("networks", name="plain")
    path = f"/networks/{network['id']}/tags"
    assert (await member.put(path, tags=["b", "a"]))["tags"] == ["b", "a"]
    assert (await member.ask("PUT", f"{path}/c"))[0] == 201
    assert (await member.ask("GET", f"{path}/c"))[0] == 204
    assert await member.refused("GET", f"{path}/z") == (404, "TagNotFound")
    assert (await member.get(f"/networks/{network['id']}"))["tags"] == ["a", "b", "c"]
    for query, count in (
        ("tags=a,b", 1),
        ("tags=a,z", 0),
        ("tags-any=a,z", 1),
        ("not-tags=a,b", 1),
        ("not-tags-any=a", 1),
    ):
        assert len(await member.get(f"/networks?{query}")) == count, query
    await member.delete(f"{path}/c")
    assert await member.refused("DELETE", f"{path}/c") == (404, "TagNotFound")
    await member.delete(path)
    assert await member.get(path) == []
    assert await other.refused("GET", path) == (404, "NetworkNotFound")
    assert await member.refused("PUT", path, {"tags": ["a,b"]}) == (400, "HTTPBadRequest")


async def test_shared_and_external_networks_are_seen_but_not_owned(admin, member, public):
    shared = await admin.create("networks", name="shared", shared=True)
    seen = {n["name"]: n for n in await member.get("/networks")}
    assert set(seen) == {"public", "shared"}
    assert seen["public"]["router:external"] and seen["public"]["is_default"]
    path = f"/networks/{shared['id']}"
    assert await member.refused("PUT", path, {"network": {"name": "x"}}) == (403, "PolicyNotAuthorized")
    assert await member.refused("DELETE", path) == (403, "PolicyNotAuthorized")
    await admin.create("subnets", network_id=shared["id"], cidr="10.9.0.0/24", ip_version=4)
    port = await member.create("ports", network_id=shared["id"])
    assert port["fixed_ips"][0]["ip_address"] == "10.9.0.2"
    given = {"port": {"network_id": shared["id"], "fixed_ips": [{"ip_address": "10.9.0.9"}]}}
    assert await member.refused("POST", "/ports", given) == (403, "PolicyNotAuthorized")
    body = {"network": {"shared": False}}
    assert await admin.refused("PUT", path, body) == (400, "InvalidSharedSetting")


async def test_a_network_shared_with_one_project(admin, member, other):
    network = await member.create("networks", name="n")
    policy = await member.create(
        "rbac-policies",
        object_type="network",
        object_id=network["id"],
        action="access_as_shared",
        target_tenant="blue",
    )
    assert [n["id"] for n in await other.get("/networks")] == [network["id"]]
    port = await other.create("ports", network_id=network["id"])
    path = f"/rbac-policies/{policy['id']}"
    assert await member.refused("DELETE", path) == (409, "RbacPolicyInUse")
    await other.delete(f"/ports/{port['id']}")
    await member.delete(path)
    assert await other.get("/networks") == []
    everyone = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared"}
    body = {"rbac_policy": {**everyone, "target_tenant": "*"}}
    assert await member.refused("POST", "/rbac-policies", body) == (403, "PolicyNotAuthorized")
    await admin.create("rbac-policies", **everyone, target_tenant="*")
    assert (await member.get(f"/networks/{network['id']}"))["shared"] is True


async def test_a_network_with_ports_stays(member):
    network = await member.create("networks", name="n")
    port = await member.create("ports", network_id=network["id"])
    assert await member.refused("DELETE", f"/networks/{network['id']}") == (409, "NetworkInUse")
    await member.delete(f"/ports/{port['id']}")
    await member.delete(f"/networks/{network['id']}")


async def test_quotas_bind(member, admin):
    await admin.put("/quotas/red", quota={"network": 1})
    assert (await member.get("/quotas/red"))["network"] == 1
    await member.create("networks", name="one")
    assert await member.refused("POST", "/networks", {"network": {}}) == (409, "OverQuota")
    details = await member.get("/quotas/red/details.json")
    assert details["network"] == {"limit": 1, "used": 1, "reserved": 0}
    assert await member.refused("PUT", "/quotas/red", {"quota": {}}) == (403, "PolicyNotAuthorized")
    assert await member.refused("GET", "/quotas/blue") == (403, "PolicyNotAuthorized")
    assert await admin.refused("PUT", "/quotas/red", {"quota": {"cake": 1}}) == (400, "HTTPBadRequest")
    assert [q["project_id"] for q in await admin.get("/quotas")] == ["red"]
    await admin.delete("/quotas/red")
    assert (await member.get("/quotas/red"))["network"] == (await member.get("/quotas/red/default"))[
        "network"
    ]


async def test_discovery_and_surroundings(admin, public):
    raw = await admin.transport.send("GET", "http://h:1/network", {}, None, 5)
    [version] = msgspec.json.decode(raw.body)["versions"]
    assert (version["id"], version["links"][0]["href"]) == ("v2.0", "http://h:1/network/v2.0/")
    _, resources = await admin.ask("GET", "")
    assert {"network", "subnet", "port", "router"} <= {r["name"] for r in resources["resources"]}
    aliases = {e["alias"] for e in await admin.get("/extensions")}
    assert {"router", "external-net", "security-group", "quotas", "standard-attr-tag"} <= aliases
    assert (await admin.get("/extensions/router"))["alias"] == "router"
    assert await admin.refused("GET", "/extensions/vpnaas") == (404, "ExtensionNotFound")
    assert {z["resource"] for z in await admin.get("/availability_zones")} == {"network", "router"}
    assert len(await admin.get("/service-providers")) == 1
    assert await admin.get("/agents") == []
    full = {a["network_id"]: a for a in await admin.get("/network-ip-availabilities")}
    assert (full[public]["total_ips"], full[public]["used_ips"]) == (253, 0)


async def test_an_operators_policy_file_rules(database, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text('"create_network": "role:admin"\n')
    service = Service(database, LocalBus(), Settings(state_dir=tmp_path, policy_file=policy), Tokens())
    transport = InProcess(Prefixes({"network": service.api().asgi()}, service.api().asgi()))
    assert await User(transport, "member").refused("POST", "/networks", {"network": {}}) == (
        403,
        "PolicyNotAuthorized",
    )
    await User(transport, "admin").create("networks")


async def test_a_list_writes_nothing_once_the_default_group_is_there(service, member):
    await member.get("/security-groups")
    writes = []
    write = service.backend.database.journal.write

    async def counted(change):
        writes.append(change)
        return await write(change)

    service.backend.database.journal.write = counted
    for path in ("/security-groups", "/security-group-rules", "/networks", "/ports"):
        await member.get(path)
    assert writes == []
