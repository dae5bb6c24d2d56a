# SPDX-License-Identifier: Apache-2.0
"""Load balancers: what is answered, what is stored, and what a worker finds."""

import asyncio
import json
import re

import pytest

from samovar.loadbalancer import load_tree, operations

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?")


async def test_a_load_balancer_on_a_subnet(member, subnet, worker):
    made = await member.create("loadbalancers", name="lb1", vip_subnet_id=subnet["id"])
    identity, port = made.pop("id"), made.pop("vip_port_id")
    assert MOMENT.fullmatch(made.pop("created_at"))
    address = made.pop("vip_address")
    assert made == {
        "name": "lb1",
        "description": "",
        "provisioning_status": "PENDING_CREATE",
        "operating_status": "OFFLINE",
        "admin_state_up": True,
        "project_id": "red",
        "tenant_id": "red",
        "updated_at": None,
        "vip_subnet_id": subnet["id"],
        "vip_network_id": subnet["network_id"],
        "vip_qos_policy_id": None,
        "vip_vnic_type": "normal",
        "vip_sg_ids": [],
        "additional_vips": [],
        "listeners": [],
        "pools": [],
        "provider": "amphora",
        "flavor_id": None,
        "availability_zone": None,
        "tags": [],
    }
    await worker.work()
    assert (await member.get(f"/loadbalancers/{identity}"))["provisioning_status"] == "ACTIVE"
    _, shown = await member.at("/network/v2.0").ask("GET", f"/ports/{port}")
    shown = shown["port"]
    assert shown["name"] == f"octavia-lb-{identity}"
    assert shown["device_owner"] == "Octavia" and shown["device_id"] == f"lb-{identity}"
    assert shown["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": address}]
    assert shown["admin_state_up"] is False


@pytest.mark.parametrize("patient", [True, False])
async def test_a_client_that_gave_up_gets_no_load_balancer(member, subnet, cloud, monkeypatch, patient):
    """It looks by name, sees none, and asks again: the first must not come to be after that."""
    ports = member.at("/network/v2.0")
    begun, gone = asyncio.Event(), asyncio.Event()
    send_on = type(cloud).send

    async def slow(self, method, url, headers, body, timeout):
        answer = await send_on(self, method, url, headers, body, timeout)
        if (method, url.rpartition("/")[2]) == ("POST", "ports"):
            begun.set()
            await gone.wait()
            await asyncio.sleep(0)
        return answer

    monkeypatch.setattr(type(cloud), "send", slow)
    body = {"loadbalancer": {"name": "lb1", "vip_subnet_id": subnet["id"]}}
    messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
    answered = []

    async def receive():
        if messages:
            return messages.pop()
        await gone.wait()
        if patient:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message):
        answered.append(message)

    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/load-balancer/v2.0/lbaas/loadbalancers",
        "raw_path": b"", "root_path": "", "query_string": b"", "server": ("h", 1), "client": None,
        "headers": [(b"x-auth-token", b"member"), (b"host", b"h:1")],
    }  # fmt: skip
    asked = asyncio.create_task(cloud._application(scope, receive, send))
    await asyncio.wait_for(begun.wait(), 10)
    assert (await member.ask("GET", "/loadbalancers?name=lb1"))[1] == {"loadbalancers": []}
    gone.set()
    await asyncio.wait_for(asked, 10)
    found = (await member.ask("GET", "/loadbalancers?name=lb1"))[1]["loadbalancers"]
    left = [one for one in (await ports.ask("GET", "/ports"))[1]["ports"] if one["device_owner"] == "Octavia"]
    assert (len(found), len(left)) == ((1, 1) if patient else (0, 0))
    assert answered[0]["status"] == (201 if patient else 499)


async def test_the_vip_by_network_address_and_port(member, subnet):
    by_network = await member.create("loadbalancers", vip_network_id=subnet["network_id"])
    assert by_network["vip_subnet_id"] == subnet["id"]
    named = await member.create("loadbalancers", vip_subnet_id=subnet["id"], vip_address="10.1.0.77")
    assert named["vip_address"] == "10.1.0.77"
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "vip_address": "10.1.0.77"}}
    status, words = await member.refused("POST", "/loadbalancers", body)
    assert status == 409 and "10.1.0.77" in words
    networking = member.at("/network/v2.0")
    _, port = await networking.ask("POST", "/ports", {"port": {"network_id": subnet["network_id"]}})
    port = port["port"]
    by_port = await member.create("loadbalancers", vip_port_id=port["id"])
    assert by_port["vip_address"] == port["fixed_ips"][0]["ip_address"]
    assert by_port["vip_port_id"] == port["id"]
    again = {"loadbalancer": {"vip_port_id": port["id"]}}
    assert (await member.refused("POST", "/loadbalancers", again))[0] == 409


