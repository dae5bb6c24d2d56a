# SPDX-License-Identifier: Apache-2.0
"""Ports of load balancers that never came to be go; all others stay."""

import datetime

from sqlalchemy import delete

from samovar.clients import Cloud, TokenCredentials
from samovar.database import utcnow
from samovar.loadbalancer.strays import remove_strays
from samovar.loadbalancer.tables import load_balancers


async def test_ports_without_load_balancers(database, cloud, member, subnet, lb):
    stray = await member.create("loadbalancers", vip_subnet_id=subnet["id"])
    gone = delete(load_balancers).where(load_balancers.c.id == stray["id"])
    await database.write(lambda connection: connection.execute(gone).rowcount)
    own = Cloud("http://h:1/identity/v3", TokenCredentials("octavia"), transport=cloud)
    assert await remove_strays(database, own) == []
    later = utcnow() + datetime.timedelta(hours=1)
    assert await remove_strays(database, own, later) == [stray["vip_port_id"]]
    _, left = await member.at("/network/v2.0").ask("GET", f"/ports?id={lb['vip_port_id']}")
    assert len(left["ports"]) == 1
