# SPDX-License-Identifier: Apache-2.0
"""Requests per CPU second of the load balancing API, in process: lists of 100 load balancers, and one.

python benchmarks/loadbalancer_list.py [load balancers] [--octavia PYTHON]

With the Python of an environment that has Octavia (`pip install octavia`), its API is measured in the same
run, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from samovar.auth import Context
from samovar.clients import InProcess
from samovar.config import Settings
from samovar.database import Database, new_id, utcnow
from samovar.loadbalancer.api import Service
from samovar.loadbalancer.tables import health_monitors, listeners, load_balancers, members, pools
from samovar.messaging import LocalBus

PROJECT = "red"


class Everybody:
    """Takes every token for a member's."""

    async def validate(self, token: str) -> Context:
        return Context(user_id="u", project_id=PROJECT, roles=frozenset(("member",)), token=token)


def common(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "project_id": PROJECT,
        "name": f"n{number}",
        "description": "",
        "admin_state_up": True,
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "generation": 1,
        "created_at": utcnow(),
        **values,
    }


def balancer(number: int) -> dict[str, Any]:
    return common(
        number,
        applied_generation=1,
        provider="amphora",
        topology="SINGLE",
        vip_address="10.0.0.2",
        vip_network_id=new_id(),
        vip_port_id=new_id(),
        vip_vnic_type="normal",
        vip_sg_ids=[],
        vip_owned=True,
        additional_vips=[],
        status_reason="",
    )


def fill(connection: Connection, count: int) -> str:
    """Load balancers of one listener, pool, monitor and two members each; the id of the first."""
    rows = [balancer(number) for number in range(count)]
    connection.execute(insert(load_balancers), rows)
    for number, row in enumerate(rows):
        tree = {"load_balancer_id": row["id"]}
        tls = {"tls_versions": [], "alpn_protocols": []}
        pool = common(number, **tree, **tls, protocol="HTTP", lb_algorithm="ROUND_ROBIN", tls_enabled=False)
        timeouts = ("client_data", "member_connect", "member_data", "tcp_inspect")
        listener = common(
            number,
            **tree,
            **tls,
            **{f"timeout_{name}": 50000 for name in timeouts},
            protocol="HTTP",
            protocol_port=80,
            connection_limit=-1,
            default_pool_id=pool["id"],
            sni_container_refs=[],
            insert_headers={},
            client_authentication="NONE",
            hsts_include_subdomains=False,
            hsts_preload=False,
        )
        below = {**tree, "pool_id": pool["id"]}
        monitor = common(number, **below, type="TCP", delay=1, timeout=1, max_retries=1, max_retries_down=1)
        member = {**below, "address": "10.0.0.9", "weight": 1, "backup": False, "vnic_type": "normal"}
        connection.execute(insert(pools).values(pool))
        connection.execute(insert(listeners).values(listener))
        connection.execute(insert(health_monitors).values(undescribed(monitor)))
        for port in (80, 81):
            added = undescribed(common(number, **member, protocol_port=port))
            connection.execute(insert(members).values(added))
    return str(rows[0]["id"])


def undescribed(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "description"}


async def rate(times: int, request: Callable[[], Awaitable[Any]]) -> float:
    """Requests per CPU second in the best of many short rounds: what else the machine does only adds."""
    await request()
    each, best = max(times // 50, 1), 0.0
    for _ in range(times // each):
        began = time.process_time()
        for _ in range(each):
            answer = await request()
            assert answer.status == 200, answer
        best = max(best, each / (time.process_time() - began))
    return best


async def ours(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(state_dir=Path(directory))
        database = Database(settings.database_url)
        database.create_tables()
        first = await database.write(lambda connection: fill(connection, count))
        nothing: Any = None
        service = Service(database, LocalBus(), settings, Everybody(), own=nothing, caller=nothing)
        transport = InProcess(service.asgi())

        def ask(path: str) -> Callable[[], Awaitable[Any]]:
            url = f"http://benchmark/v2.0/lbaas/{path}"
            return lambda: transport.send("GET", url, {"x-auth-token": "t"}, None, 10)

        found = {
            f"list of {count}": await rate(200, ask("loadbalancers")),
            "list of 10": await rate(500, ask("loadbalancers?limit=10")),
            "one": await rate(1000, ask(f"loadbalancers/{first}")),
            "listeners, 100": await rate(200, ask("listeners?limit=100")),
            "pools, 100": await rate(200, ask("pools?limit=100")),
        }
        await database.close()
        return found


def octavias(python: str, count: int) -> dict[str, float]:
    program = str(Path(__file__).with_name("octavia_list.py"))
    done = subprocess.run([python, program, str(count)], stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=100, help="how many load balancers there are")
    parser.add_argument("--octavia", metavar="PYTHON", help="also measure Octavia's API, with this Python")
    given = parser.parse_args()
    here = asyncio.run(ours(given.count))
    there = octavias(given.octavia, given.count) if given.octavia else {}
    for what, rate in here.items():
        beside = f"{there[what]:8.0f} of Octavia's, ratio {rate / there[what]:5.1f}" if there else ""
        print(f"{what:16} {rate:8.0f} requests per CPU second {beside}")


if __name__ == "__main__":
    main()
