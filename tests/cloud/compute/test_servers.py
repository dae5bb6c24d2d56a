# SPDX-License-Identifier: Apache-2.0
import asyncio
import base64

import pytest

from .doubles import DEFAULT, IMAGE, NETWORK, OTHER, PROJECT, SECOND, WEB


async def test_a_server_comes_up_with_a_port_and_goes_with_it(compute):
    script = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()
    server_id = await compute.boot(
        user_data=script, metadata={"role": "web"}, security_groups=[{"name": "web"}], tags=["a"]
    )
    server = await compute.show(server_id)
    assert (server["status"], server["OS-EXT-STS:power_state"], server["progress"]) == ("ACTIVE", 1, 100)
    (address,) = server["addresses"]["private"]
    assert (address["addr"], address["OS-EXT-IPS:type"]) == ("10.0.0.10", "fixed")
    (port,) = compute.neighbours.ports.values()
    assert (port["device_id"], port["device_owner"], port["tenant_id"]) == (
        server_id,
        "compute:nova",
        PROJECT,
    )
    assert port["security_groups"] == [WEB] and port["binding:host_id"]
    spec = compute.host.specs[server_id]
    assert (spec.user_data, spec.hostname, spec.memory_mb) == (b"#!/bin/sh\necho hello\n", "one", 512)
    assert (spec.metadata, spec.nameservers, spec.image) == ({"role": "web"}, ("9.9.9.9",), "host")

    await compute.ask("DELETE", f"/servers/{server_id}", status=204)
    await compute.gone(server_id)
    assert not compute.neighbours.ports and not compute.host.servers
    since = "/servers/detail?changes-since=2020-01-01T00:00:00Z"
    (deleted,) = (await compute.ask("GET", since, status=200))["servers"]
    assert deleted["status"] == "DELETED" and deleted["OS-SRV-USG:terminated_at"]
    assert await compute.ask("GET", "/servers", status=200) == {"servers": []}


async def test_only_an_administrator_gives_a_server_more_rights(compute):
    server = {"name": "one", "imageRef": IMAGE, "flavorRef": "1", "networks": "none"}
    body = {"server": server, "os:scheduler_hints": {"samovar:capabilities": "NET_ADMIN,NET_RAW"}}
    assert (await compute.ask("POST", "/servers", body))[0] == 403
    made = await compute.ask("POST", "/servers", body, token="admin", status=202)
    await compute.until(made["server"]["id"], "ACTIVE")
    spec = compute.host.specs[made["server"]["id"]]
    assert spec.capabilities == ("NET_ADMIN", "NET_RAW")


async def test_a_port_that_was_brought_stays(compute):
    port = {"id": "55555555-5555-4555-8555-555555555555", "network_id": NETWORK, "device_id": "",
            "mac_address": "fa:16:3e:aa:bb:cc", "status": "DOWN", "admin_state_up": True,
            "fixed_ips": [{"ip_address": "10.0.0.77", "subnet_id": "s"}]}  # fmt: skip
    compute.neighbours.ports[port["id"]] = port
    server_id = await compute.boot(networks=[{"port": port["id"]}])
    assert port["device_id"] == server_id
    busy = {"name": "x", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"port": port["id"]}]}
    status, answer = await compute.ask("POST", "/servers", {"server": busy})
    assert status == 409 and "still in use" in answer["conflictingRequest"]["message"]
    compute.neighbours.floating.append(
        {"port_id": port["id"], "fixed_ip_address": "10.0.0.77", "floating_ip_address": "172.24.4.9"}
    )
    addresses = (await compute.show(server_id))["addresses"]["private"]
    assert [(a["addr"], a["OS-EXT-IPS:type"]) for a in addresses] == [
        ("10.0.0.77", "fixed"),
        ("172.24.4.9", "floating"),
    ]
    await compute.ask("DELETE", f"/servers/{server_id}", status=204)
    await compute.gone(server_id)
    assert compute.neighbours.ports[port["id"]]["device_id"] == ""


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"imageRef": "66666666-6666-4666-8666-666666666666"}, 400, "Can not find requested image"),
        ({"imageRef": "x y"}, 400, "is not an image's id"),
        ({"imageRef": None}, 400, "needs an image"),
        ({"flavorRef": "nope"}, 400, "could not be found"),
        ({"networks": [{"uuid": SECOND}]}, 400, "could not be found"),
        ({"networks": [{"uuid": "zz"}]}, 400, "not in proper format"),
        ({"networks": None}, 400, "required property"),
        ({"networks": [{}]}, 400, "needs a 'uuid' or a 'port'"),
        ({"key_name": "none"}, 400, "no keypair"),
        ({"user_data": "%%"}, 400, "base64"),
        ({"user_data": "a" * 70000}, 400, "too large"),
        ({"name": " "}, 400, "printable"),
        ({"name": "n" * 256}, 400, "printable"),
        ({"min_count": 3, "max_count": 2}, 400, "min_count"),
        ({"max_count": 501, "min_count": 501}, 403, "Quota exceeded"),
        ({"metadata": {"k": 1}}, 400, "must be text"),
        ({"security_groups": [{"name": "none"}]}, 400, "security_group"),
        ({"availability_zone": "mars"}, 400, "availability zone"),
        ({"personality": []}, 400, "not allowed"),
        ({"colour": "red"}, 400, "'colour'"),
        ({"block_device_mapping_v2": [{"source_type": "volume", "uuid": "v"}]}, 400, "no volume service"),
        ({"host": "elsewhere"}, 403, "not allowed"),
    ],
)
async def test_a_bad_request_is_refused_with_a_sentence_and_makes_nothing(compute, change, status, words):
    server = {"name": "one", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}], **change}
    answered, body = await compute.ask("POST", "/servers", {"server": server})
    (fault,) = body.values()
    assert (answered, fault["code"]) == (status, status)
    assert words in fault["message"]
    assert await compute.ask("GET", "/servers", status=200) == {"servers": []}


