# SPDX-License-Identifier: Apache-2.0
"""Amphorae for administrators, statistics, and what becomes of operations."""

import pytest
from sqlalchemy import insert, select, update

from samovar.database import new_id, utcnow
from samovar.loadbalancer import operations
from samovar.loadbalancer.tables import amphorae, statistics


@pytest.fixture
async def amphora(database, lb):
    row = {
        "id": new_id(),
        "load_balancer_id": lb["id"],
        "status": "ALLOCATED",
        "role": "STANDALONE",
        "compute_id": new_id(),
        "lb_network_ip": "192.0.2.7",
        "cert_busy": False,
        "created_at": utcnow(),
    }
    await database.write(lambda connection: connection.execute(insert(amphorae).values(row)).rowcount)
    return row


@pytest.fixture
def admin(users):
    return users["admin"].at("/load-balancer/v2.0/octavia")


async def test_amphorae(users, admin, amphora, lb, database):
    (shown,) = await admin.get("/amphorae")
    assert set(shown) == {
        "id",
        "loadbalancer_id",
        "compute_id",
        "lb_network_ip",
        "vrrp_ip",
        "ha_ip",
        "vrrp_port_id",
        "ha_port_id",
        "cert_expiration",
        "cert_busy",
        "role",
        "status",
        "vrrp_interface",
        "vrrp_id",
        "vrrp_priority",
        "cached_zone",
        "created_at",
        "updated_at",
        "image_id",
        "compute_flavor",
    }
    assert await admin.get(f"/amphorae?loadbalancer_id={lb['id']}&role=STANDALONE") == [shown]
    assert await admin.get("/amphorae?status=ERROR") == []
    path = f"/amphorae/{amphora['id']}"
    assert await admin.get(path) == shown
    member = users["member"].at("/load-balancer/v2.0/octavia")
    assert (await member.refused("GET", "/amphorae"))[0] == 403
    assert (await admin.refused("GET", f"{path}/stats"))[0] == 404
    assert (await admin.refused("DELETE", path))[0] == 409
    await admin.put(f"{path}/config", status=202)
    await admin.put(f"{path}/failover", status=202)

    def kinds(connection):
        table = operations.operations
        query = select(table.c.kind).where(table.c.status == "OPEN", table.c.amphora_id == amphora["id"])
        return set(connection.execute(query).scalars())

    assert await database.read(kinds) == {"configure-amphora", "failover-amphora"}


async def test_statistics(users, admin, amphora, lb, database):
    listener = await users["member"].create(
        "listeners", loadbalancer_id=lb["id"], protocol="TCP", protocol_port=80
    )
    counters = {
        "bytes_in": 10,
        "bytes_out": 20,
        "active_connections": 1,
        "total_connections": 5,
        "request_errors": 2,
    }
    row = {
        "listener_id": listener["id"],
        "amphora_id": amphora["id"],
        "load_balancer_id": lb["id"],
        **counters,
    }
    await database.write(lambda connection: connection.execute(insert(statistics).values(row)).rowcount)
    assert await users["member"].get(f"/listeners/{listener['id']}/stats") == counters
    assert await users["member"].get(f"/loadbalancers/{lb['id']}/stats") == counters
    (shown,) = await admin.get(f"/amphorae/{amphora['id']}/stats")
    assert shown == {
        "id": amphora["id"],
        "loadbalancer_id": lb["id"],
        "listener_id": listener["id"],
        **counters,
    }


async def test_an_operation_takes_what_comes_while_it_runs(database, member, lb):
    async def claimed():
        def run(connection):
            (identity,) = operations.waiting(connection)
            return operations.claim(connection, identity, "w", 30)

        return await database.write(run)

    await member.put(f"/loadbalancers/{lb['id']}", loadbalancer={"name": "a"})
    operation = await claimed()
    await member.put(f"/loadbalancers/{lb['id']}", loadbalancer={"name": "b"})
    assert await database.read(operations.waiting) == []
    first = operation.generation
    assert not await database.write(lambda c: operations.settle(c, operation, first))
    assert (await member.get(f"/loadbalancers/{lb['id']}"))["provisioning_status"] == "PENDING_UPDATE"
    assert await database.write(lambda c: operations.settle(c, operation, first + 1))
    assert (await member.get(f"/loadbalancers/{lb['id']}"))["provisioning_status"] == "ACTIVE"


async def test_a_delete_comes_before_what_waits_and_one_worker_at_a_time(database, member, users, lb):
    path = f"/loadbalancers/{lb['id']}"
    await member.put(path, loadbalancer={"name": "a"})
    await users["admin"].put(f"{path}/failover", status=202)
    await member.delete(path)

    def run(connection):
        waiting = operations.waiting(connection)
        last = operations.claim(connection, waiting[-1], "w", 30)
        first = operations.claim(connection, waiting[0], "w", 30)
        return last, first, [operations.claim(connection, item, "v", 30) for item in waiting]

    last, first, others = await database.write(run)
    assert last is None and first.kind == "delete" and others == [None, None, None]
    await database.write(lambda connection: operations.bury(connection, first))
    assert await database.read(operations.waiting) == []


async def test_a_failure_is_told_and_can_be_mended(database, member, lb, worker):
    path = f"/loadbalancers/{lb['id']}"
    await member.create("pools", loadbalancer_id=lb["id"], protocol="TCP", lb_algorithm="ROUND_ROBIN")

    def run(connection):
        (identity,) = operations.waiting(connection)
        operation = operations.claim(connection, identity, "w", 30)
        operations.fail(connection, operation, "No host has room for the amphora.")

    await database.write(run)
    assert (await member.get(path))["provisioning_status"] == "ERROR"
    assert (await member.get("/pools"))[0]["provisioning_status"] == "ERROR"
    progress = await member.get(f"{path}/progress")
    assert progress["reason"] == "No host has room for the amphora."
    assert progress["applied_generation"] < progress["generation"]
    assert [item["status"] for item in progress["operations"]] == ["FAILED", "COMPLETE"]
    await member.put(path, loadbalancer={"name": "again"})
    await worker.work()
    assert (await member.get(path))["provisioning_status"] == "ACTIVE"
    assert (await member.get("/pools"))[0]["provisioning_status"] == "ACTIVE"


async def test_a_worker_that_slept_too_long_changes_nothing(database, member, lb):
    await member.put(f"/loadbalancers/{lb['id']}", loadbalancer={"name": "a"})

    def both(connection):
        (identity,) = operations.waiting(connection)
        slow = operations.claim(connection, identity, "slow", 30)
        table = operations.operations
        connection.execute(update(table).where(table.c.id == identity).values(lease_expires_at=utcnow()))
        return slow, operations.claim(connection, identity, "quick", 30)

    slow, quick = await database.write(both)
    with pytest.raises(operations.leases.LeaseLost):
        await database.write(lambda connection: operations.settle(connection, slow, slow.generation))
    assert await database.write(lambda connection: operations.settle(connection, quick, quick.generation))
