# SPDX-License-Identifier: Apache-2.0
"""How long a tenant's network takes in the kernel, through the agent's socket, and how it grows. Needs root.

PYTHONPATH=src python -m benchmarks.tenant_network [PORTS]
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from uuid import uuid4

from msgspec.structs import replace

from samovar.cloud.host import HostClient, launch
from samovar.cloud.host.specs import (
    Address,
    ExternalSpec,
    FloatingIp,
    NetworkSpec,
    PortSpec,
    RouterGateway,
    RouterInterface,
    RouterSpec,
    RuleSpec,
    SubnetSpec,
)

TENANTS = 10
OUTSIDE = "198.19.255"
RULES = (
    RuleSpec(direction="egress", ethertype="IPv4"),
    RuleSpec(direction="ingress", ethertype="IPv4", protocol="tcp", port_min=80, port_max=80),
)


def port_of(number: int) -> PortSpec:
    high, low = divmod(number, 200)
    return PortSpec(
        id=str(uuid4()),
        mac=f"fa:16:3e:00:{high:02x}:{low:02x}",
        fixed_ips=(Address(f"10.0.{high}.{low + 10}", 16),),
        device_id=str(uuid4()),
        gateways=("10.0.0.1",),
        rules=RULES,
    )


def router_of(network: NetworkSpec, external: ExternalSpec, number: int) -> RouterSpec:
    inner = RouterInterface(
        port_id=str(uuid4()),
        network_id=network.id,
        mac="fa:16:3e:01:00:01",
        addresses=(Address("10.0.0.1", 16),),
    )
    outer = RouterGateway(
        port_id=str(uuid4()),
        network_id=external.id,
        mac=f"fa:16:3e:02:00:{number:02x}",
        addresses=(Address(f"{OUTSIDE}.{10 + number}", 24),),
        nexthops=(f"{OUTSIDE}.1",),
    )
    return RouterSpec(id=str(uuid4()), interfaces=(inner,), gateway=outer)


async def timed(work: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await work
    return (time.perf_counter() - begun) * 1000


async def tenants(host: HostClient, external: ExternalSpec) -> None:
    rows: dict[str, list[float]] = {"network": [], "router": [], "port": [], "floating IP": []}
    for number in range(TENANTS):
        network = NetworkSpec(id=str(uuid4()), subnets=(SubnetSpec(cidr="10.0.0.0/16"),))
        router, port = router_of(network, external, number), port_of(0)
        floating = (FloatingIp(f"{OUTSIDE}.{100 + number}", port.fixed_ips[0].address),)
        rows["network"].append(await timed(host.ensure_network(network)))
        rows["router"].append(await timed(host.ensure_router(router)))
        rows["port"].append(await timed(host.ensure_network(replace(network, ports=(port,)))))
        rows["floating IP"].append(await timed(host.ensure_router(replace(router, floating_ips=floating))))
    for name, values in rows.items():
        print(f"{name:<34}{statistics.median(values):8.2f} ms median of {TENANTS}")
    print(f"{'a tenant, all four':<34}{sum(statistics.median(values) for values in rows.values()):8.2f} ms")


async def growth(host: HostClient, pid: int, count: int) -> None:
    network = NetworkSpec(id=str(uuid4()), subnets=(SubnetSpec(cidr="10.0.0.0/16"),))
    times = []
    for number in range(count):
        network = replace(network, ports=(*network.ports, port_of(number)))
        times.append(await timed(host.ensure_network(network)))
    tenth = max(1, count // 10)
    print(f"{f'port, the first {tenth} of {count}':<34}{statistics.mean(times[:tenth]):8.2f} ms mean")
    print(f"{f'port, the last {tenth}':<34}{statistics.mean(times[-tenth:]):8.2f} ms mean")
    print(f"{'nothing to do':<34}{await timed(host.ensure_network(network)):8.2f} ms")
    print(f"{'verify all':<34}{await timed(host.ensure_network(network, verify=True)):8.2f} ms")
    print(f"{'remove all':<34}{await timed(host.remove_network(network.id)):8.2f} ms")
    status = Path(f"/proc/{pid}/status").read_text()  # noqa: ASYNC240
    print(f"{'the agent then':<34}{int(status.split('VmRSS:')[1].split()[0]) / 1024:8.1f} MiB resident")


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="samovar-bench-") as directory:
        begun = time.perf_counter()
        pid = await launch(Path(directory), Path(directory) / "host.sock")
        print(f"{'agent, from start to answer':<34}{(time.perf_counter() - begun) * 1000:8.1f} ms")
        host = HostClient(Path(directory) / "host.sock")
        external = ExternalSpec(id=str(uuid4()), host_addresses=(Address(f"{OUTSIDE}.1", 24),))
        try:
            await host.ensure_external(external)
            await tenants(host, external)
            await growth(host, pid, count)
        finally:
            await host.purge()
            await host.close()
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)  # noqa: ASYNC222


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