async def test_networks_auto_and_none(compute):
    await compute.boot("auto", networks="auto")
    none = await compute.boot("none", networks="none")
    assert (await compute.show(none))["addresses"] == {}
    old = {"server": {"name": "old", "imageRef": IMAGE, "flavorRef": "1"}}
    made = await compute.ask("POST", "/servers", old, version="2.1", status=202)
    assert "private" in (await compute.until(made["server"]["id"], "ACTIVE"))["addresses"]


async def test_shapes_follow_the_microversion(compute):
    server_id = await compute.boot()
    old = await compute.show(server_id, version="2.1")
    assert set(old["flavor"]) == {"id", "links"} and "tags" not in old and "locked" not in old
    assert "OS-EXT-SRV-ATTR:host" not in old
    new = await compute.show(server_id)
    assert new["flavor"]["original_name"] == "m1.tiny" and new["flavor"]["ram"] == 512
    assert (new["tags"], new["locked"], new["description"], new["server_groups"]) == ([], False, None, [])
    assert new["OS-EXT-SRV-ATTR:hostname"] == "one" and new["pinned_availability_zone"] is None
    assert "OS-EXT-SRV-ATTR:user_data" in await compute.show(server_id, token="admin")
    assert compute.headers["openstack-api-version"] == "compute 2.96"
    assert (await compute.ask("GET", "/servers", version="2.97"))[0] == 406
    assert (await compute.ask("GET", "/servers", version="two"))[0] == 400
    assert (await compute.ask("GET", f"/servers/{server_id}/tags", version="2.25"))[0] == 404
    assert (await compute.ask("GET", f"/{PROJECT}/servers/{server_id}"))[0] == 200
    assert (await compute.ask("GET", f"/{OTHER}/servers/{server_id}"))[0] == 400


async def test_others_do_not_see_it(compute):
    server_id = await compute.boot()
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/metadata"), ("GET", "/os-interface")):
        assert (await compute.ask(method, f"/servers/{server_id}{path}", token="stranger"))[0] == 404
    assert (await compute.ask("GET", "/servers", token="stranger", status=200))["servers"] == []
    assert (await compute.ask("GET", "/servers?all_tenants=1", token="stranger"))[0] == 403
    everything = await compute.ask("GET", "/servers?all_tenants=1", token="admin", status=200)
    assert [s["id"] for s in everything["servers"]] == [server_id]
    status, body = await compute.ask("DELETE", f"/servers/{server_id}", token="reader")
    assert status == 403 and body["forbidden"]["code"] == 403
    assert (await compute.ask("GET", "/servers", token="nobody"))[0] == 401


