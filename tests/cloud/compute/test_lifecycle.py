# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from samovar.cloud.host import HostError
from samovar.cloud.host.reports import ServerExited, ServerStatus
from samovar.database import utcnow


async def test_the_whole_life(compute):
    server_id = await compute.boot()
    for action, arguments, status in (
        ("os-stop", None, "SHUTOFF"),
        ("os-start", None, "ACTIVE"),
        ("pause", None, "PAUSED"),
        ("unpause", None, "ACTIVE"),
        ("suspend", None, "SUSPENDED"),
        ("resume", None, "ACTIVE"),
        ("reboot", {"type": "SOFT"}, "ACTIVE"),
        ("reboot", {"type": "HARD"}, "ACTIVE"),
        ("resize", {"flavorRef": "2"}, "VERIFY_RESIZE"),
        ("revertResize", None, "ACTIVE"),
        ("resize", {"flavorRef": "2"}, "VERIFY_RESIZE"),
    ):
        await compute.act(server_id, action, arguments)
        await compute.until(server_id, status)
    await compute.act(server_id, "confirmResize", status=204)
    await compute.until(server_id, "ACTIVE")
    done = [name for name, _ in compute.host.calls if name not in ("listen", "unpack")]
    assert done == [
        "ensure", "stop", "ensure", "pause", "unpause", "pause", "unpause", "reboot", "hard reboot",
        "resize", "resize", "resize",
    ]  # fmt: skip
    assert compute.host.specs[server_id].memory_mb == 2048
    assert (await compute.show(server_id))["flavor"]["original_name"] == "m1.small"
    actions = await compute.ask("GET", f"/servers/{server_id}/os-instance-actions", status=200)
    assert [a["action"] for a in actions["instanceActions"]][-1] == "create"
    request = actions["instanceActions"][0]["request_id"]
    shown = await compute.ask("GET", f"/servers/{server_id}/os-instance-actions/{request}", status=200)
    assert shown["instanceAction"]["events"][0]["result"] == "Success"


async def test_rebuild_changes_image_and_name(compute):
    other = "11111111-1111-4111-8111-111111111112"
    compute.neighbours.images[other] = {
        "id": other, "status": "active", "direct_url": "file:///images/x%20y", "disk_format": "raw",
        "container_format": "bare", "os_hash_algo": "sha256", "os_hash_value": "abc",
    }  # fmt: skip
    server_id = await compute.boot()
    answer = await compute.act(server_id, "rebuild", {"imageRef": other, "name": "new"})
    assert answer["server"]["name"] == "new"
    await compute.until(server_id, "ACTIVE")
    assert compute.host.specs[server_id].image == other
    assert ("unpack", other) in compute.host.calls


async def test_wrong_states_and_locks_are_conflicts(compute):
    server_id = await compute.boot()
    answer = await compute.act(server_id, "os-start", status=409)
    assert "vm_state active" in answer["conflictingRequest"]["message"]
    compute.host.held.clear()
    await compute.act(server_id, "os-stop")
    answer = await compute.act(server_id, "os-stop", status=409)
    assert "task_state powering-off" in answer["conflictingRequest"]["message"]
    compute.host.held.set()
    await compute.until(server_id, "SHUTOFF")
    await compute.act(server_id, "lock", {"locked_reason": "mine"})
    assert (await compute.show(server_id))["locked_reason"] == "mine"
    await compute.act(server_id, "os-start", status=409)
    await compute.ask("DELETE", f"/servers/{server_id}", status=409)
    await compute.act(server_id, "os-start", token="admin")
    await compute.act(server_id, "unlock")
    for action in ("shelve", "os-getVNCConsole", "changePassword"):
        body = await compute.act(server_id, action, {"name": "x"}, status=501)
        assert body["notImplemented"]["message"]
    await compute.act(server_id, "dance", status=400)


