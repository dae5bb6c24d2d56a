# SPDX-License-Identifier: Apache-2.0
"""``GET …/loadbalancers/ID/why``, and what `samovar lb why` prints of it: the exact text that a person sees."""

import datetime
import re

import pytest
from sqlalchemy import insert, update

from samovar.cli.lb_text import lb_text
from samovar.database import new_id, utcnow
from samovar.loadbalancer import load_tree, operations
from samovar.loadbalancer.configurations import keep
from samovar.loadbalancer.health.heartbeats import Heartbeat, ListenerReport, MemberReport, PoolReport
from samovar.loadbalancer.health.recording import write_report, write_statuses
from samovar.loadbalancer.health.statuses import operating_statuses
from samovar.loadbalancer.tables import amphorae, load_balancers

UP = MemberReport("UP", "L7OK", "200", "1")
DOWN = MemberReport("DOWN", "L4CON", "", "0", "Connection refused")
DEGRADED = """\
! lb1 is ACTIVE and DEGRADED: 1 problem.

member 10.1.0.12:80 of pool web
  DOWN L4CON after 0 ms: Connection refused
  the connection is refused: nothing listens on that port, or the address is another's

VIP 10.1.0.5  SINGLE, change 6 of 6 is carried
  amphora AMPHORA is STANDALONE and holds it, heard N s ago, configuration 0123456789ab

✓ listener http  HTTP :80  ONLINE → pool web

! pool web  HTTP ROUND_ROBIN, HTTP check GET /health every 5 s  DEGRADED
  ✓ 10.1.0.11:80  weight 1  ONLINE
      UP, last check L7OK 200 in 1 ms
  ✗ 10.1.0.12:80  weight 2  ERROR
      DOWN, last check L4CON in 0 ms: Connection refused
"""


def printed(why, carrier):
    text = lb_text(why, datetime.datetime.now(datetime.UTC)).replace(carrier, "AMPHORA")
    return re.sub(r"\d+ s ago", "N s ago", re.sub(r"\d\d:\d\d:\d\d", "TIME", text))


@pytest.fixture
async def site(member, lb, worker, database):
    """A load balancer with two members, one of which is down; the amphora that says so."""
    pool = await member.create(
        "pools", name="web", protocol="HTTP", lb_algorithm="ROUND_ROBIN", loadbalancer_id=lb["id"]
    )
    listener = await member.create(
        "listeners", name="http", protocol="HTTP", protocol_port=80, loadbalancer_id=lb["id"],
        default_pool_id=pool["id"],
    )  # fmt: skip
    path = f"pools/{pool['id']}/members"
    one = await member.create(path, address="10.1.0.11", protocol_port=80)
    two = await member.create(path, address="10.1.0.12", protocol_port=80, weight=2)
    await member.create(
        "healthmonitors",
        type="HTTP",
        delay=5,
        timeout=4,
        max_retries=2,
        pool_id=pool["id"],
        url_path="/health",
    )
    await worker.work()
    amphora = await carrier(database, lb)
    checks = {one["id"]: UP, two["id"]: DOWN}

    def heartbeat(**more):
        given = {"id": amphora, "epoch": 1, "seq": 1, "configuration": "0123456789abcdef", **more}
        return Heartbeat(
            listeners={listener["id"]: ListenerReport("OPEN")},
            pools={f"{pool['id']}:{listener['id']}": PoolReport("UP", checks)},
            **given,
        )

    await says(database, lb, heartbeat())
    return {"lb": lb, "amphora": amphora, "heartbeat": heartbeat, "members": (one, two)}


async def carrier(database, lb, role="STANDALONE"):
    row = {
        "id": new_id(), "load_balancer_id": lb["id"], "status": "ALLOCATED", "role": role, "cert_busy": False,
        "compute_id": new_id(), "lb_network_ip": "192.0.2.7", "created_at": utcnow(),
    }  # fmt: skip
    await database.write(lambda c: c.execute(insert(amphorae).values(row)).rowcount)
    return row["id"]


async def says(database, lb, heartbeat, ago=0.0):
    heard_at = utcnow() - datetime.timedelta(seconds=ago)

    def write(connection):
        write_report(connection, lb["id"], heartbeat, heard_at)
        tree = load_tree(connection, lb["id"])
        write_statuses(connection, lb["id"], operating_statuses(tree, heartbeat))

    await database.write(write)


async def why(user, site):
    return await user.get(f"/loadbalancers/{site['lb']['id']}/why")


async def test_a_member_that_is_down_says_why(member, site, lb):
    found = await why(member, site)
    assert found["verdict"] == "degraded"
    expected = DEGRADED.replace("10.1.0.5 ", f"{lb['vip_address']} ")
    assert printed(found, site["amphora"]) == expected


