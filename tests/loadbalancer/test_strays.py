# SPDX-License-Identifier: Apache-2.0
"""Ports of load balancers that never came to be go; all others stay."""

import datetime

import pytest
from sqlalchemy import delete

from samovar.clients import Cloud, TokenCredentials
from samovar.database import Database, utcnow
from samovar.loadbalancer.deployment import Deployment
from samovar.loadbalancer.strays import remove_strays
from samovar.loadbalancer.tables import load_balancers


@pytest.fixture
async def other_database(tmp_path):
    other = Database(f"sqlite:///{tmp_path}/other.db")
    other.create_tables()
    yield other
    await other.close()


async def test_ports_without_load_balancers(database, other_database, cloud, member, subnet, lb):
    stray = await member.create("loadbalancers", vip_subnet_id=subnet["id"])
    gone = delete(load_balancers).where(load_balancers.c.id == stray["id"])
    await database.write(lambda connection: connection.execute(gone).rowcount)
    own = Cloud("http://h:1/identity/v3", TokenCredentials("octavia"), transport=cloud)
    ours, theirs = Deployment(database), Deployment(other_database)
    assert await remove_strays(database, own, ours) == []
    later = utcnow() + datetime.timedelta(hours=1)
    assert await remove_strays(other_database, own, theirs, later) == [], "another one's, on the same cloud"
    assert await remove_strays(database, own, ours, later) == [stray["vip_port_id"]]
    _, left = await member.at("/network/v2.0").ask("GET", f"/ports?id={lb['vip_port_id']}")
    assert len(left["ports"]) == 1