async def test_a_server_becomes_an_image(compute):
    server_id = await compute.boot()
    wanted = {"name": "shot", "metadata": {"season": "winter"}}
    image = (await compute.act(server_id, "createImage", wanted))["image_id"]
    await compute.until(server_id, "ACTIVE")
    made = compute.neighbours.images[image]
    assert (made["name"], made["season"], made["image_type"]) == ("shot", "winter", "snapshot")
    assert (made["status"], made["data"]) == ("active", b"the files of the server")
    await compute.act(server_id, "createImage", {"name": "old"}, version="2.1")
    assert compute.headers["location"].startswith("http://h:1/image/v2/images/")
    await compute.until(server_id, "ACTIVE")
    await compute.act(server_id, "createImage", {}, status=400)


async def test_an_image_that_comes_to_nothing_leaves_the_server_as_it_was(compute):
    server_id = await compute.boot()
    compute.host.fail["save"] = HostError("kernel", "The disk is full.")
    image = (await compute.act(server_id, "createImage", {"name": "shot"}))["image_id"]
    await compute.until(server_id, "ACTIVE")
    assert image not in compute.neighbours.images
    actions = await compute.ask("GET", f"/servers/{server_id}/os-instance-actions", status=200)
    assert actions["instanceActions"][0]["action"] == "createImage"
    assert "The disk is full" in actions["instanceActions"][0]["message"]
    before = set(compute.neighbours.images)
    await compute.act(server_id, "os-stop")
    await compute.act(server_id, "createImage", {"name": "shot"}, status=409)
    assert set(compute.neighbours.images) == before


async def test_the_console_is_cut_to_length(compute):
    server_id = await compute.boot()
    assert (await compute.act(server_id, "os-getConsoleOutput", {}, status=200))[
        "output"
    ] == "one\ntwo\nthree\n"
    last = await compute.act(server_id, "os-getConsoleOutput", {"length": 1}, status=200)
    assert last["output"] == "three\n"


async def test_a_refusal_of_the_network_is_the_servers_fault(compute):
    compute.neighbours.fail_ports = "No more IP addresses available on network."
    server_id = await compute.boot(wait="ERROR")
    server = await compute.show(server_id)
    assert "No more IP addresses" in server["fault"]["message"] and server["fault"]["code"] == 409
    compute.neighbours.fail_ports = None
    await compute.act(server_id, "reboot", {"type": "HARD"})
    await compute.until(server_id, "ACTIVE")
    await compute.ask("DELETE", f"/servers/{server_id}", status=204)
    await compute.gone(server_id)


async def test_a_host_that_cannot_is_the_servers_fault(compute):
    compute.host.fail["ensure"] = HostError("kernel", "The kernel refused to start it.")
    server_id = await compute.boot(wait="ERROR")
    assert (await compute.show(server_id))["fault"]["message"] == "The kernel refused to start it."


async def test_a_host_that_is_away_is_waited_for(compute):
    compute.host.fail["ensure"] = HostError("unreachable", "The host agent does not answer.")
    server_id = await compute.boot(wait=None)
    await compute.eventually(lambda: ("ensure", server_id) in compute.host.calls)
    del compute.host.fail["ensure"]
    await compute.until(server_id, "ACTIVE")


async def test_a_server_waits_for_its_ports(compute):
    compute.neighbours.active_at_once = False
    server_id = await compute.boot(wait=None)
    await compute.eventually(lambda: compute.neighbours.ports)
    assert not compute.host.servers
    await compute.neighbours.activate()
    await compute.until(server_id, "ACTIVE")


async def test_a_delete_cuts_a_creation_off(compute):
    compute.neighbours.active_at_once = False
    server_id = await compute.boot(wait=None)
    await compute.eventually(lambda: compute.neighbours.ports)
    await compute.ask("DELETE", f"/servers/{server_id}", status=204)
    await compute.ask("DELETE", f"/servers/{server_id}")
    await compute.gone(server_id)
    assert not compute.neighbours.ports and not compute.host.servers


@pytest.mark.parametrize("point", ["ports", "host"])
async def test_another_process_goes_on_where_one_stopped(compute, point):
    if point == "ports":
        compute.neighbours.active_at_once = False
    else:
        compute.host.held.clear()
    server_id = await compute.boot(wait=None)
    await compute.eventually(lambda: compute.neighbours.ports)
    await compute.service.stop()
    await compute.neighbours.activate()
    compute.host.held.set()
    await compute.again()
    await compute.until(server_id, "ACTIVE")
    assert len(compute.neighbours.ports) == 1 and list(compute.host.servers) == [server_id]


