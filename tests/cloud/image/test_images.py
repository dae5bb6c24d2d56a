# SPDX-License-Identifier: Apache-2.0
import hashlib

import pytest

TEXT = "application/openstack-images-v2.1-json-patch"


async def names(images, query="", who="ann"):
    found = await images.ask("GET", f"/v2/images{query}", who=who, status=200)
    return [image["name"] for image in found["images"]]


async def test_discovery(images):
    choices = await images.ask("GET", "", status=300)
    assert choices["versions"][0]["status"] == "CURRENT"
    assert choices["versions"][0]["links"][0]["href"] == "http://cloud.test:9090/image/v2/"
    methods = await images.ask("GET", "/v2/info/import", status=200)
    assert methods["import-methods"]["value"] == ["glance-direct", "web-download"]
    assert (await images.ask("GET", "/v2/info/stores", status=200))["stores"][0]["default"] == "true"
    schema = await images.ask("GET", "/v2/schemas/image", status=200)
    assert "disk_format" in schema["properties"] and schema["additionalProperties"] == {"type": "string"}
    await images.ask("GET", "/v2/metadefs/namespaces", status=404)


async def test_the_image_host_is_there_and_stays_as_it_is(images):
    found = (await images.ask("GET", "/v2/images?name=host", status=200))["images"][0]
    assert (found["status"], found["visibility"], found["samovar_root"]) == ("active", "public", "host")
    assert (found["disk_format"], found["container_format"]) == ("raw", "bare")
    assert "direct_url" not in found
    path = f"/v2/images/{found['id']}"
    assert (await images.ask("GET", path, who="admin"))["direct_url"] == "host:"
    await images.ask("GET", f"{path}/file", who="admin", status=403)
    await images.ask("DELETE", path, who="admin", status=403)
    await images.ask("PUT", f"{path}/file", b"x", who="admin", status=403)
    await images.ask("PUT", f"{path}/tags/x", who="admin", status=403)
    await images.patch(found["id"], {"op": "replace", "path": "/name", "value": "x"}, who="admin", status=403)
    assert await images.service.bootstrap() == found["id"]


async def test_upload_and_download(images):
    data = bytes(range(256)) * 5000
    image = await images.create(os_distro="tea", tags=["hot", "hot"])
    assert (image["status"], image["visibility"], image["owner"]) == ("queued", "shared", "tea")
    assert (image["os_distro"], image["tags"]) == ("tea", ["hot"])
    path = f"/v2/images/{image['id']}"
    await images.ask("GET", f"{path}/file", status=204)
    await images.ask("PUT", f"{path}/file", data, status=204)
    image = (await images.ask("GET", path, status=200)).body
    assert (image["status"], image["size"]) == ("active", len(data))
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", hashlib.sha512(data).hexdigest())
    got = await images.ask("GET", f"{path}/file", status=200)
    assert got.raw == data and got.headers["content-md5"] == image["checksum"]
    part = await images.ask("GET", f"{path}/file", headers={"range": "bytes=1-3"}, status=206)
    assert part.raw == data[1:4]
    await images.ask("PUT", f"{path}/file", data, status=409)
    seen = await images.ask("GET", path, who="admin")
    assert seen["direct_url"] == (images.state_dir / "images" / image["id"]).as_uri()
    await images.ask("DELETE", path, status=204)
    await images.ask("GET", path, status=404)
    assert not (images.state_dir / "images" / image["id"]).exists()


async def test_an_upload_that_fails_leaves_the_image_queued(images):
    image = await images.create()
    path = f"/v2/images/{image['id']}"
    refused = await images.ask("PUT", f"{path}/file", b"x" * 3_000_001, status=413)
    assert "3000000" in refused["message"]
    await images.ask("PUT", f"{path}/file", b"x", headers={"content-type": "text/plain"}, status=415)

    async def broken():
        yield b"x" * 2_000_000
        raise ConnectionResetError("the client went away")

    from samovar.cloud.image.catalogue import fetch

    found = await images.database.read(lambda connection: fetch(connection, image["id"]))
    with pytest.raises(ConnectionResetError):
        await images.service._imports.upload(found, broken())
    assert (await images.ask("GET", path))["status"] == "queued"
    assert not list((images.state_dir / "images" / ".partial").iterdir())
    await images.ask("PUT", f"{path}/file", b"x", status=204)


