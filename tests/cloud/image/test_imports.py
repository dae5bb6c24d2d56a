# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest
from tests.cloud.image.conftest import Images

from samovar.cloud.image.tables import images as table


@pytest.fixture
async def web():
    """A web server on loopback: /good has data, /moved leads to it, /loop nowhere, all else is 404."""

    async def answer(reader, writer):
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        head = {
            "/good": "200 OK\r\ncontent-length: 4",
            "/moved": "302 Found\r\nlocation: /good\r\ncontent-length: 0",
            "/private": "302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0",
            "/loop": "302 Found\r\nlocation: /loop\r\ncontent-length: 0",
        }.get(path, "404 Not Found\r\ncontent-length: 0")
        writer.write(
            f"HTTP/1.1 {head}\r\nconnection: close\r\n\r\n".encode() + (b"data" if path == "/good" else b"")
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


def method(name, **more):
    return {"method": {"name": name, **more}}


async def test_staged_data_become_the_image(images):
    image = await images.create()
    path = f"/v2/images/{image['id']}"
    await images.ask("POST", f"{path}/import", method("glance-direct"), status=409)
    await images.ask("PUT", f"{path}/stage", b"some data", status=204)
    assert (await images.ask("GET", path))["status"] == "uploading"
    await images.ask("POST", f"{path}/import", method("glance-direct"), status=202)
    done = await images.until(image["id"], "active")
    assert (done["size"], len(done["os_hash_value"])) == (9, 128)
    assert (await images.ask("GET", f"{path}/file")).raw == b"some data"
    task = (await images.ask("GET", f"{path}/tasks", status=200))["tasks"][0]
    assert (task["type"], task["status"]) == ("api_image_import", "success")
    assert (await images.ask("GET", f"/v2/tasks/{task['id']}", status=200))["result"] == {
        "image_id": image["id"]
    }
    await images.ask("GET", f"/v2/tasks/{task['id']}", who="bob", status=404)


@pytest.mark.parametrize(("page", "status"), [("good", "active"), ("moved", "active")])
async def test_an_image_comes_from_the_web(images, web, page, status):
    image = await images.create()
    body = method("web-download", uri=f"{web}/{page}")
    await images.ask("POST", f"/v2/images/{image['id']}/import", body, status=202)
    done = await images.until(image["id"], status)
    assert done["size"] == 4


@pytest.mark.parametrize(
    ("page", "words"),
    [("none", "404"), ("loop", "redirects"), ("private", "not a public address")],
)
async def test_a_download_that_fails_leaves_the_image_queued_and_says_why(images, web, page, words):
    image = await images.create()
    path = f"/v2/images/{image['id']}"
    await images.ask("POST", f"{path}/import", method("web-download", uri=f"{web}/{page}"), status=202)
    await images.until(image["id"], "queued")
    task = (await images.ask("GET", f"{path}/tasks"))["tasks"][0]
    assert task["status"] == "failure" and words in task["message"]


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "file:///etc/passwd",
            "ftp://a/b",
            "http://",
            "nonsense",
            None,
            "http://[::1]/",
            "http://10.1.2.3/x",
        ),
        *("http://169.254.169.254/latest", "http://192.168.0.1:80/", "http://[fe80::1]/", "http://[bad/"),
    ],
)
async def test_what_only_this_machine_reaches_is_not_fetched(images, uri):
    image = await images.create()
    await images.ask("POST", f"/v2/images/{image['id']}/import", method("web-download", uri=uri), status=400)


async def test_a_name_that_means_this_machine_is_not_fetched(images):
    image = await images.create()
    body = method("web-download", uri="http://localhost:1/x")
    await images.ask("POST", f"/v2/images/{image['id']}/import", body, status=202)
    await images.until(image["id"], "queued")
    task = (await images.ask("GET", f"/v2/images/{image['id']}/tasks"))["tasks"][0]
    assert "no public address" in task["message"]


async def test_unknown_methods_and_stores_are_refused(images):
    image = await images.create()
    path = f"/v2/images/{image['id']}/import"
    await images.ask("POST", path, method("copy-image"), status=400)
    await images.ask("POST", path, {}, status=400)
    await images.ask("POST", path, {**method("glance-direct"), "stores": ["ceph"]}, status=409)


async def test_after_a_crash_nothing_is_in_progress_for_ever(images):
    saving, importing, whole = [await images.create(name=name) for name in ("saving", "importing", "whole")]
    await images.ask("PUT", f"/v2/images/{whole['id']}/file", b"whole", status=204)
    await images.ask("PUT", f"/v2/images/{importing['id']}/stage", b"staged", status=204)

    def crash(connection):
        for image, status in ((saving, "saving"), (importing, "importing")):
            connection.execute(table.update().where(table.c.id == image["id"]).values(status=status))

    await images.database.write(crash)
    directory = images.state_dir / "images"
    (directory / ".partial" / saving["id"]).write_bytes(b"half")
    (directory / "of-no-image").write_bytes(b"orphan")
    again = Images(images.state_dir)
    await again.service.start()
    for image, status in ((saving, "queued"), (importing, "uploading"), (whole, "active")):
        assert (await again.ask("GET", f"/v2/images/{image['id']}"))["status"] == status
    assert sorted(file.name for file in directory.iterdir() if file.is_file()) == [whole["id"]]
    assert not list((directory / ".partial").iterdir())
    await again.ask("POST", f"/v2/images/{importing['id']}/import", method("glance-direct"), status=202)
    await again.until(importing["id"], "active")
    await again.service.stop()
    await again.database.close()
