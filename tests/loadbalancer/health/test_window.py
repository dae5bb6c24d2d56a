# SPDX-License-Identifier: Apache-2.0
"""What was believed once is never believed again, and who shouts does not drown out who is right."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select, false, insert

from samovar.config import Settings
from samovar.database import Database, new_id, utcnow
from samovar.loadbalancer.health import Service, Unbelievable, Verifier
from samovar.loadbalancer.health.window import recall, remember
from samovar.loadbalancer.tables import amphorae
from samovar.messaging import LocalBus
from samovar_amphora.heartbeat import sign

KEY = "ab" * 32
AMPHORA = "5b1f0d6e-2f0c-4c55-9d0a-3f7a2c1e9b10"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/test.db")
    made.create_tables()
    yield made
    await made.close()


def beat(epoch: int, seq: int, key: str = KEY) -> bytes:
    return sign({"id": AMPHORA, "epoch": epoch, "seq": seq, "listeners": {}, "pools": {}}, key)


async def test_a_restarted_health_manager_refuses_what_the_former_one_believed(database: Database) -> None:
    former = Verifier(lambda _: KEY)
    heard = [former.read(beat(1, 7)), former.read(beat(2, 1))]
    for one in (*heard, heard[0]):  # an older one that is written late changes nothing
        await database.write(lambda c, one=one: remember(c, [one]))
    fresh = Verifier(lambda _: KEY)
    fresh.remember(await database.read(recall))
    for replayed in (beat(1, 7), beat(1, 99), beat(2, 1)):
        with pytest.raises(Unbelievable, match="seen before"):
            fresh.read(replayed)
    assert fresh.read(beat(2, 2)).seq == 2


class Late:
    """A connection that does not see what another health manager is just writing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.begin_nested = connection.begin_nested

    def execute(self, statement: Any, *rows: Any) -> Any:
        if isinstance(statement, Select):
            statement = statement.where(false())
        return self._connection.execute(statement, *rows)


async def test_two_health_managers_may_write_of_the_same_amphora_s_first_heartbeat(
    database: Database,
) -> None:
    one = Verifier(lambda _: KEY).read(beat(1, 7))
    await database.write(lambda c: remember(c, [one]))
    await database.write(lambda c: remember(Late(c), [one]))  # type: ignore[arg-type]
    assert await database.read(recall) == {AMPHORA: (1, 7)}


async def test_nobody_unknown_is_listened_to() -> None:
    verifier = Verifier(lambda _: pytest.fail("nothing is computed for a stranger"))
    verifier.expected = set()
    with pytest.raises(Unbelievable, match="no amphora has this id"):
        verifier.read(beat(1, 1))


async def test_a_flood_of_forgeries_delays_no_heartbeat(database: Database, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    port = free_port()
    given = replace(settings.amphora, heartbeat_ip="127.0.0.1", heartbeat_port=port)
    nothing: Any = None
    service = Service(database, LocalBus(), replace(settings, amphora=given), nothing)
    row = {"id": AMPHORA, "load_balancer_id": new_id(), "status": "ALLOCATED", "role": "STANDALONE"}
    made = {**row, "cert_busy": False, "created_at": utcnow()}
    await database.write(lambda c: c.execute(insert(amphorae), [made]).rowcount)
    key = service._parts.store.heartbeat_key(AMPHORA)
    await service.start()
    while service.address is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    done = threading.Event()
    sent = [0]

    def flood() -> None:
        forged = [beat(9, number, "cd" * 32) for number in range(100)] + [b"x" * 200] * 100
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as shouting:
            while not done.is_set():
                for one in forged:
                    shouting.sendto(one, ("127.0.0.1", port))
                sent[0] += len(forged)
                time.sleep(0.01)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
            for seq in range(1, 6):
                speaking.sendto(beat(1, seq, key), ("127.0.0.1", port))
                await until(database, (1, seq))
    finally:
        done.set()
        thread.join()
        await service.stop()
    assert sent[0] > 1000


async def until(database: Database, moment: tuple[int, int]) -> None:
    """Until this moment of the amphora is written down."""
    deadline = time.monotonic() + 5
    while (await database.read(recall)).get(AMPHORA, (0, 0)) < moment:
        assert time.monotonic() < deadline, "a heartbeat was not heard"
        await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
