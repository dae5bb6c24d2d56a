# SPDX-License-Identifier: Apache-2.0
"""The openstack command against the image service."""

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]
ME = {"user": "samovar", "project": "samovar"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(range(256)) * 20_000)
    return path


def test_the_life_of_an_image(live, file, tmp_path):
    assert "host" in {row["Name"] for row in live.json("image", "list", **ME)}
    made = live.json(
        *("image", "create", "--disk-format", "raw", "--container-format", "bare", "--file", str(file)),
        *("--property", "os_distro=tea", "--tag", "hot", "--min-ram", "64", "leaf"),
        **ME,
    )
    shown = live.json("image", "show", made["id"], **ME)
    assert (shown["status"], shown["size"], shown["min_ram"]) == ("active", file.stat().st_size, 64)
    assert shown["properties"]["os_distro"] == "tea" and shown["tags"] == ["hot"]
    live.run("image", "set", "--name", "green", "--property", "leaf=yes", "--tag", "mild", "leaf", **ME)
    live.run("image", "unset", "--property", "os_distro", "--tag", "hot", "green", **ME)
    shown = live.json("image", "show", "green", **ME)
    assert shown["properties"]["leaf"] == "yes" and "os_distro" not in shown["properties"]
    assert shown["tags"] == ["mild"]
    saved = tmp_path / "saved.raw"
    live.run("image", "save", "--file", str(saved), "green", **ME)
    assert saved.read_bytes() == file.read_bytes()
    live.run("image", "set", "--deactivate", "green", **ME)
    live.run("image", "save", "--file", str(saved), "green", status=1, **ME)
    live.run("image", "set", "--activate", "--protected", "green", **ME)
    live.run("image", "delete", "green", status=1, **ME)
    live.run("image", "set", "--unprotected", "green", **ME)
    live.run("image", "delete", "green", **ME)
    refused = live.run("image", "show", "green", status=1, **ME)
    assert "green" in refused.stderr
    live.run("image", "delete", "host", status=1)


def test_import_and_sharing(live, file):
    live.run("image", "create", "--disk-format", "qcow2", "--file", str(file), "--import", "staged", **ME)
    live.run("image", "add", "project", "staged", live.first.admin_project_id, **ME)
    rows = live.json("image", "member", "list", "staged", **ME)
    assert [row["Status"] for row in rows] == ["pending"]
    live.run("image", "set", "--accept", "staged", project="admin")
    live.run("image", "remove", "project", "staged", live.first.admin_project_id, **ME)
    live.run("image", "create", "--public", "x", status=1, **ME)
    live.run(
        "image", "import", "staged", "--method", "web-download", "--uri", "http://10.0.0.1/", status=1, **ME
    )
    assert live.json("image", "import", "info")["import-methods"] == ["glance-direct", "web-download"]
    live.run("image", "stores", "list")
