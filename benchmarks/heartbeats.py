# SPDX-License-Identifier: Apache-2.0
"""Heartbeats per CPU second of one health manager: believed, and written down; and forged ones refused.

PYTHONPATH=src python -m benchmarks.heartbeats [AMPHORAE]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from samovar.config import Settings
from samovar.database import Database, new_id, utcnow
from samovar.loadbalancer.health import Service, Unbelievable
from samovar.loadbalancer.tables import amphorae, listeners, load_balancers
from samovar.messaging import LocalBus
from samovar_amphora.heartbeat import sign

ROUNDS = 5
BALANCER = {
    "project_id": "p",
    "name": "",
    "description": "",
    "admin_state_up": True,
    "provisioning_status": "ACTIVE",
    "operating_status": "ONLINE",
    "generation": 1,
    "applied_generation": 1,
    "provider": "amphora",
    "topology": "SINGLE",
    "vip_address": "10.0.0.2",
    "vip_network_id": "n",
    "vip_port_id": "p",
    "vip_vnic_type": "normal",
    "vip_sg_ids": [],
    "vip_owned": True,
    "additional_vips": [],
    "status_reason": "",
}
LISTENER = {
    "project_id": "p",
    "name": "",
    "description": "",
    "admin_state_up": True,
    "provisioning_status": "ACTIVE",
    "operating_status": "ONLINE",
    "generation": 1,
    "protocol": "HTTP",
    "protocol_port": 80,
    "connection_limit": -1,
    "sni_container_refs": [],
    "client_authentication": "NONE",
    "insert_headers": {},
    "timeout_client_data": 1,
    "timeout_member_connect": 1,
    "timeout_member_data": 1,
    "timeout_tcp_inspect": 0,
    "tls_versions": [],
    "alpn_protocols": [],
    "hsts_include_subdomains": False,
    "hsts_preload": False,
}


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def message(amphora_id: str, listener_id: str, seq: int) -> dict[str, Any]:
    """One listener, a pool of ten members, all of it under load."""
    stats = dict.fromkeys(("bytes_in", "bytes_out", "active_connections", "total_connections"), seq)
    member = {"status": "UP", "check": "L7OK", "code": "200", "milliseconds": "1", "last": "OK"}
    members = {f"{listener_id[:-2]}{number:02d}": member for number in range(10)}
    return {
        "id": amphora_id,
        "ver": 4,
        "epoch": 1,
        "seq": seq,
        "recv": "x" * 64,
        "vrrp": "",
        "listeners": {listener_id: {"status": "OPEN", "stats": {**stats, "request_errors": 0}}},
        "pools": {f"{listener_id}:{listener_id}": {"status": "UP", "members": members}},
    }


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(state_dir=Path(directory))
        database = Database(settings.database_url)
        database.create_tables()
        nothing: Any = None
        service = Service(database, LocalBus(), settings, nothing)
        lbs = [{**BALANCER, "id": new_id(), "created_at": utcnow()} for _ in range(count)]
        theirs = [
            {**LISTENER, "id": new_id(), "load_balancer_id": lb["id"], "created_at": utcnow()} for lb in lbs
        ]
        rows = [
            {"id": new_id(), "load_balancer_id": lb["id"], "status": "ALLOCATED", "role": "STANDALONE"}
            for lb in lbs
        ]
        made = [{**one, "cert_busy": False, "created_at": utcnow()} for one in rows]
        for table, values in ((load_balancers, lbs), (listeners, theirs), (amphorae, made)):
            await database.write(lambda c, t=table, v=values: c.execute(insert(t), v).rowcount)  # type: ignore[misc]
        keys = [service._parts.store.heartbeat_key(str(one["id"])) for one in rows]
        seconds = writing = 0.0
        for seq in range(1, ROUNDS + 2):
            sent = [
                sign(message(str(one["id"]), str(its["id"]), seq), key)
                for one, its, key in zip(rows, theirs, keys, strict=True)
            ]
            spent, heard = cpu(lambda sent=sent: [service._verifier.read(one) for one in sent])  # type: ignore[misc]
            newest = {one.id: one for one in heard}
            began = time.process_time()
            written, reported = await database.write(lambda c, n=newest: service._record(c, n))  # type: ignore[misc]
            service._written |= written
            service._reported |= reported
            if seq > 1:  # the first round writes every row for the first time
                seconds, writing = seconds + spent, writing + time.process_time() - began
        total = count * ROUNDS
        print(f"{'believed':<24}{total / seconds:10.0f} per CPU second")
        rate = total / (seconds + writing)
        verdict = "kept" if rate >= 2000 else "MISSED"
        print(f"{'believed and written':<24}{rate:10.0f} per CPU second, promised 2000: {verdict}")
        strangers = [os.urandom(300) for _ in range(5000)]
        forged = [one[:-1] + b"x" for one in sent]

        def refuse(datagrams: list[bytes]) -> None:
            for one in datagrams:
                try:
                    service._verifier.read(one)
                except Unbelievable:
                    continue

        print(f"{'nonsense refused':<24}{5000 / cpu(lambda: refuse(strangers))[0]:10.0f} per CPU second")
        print(f"{'forgeries refused':<24}{count / cpu(lambda: refuse(forged))[0]:10.0f} per CPU second")
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
