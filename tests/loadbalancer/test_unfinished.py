# SPDX-License-Identifier: Apache-2.0
"""What failed is asked for again, later and later; what carries traffic goes on doing so."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from samovar.database import Database, new_id, utcnow
from samovar.loadbalancer import operations
from samovar.loadbalancer.housekeeping.unfinished import unfinished
from samovar.loadbalancer.tables import amphorae, load_balancers
from samovar.loadbalancer.worker.rows import restore

SECOND = datetime.timedelta(seconds=1)
BALANCER = {
    **dict.fromkeys(
        ("project_id", "name", "description", "vip_network_id", "vip_port_id", "status_reason"), ""
    ),
    "admin_state_up": True,
    "provisioning_status": "PENDING_UPDATE",
    "operating_status": "ONLINE",
    "generation": 3,
    "applied_generation": 2,
    "provider": "amphora",
    "topology": "SINGLE",
    "vip_address": "10.0.0.2",
    "vip_vnic_type": "normal",
    "vip_sg_ids": [],
    "vip_owned": True,
    "additional_vips": [],
}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/test.db")
    made.create_tables()
    yield made
    await made.close()


def one(connection: Connection) -> str:
    identity = new_id()
    connection.execute(insert(load_balancers).values(**BALANCER, id=identity, created_at=utcnow()))
    return identity


def failed(connection: Connection, lb_id: str, kind: str = operations.CONVERGE) -> None:
    found = operations.request(connection, lb_id, kind, generation=3)
    operation = operations.claim(connection, found, "me", 60)
    assert operation is not None
    operations.fail(connection, operation, "no", status="ACTIVE")


async def test_what_failed_is_tried_again_later_and_later(database: Database) -> None:
    lb_id = await database.write(one)
    await database.write(lambda c: failed(c, lb_id))
    assert await database.write(unfinished) == []
    (asked,) = await database.write(lambda c: unfinished(c, utcnow() + 16 * SECOND))
    assert await database.write(lambda c: unfinished(c, utcnow() + 16 * SECOND)) == [], "it is open"
    await database.write(lambda c: again(c, asked))
    assert await database.write(lambda c: unfinished(c, utcnow() + 16 * SECOND)) == []
    assert len(await database.write(lambda c: unfinished(c, utcnow() + 31 * SECOND))) == 1


def again(connection: Connection, operation_id: str) -> None:
    operation = operations.claim(connection, operation_id, "me", 60)
    assert operation is not None
    operations.fail(connection, operation, "no", status="ACTIVE")


async def test_a_deletion_that_failed_is_not_undone(database: Database) -> None:
    lb_id = await database.write(one)
    await database.write(lambda c: failed(c, lb_id, operations.DELETE))
    assert await database.write(lambda c: unfinished(c, utcnow() + 600 * SECOND)) == []


async def test_an_amphora_whose_replacement_failed_stays_in_service(database: Database) -> None:
    def prepare(connection: Connection) -> tuple[str, Any]:
        lb_id = one(connection)
        for name, status, brought in (("old", "PENDING_DELETE", "eth1"), ("new", "BOOTING", None)):
            connection.execute(
                insert(amphorae).values(
                    id=name,
                    load_balancer_id=lb_id,
                    status=status,
                    role="STANDALONE",
                    vrrp_interface=brought,
                    cert_busy=False,
                    created_at=utcnow(),
                )
            )
        found = operations.request(connection, lb_id, operations.FAILOVER, generation=3)
        return lb_id, operations.claim(connection, found, "me", 60)

    _, operation = await database.write(prepare)
    assert await database.write(lambda c: restore(c, operation, {"old"}))

    def states(connection: Connection) -> dict[str, str]:
        return {row[0]: row[1] for row in connection.execute(select(amphorae.c.id, amphorae.c.status))}

    assert await database.read(states) == {"old": "ALLOCATED", "new": "PENDING_DELETE"}
    assert await database.write(lambda c: restore(c, operation, set())) is not False
