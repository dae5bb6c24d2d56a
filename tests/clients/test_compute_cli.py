# SPDX-License-Identifier: Apache-2.0
"""The openstack command against compute, with servers that really run."""

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]
ME = {"user": "samovar", "project": "samovar"}
SCRIPT = "#!/bin/sh\necho the script of $(hostname) ran\n"


@pytest.fixture(scope="module")
def network(live):
    live.mine("network", "create", "tea")
    live.mine("subnet", "create", "--network", "tea", "--subnet-range", "10.6.0.0/24", "leaves")
    return "tea"


def names(rows):
    return {row["Name"] for row in rows}


def test_the_life_of_a_server(live, network, tmp_path):
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    made = live.mine("keypair", "create", "--private-key", str(tmp_path / "key"), "mine")
    assert "PRIVATE KEY" in (tmp_path / "key").read_text() and made["fingerprint"]
    live.mine(
        *("server", "create", "--image", "host", "--flavor", "m1.tiny", "--network", network),
        *("--user-data", str(script), "--key-name", "mine", "--property", "role=web", "--wait", "one"),
    )
    server = live.until("one", "ACTIVE")
    assert server["addresses"]["tea"][0].startswith("10.6.0.") and server["properties"] == {"role": "web"}
    assert names(live.mine("server", "list", "--status", "ACTIVE", "--name", "one")) == {"one"}
    assert "the script of one ran" in live.run("console", "log", "show", "one", **ME).stdout
    for action, wanted in (
        ("stop", "SHUTOFF"),
        ("start", "ACTIVE"),
        ("pause", "PAUSED"),
        ("unpause", "ACTIVE"),
        ("suspend", "SUSPENDED"),
        ("resume", "ACTIVE"),
    ):
        live.run("server", action, "one", **ME)
        live.until("one", wanted)
    live.run("server", "reboot", "--hard", "--wait", "one", **ME)
    live.run("server", "resize", "--flavor", "m1.small", "--wait", "one", **ME)
    live.run("server", "resize", "confirm", "one", **ME)
    assert live.until("one", "ACTIVE")["flavor"]["name"] == "m1.small"
    live.mine("server", "image", "create", "--name", "shot", "--wait", "one")
    assert live.mine("image", "show", "shot")["properties"]["image_type"] == "snapshot"
    live.run("server", "rebuild", "--image", "shot", "--wait", "one", **ME)
    assert live.until("one", "ACTIVE")["image"].startswith("shot")
    live.run("server", "rebuild", "--image", "host", "--wait", "one", **ME)
    live.run("image", "delete", "shot", **ME)
    live.run("server", "set", "--name", "uno", "--property", "a=b", "--tag", "hot", "one", **ME)
    shown = live.mine("server", "show", "uno")
    assert shown["tags"] == ["hot"] and shown["properties"] == {"role": "web", "a": "b"}
    live.run("server", "lock", "--reason", "mine", "uno", **ME)
    assert "locked" in live.run("server", "delete", "uno", status=1, **ME).stderr
    live.run("server", "unlock", "uno", **ME)
    assert {"create", "stop", "rebuild"} <= {
        row["Action"] for row in live.mine("server", "event", "list", "uno")
    }
    assert "container" in live.run("console", "url", "show", "uno", status=1, **ME).stderr
    live.run("server", "delete", "--wait", "uno", **ME)
    assert live.mine("server", "list") == []
    live.run("keypair", "delete", "mine", **ME)


