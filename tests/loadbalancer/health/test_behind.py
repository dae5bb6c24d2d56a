# SPDX-License-Identifier: Apache-2.0
"""A heartbeat from before a change says nothing of what came with it."""

import datetime

from sqlalchemy import update

from samovar.database import utcnow
from samovar.loadbalancer import load_tree
from samovar.loadbalancer.health import Heartbeat
from samovar.loadbalancer.health.heartbeats import ListenerReport
from samovar.loadbalancer.health.service import _behind
from samovar.loadbalancer.tables import load_balancers


async def test_a_listener_that_was_just_settled_is_not_missed(member, lb, worker, database):
    made = await member.create("listeners", loadbalancer_id=lb["id"], protocol="HTTP", protocol_port=80)
    await worker.work()
    before = Heartbeat(id="a", epoch=1, seq=1)
    after = Heartbeat(id="a", epoch=1, seq=2, listeners={made["id"]: ListenerReport("OPEN")})

    async def behind(heartbeat):
        return await database.read(lambda c: _behind(c, load_tree(c, lb["id"]), heartbeat))

    assert (await behind(before), await behind(after)) == (True, False)
    long_ago = utcnow() - datetime.timedelta(minutes=1)
    await database.write(lambda c: c.execute(update(load_balancers).values(updated_at=long_ago)).rowcount)
    assert await behind(before) is False
