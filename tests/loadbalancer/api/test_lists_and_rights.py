# SPDX-License-Identifier: Apache-2.0
"""Filters, order, pages, fields, spellings of paths, roles, quotas, and what administrators offer."""

import msgspec
import pytest


async def pools(member, lb, count, **more):
    return [
        await member.create(
            "pools",
            loadbalancer_id=lb["id"],
            protocol="TCP",
            lb_algorithm="ROUND_ROBIN",
            name=f"p{n}",
            **more,
        )
        for n in range(count)
    ]


async def test_pages(member, lb):
    await pools(member, lb, 4)
    seen, path = [], "/pools?limit=2&sort=name:desc"
    while path:
        status, body = await member.ask("GET", path)
        assert status == 200
        seen += [pool["name"] for pool in body["pools"]]
        links = {link["rel"]: link["href"] for link in body.get("pools_links", ())}
        assert ("previous" in links) == ("marker" in path and bool(body["pools"]))
        path = links["next"].split("/lbaas")[1] if "next" in links else None
    assert seen == ["p3", "p2", "p1", "p0"]
    marker = (await member.get("/pools?name=p2"))[0]["id"]
    back = await member.get(f"/pools?sort=name&marker={marker}&page_reverse=True&limit=1")
    assert [pool["name"] for pool in back] == ["p1"]


async def test_filters_and_fields(member, lb):
    await pools(member, lb, 2, tags=["a", "b"])
    await pools(member, lb, 1, tags=["b"])
    assert len(await member.get("/pools?tags=a,b")) == 2
    assert len(await member.get("/pools?tags-any=a,b")) == 3
    assert len(await member.get("/pools?not-tags=a,b")) == 1
    assert len(await member.get("/pools?not-tags-any=b")) == 0
    assert len(await member.get(f"/pools?loadbalancer_id={lb['id']}&admin_state_up=true&name=p0")) == 2
    assert await member.get("/pools?fields=name&limit=1") == [{"name": "p0"}]
    assert await member.get(f"/loadbalancers/{lb['id']}?fields=nothing") == {}
    assert len(await member.get(f"/loadbalancers?vip_address={lb['vip_address']}")) == 1
    for query in (
        "colour=red",
        "name=a&name=b",
        "listeners=x",
        "tenant_id=red",
        "generation=1",
        "admin_state_up=x",
    ):
        assert (await member.refused("GET", f"/pools?{query}"))[0] == 400, query
    assert (await member.refused("GET", "/pools?sort=colour"))[0] == 400
    assert (await member.refused("GET", "/pools?marker=nowhere"))[0] == 400
    for query in ("limit=x", "sort=name:up"):
        status, body = await member.ask("GET", f"/pools?{query}")
        assert (status, set(body)) == (400, {"code", "title", "description"})
    for query in ("limit=0", "limit=-5", "limit=infinite"):
        assert len(await member.get(f"/pools?{query}")) == 3


async def test_spellings_of_paths(member, lb):
    for prefix in ("/v2.0/lbaas", "/v2/lbaas", "/v2", "/v2.0"):
        at = member.at("/load-balancer" + prefix)
        for path in ("/loadbalancers", "/loadbalancers/", "/loadbalancers.json"):
            assert [item["id"] for item in await at.get(path)] == [lb["id"]]
        assert (await at.get(f"/loadbalancers/{lb['id']}.json"))["id"] == lb["id"]
    status, body = await member.ask("GET", "/nonsense")
    assert (status, set(body)) == (404, {"code", "title", "description"})
    assert (await member.ask("PATCH", "/pools"))[0] == 405
    for method in ("PUT", "DELETE"):
        assert await member.refused(method, "/pools") == (400, 'Missing argument: "id"')
    for accepted, answer in (("text/html", 406), ("text/html, */*;q=0.1", 200), ("application/json", 200)):
        assert (await member.raw("GET", "/pools", headers={"accept": accepted})).status == answer