async def test_administrators_see_where_amphorae_are_and_strangers_see_nothing(users, member, site):
    assert "compute_id" not in (await why(member, site))["amphorae"][0]
    seen = (await why(users["admin"], site))["amphorae"][0]
    assert seen["lb_network_ip"] == "192.0.2.7"
    path = f"/loadbalancers/{site['lb']['id']}/why"
    assert (await users["other"].refused("GET", path))[0] == 403
    assert (await users["none"].refused("GET", path))[0] == 403
    assert (await member.refused("GET", f"/loadbalancers/{new_id()}/why"))[0] == 404


async def test_administrators_may_read_the_configuration(users, member, site, database):
    text = "defaults\n\tmode http\n"
    await database.write(lambda c: keep(c, site["amphora"], "older"))
    await database.write(lambda c: keep(c, site["amphora"], text))
    await database.write(lambda c: keep(c, new_id(), "of nobody"))
    path = f"/loadbalancers/{site['lb']['id']}/why?configuration=true"
    found = await users["admin"].get(path)
    assert found["configuration"]["texts"] == {site["amphora"]: text}
    assert "configuration of amphora AMPHORA:\ndefaults\n    mode http\n" in printed(found, site["amphora"])
    assert (await member.refused("GET", path))[0] == 403


async def test_all_well(member, site, database):
    two = site["members"][1]["id"]
    beat = site["heartbeat"]()
    pools = {name: PoolReport("UP", {**pool.members, two: UP}) for name, pool in beat.pools.items()}
    from msgspec.structs import replace

    await says(database, site["lb"], replace(beat, pools=pools))
    found = await why(member, site)
    assert found["verdict"] == "healthy" and found["problems"] == []
    assert printed(found, site["amphora"]).startswith(
        "✓ lb1 is ACTIVE and ONLINE; everything is as it should be."
    )


async def test_a_silent_amphora_is_a_problem(member, site, database):
    await says(database, site["lb"], site["heartbeat"](), ago=90)
    found = await why(member, site)
    assert found["vip"]["holder"] is None
    assert "it says nothing any more" in printed(found, site["amphora"])


async def test_who_holds_the_vip_of_two(member, site, database):
    lb = site["lb"]
    second = await carrier(database, lb, "BACKUP")
    change = update(load_balancers).where(load_balancers.c.id == lb["id"]).values(topology="ACTIVE_STANDBY")
    await database.write(lambda c: c.execute(change).rowcount)
    await says(database, lb, site["heartbeat"](vrrp="BACKUP"))
    await says(database, lb, site["heartbeat"](vrrp="MASTER", id=second))
    found = await why(member, site)
    assert found["vip"]["holder"] == second
    assert f"amphora {second} is BACKUP, says MASTER and holds it" in printed(found, site["amphora"])
    await says(database, lb, site["heartbeat"](vrrp="MASTER"))
    found = await why(member, site)
    assert found["vip"]["holder"] is None and "two amphorae hold it" in printed(found, second)


async def test_what_it_waits_for_and_what_failed(member, site, database):
    path = f"/loadbalancers/{site['lb']['id']}"
    await member.put(path, loadbalancer={"name": "lb1"})
    found = await why(member, site)
    assert found["verdict"] == "waiting"
    assert "waits for converge, since TIME (0 s): a worker has to take it" in printed(found, site["amphora"])

    def work(connection):
        (identity,) = operations.waiting(connection)
        operation = operations.claim(connection, identity, "w1", 30)
        operations.fail(connection, operation, "There is no flavor m1.amphora.")

    await database.write(work)
    found = await why(member, site)
    assert found["verdict"] == "failed"
    assert re.search(
        r"the last converge \(request req-.*\)\n  There is no flavor", printed(found, site["amphora"])
    )


async def test_what_is_left_out_is_told(member, site, database):
    said = "L7 policy stop: HAProxy does not accept it: regex 'a{1,99999}' is invalid"
    mine = load_balancers.c.id == site["lb"]["id"]
    await database.write(lambda c: c.execute(update(load_balancers).where(mine).values(status_reason=said)))
    found = await why(member, site)
    assert found["problems"][0]["says"] == said and said in printed(found, site["amphora"])


async def test_reports_go_with_their_amphora(member, site, database, worker):
    await member.delete(f"/loadbalancers/{site['lb']['id']}?cascade=true")
    await worker.work()
    from samovar.loadbalancer.tables import reports

    assert await database.read(lambda c: c.execute(reports.select()).all()) == []