async def test_data_need_formats_first(images):
    image = (await images.ask("POST", "/v2/images", {"name": "x"}, status=201)).body
    await images.ask("PUT", f"/v2/images/{image['id']}/file", b"x", status=400)
    await images.patch(
        image["id"],
        {"op": "replace", "path": "/disk_format", "value": "qcow2"},
        {"op": "add", "path": "/container_format", "value": "bare"},
        status=200,
    )
    await images.ask("PUT", f"/v2/images/{image['id']}/file", b"x", status=204)
    await images.patch(image["id"], {"op": "replace", "path": "/disk_format", "value": "raw"}, status=403)


async def test_patches(images):
    image = await images.create(flavour="mild")
    changed = await images.patch(
        image["id"],
        {"op": "replace", "path": "/name", "value": "green"},
        {"op": "add", "path": "/os~1type", "value": "a/b"},
        {"op": "replace", "path": "/flavour", "value": "strong"},
        {"op": "replace", "path": "/tags", "value": ["a", "b"]},
        {"op": "replace", "path": "/min_ram", "value": 64},
        status=200,
    )
    assert (changed["name"], changed["os/type"], changed["flavour"]) == ("green", "a/b", "strong")
    assert (changed["tags"], changed["min_ram"]) == (["a", "b"], 64)
    kind = {"content-type": "application/openstack-images-v2.0-json-patch"}
    path = f"/v2/images/{image['id']}"
    changed = await images.ask("PATCH", path, [{"remove": "/flavour"}], headers=kind, status=200)
    assert "flavour" not in changed.body


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ({"op": "replace"}, 400),
        ([{"op": "replace", "path": "name", "value": "x"}], 400),
        ([{"op": "replace", "path": "/name"}], 400),
        ([{"op": "move", "path": "/name", "value": "x"}], 400),
        ([{"op": "replace", "path": "/a/b", "value": "x"}], 400),
        ([{"op": "replace", "path": "/min_disk", "value": "1"}], 400),
        ([{"op": "replace", "path": "/visibility", "value": "odd"}], 400),
        ([{"op": "add", "path": "/extra", "value": 1}], 400),
        ([{"op": "replace", "path": "/absent", "value": "x"}], 409),
        ([{"op": "replace", "path": "/status", "value": "active"}], 403),
        ([{"op": "replace", "path": "/id", "value": "x"}], 403),
        ([{"op": "add", "path": "/locations", "value": []}], 403),
        ([{"op": "add", "path": "/samovar_root", "value": "host"}], 403),
        ([{"op": "remove", "path": "/visibility"}], 403),
        ([{"op": "replace", "path": "/visibility", "value": "public"}], 403),
        ([{"op": "replace", "path": "/owner", "value": "coffee"}], 403),
    ],
)
async def test_a_bad_patch_changes_nothing(images, operations, status):
    image = await images.create()
    path = f"/v2/images/{image['id']}"
    first = {"op": "replace", "path": "/name", "value": "changed"}
    given = [first, *operations] if isinstance(operations, list) else operations
    await images.ask("PATCH", path, given, headers={"content-type": TEXT}, status=status)
    assert (await images.ask("GET", path))["name"] == "tea"
    await images.ask("PATCH", path, [first], headers={"content-type": "application/json"}, status=415)


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"disk_format": "odd"}, 400),
        ({"id": "odd"}, 400),
        ({"extra": 5}, 400),
        ({"tags": "x"}, 400),
        ({"status": "active"}, 403),
        ({"visibility": "public"}, 403),
        ({"owner": "coffee"}, 403),
    ],
)
async def test_a_bad_image_is_not_made(images, attributes, status):
    refused = await images.ask("POST", "/v2/images", {"name": "x", **attributes}, status=status)
    assert refused["code"].startswith(str(status)) and refused["message"]
    assert await names(images, "?owner=tea") == []


