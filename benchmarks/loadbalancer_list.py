# SPDX-License-Identifier: Apache-2.0
"""Requests per CPU second of the load balancing API, in process: lists of 100 load balancers, and one.

python benchmarks/loadbalancer_list.py [load balancers]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from samovar.auth import Context
from samovar.clients import InProcess
from samovar.config import Settings
from samovar.database import Database, new_id, utcnow
from samovar.loadbalancer.api import Service
from samovar.loadbalancer.tables import load_balancers
from samovar.messaging import LocalBus

PROJECT = "red"


class Everybody:
    """Takes every token for a member's."""

    async def validate(self, token: str) -> Context:
        return Context(user_id="u", project_id=PROJECT, roles=frozenset(("member",)), token=token)


def row(number: int) -> dict[str, Any]:
    return {
        "id": new_id(),
        "project_id": PROJECT,
        "name": f"lb{number}",
        "description": "",
        "admin_state_up": True,
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "generation": 1,
        "applied_generation": 1,
        "created_at": utcnow(),
        "provider": "amphora",
        "topology": "SINGLE",
        "vip_address": "10.0.0.2",
        "vip_network_id": new_id(),
        "vip_port_id": new_id(),
        "vip_vnic_type": "normal",
        "vip_sg_ids": [],
        "vip_owned": True,
        "additional_vips": [],
        "status_reason": "",
    }


async def rate(what: str, times: int, request: Callable[[], Awaitable[Any]]) -> None:
    await request()
    began = time.process_time()
    for _ in range(times):
        answer = await request()
        assert answer.status == 200, answer
    print(f"{what:24} {times / (time.process_time() - began):8.0f} requests per CPU second")


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(state_dir=Path(directory))
        database = Database(settings.database_url)
        database.create_tables()
        rows = [row(number) for number in range(count)]
        await database.write(lambda connection: connection.execute(insert(load_balancers), rows).rowcount)
        nothing: Any = None
        service = Service(database, LocalBus(), settings, Everybody(), own=nothing, caller=nothing)
        transport = InProcess(service.asgi())

        def ask(path: str) -> Callable[[], Awaitable[Any]]:
            url = f"http://benchmark/v2.0/lbaas/loadbalancers{path}"
            return lambda: transport.send("GET", url, {"x-auth-token": "t"}, None, 10)

        await rate(f"list of {count}", 200, ask(""))
        await rate("list of 10", 500, ask("?limit=10"))
        await rate("one", 1000, ask(f"/{rows[0]['id']}"))
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
