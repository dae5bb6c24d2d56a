# SPDX-License-Identifier: Apache-2.0
"""The health manager asks for the failover of one silent amphora, and of none when many fall silent at once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from samovar.config import Settings
from samovar.database import new_id, utcnow
from samovar.loadbalancer import operations
from samovar.loadbalancer.health import Service
from samovar.loadbalancer.tables import amphorae, load_balancers
from samovar.loadbalancer.tables import operations as operation_table
from samovar.messaging import LocalBus


@pytest.fixture
async def many(member, subnet, worker, database):
    """Seven load balancers with an amphora each: amphora → load balancer."""
    found = {}
    for number in range(7):
        made = await member.create("loadbalancers", name=f"lb{number}", vip_subnet_id=subnet["id"])
        found[new_id()] = made["id"]
    await worker.work()
    rows = [
        {"id": amphora, "load_balancer_id": lb, "status": "ALLOCATED", "role": "STANDALONE"}
        | {"cert_busy": False, "created_at": utcnow()}
        for amphora, lb in found.items()
    ]
    await database.write(lambda c: c.execute(insert(amphorae), rows).rowcount)
    return found


async def asked(database):
    """Failovers that wait for a worker."""
    query = select(operation_table.c.amphora_id).where(
        operation_table.c.status == operations.OPEN,
        operation_table.c.kind == operations.FAILOVER_AMPHORA,
    )
    return set(await database.read(lambda c: c.execute(query).scalars().all()))


async def test_the_breaker_holds_a_mass_failover_back(tmp_path, database, many):
    settings = Settings(state_dir=tmp_path)
    nothing: Any = None
    service = Service(database, LocalBus(), settings, nothing)
    names = sorted(many)
    long_ago, now = time.monotonic() - 10 * settings.amphora.heartbeat_timeout, time.monotonic()
    service._watch.seen = dict.fromkeys(names[:4], long_ago) | dict.fromkeys(names[4:], now)
    await service._look()
    assert await asked(database) == set(), "four of seven: rather the network than each of them"
    states = select(load_balancers.c.provisioning_status).distinct()
    assert await database.read(lambda c: c.execute(states).scalars().all()) == ["ACTIVE"]
    service._watch.seen = dict.fromkeys(names[:1], long_ago) | dict.fromkeys(names[1:], now)
    await service._look()
    assert await asked(database) == {names[0]}
    await service._look()
    assert len(await asked(database)) == 1, "once"


async def test_the_operator_says_how_many_are_too_many(tmp_path, database, many):
    settings = Settings(state_dir=tmp_path)
    nothing: Any = None
    given = replace(settings, amphora=replace(settings.amphora, failover_threshold=1))
    service = Service(database, LocalBus(), given, nothing)
    service._watch.seen = dict.fromkeys(many, time.monotonic() - 10 * settings.amphora.heartbeat_timeout)
    await service._look()
    assert await asked(database) == set()
    gone = update(amphorae).where(amphorae.c.id != min(many)).values(status="DELETED")
    await database.write(lambda c: c.execute(gone).rowcount)
    await service._look()
    assert await asked(database) == set(), "one is too many here"