async def test_what_no_vip_can_be(member, other, subnet):
    nothing = {"loadbalancer": {"name": "x"}}
    assert (await member.refused("POST", "/loadbalancers", nothing))[0] == 400
    assert (await member.refused("POST", "/loadbalancers", {"loadbalancer": {}}))[0] == 400
    hidden = {"loadbalancer": {"vip_subnet_id": subnet["id"]}}
    status, words = await other.refused("POST", "/loadbalancers", hidden)
    assert status == 400 and f"Subnet {subnet['id']} not found" in words
    outside = {"loadbalancer": {"vip_subnet_id": subnet["id"], "vip_address": "192.0.2.1"}}
    assert (await member.refused("POST", "/loadbalancers", outside))[0] == 400
    assert (await member.ask("GET", "/loadbalancers"))[1] == {"loadbalancers": []}


async def test_a_graph_in_one_request(member, subnet, worker):
    member_of = {"address": "10.1.0.5", "protocol_port": 80, "subnet_id": subnet["id"]}
    monitor = {"type": "HTTP", "delay": 5, "timeout": 2, "max_retries": 3}
    made = await member.create(
        "loadbalancers",
        name="whole",
        vip_subnet_id=subnet["id"],
        listeners=[
            {
                "name": "web",
                "protocol": "HTTP",
                "protocol_port": 80,
                "default_pool": {
                    "name": "blue",
                    "protocol": "HTTP",
                    "lb_algorithm": "ROUND_ROBIN",
                    "members": [member_of],
                    "healthmonitor": monitor,
                },
                "l7policies": [
                    {
                        "action": "REDIRECT_TO_POOL",
                        "redirect_pool": {"name": "green"},
                        "rules": [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/green"}],
                    }
                ],
            }
        ],
        pools=[{"name": "green", "protocol": "HTTP", "lb_algorithm": "SOURCE_IP"}],
    )
    (listener,) = made["listeners"]
    pools = {pool["name"]: pool for pool in made["pools"]}
    assert listener["default_pool_id"] == pools["blue"]["id"]
    assert listener["l7policies"][0]["redirect_pool_id"] == pools["green"]["id"]
    assert listener["l7policies"][0]["rules"][0]["value"] == "/green"
    assert pools["blue"]["members"][0]["operating_status"] == "NO_MONITOR"
    assert pools["blue"]["members"][0]["provisioning_status"] == "PENDING_CREATE"
    assert pools["blue"]["healthmonitor"]["url_path"] == "/"
    assert "healthmonitor_id" not in pools["green"]
    await worker.work()
    shown = await member.get(f"/loadbalancers/{made['id']}")
    assert shown["listeners"] == [{"id": listener["id"]}]
    assert {pool["id"] for pool in shown["pools"]} == {pool["id"] for pool in pools.values()}
    tree = worker.trees[-1]
    assert tree.listeners[0].policies[0].rules[0].value == "/green"
    assert tree.pool(tree.listeners[0].default_pool_id).monitor.type == "HTTP"
    statuses = (await member.get(f"/loadbalancers/{made['id']}/status"))["loadbalancer"]
    shown = {pool["name"]: pool for pool in statuses["listeners"][0]["pools"]}
    assert set(shown) == {"blue", "green"}
    assert set(shown["blue"]["health_monitor"]) == {
        "id",
        "name",
        "type",
        "operating_status",
        "provisioning_status",
    }
    assert shown["blue"]["members"][0]["address"] == "10.1.0.5"


async def test_a_graph_that_is_not_whole_leaves_nothing(member, admin, subnet):
    pool = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    web = {"protocol": "HTTP", "protocol_port": 80}
    for listeners, pools in (
        ([{**web, "default_pool": {"name": "nowhere"}}], []),
        ([{**web, "default_pool": {**pool, "name": ""}}], []),
        ([{**web, "default_pool": pool}], [pool]),
        ([{**web, "default_pool": {"name": "p", "protocol": "HTTP"}}], []),
        ([web, web], []),
        ([{**web, "default_pool": {**pool, "protocol": "UDP"}}], []),
    ):
        body = {"vip_subnet_id": subnet["id"], "listeners": listeners, "pools": pools}
        status, _ = await member.refused("POST", "/loadbalancers", {"loadbalancer": body})
        assert status == (409 if listeners == [web, web] else 400)
    assert (await member.ask("GET", "/loadbalancers"))[1] == {"loadbalancers": []}
    _, ports = await admin.at("/network/v2.0").ask("GET", "/ports?device_owner=Octavia")
    assert ports == {"ports": []}


async def test_changes(member, lb, worker):
    path = f"/loadbalancers/{lb['id']}"
    shown = await member.put(path, loadbalancer={"name": "other", "admin_state_up": None, "tags": ["b", "a"]})
    shown = shown["loadbalancer"]
    assert (shown["name"], shown["admin_state_up"], shown["tags"]) == ("other", False, ["a", "b"])
    assert shown["provisioning_status"] == "PENDING_UPDATE"
    assert MOMENT.fullmatch(shown["updated_at"])
    await worker.work()
    assert worker.trees[-1].enabled is False
    status, words = await member.refused("PUT", path, {"loadbalancer": {"vip_address": "10.1.0.9"}})
    assert status == 400
    assert words == "Unknown attribute for argument load_balancer.loadbalancer: vip_address"


async def test_changes_while_others_are_in_progress(member, lb, worker, database):
    for port in (80, 81, 82):
        await member.create("listeners", loadbalancer_id=lb["id"], protocol="TCP", protocol_port=port)
    worker.trees.clear()
    await worker.work()
    assert len(worker.trees) == 1
    assert [listener.port for listener in worker.trees[0].listeners] == [80, 81, 82]
    shown = await member.get("/listeners")
    assert {listener["provisioning_status"] for listener in shown} == {"ACTIVE"}


async def test_deleting(member, lb, worker, database):
    path = f"/loadbalancers/{lb['id']}"
    await member.create("pools", loadbalancer_id=lb["id"], protocol="TCP", lb_algorithm="ROUND_ROBIN")
    status, words = await member.refused("DELETE", path)
    assert status == 400 and words == f"Cannot delete Load Balancer {lb['id']} - it has children"
    await member.delete(f"{path}?cascade=true")
    assert (await member.get(path))["provisioning_status"] == "PENDING_DELETE"
    status, words = await member.refused("PUT", path, {"loadbalancer": {"name": "x"}})
    assert status == 409
    assert words == f"Invalid state PENDING_DELETE of loadbalancer resource {lb['id']}"
    await worker.work()
    assert (await member.refused("GET", path))[0] == 404
    assert await member.get("/pools") == []
    assert await database.read(lambda connection: load_tree(connection, lb["id"])) is None


async def test_failover_and_odd_words(admin, member, lb, worker):
    path = f"/loadbalancers/{lb['id']}"
    assert (await member.refused("PUT", f"{path}/failover"))[0] == 403
    await admin.put(f"{path}/failover", status=202)
    await worker.work()
    assert await member.get(f"{path}/nonsense") == {}
    assert await member.get(f"{path}/stats") == {
        "bytes_in": 0,
        "bytes_out": 0,
        "active_connections": 0,
        "total_connections": 0,
        "request_errors": 0,
    }
    assert (await member.refused("GET", "/loadbalancers/not-an-id"))[0] == 404


async def test_additional_vips(member, subnet, worker):
    networking = member.at("/network/v2.0")
    wanted = {"network_id": subnet["network_id"], "cidr": "fd00:7::/64", "ip_version": 6}
    _, second = await networking.ask("POST", "/subnets", {"subnet": wanted})
    second = second["subnet"]
    made = await member.create(
        "loadbalancers", vip_subnet_id=subnet["id"], additional_vips=[{"subnet_id": second["id"]}]
    )
    (vip,) = made["additional_vips"]
    assert set(vip) == {"subnet_id", "ip_address", "port_id"}
    assert vip["ip_address"].startswith("fd00:7::")
    await worker.work()
    assert [vip.owned for vip in worker.trees[-1].vips] == [True, True]
    twice = {"vip_subnet_id": subnet["id"], "additional_vips": [{"subnet_id": subnet["id"]}]}
    assert (await member.refused("POST", "/loadbalancers", {"loadbalancer": twice}))[0] == 400


async def test_what_stands_above_a_change_settles_with_it(member, lb, database):
    listener = await member.create("listeners", loadbalancer_id=lb["id"], protocol="HTTP", protocol_port=80)

    def claimed(connection):
        (identity,) = operations.waiting(connection)
        return operations.claim(connection, identity, "w", 30)

    operation = await database.write(claimed)
    await member.create("pools", listener_id=listener["id"], protocol="HTTP", lb_algorithm="ROUND_ROBIN")

    async def statuses():
        listeners, pools = await member.get("/listeners"), await member.get("/pools")
        return [item["provisioning_status"] for item in (*listeners, *pools)]

    assert not await database.write(lambda c: operations.settle(c, operation, operation.generation))
    assert await statuses() == ["PENDING_CREATE", "PENDING_CREATE"]
    assert await database.write(lambda c: operations.settle(c, operation, operation.generation + 1))
    assert await statuses() == ["ACTIVE", "ACTIVE"]