async def test_lists_filter_sort_and_page(compute):
    ids = {name: await compute.boot(name, tags=["t" + name]) for name in ("alpha", "beta", "gamma")}
    await compute.act(ids["beta"], "os-stop")
    await compute.until(ids["beta"], "SHUTOFF")

    async def names(query):
        return [s["name"] for s in (await compute.ask("GET", f"/servers?{query}", status=200))["servers"]]

    assert await names("") == ["gamma", "beta", "alpha"]
    assert await names("sort_key=display_name&sort_dir=asc") == ["alpha", "beta", "gamma"]
    assert await names("name=^al") == ["alpha"] and await names("name=m.z") == []
    assert await names("name=a.*m") == ["gamma"] and await names("name=a$") == ["gamma", "beta", "alpha"]
    assert await names("status=SHUTOFF") == ["beta"] and await names("status=active") == ["gamma", "alpha"]
    assert await names("tags=tbeta") == ["beta"] and await names("not-tags=tbeta") == ["gamma", "alpha"]
    assert await names("tags-any=tbeta,talpha") == ["beta", "alpha"]
    assert await names("flavor=1&image=" + IMAGE) == ["gamma", "beta", "alpha"]
    assert await names("ip=10.0.0.11") == ["beta"] and await names("ip=^10\\.0\\.0\\.1$") == []
    for bad in ("status=ODD", "colour=red", "sort_key=colour", "limit=x", "marker=none"):
        assert (await compute.ask("GET", f"/servers?{bad}"))[0] == 400
    page = await compute.ask("GET", "/servers?limit=2", status=200)
    (link,) = page["servers_links"]
    query = link["href"].split("?")[1]
    assert await names(query) == ["alpha"]
    assert await names("limit=0") == []


async def test_many_at_once(compute):
    body = {"name": "n", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}],
            "max_count": 3, "min_count": 2, "return_reservation_id": True}  # fmt: skip
    reservation = (await compute.ask("POST", "/servers", {"server": body}, status=202))["reservation_id"]
    found = await compute.ask(
        "GET", f"/servers?reservation_id={reservation}&sort_key=name&sort_dir=asc", status=200
    )
    assert [s["name"] for s in found["servers"]] == ["n-1", "n-2", "n-3"]
    for server in found["servers"]:
        await compute.until(server["id"], "ACTIVE")


async def test_metadata_tags_and_addresses(compute):
    server_id = await compute.boot(metadata={"a": "1"})
    base = f"/servers/{server_id}"
    assert await compute.ask("POST", f"{base}/metadata", {"metadata": {"b": "2"}}, status=200) == {
        "metadata": {"a": "1", "b": "2"}
    }
    await compute.ask("PUT", f"{base}/metadata/c", {"meta": {"c": "3"}}, status=200)
    await compute.ask("DELETE", f"{base}/metadata/a", status=204)
    assert (await compute.ask("GET", f"{base}/metadata", status=200))["metadata"] == {"b": "2", "c": "3"}
    assert (await compute.ask("GET", f"{base}/metadata/a"))[0] == 404
    await compute.ask("PUT", f"{base}/tags", {"tags": ["x", "y"]}, status=200)
    await compute.ask("PUT", f"{base}/tags/z", status=201)
    await compute.ask("DELETE", f"{base}/tags/x", status=204)
    assert (await compute.ask("GET", f"{base}/tags", status=200))["tags"] == ["y", "z"]
    ips = await compute.ask("GET", f"{base}/ips", status=200)
    assert ips == {"addresses": {"private": [{"version": 4, "addr": "10.0.0.10"}]}}
    changed = await compute.ask("PUT", base, {"server": {"name": "two", "description": "d"}}, status=200)
    assert (changed["server"]["name"], changed["server"]["description"]) == ("two", "d")


async def test_security_groups_and_interfaces_of_a_running_server(compute):
    server_id = await compute.boot()
    await compute.act(server_id, "addSecurityGroup", {"name": "web"})
    (port,) = compute.neighbours.ports.values()
    assert set(port["security_groups"]) == {DEFAULT, WEB}
    await compute.act(server_id, "removeSecurityGroup", {"name": "default"})
    assert port["security_groups"] == [WEB]
    assert (await compute.show(server_id))["security_groups"] == [{"name": "web"}]
    body = {"interfaceAttachment": {"net_id": NETWORK, "fixed_ips": [{"ip_address": "10.0.0.200"}]}}
    made = await compute.ask("POST", f"/servers/{server_id}/os-interface", body, status=200)
    second = made["interfaceAttachment"]
    assert (second["port_state"], second["fixed_ips"][0]["ip_address"]) == ("ACTIVE", "10.0.0.200")
    listed = await compute.ask("GET", f"/servers/{server_id}/os-interface", status=200)
    assert len(listed["interfaceAttachments"]) == 2
    assert len((await compute.show(server_id))["addresses"]["private"]) == 2
    await compute.ask("DELETE", f"/servers/{server_id}/os-interface/{second['port_id']}", status=202)
    assert second["port_id"] not in compute.neighbours.ports
    assert len((await compute.show(server_id))["addresses"]["private"]) == 1


async def test_twenty_at_once_keep_their_own_ports(compute):
    ids = await asyncio.gather(*(compute.boot(f"s{i}", wait=None) for i in range(20)))
    for server_id in ids:
        await compute.until(server_id, "ACTIVE")
    devices = [port["device_id"] for port in compute.neighbours.ports.values()]
    assert sorted(devices) == sorted(ids)
