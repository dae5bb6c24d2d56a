# SPDX-License-Identifier: Apache-2.0
"""The key manager: secrets that come back whole, to those who may have them, and are nowhere in clear."""

import base64

import pytest

PAYLOAD = "a very private key"


def text(payload=PAYLOAD, **more):
    return {"name": "s", "payload": payload, "payload_content_type": "text/plain", **more}


async def test_a_secret_comes_back_and_is_not_in_the_file(ask, tmp_path, database):
    made = await ask("ann", "POST", "/v1/secrets", text(secret_type="passphrase"), 201)
    path = made["secret_ref"]
    assert path.startswith("http://h:1/key-manager/v1/secrets/")
    shown = await ask("ann", "GET", path)
    assert shown["content_types"] == {"default": "text/plain"}
    assert (shown["secret_type"], shown["status"], shown["secret_ref"]) == ("passphrase", "ACTIVE", path)
    assert await ask("ann", "GET", f"{path}/payload", accept="text/plain") == PAYLOAD.encode()
    assert await ask("ann", "GET", path, accept="text/plain") == PAYLOAD.encode()
    for file in tmp_path.iterdir():
        assert PAYLOAD.encode() not in file.read_bytes()
    assert (tmp_path / "key-manager.key").stat().st_mode & 0o777 == 0o600
    await ask("ann", "DELETE", path, status=204)
    gone = await ask("ann", "GET", path, status=404)
    assert set(gone) == {"code", "title", "description"}


async def test_a_binary_payload_in_two_steps(ask):
    path = (await ask("ann", "POST", "/v1/secrets", {"name": "later"}, 201))["secret_ref"]
    await ask("ann", "GET", f"{path}/payload", status=404)
    content = bytes(range(256))
    sent = base64.b64encode(content)
    kind = {"content_type": "application/octet-stream", "content_encoding": "base64"}
    await ask("ann", "PUT", path, sent, 204, **kind)
    assert await ask("ann", "GET", f"{path}/payload", accept="*/*") == content
    await ask("ann", "PUT", path, sent, 409, **kind)
    await ask("ann", "GET", f"{path}/payload", status=406, accept="text/plain")


async def test_who_may_have_it(ask):
    path = (await ask("ann", "POST", "/v1/secrets", text(), 201))["secret_ref"]
    assert await ask("ann", "GET", f"{path}/acl") == {"read": {"project-access": True}}
    await ask("rita", "GET", f"{path}/payload", accept="*/*")
    await ask("eve", "GET", path, status=403)
    await ask("octavia", "GET", f"{path}/payload", status=403, accept="*/*")
    await ask("rita", "DELETE", path, status=403)
    acl = {"read": {"users": ["octavia"], "project-access": False}}
    assert await ask("ann", "PUT", f"{path}/acl", acl) == {"acl_ref": f"{path}/acl"}
    assert await ask("octavia", "GET", f"{path}/payload", accept="*/*") == PAYLOAD.encode()
    await ask("bob", "GET", path, status=403)
    assert (await ask("ann", "GET", f"{path}/acl"))["read"]["users"] == ["octavia"]
    found = await ask("octavia", "GET", "/v1/secrets?acl_only=true")
    assert [item["secret_ref"] for item in found["secrets"]] == [path]
    await ask("ann", "DELETE", f"{path}/acl")
    await ask("bob", "GET", path)


async def test_containers(ask):
    refs = {}
    for name in ("certificate", "private_key"):
        refs[name] = (await ask("ann", "POST", "/v1/secrets", text(), 201))["secret_ref"]
    items = [{"name": name, "secret_ref": ref} for name, ref in refs.items()]
    body = {"name": "tls", "type": "certificate", "secret_refs": items}
    path = (await ask("ann", "POST", "/v1/containers", body, 201))["container_ref"]
    shown = await ask("ann", "GET", path)
    assert shown["secret_refs"] == items and shown["type"] == "certificate"
    await ask("ann", "POST", "/v1/containers", {**body, "secret_refs": items[1:]}, 400)
    await ask("eve", "POST", "/v1/containers", body, 403)
    consumer = {"name": "lb", "URL": "http://h/lb/1"}
    assert (await ask("ann", "POST", f"{path}/consumers", consumer))["consumers"] == [consumer]
    assert (await ask("ann", "GET", f"{path}/consumers"))["consumers"] == [consumer]
    assert (await ask("ann", "DELETE", f"{path}/consumers", consumer))["consumers"] == []
    listed = await ask("ann", "GET", "/v1/containers")
    assert listed["total"] == 1
    await ask("ann", "DELETE", path, status=204)
    await ask("ann", "GET", path, status=404)


async def test_lists_have_pages(ask):
    for number in range(3):
        await ask("ann", "POST", "/v1/secrets", text(name=f"s{number}"), 201)
    first = await ask("ann", "GET", "/v1/secrets?limit=2")
    assert (len(first["secrets"]), first["total"]) == (2, 3)
    second = await ask("ann", "GET", first["next"])
    assert [item["name"] for item in second["secrets"]] == ["s2"] and "previous" in second
    assert (await ask("ann", "GET", "/v1/secrets/"))["total"] == 3
    assert (await ask("ann", "GET", "/v1/secrets?name=s1"))["total"] == 1
    assert (await ask("eve", "GET", "/v1/secrets"))["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"payload": "x"},
        {"payload": "", "payload_content_type": "text/plain"},
        {"payload": "x", "payload_content_type": "image/png"},
        {"payload": "x", "payload_content_type": "application/octet-stream"},
        {
            "payload": "!",
            "payload_content_type": "application/octet-stream",
            "payload_content_encoding": "base64",
        },
        {"payload_content_type": "text/plain"},
        {"secret_type": "sword"},
        {"bit_length": -1},
        {"expiration": "yesterday"},
        {"expiration": "2001-01-01T00:00:00"},
        {"name": "a\nb"},
        {"name": 7},
        {"colour": "red"},
    ],
)
async def test_what_is_no_secret(ask, body):
    refused = await ask("ann", "POST", "/v1/secrets", body, 400)
    assert set(refused) == {"code", "title", "description"}


async def test_metadata(ask):
    path = (await ask("ann", "POST", "/v1/secrets", text(), 201))["secret_ref"]
    await ask("ann", "PUT", f"{path}/metadata", {"metadata": {"a": "1"}}, 201)
    await ask("ann", "POST", f"{path}/metadata", {"key": "b", "value": "2"}, 201)
    assert await ask("ann", "GET", f"{path}/metadata") == {"metadata": {"a": "1", "b": "2"}}
    await ask("ann", "DELETE", f"{path}/metadata/a", status=204)
    await ask("ann", "GET", f"{path}/metadata/a", status=404)


async def test_discovery(ask):
    (version,) = (await ask("nobody", "GET", "/"))["versions"]
    assert (version["id"], version["status"]) == ("v1", "CURRENT")
    assert version["links"][0]["href"] == "http://h:1/key-manager/v1/"
