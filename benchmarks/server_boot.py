# SPDX-License-Identifier: Apache-2.0
"""How long a server takes from the call to its first script line, and what an idle one costs. Needs root.

PYTHONPATH=src python -m benchmarks.server_boot [SERVERS]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

from samovar.cloud.host.console import tail
from samovar.cloud.host.networking import Networking
from samovar.cloud.host.parts import Host
from samovar.cloud.host.servers import Servers
from samovar.cloud.host.specs import ServerSpec

SCRIPT = b"#!/bin/sh\ndate +%s.%N\n"


def memory_kib(pids: list[int], field: str) -> int:
    """The sum of a field of /proc/PID/smaps_rollup (Rss, Pss)."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{field}:"):
                total += int(line.split()[1])
    return total


async def script_time(console: Path) -> float:
    """When the script wrote its line."""
    while True:
        lines = tail(console).splitlines()
        if any("login:" in line for line in lines):
            return float(
                lines[next(number for number, line in enumerate(lines) if "running part" in line) + 1]
            )
        await asyncio.sleep(0.005)


async def measure(servers: Servers, console_of: Path, count: int) -> None:
    calls, scripts, stops, removals = [], [], [], []
    specs = [ServerSpec(id=str(uuid.uuid4()), hostname=f"b{n}", user_data=SCRIPT) for n in range(count)]
    for spec in specs:
        begun, clock = time.time(), time.perf_counter()
        await servers.ensure(spec)
        calls.append((time.perf_counter() - clock) * 1000)
        scripts.append((await script_time(console_of / spec.id / "console.log") - begun) * 1000)
    pids = [pid for spec in specs for pid in servers._cgroups.processes(spec.id)]
    rss, pss = (memory_kib(pids, field) / count / 1024 for field in ("Rss", "Pss"))
    charged = sum(servers._cgroups.memory_used(spec.id) for spec in specs) / count / (1 << 20)
    for spec in specs:
        clock = time.perf_counter()
        await servers.stop_server(spec.id, 10)
        stops.append((time.perf_counter() - clock) * 1000)
        clock = time.perf_counter()
        await servers.remove(spec.id)
        removals.append((time.perf_counter() - clock) * 1000)
    together = [ServerSpec(id=str(uuid.uuid4()), hostname="t", user_data=SCRIPT) for _ in range(count)]
    clock = time.perf_counter()
    await asyncio.gather(*(servers.ensure(spec) for spec in together))
    rate = count / (time.perf_counter() - clock)
    await asyncio.gather(*(servers.remove(spec.id) for spec in together))
    for name, values in (
        ("ensure (call returns)", calls),
        ("launch to first script line", scripts),
        ("stop", stops),
        ("remove", removals),
    ):
        low, high = min(values), max(values)
        print(f"{name:<30}{statistics.median(values):8.1f} ms median   {low:7.1f} … {high:7.1f}")
    print(f"{'servers at once':<30}{rate:8.1f} per second")
    print(
        f"{'an idle server':<30}{rss:8.2f} MiB RSS      {pss:7.2f} MiB PSS   {charged:.2f} MiB charged to it"
    )


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="samovar-bench-") as directory:
        host = Host(Path(directory))
        networking, servers = Networking(host), Servers(host)
        await networking.start()
        await servers.start()
        try:
            await asyncio.sleep(0.5)
            await measure(servers, host.state_dir / "servers", count)
        finally:
            await servers.purge()
            await networking.purge()
            await servers.stop()
            await networking.stop()
            host.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