async def test_bodies_that_are_none(member):
    for content, words in (
        (None, "Missing argument"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"{}", "loadbalancer"),
    ):
        raw = await member.raw("POST", "/loadbalancers", content)
        shown = msgspec.json.decode(raw.body)
        assert raw.status == 400 and words in shown["faultstring"], shown
    status, words = await member.refused("POST", "/pools", {"pool": {}, "x": 1})
    assert (status, words) == (400, "Unknown attribute for argument pool_: x")


async def test_versions(users):
    status, body = await users["nobody"].at("/load-balancer").ask("GET", "/")
    versions = body["versions"]
    assert status == 200 and len(versions) == 31
    assert (versions[-1]["id"], versions[-1]["status"]) == ("v2.30", "CURRENT")
    assert {version["links"][0]["href"] for version in versions} == {"http://h:1/load-balancer/v2"}
    assert (await users["member"].at("/load-balancer").ask("GET", "/v2"))[1] == "v2"


async def test_who_sees_and_changes_what(users, lb, worker):
    path = f"/loadbalancers/{lb['id']}"
    for name, seen, changes in (
        ("member", 200, 200),
        ("reader", 200, 403),
        ("observer", 200, 403),
        ("other", 403, 403),
        ("none", 403, 403),
        ("admin", 200, 200),
        ("nobody", 401, 401),
    ):
        assert (await users[name].ask("GET", path))[0] == seen, name
        assert (await users[name].ask("PUT", path, {"loadbalancer": {"name": name}}))[0] == changes, name
        await worker.work()
    assert await users["other"].get("/loadbalancers") == []
    assert len(await users["admin"].get("/loadbalancers")) == 1
    assert len(await users["observer"].get("/loadbalancers")) == 1
    assert await users["admin"].get("/loadbalancers?project_id=blue") == []
    assert (await users["none"].refused("GET", "/loadbalancers"))[0] == 403
    pool = await users["member"].create(
        "pools", loadbalancer_id=lb["id"], protocol="TCP", lb_algorithm="ROUND_ROBIN", project_id="blue"
    )
    assert pool["project_id"] == "red"
    assert await users["telemetry"].get(f"/pools/{pool['id']}/members") == []