async def test_who_sees_and_changes_what(images):
    for visibility in ("private", "shared", "community"):
        await images.create(name=visibility, visibility=visibility)
    await images.create(who="admin", name="public", visibility="public")
    assert sorted(await names(images)) == ["community", "host", "private", "public", "shared"]
    assert sorted(await names(images, who="bob")) == ["host", "public"]
    assert await names(images, "?visibility=community", who="bob") == ["community"]
    assert len(await names(images, who="admin")) == 5
    found = (await images.ask("GET", "/v2/images?name=private"))["images"][0]["id"]
    await images.ask("GET", f"/v2/images/{found}", who="bob", status=404)
    await images.ask("DELETE", f"/v2/images/{found}", who="bob", status=404)
    community = (await images.ask("GET", "/v2/images?name=community"))["images"][0]["id"]
    await images.ask("GET", f"/v2/images/{community}", who="bob", status=200)
    await images.ask("DELETE", f"/v2/images/{community}", who="bob", status=403)
    await images.ask("DELETE", f"/v2/images/{found}", who="eve", status=403)
    await images.ask("POST", "/v2/images", {"name": "x"}, who="eve", status=403)
    await images.ask("GET", "/v2/images", who="nobody", status=401)


async def test_sharing(images):
    image = await images.create(name="mine")
    path = f"/v2/images/{image['id']}/members"
    made = await images.ask("POST", path, {"member": "coffee"}, status=200)
    assert (made["member_id"], made["status"]) == ("coffee", "pending")
    await images.ask("POST", path, {"member": "coffee"}, status=409)
    assert "mine" not in await names(images, who="bob")
    assert "mine" in await names(images, "?visibility=shared&member_status=pending", who="bob")
    await images.ask("PUT", f"{path}/coffee", {"status": "accepted"}, status=403)
    await images.ask("PUT", f"{path}/coffee", {"status": "accepted"}, who="bob", status=200)
    assert "mine" in await names(images, who="bob")
    await images.ask("PUT", f"/v2/images/{image['id']}/tags/x", who="bob", status=403)
    await images.ask("DELETE", f"{path}/coffee", status=204)
    await images.ask("GET", f"/v2/images/{image['id']}", who="bob", status=404)
    private = await images.create(visibility="private")
    await images.ask("POST", f"/v2/images/{private['id']}/members", {"member": "coffee"}, status=403)


async def test_lists_filter_sort_and_page(images):
    for number in range(5):
        await images.create(name=f"i{number}", tags=["even"] if number % 2 == 0 else [], taste=str(number))
    assert await names(images, "?owner=tea&sort=name:desc") == ["i4", "i3", "i2", "i1", "i0"]
    assert await names(images, "?tag=even&sort_key=name&sort_dir=asc") == ["i0", "i2", "i4"]
    assert await names(images, "?taste=3") == ["i3"]
    assert await names(images, "?name=in:i1,i2&sort=name:asc") == ["i1", "i2"]
    assert await names(images, "?created_at=lt:2000-01-01T00:00:00Z") == []
    path, found = "/v2/images?owner=tea&limit=2&sort=name:asc", []
    while path:
        page = await images.ask("GET", path, status=200)
        found += [image["name"] for image in page["images"]]
        path = page.body.get("next")
    assert found == ["i0", "i1", "i2", "i3", "i4"]
    for query in (
        "limit=x",
        "sort=odd:asc",
        "visibility=odd",
        "marker=nobody",
        "size_min=x",
        "created_at=gt:x",
    ):
        await images.ask("GET", f"/v2/images?{query}", status=400)


async def test_protected_hidden_and_deactivated_images(images):
    image = await images.create(protected=True, os_hidden=True)
    path = f"/v2/images/{image['id']}"
    assert "tea" not in await names(images) and "tea" in await names(images, "?os_hidden=true")
    await images.ask("DELETE", path, status=403)
    await images.ask("POST", f"{path}/actions/deactivate", status=409)
    await images.ask("PUT", f"{path}/file", b"data", status=204)
    await images.ask("POST", f"{path}/actions/deactivate", status=204)
    await images.ask("GET", f"{path}/file", status=403)
    await images.ask("POST", f"{path}/actions/reactivate", status=204)
    await images.ask("GET", f"{path}/file", status=200)
    await images.ask("PUT", f"{path}/tags/warm", status=204)
    assert (await images.ask("GET", path))["tags"] == ["warm"]
    await images.ask("DELETE", f"{path}/tags/warm", status=204)
    await images.ask("DELETE", f"{path}/tags/warm", status=404)


async def test_errors_are_a_page_for_those_who_do_not_ask_for_json(images):
    answer = await images.ask("GET", "/v2/images/<b>", headers={"accept": "*/*"}, status=404)
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<h1>404 Not Found</h1>" in answer.raw and b"<b>" not in answer.raw
