# SPDX-License-Identifier: Apache-2.0
"""Servers that really run: containers, networks, the metadata service."""

import asyncio
import base64
import time

import pytest

from . import whole

pytestmark = pytest.mark.kernel


@pytest.fixture
async def cloud(tmp_path):
    cloud = whole.Whole(tmp_path)
    await cloud.start()
    try:
        yield cloud
    finally:
        await cloud.stop()


async def make_network(cloud, name="private"):
    body = {"network": {"name": name}}
    network = (await cloud.member.request("network", "POST", "/v2.0/networks", json=body)).body["network"]
    subnet = {"network_id": network["id"], "cidr": "10.5.0.0/24", "ip_version": 4}
    await cloud.member.request("network", "POST", "/v2.0/subnets", json={"subnet": subnet})
    return network["id"]


async def ask(cloud, method, path, body=None):
    return (await cloud.member.request("compute", method, path, json=body, microversion="2.96")).body


async def boot(cloud, network, script, **more):
    server = {
        "name": "one",
        "imageRef": cloud.image_id,
        "flavorRef": "1",
        "networks": [{"uuid": network}],
        "user_data": base64.b64encode(script.encode()).decode(),
        **more,
    }
    return (await ask(cloud, "POST", "/servers", {"server": server}))["server"]["id"]


async def until(condition, seconds=20.0):
    async with asyncio.timeout(seconds):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.01)


async def status(cloud, server_id, wanted):
    async def reached():
        server = (await ask(cloud, "GET", f"/servers/{server_id}"))["server"]
        assert wanted == "ERROR" or server["status"] != "ERROR", server["fault"]
        return server if server["status"] == wanted and not server["OS-EXT-STS:task_state"] else None

    return await until(reached)


async def act(cloud, server_id, action, arguments=None):
    return await ask(cloud, "POST", f"/servers/{server_id}/action", {action: arguments})


async def console(cloud, server_id, words, times=1):
    async def seen():
        try:
            output = (await act(cloud, server_id, "os-getConsoleOutput", {}))["output"]
        except Exception:
            return None
        return output if output.count(words) >= times else None

    return await until(seen)


SCRIPT = """#!/bin/sh
echo "script ran as $(hostname)"
"""
ASKING = """#!/bin/sh
python3 - <<'END'
import urllib.request
base = "http://169.254.169.254"
for path in ("/openstack/latest/meta_data.json", "/latest/meta-data/local-ipv4", "/identity/v3"):
    try:
        print("asked", path, urllib.request.urlopen(base + path, timeout=5).read().decode()[:3000], flush=True)
    except Exception as error:
        print("asked", path, error, flush=True)
END
"""


async def test_a_server_lives(cloud):
    network = await make_network(cloud)
    begun = time.monotonic()
    server_id = await boot(cloud, network, SCRIPT)
    await console(cloud, server_id, "script ran as one")
    assert time.monotonic() - begun < 10
    server = await status(cloud, server_id, "ACTIVE")
    assert server["addresses"]["private"][0]["addr"].startswith("10.5.0.")
    await act(cloud, server_id, "os-stop")
    await status(cloud, server_id, "SHUTOFF")
    await act(cloud, server_id, "os-start")
    await status(cloud, server_id, "ACTIVE")
    for kind in ("SOFT", "HARD"):
        await act(cloud, server_id, "reboot", {"type": kind})
        await status(cloud, server_id, "ACTIVE")
    for action, wanted in (("pause", "PAUSED"), ("unpause", "ACTIVE")):
        await act(cloud, server_id, action)
        await status(cloud, server_id, wanted)
    await act(cloud, server_id, "resize", {"flavorRef": "2"})
    await status(cloud, server_id, "VERIFY_RESIZE")
    await act(cloud, server_id, "revertResize")
    await status(cloud, server_id, "ACTIVE")
    await act(cloud, server_id, "rebuild", {"imageRef": cloud.image_id})
    await status(cloud, server_id, "ACTIVE")
    await ask(cloud, "DELETE", f"/servers/{server_id}")

    async def gone():
        return not (await ask(cloud, "GET", "/servers"))["servers"]

    await until(gone)
    assert not (await cloud.host.inventory()).servers
    ports = (await cloud.member.get("network", "/v2.0/ports"))["ports"]
    assert [port for port in ports if port["device_owner"].startswith("compute")] == []


async def test_a_server_asks_for_its_metadata_and_reaches_the_apis(cloud):
    network = await make_network(cloud)
    server_id = await boot(cloud, network, ASKING, metadata={"role": "web"})
    output = await console(cloud, server_id, "asked", times=3)
    assert f'"uuid":"{server_id}"' in output and '"role":"web"' in output
    assert "asked /latest/meta-data/local-ipv4 10.5.0." in output
    assert '"v3.' in output


async def test_a_server_that_switches_itself_off_is_seen(cloud):
    network = await make_network(cloud)
    server_id = await boot(cloud, network, "#!/bin/sh\npoweroff\n")
    await status(cloud, server_id, "SHUTOFF")


async def test_another_process_finds_the_servers_and_a_lost_one_comes_back(cloud):
    network = await make_network(cloud)
    server_id = await boot(cloud, network, SCRIPT)
    await status(cloud, server_id, "ACTIVE")
    (before,) = await cloud.host.server_status()
    await cloud.end()
    await cloud.begin()
    await status(cloud, server_id, "ACTIVE")
    (after,) = await cloud.host.server_status()
    assert after.pid == before.pid
    await cloud.end()
    await cloud.host.remove_server(server_id)
    await cloud.begin()

    async def back():
        return [each for each in await cloud.host.server_status() if each.state == "running"]

    assert (await until(back))[0].id == server_id


async def test_after_a_reboot_of_the_machine_servers_are_back_in_their_networks(cloud):
    network = await make_network(cloud)
    server_id = await boot(cloud, network, SCRIPT)
    server = await status(cloud, server_id, "ACTIVE")
    address = server["addresses"]["private"][0]["addr"]
    await cloud.end()
    await cloud.host.purge()
    await cloud.restart_agent()
    assert not (await cloud.host.inventory()).namespaces
    await cloud.begin()

    async def wired():
        """The running server's own namespace has the address on a link that is up."""
        found = [each for each in await cloud.host.server_status() if each.state == "running"]
        if not found:
            return False
        command = ("nsenter", f"--net=/proc/{found[0].pid}/ns/net", "ip", "-4", "-o", "address")
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return f"{address}/24" in output.decode()

    await until(wired)
    await status(cloud, server_id, "ACTIVE")
