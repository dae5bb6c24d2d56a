# SPDX-License-Identifier: Apache-2.0
import pytest
from cryptography.hazmat.primitives import serialization


async def test_flavors_are_those_of_a_devstack_and_can_be_managed(compute):
    names = {f["name"]: f for f in (await compute.ask("GET", "/flavors/detail", status=200))["flavors"]}
    assert {"m1.nano", "m1.tiny", "m1.xlarge"} <= set(names)
    assert (names["m1.tiny"]["ram"], names["m1.tiny"]["disk"], names["m1.tiny"]["extra_specs"]) == (
        512,
        1,
        {},
    )
    body = {"flavor": {"name": "own", "ram": 100, "vcpus": 1, "disk": 2, "os-flavor-access:is_public": False}}
    assert (await compute.ask("POST", "/flavors", body))[0] == 403
    made = (await compute.ask("POST", "/flavors", body, token="admin", status=200))["flavor"]
    path = f"/flavors/{made['id']}"
    assert (await compute.ask("POST", "/flavors", body, token="admin"))[0] == 409
    assert (await compute.ask("GET", path))[0] == 404
    share = {"addTenantAccess": {"tenant": "a" * 32}}
    await compute.ask("POST", f"{path}/action", share, token="admin", status=200)
    assert (await compute.ask("GET", path, status=200))["flavor"]["name"] == "own"
    specs = {"extra_specs": {"hw:cpu_policy": "shared"}}
    await compute.ask("POST", f"{path}/os-extra_specs", specs, token="admin", status=200)
    assert (await compute.ask("GET", path, status=200))["flavor"]["extra_specs"] == specs["extra_specs"]
    await compute.ask("DELETE", f"{path}/os-extra_specs/hw:cpu_policy", token="admin", status=200)
    await compute.ask("DELETE", path, token="admin", status=202)
    assert (await compute.ask("GET", path))[0] == 404
    page = await compute.ask("GET", "/flavors?limit=2&minRam=4096", status=200)
    assert len(page["flavors"]) == 2 and page["flavors_links"]


@pytest.mark.parametrize("field", [{"ram": "x"}, {"vcpus": 0}, {"name": ""}, {"disk": None, "odd": 1}])
async def test_a_bad_flavor_is_refused(compute, field):
    body = {"flavor": {"name": "own", "ram": 100, "vcpus": 1, "disk": 2, **field}}
    assert (await compute.ask("POST", "/flavors", body, token="admin"))[0] == 400


async def test_keypairs_belong_to_their_user(compute):
    body = {"keypair": {"name": "mine"}}
    made = (await compute.ask("POST", "/os-keypairs", body, version="2.79", status=201))["keypair"]
    key = serialization.load_pem_private_key(made["private_key"].encode(), None)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert made["public_key"].startswith(public.decode()) and made["fingerprint"].count(":") == 15
    assert (await compute.ask("POST", "/os-keypairs", body, version="2.79"))[0] == 409
    brought = {"keypair": {"name": "brought", "public_key": made["public_key"], "type": "ssh"}}
    again = (await compute.ask("POST", "/os-keypairs", brought, status=201))["keypair"]
    assert again["fingerprint"] == made["fingerprint"] and "private_key" not in again
    for bad in ({"name": "x"}, {"name": "x", "public_key": "nonsense"}, {"name": "a/b", "public_key": "k"}):
        assert (await compute.ask("POST", "/os-keypairs", {"keypair": bad}))[0] == 400
    listed = (await compute.ask("GET", "/os-keypairs", status=200))["keypairs"]
    assert [entry["keypair"]["name"] for entry in listed] == ["brought", "mine"]
    assert (await compute.ask("GET", "/os-keypairs", token="stranger", status=200))["keypairs"] == []
    assert (await compute.ask("GET", "/os-keypairs?user_id=u1", token="stranger"))[0] == 403
    assert (
        len((await compute.ask("GET", "/os-keypairs?user_id=u1", token="admin", status=200))["keypairs"]) == 2
    )
    await compute.boot(key_name="mine")
    await compute.ask("DELETE", "/os-keypairs/mine", status=204)
    assert (await compute.ask("GET", "/os-keypairs/mine"))[0] == 404