def test_ports_groups_and_floating_ips_of_a_server(live, network):
    live.mine("port", "create", "--network", network, "--fixed-ip", "ip-address=10.6.0.77", "cup")
    live.mine("security", "group", "create", "web")
    live.mine(
        *("server", "create", "--image", "host", "--flavor", "m1.nano", "--port", "cup", "--wait", "two")
    )
    live.run("server", "add", "security", "group", "two", "web", **ME)
    live.run("server", "remove", "security", "group", "two", "default", **ME)
    live.mine("port", "create", "--network", network, "saucer")
    live.run("server", "add", "port", "two", "saucer", **ME)
    live.run("server", "add", "network", "two", network, **ME)
    found = live.mine("server", "show", "two")
    assert len(found["addresses"]["tea"]) == 3 and "10.6.0.77" in found["addresses"]["tea"]
    live.run("server", "remove", "port", "two", "saucer", **ME)
    live.mine("router", "create", "--external-gateway", "public", "pot")
    live.run("router", "add", "subnet", "pot", "leaves", **ME)
    address = live.mine("floating", "ip", "create", "public")["floating_ip_address"]
    live.run("server", "add", "floating", "ip", "--fixed-ip-address", "10.6.0.77", "two", address, **ME)
    assert address in live.mine("server", "show", "two")["addresses"]["tea"]
    live.run("server", "remove", "floating", "ip", "two", address, **ME)
    live.run("server", "delete", "--wait", "two", **ME)
    assert names(live.mine("port", "list", "--network", network)) >= {"cup", "saucer"}


def test_flavors(live):
    assert {"m1.nano", "m1.tiny", "m1.small", "m1.xlarge"} <= names(live.mine("flavor", "list"))
    live.json("flavor", "create", "--ram", "100", "--vcpus", "2", "--disk", "3", "--private", "own")
    live.run("flavor", "set", "--property", "hw:x=y", "--project", "samovar", "own")
    assert live.mine("flavor", "show", "own")["properties"] == {"hw:x": "y"}
    live.run("flavor", "unset", "--property", "hw:x", "own")
    live.run("flavor", "delete", "own")
    assert "403" in live.run("flavor", "create", "--ram", "1", "nope", status=1, **ME).stderr


def test_keypairs(live, tmp_path):
    made = live.run("keypair", "create", "made", **ME).stdout
    assert made.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    public = live.run("keypair", "show", "--public-key", "made", **ME).stdout
    (tmp_path / "key.pub").write_text(public)
    live.mine("keypair", "create", "--public-key", str(tmp_path / "key.pub"), "brought")
    rows = live.mine("keypair", "list")
    assert names(rows) == {"made", "brought"} and len({row["Fingerprint"] for row in rows}) == 1
    live.run("keypair", "delete", "made", "brought", **ME)


def test_what_an_operator_asks(live):
    (hypervisor,) = live.json("hypervisor", "list")
    shown = live.json("hypervisor", "show", hypervisor["Hypervisor Hostname"])
    assert shown["state"] == "up"
    assert live.mine("availability", "zone", "list", "--compute")[0]["Zone Status"] == "available"
    (service,) = live.json("compute", "service", "list")
    assert (service["Binary"], service["State"]) == ("nova-compute", "up")
    limits = {row["Name"]: row["Value"] for row in live.mine("limits", "show", "--absolute")}
    assert limits["instances"] == 500
    quota = {row["Resource"]: row["Limit"] for row in live.json("quota", "show", "--compute", "samovar")}
    assert quota["instances"] == 500
    live.json("aggregate", "create", "rack")
    live.run("aggregate", "add", "host", "rack", hypervisor["Hypervisor Hostname"])
    live.run("aggregate", "remove", "host", "rack", hypervisor["Hypervisor Hostname"])
    live.run("aggregate", "delete", "rack")
    live.mine("usage", "show")
    made = live.mine("server", "group", "create", "--policy", "anti-affinity", "apart")
    assert made["policy"] == "anti-affinity"
    assert names(live.mine("server", "group", "list")) == {"apart"}
    live.run("server", "group", "delete", "apart", **ME)


def test_refusals_are_sentences(live, network):
    missing = live.run("server", "show", "none", status=1, **ME)
    assert "No server" in missing.stderr or "none" in missing.stderr
    create = ("server", "create", "--image", "host", "--flavor", "m1.nano", "--nic")
    refused = live.run(*create, "net-id=22222222-2222-4222-8222-222222222222", "x", status=1, **ME)
    assert "No Network found" in refused.stderr
    assert live.mine("server", "list") == []