async def test_after_a_reboot_of_the_machine_servers_come_back(compute):
    running, stopped = await compute.boot("one"), await compute.boot("two")
    await compute.act(stopped, "os-stop")
    await compute.until(stopped, "SHUTOFF")
    await compute.service.stop()
    compute.host.servers.clear()
    stray = "77777777-7777-4777-8777-777777777777"
    compute.host.servers[stray] = ServerStatus(id=stray, state="running")
    await compute.again()
    await compute.eventually(lambda: running in compute.host.servers)
    await compute.until(running, "ACTIVE")
    assert set(compute.host.servers) == {running}


async def test_a_server_that_ends_by_itself_is_shut_off(compute):
    server_id = await compute.boot()
    compute.host.servers[server_id] = ServerStatus(id=server_id, state="stopped", exit_status=0)
    await compute.eventually(lambda: compute.host.queues)
    await compute.host.publish(
        ServerExited(id=server_id, exit_status=0, reason="It switched itself off.", at=utcnow())
    )
    assert (await compute.until(server_id, "SHUTOFF"))["OS-EXT-STS:power_state"] == 4
    actions = await compute.ask("GET", f"/servers/{server_id}/os-instance-actions", status=200)
    assert "switched itself off" in actions["instanceActions"][0]["message"]
    await compute.act(server_id, "os-start")
    await compute.until(server_id, "ACTIVE")


async def test_two_servers_apart_do_not_fit_on_one_host(compute):
    body = {"server_group": {"name": "apart", "policy": "anti-affinity"}}
    group = (await compute.ask("POST", "/os-server-groups", body, status=200))["server_group"]
    hints = {"os:scheduler_hints": {"group": group["id"]}}
    first = await compute.boot("one", top=hints)
    second = await compute.boot("two", top=hints, wait="ERROR")
    fault = (await compute.show(second))["fault"]
    assert fault["message"].startswith("No valid host was found")
    shown = (await compute.ask("GET", f"/os-server-groups/{group['id']}", status=200))["server_group"]
    assert set(shown["members"]) == {first, second}
    assert (await compute.show(first))["server_groups"] == [group["id"]]


async def test_a_disabled_host_takes_no_server(compute):
    (service,) = (await compute.ask("GET", "/os-services", token="admin", status=200))["services"]
    assert (service["binary"], service["state"]) == ("nova-compute", "up")
    off = {"status": "disabled", "disabled_reason": "work on the power"}
    await compute.ask("PUT", f"/os-services/{service['id']}", off, token="admin", status=200)
    server_id = await compute.boot(wait="ERROR")
    assert "work on the power" in (await compute.show(server_id))["fault"]["message"]


async def test_a_server_that_ends_while_it_is_made_active_is_shut_off(compute):
    compute.host.held.clear()
    server_id = await compute.boot(wait=None)
    await compute.eventually(lambda: compute.neighbours.ports and compute.host.queues)
    gone = ServerExited(id=server_id, exit_status=0, reason="It switched itself off.", at=utcnow())
    await compute.host.publish(gone)
    compute.host.ends_at_once = True
    compute.host.held.set()
    await compute.until(server_id, "SHUTOFF")


@pytest.mark.parametrize("what", ["creation", "deletion"])
@pytest.mark.parametrize("number", range(1, 15))
async def test_work_cut_anywhere_is_finished_by_the_next_process(compute, what, number):
    server_id = await compute.boot(wait=None if what == "creation" else "ACTIVE")
    compute.cut.left = number
    if what == "deletion":
        await compute.ask("DELETE", f"/servers/{server_id}", status=204)
    done = compute.until(server_id, "ACTIVE") if what == "creation" else compute.gone(server_id)
    waits = [asyncio.ensure_future(done), asyncio.ensure_future(compute.cut.reached.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    compute.cut.left = -1
    await compute.again()
    if what == "creation":
        await compute.until(server_id, "ACTIVE")
        assert len(compute.neighbours.ports) == 1 and list(compute.host.servers) == [server_id]
        await compute.ask("DELETE", f"/servers/{server_id}", status=204)
    await compute.gone(server_id)
    assert not compute.neighbours.ports and not compute.host.servers