async def test_quotas_bind_and_are_counted(compute):
    set_quota = {"quota_set": {"instances": 1, "key_pairs": 0, "server_groups": 0}}
    project = "a" * 32
    await compute.ask("PUT", f"/os-quota-sets/{project}", set_quota, token="admin", status=200)
    await compute.boot()
    server = {
        "name": "two",
        "imageRef": "11111111-1111-4111-8111-111111111111",
        "flavorRef": "1",
        "networks": "none",
    }
    status, body = await compute.ask("POST", "/servers", {"server": server})
    assert status == 403 and "instances" in body["forbidden"]["message"]
    assert (await compute.ask("POST", "/os-keypairs", {"keypair": {"name": "k"}}, version="2.1"))[0] == 403
    absolute = (await compute.ask("GET", "/limits", status=200))["limits"]["absolute"]
    assert (absolute["maxTotalInstances"], absolute["totalInstancesUsed"], absolute["totalRAMUsed"]) == (
        1,
        1,
        512,
    )
    detail = (await compute.ask("GET", f"/os-quota-sets/{project}/detail", status=200))["quota_set"]
    assert detail["instances"] == {"limit": 1, "in_use": 1, "reserved": 0}
    assert (await compute.ask("GET", f"/os-quota-sets/{project}", token="stranger"))[0] == 403
    wrong = {"quota_set": {"instances": 0}}
    assert (await compute.ask("PUT", f"/os-quota-sets/{project}", wrong, token="admin"))[0] == 400
    await compute.ask("DELETE", f"/os-quota-sets/{project}", token="admin", status=202)
    usage = (await compute.ask("GET", f"/os-simple-tenant-usage/{project}", status=200))["tenant_usage"]
    assert usage["server_usages"][0]["flavor"] == "m1.tiny"


async def test_hypervisors_zones_and_aggregates(compute):
    await compute.boot()
    (old,) = (await compute.ask("GET", "/os-hypervisors/detail", token="admin", version="2.80", status=200))[
        "hypervisors"
    ]
    assert old["running_vms"] == 1 and old["vcpus"] > 0 and old["memory_mb"] > 0
    path = f"/os-hypervisors/{old['id']}"
    new = (await compute.ask("GET", path, token="admin", status=200))["hypervisor"]
    assert len(new["servers"]) == 1 and "vcpus" not in new and "load average" in new["uptime"]
    totals = await compute.ask("GET", "/os-hypervisors/statistics", token="admin", version="2.53", status=200)
    assert totals["hypervisor_statistics"]["count"] == 1
    assert (await compute.ask("GET", "/os-hypervisors"))[0] == 403
    (zone,) = (await compute.ask("GET", "/os-availability-zone", status=200))["availabilityZoneInfo"]
    assert zone == {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
    body = {"aggregate": {"name": "rack", "availability_zone": "nova"}}
    made = (await compute.ask("POST", "/os-aggregates", body, token="admin", status=200))["aggregate"]
    path = f"/os-aggregates/{made['id']}"
    host = new["hypervisor_hostname"]
    await compute.ask("POST", f"{path}/action", {"add_host": {"host": host}}, token="admin", status=200)
    assert (await compute.ask("DELETE", path, token="admin"))[0] == 400
    metadata = {"set_metadata": {"metadata": {"ssd": "yes", "availability_zone": None}}}
    changed = await compute.ask("POST", f"{path}/action", metadata, token="admin", status=200)
    assert changed["aggregate"]["metadata"] == {"ssd": "yes"}
    await compute.ask("POST", f"{path}/action", {"remove_host": {"host": host}}, token="admin", status=200)
    await compute.ask("DELETE", path, token="admin", status=200)


async def test_server_groups_by_microversion(compute):
    old = {"server_group": {"name": "g", "policies": ["affinity"]}}
    made = (await compute.ask("POST", "/os-server-groups", old, version="2.13", status=200))["server_group"]
    assert made["policies"] == ["affinity"] and made["project_id"] == "a" * 32
    new = (await compute.ask("GET", f"/os-server-groups/{made['id']}", status=200))["server_group"]
    assert new["policy"] == "affinity" and new["rules"] == {}
    for bad in (
        {"name": "g", "policy": "odd"},
        {"name": "g", "policy": "affinity", "rules": {"max_server_per_host": 2}},
    ):
        assert (await compute.ask("POST", "/os-server-groups", {"server_group": bad}))[0] == 400
    assert (await compute.ask("GET", f"/os-server-groups/{made['id']}", token="stranger"))[0] == 404
    await compute.ask("DELETE", f"/os-server-groups/{made['id']}", status=204)
    assert (await compute.ask("GET", "/os-server-groups", status=200))["server_groups"] == []


async def test_discovery_names_the_range(compute):
    raw = await compute.transport.send("GET", "http://h:1/compute/", {}, None, 5)
    assert raw.status == 200 and b'"version":"2.96"' in raw.body and b"http://h:1/compute/v2.1/" in raw.body
    raw = await compute.transport.send("GET", "http://h:1/compute/v2.1", {}, None, 5)
    assert raw.status == 200 and b'"min_version":"2.1"' in raw.body


async def test_external_events(compute):
    server_id = await compute.boot()
    events = [
        {"name": "network-vif-plugged", "server_uuid": server_id, "tag": "p", "status": "completed"},
        {"name": "network-changed", "server_uuid": "none"},
    ]
    path = "/os-server-external-events"
    answer = await compute.ask("POST", path, {"events": events}, token="admin", status=207)
    assert [event["code"] for event in answer["events"]] == [200, 404]
    assert (await compute.ask("POST", path, {"events": events}))[0] == 403