async def test_quotas(users, lb):
    admin, member = users["admin"], users["member"]
    defaults = dict.fromkeys(
        (
            "loadbalancer",
            "load_balancer",
            "listener",
            "member",
            "pool",
            "healthmonitor",
            "health_monitor",
            "l7policy",
            "l7rule",
        ),
        -1,
    )
    assert await member.get("/quotas/red") == defaults
    assert await member.get("/quotas/defaults") == defaults
    assert (await member.refused("PUT", "/quotas/red", {"quota": {"pool": 1}}))[0] == 403
    shown = await admin.put("/quotas/red", status=202, quota={"pool": 1, "health_monitor": 0})
    assert shown["quota"] == {**defaults, "pool": 1, "healthmonitor": 0, "health_monitor": 0}
    await pools(member, lb, 1)
    body = {"pool": {"loadbalancer_id": lb["id"], "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}}
    assert await member.refused("POST", "/pools", body) == (403, "Quota has been met for resources: Pool")
    assert len(await member.get("/pools")) == 1
    assert [item["project_id"] for item in await admin.get("/quotas")] == ["red"]
    for bad in ({}, {"pool": -2}, {"swords": 1}, {"pool": "x"}):
        assert (await admin.refused("PUT", "/quotas/red", {"quota": bad}))[0] == 400
    await admin.delete("/quotas/red", status=202)
    assert await member.get("/quotas/red") == defaults
    assert await admin.get("/quotas") == []


async def test_flavors(admin, member, subnet, worker):
    profile = await admin.create(
        "flavorprofiles",
        name="two",
        provider_name="amphora",
        flavor_data='{"loadbalancer_topology": "ACTIVE_STANDBY"}',
    )
    made = await admin.create("flavors", name="big", flavor_profile_id=profile["id"])
    assert made == {
        "id": made["id"],
        "name": "big",
        "description": "",
        "enabled": True,
        "flavor_profile_id": profile["id"],
    }
    assert await member.get("/flavors") == [made]
    assert (await member.refused("GET", "/flavorprofiles"))[0] == 403
    status, body = await admin.ask("GET", "/flavorprofiles?limit=1")
    assert body["flavorprofiles"] == [profile] and "flavorprofile_links" in body
    lb = await member.create("loadbalancers", vip_subnet_id=subnet["id"], flavor_id=made["id"])
    await worker.work()
    assert worker.trees[-1].topology == "ACTIVE_STANDBY"
    assert worker.trees[-1].flavor == {"loadbalancer_topology": "ACTIVE_STANDBY"}
    path = f"/flavors/{made['id']}"
    assert (await admin.refused("DELETE", path))[0] == 409
    data = {"flavorprofile": {"flavor_data": "{}"}}
    assert (await admin.refused("PUT", f"/flavorprofiles/{profile['id']}", data))[0] == 409
    await admin.put(f"/flavorprofiles/{profile['id']}", flavorprofile={"name": "pair"})
    await admin.put(path, flavor={"enabled": False})
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "flavor_id": made["id"]}}
    assert (await member.refused("POST", "/loadbalancers", body))[0] == 400
    again = {"flavor": {"name": "big", "flavor_profile_id": profile["id"]}}
    assert (await admin.refused("POST", "/flavors", again))[0] == 409
    nowhere = {"flavor": {"name": "x", "flavor_profile_id": lb["id"]}}
    assert (await admin.refused("POST", "/flavors", nowhere))[0] == 400
    for data, status in (("[]", 400), ("{", 400), ('{"wings": 2}', 501), ('{"sriov_vip": "yes"}', 501)):
        wanted = {"name": "p", "provider_name": "amphora", "flavor_data": data}
        assert (await admin.refused("POST", "/flavorprofiles", {"flavorprofile": wanted}))[0] == status


async def test_zones(admin, member, subnet):
    profile = await admin.create(
        "availabilityzoneprofiles",
        name="z",
        provider_name="amphora",
        availability_zone_data='{"valid_vip_networks": ["' + subnet["id"] + '"]}',
    )
    await admin.create("availabilityzones", name="az1", availability_zone_profile_id=profile["id"])
    assert [zone["name"] for zone in await member.get("/availabilityzones")] == ["az1"]
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "availability_zone": "az1"}}
    assert (await member.refused("POST", "/loadbalancers", body))[0] == 400
    status, _ = await admin.refused("PUT", "/availabilityzones/az1", {"availability_zone": {"name": "x"}})
    assert status == 400
    await admin.put("/availabilityzones/az1", availability_zone={"description": "d"})
    await admin.delete("/availabilityzones/az1")
    await admin.delete(f"/availabilityzoneprofiles/{profile['id']}")


async def test_providers(admin, member):
    assert [item["name"] for item in await member.get("/providers")] == ["amphora", "octavia"]
    names = [item["name"] for item in await admin.get("/providers/amphora/flavor_capabilities")]
    assert "loadbalancer_topology" in names
    assert (await admin.refused("GET", "/providers/ovn/flavor_capabilities"))[0] == 400


class TestStrict:
    @pytest.fixture
    def options(self):
        return {"strict_immutable": True}

    async def test_what_is_in_progress_cannot_be_changed(self, member, lb, worker):
        body = {"pool": {"loadbalancer_id": lb["id"], "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}}
        await member.create("pools", **body["pool"])
        status, words = await member.refused("POST", "/pools", body)
        assert (status, words) == (409, f"Load Balancer {lb['id']} is immutable and cannot be updated.")
        status, words = await member.refused("DELETE", f"/loadbalancers/{lb['id']}?cascade=true")
        assert (status, words) == (409, f"Invalid state PENDING_UPDATE of loadbalancer resource {lb['id']}")
        await worker.work()
        await member.create("pools", **body["pool"])
