# SPDX-License-Identifier: Apache-2.0
"""Housekeeping removes what belongs to no load balancer."""

from pathlib import Path

from samovar.config import Settings
from samovar.coordination import Partition, TableCoordinator
from samovar.database import Database
from samovar.loadbalancer.deployment import Deployment
from samovar.loadbalancer.housekeeping import Service
from samovar.messaging import LocalBus

LONG_AGO = "2020-01-01T00:00:00Z"
NOBODY = "3b6d3b43-9b3f-4f6e-9c39-6a2a7a3c1f10"


class Cloud:
    """Shows one server and one VIP port of load balancers that are gone, and those of another deployment."""

    def __init__(self, deployment):
        self.removed, self.deployment = [], deployment

    async def get(self, service, path, **_options):
        id, words = await self.deployment.id(), await self.deployment.words()
        if service == "compute":
            server = {"name": f"amphora-{NOBODY}", "created": LONG_AGO}
            ours, theirs = {"metadata": {"load_balancing": id}}, {"metadata": {"load_balancing": "other"}}
            return {"servers": [{"id": "s", **server, **ours}, {"id": "t", **server, **theirs}]}
        port = {"device_id": f"lb-{NOBODY}", "created_at": LONG_AGO}
        return {"ports": [{"id": "p", **port, "description": words}, {"id": "q", **port, "description": ""}]}

    async def request(self, service, method, path, **_options):
        self.removed.append((method, path))


async def test_what_nobody_knows_is_removed(tmp_path: Path, database_url: str):
    database = Database(database_url)
    database.create_tables()
    cloud = Cloud(Deployment(database))
    await Service(database, LocalBus(), Settings(state_dir=tmp_path), cloud).clean()
    assert cloud.removed == [("DELETE", "/servers/s"), ("DELETE", "/v2.0/ports/p")]
    await database.close()


async def test_of_two_housekeepers_one_cleans_in_each_round(tmp_path: Path, database_url: str):
    databases = [Database(database_url) for _ in range(2)]
    databases[0].create_tables()
    cloud, members = Cloud(Deployment(databases[0])), [TableCoordinator(database) for database in databases]
    keepers = [
        Service(database, LocalBus(), Settings(state_dir=tmp_path), cloud, Partition(member, "housekeeping"))
        for database, member in zip(databases, members, strict=True)
    ]
    for keeper in keepers:
        await keeper._share.refresh()
    for keeper in keepers:
        await keeper.clean()
    assert cloud.removed == [("DELETE", "/servers/s"), ("DELETE", "/v2.0/ports/p")]
    for member, database in zip(members, databases, strict=True):
        await member.stop()
        await database.close()
