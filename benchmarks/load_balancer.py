# SPDX-License-Identifier: Apache-2.0
"""What users of load balancers wait for, in seconds beside what was promised. Needs root, wrk, haproxy.

PYTHONPATH=src python -m benchmarks.load_balancer [PART ...]

Parts: birth, members, failover, throughput, idle, changes[=RELOADS], crowd[=LOAD BALANCERS].
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from .load_balancer_site import PORTS, Site, Watching, inside, site

ROUNDS = 3


def told(what: str, values: list[float], promised: float, unit: str = "s") -> None:
    worst = max(values)
    verdict = "kept" if worst <= promised else "MISSED"
    print(
        f"{what:<44}{median(values):8.3f} {unit} median {worst:8.3f} worst, promised {promised:g}: {verdict}"
    )


async def birth(here: Site) -> None:
    """From the request to the first 200."""
    flavor = await here.pair()
    targets = [(address, PORTS[0]) for address in here.members]
    for topology, promised in (("SINGLE", 1.0), ("ACTIVE_STANDBY", 2.0)):
        times = []
        for number in range(ROUNDS + 1):
            more = {"flavor_id": flavor} if topology != "SINGLE" else {}
            began = time.monotonic()
            made = await here.create(here.graph(f"{topology}{number}", targets, **more))
            vip = made["vip_address"]
            await here.until(lambda vip=vip: here.asked(vip)[0] == 200, 60)  # type: ignore[misc]
            if number:  # the first one ever also makes the management network
                times.append(time.monotonic() - began)
            await here.active(made["id"])
            await here.delete(made["id"])
            await asyncio.sleep(1)
        told(f"create to first 200, {topology}", times, promised)


async def member_changes(here: Site) -> None:
    """From the request to the effect that a client sees."""
    made = await here.create(here.graph("members", [(here.members[0], PORTS[0])]))
    vip = made["vip_address"]
    await here.until(lambda: here.asked(vip)[0] == 200, 60)
    await here.active(made["id"])
    pool_id = (await here.lb(made["id"]))["pools"][0]["id"]
    path = f"/v2.0/lbaas/pools/{pool_id}/members"
    second = f"{here.members[1]}:{PORTS[0]}"
    coming, going, weighing = [], [], []
    for _ in range(10):
        body = {"address": here.members[1], "protocol_port": PORTS[0]}
        began = time.monotonic()
        answer = await here.user.request("load-balancer", "POST", path, json={"member": body})
        await here.until(lambda: here.asked(vip)[1] == second, 10, 0.001)
        coming.append(time.monotonic() - began)
        member = f"{path}/{answer.body['member']['id']}"
        await here.active(made["id"])
        began = time.monotonic()
        await here.user.request("load-balancer", "PUT", member, json={"member": {"weight": 0}})
        await here.until(lambda: second not in [here.asked(vip)[1] for _ in range(4)], 10, 0.001)
        weighing.append(time.monotonic() - began)
        await here.active(made["id"])
        await here.user.request("load-balancer", "PUT", member, json={"member": {"weight": 1}})
        await here.until(lambda: here.asked(vip)[1] == second, 10, 0.001)
        await here.active(made["id"])
        began = time.monotonic()
        await here.user.request("load-balancer", "DELETE", member)
        await here.until(lambda: second not in [here.asked(vip)[1] for _ in range(4)], 10, 0.001)
        going.append(time.monotonic() - began)
        await here.active(made["id"])
    told("a member comes", coming, 0.2)
    told("a member is drained", weighing, 0.2)
    told("a member goes", going, 0.2)
    await here.delete(made["id"])


async def changes(here: Site, reloads: int, members: int) -> None:
    """Requests that fail while HAProxy reloads, and while members come, change their weight and go."""
    made = await here.create(here.graph("changes", [(here.members[0], PORTS[0])]))
    vip = made["vip_address"]
    await here.until(lambda: here.asked(vip)[0] == 200, 60)
    await here.active(made["id"])
    pool = (await here.lb(made["id"]))["pools"][0]["id"]
    path = f"/v2.0/lbaas/pools/{pool}"
    for what, count in (("reloads", reloads), ("member changes", members)):
        load = [Watching(here.client, vip, every=0.001, timeout=10) for _ in range(3)]
        kept: dict[str, str] = {}
        for number in range(count):
            if what == "reloads":
                body = {"pool": {"lb_algorithm": ("SOURCE_IP", "ROUND_ROBIN")[number % 2]}}
                await here.user.request("load-balancer", "PUT", path, json=body)
            elif number % 3 == 0:
                member = {"address": here.members[1], "protocol_port": PORTS[number // 3 % 10]}
                answer = await here.user.request(
                    "load-balancer", "POST", f"{path}/members", json={"member": member}
                )
                kept["id"] = answer.body["member"]["id"]
            elif number % 3 == 1:
                body = {"member": {"weight": number % 50 + 2}}
                await here.user.request("load-balancer", "PUT", f"{path}/members/{kept['id']}", json=body)
            else:
                await here.user.request("load-balancer", "DELETE", f"{path}/members/{kept['id']}")
            await here.active(made["id"])
        for one in load:
            one.stop()
        asked = sum(len(one.good) + len(one.bad) for one in load)
        failed = [bad for one in load for bad in one.bad]
        verdict = "kept" if not failed else f"MISSED {failed[:3]}"
        print(f"{f'failed of {asked} requests in {count} {what}':<44}{len(failed):8d}, promised 0: {verdict}")
    await here.delete(made["id"])


async def failover(here: Site) -> None:
    """What a client sees when the amphora that has the VIP, or a part of it, is killed."""
    targets = [(address, PORTS[0]) for address in here.members]
    flavor = await here.pair()
    single = await here.create(here.graph("single", targets))
    pair = await here.create(here.graph("pair", targets, flavor_id=flavor))
    for made, topology, promises in (
        (single, "SINGLE", {"": 3.0, "haproxy": 1.0, "samovar-amphora/agent": 1.0}),
        (pair, "ACTIVE_STANDBY", {"": 1.0, "haproxy": 1.0, "keepalived": 1.0, "samovar-amphora/agent": 1.0}),
    ):
        vip = made["vip_address"]
        await here.until(lambda vip=vip: here.asked(vip)[0] == 200, 60)  # type: ignore[misc]
        await here.active(made["id"])
        await asyncio.sleep(2)
        for word, promised in promises.items():
            gaps = []
            for _ in range(ROUNDS):
                rows = await settled(here, made["id"], 1 if topology == "SINGLE" else 2)
                victim = here.holder(rows, vip)
                watching = Watching(here.client, vip)
                try:
                    await asyncio.sleep(0.3)
                    began = time.monotonic()
                    here.kill(victim["compute_id"], word)
                    await asyncio.sleep(0.5)
                    await watching.recovered(began, 30)
                    gaps.append(watching.gap(began))
                    await asyncio.sleep(4)  # what mends the rest must not be felt
                    later = watching.gap(began)
                    if later > gaps[-1]:
                        gaps[-1] = later
                finally:
                    watching.stop()
            name = word.rpartition("/")[2] or "amphora"
            told(f"outage, {topology}, {name} is killed", gaps, promised)
        await here.delete(made["id"])


async def settled(here: Site, lb_id: str, count: int) -> list[dict[str, Any]]:
    """The load balancer's amphorae, once all of them are there and at work."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rows = await here.amphorae(lb_id)
        lb = await here.lb(lb_id)
        if [row["status"] for row in rows] == ["ALLOCATED"] * count and lb["provisioning_status"] == "ACTIVE":
            servers = [await here.admin.get("compute", f"/servers/{row['compute_id']}") for row in rows]
            if all(one["server"]["status"] == "ACTIVE" for one in servers):
                await asyncio.sleep(1)
                return rows
        await asyncio.sleep(0.1)
    raise TimeoutError("the load balancer was not mended")


def wrk(here: Site, url: str, seconds: float = 5) -> float:
    """Requests per second."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds:g}s", url]
    said = inside(here.client, lambda: subprocess.run(command, capture_output=True, text=True, check=True))
    if "Non-2xx" in said.stdout or "Socket errors" in said.stdout:
        print(said.stdout)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said.stdout)
    assert found is not None, said.stdout
    return float(found[1])


def share_limits(pid: int, other: int) -> None:
    """Put a process under the limits of another: its control groups."""
    for line in Path(f"/proc/{other}/cgroup").read_text().splitlines():
        _, kind, path = line.split(":", 2)
        place = Path("/sys/fs/cgroup") / kind.removeprefix("name=") / path.lstrip("/") / "cgroup.procs"
        if place.exists() and path != "/":
            place.write_text(str(pid))


async def throughput(here: Site) -> None:
    """The amphora's HAProxy, and one by hand with the same configuration, namespace and limits, in turn."""
    targets = [(address, PORTS[0]) for address in here.members]
    body = here.graph("throughput", targets)
    body["listeners"].append(
        {"name": "hand", "protocol": "HTTP", "protocol_port": 81, "admin_state_up": False}
    )
    made = await here.create(body)
    vip = made["vip_address"]
    await here.until(lambda: here.asked(vip)[0] == 200, 60)
    await here.active(made["id"])
    (row,) = await here.amphorae(made["id"])
    home = Path(f"/proc/{here.first_process(row['compute_id'])}/root/var/lib/samovar-amphora")
    text = (home / "haproxy.cfg").read_text().replace(f"bind {vip}:80", f"bind {vip}:81")
    lines = [line for line in text.splitlines() if "socket" not in line and "state" not in line]
    program = here.run_haproxy(f"sv-srv-{row['compute_id']}", "\n".join(lines) + "\n")
    share_limits(program.pid, here.first_process(row["compute_id"]))
    await here.until(lambda: here.asked(vip, 81)[0] == 200, 10)
    ours, theirs = [], []
    for _ in range(2 * ROUNDS):
        ours.append(await asyncio.to_thread(wrk, here, f"http://{vip}/", 3))
        theirs.append(await asyncio.to_thread(wrk, here, f"http://{vip}:81/", 3))
    program.terminate()
    ratio = sum(ours) / sum(theirs)
    verdict = "kept" if ratio >= 0.95 else "MISSED"
    print(f"{'requests/s':<44}{median(ours):8.0f}, by hand {median(theirs):.0f}, ratio {ratio:.3f}")
    print(f"{'':<44}promised at least 0.95: {verdict}")
    await here.delete(made["id"])


def memory(here: Site, server_id: str) -> dict[str, float]:
    """MB of each process of a server: proportional share."""
    found = {}
    for pid, command in here.processes(server_id).items():
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        share = re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)
        found[f"{pid} {command[:40]}"] = int(share[1]) * 1024 / 1e6 if share else 0.0
    return found


async def idle(here: Site) -> None:
    """Memory of amphorae that have nothing to do."""
    flavor = await here.pair()
    one = await here.create(here.graph("idle1", [(here.members[0], PORTS[0])]))
    two = await here.create(here.graph("idle2", [(here.members[0], PORTS[0])], flavor_id=flavor))
    for made in (one, two):
        await here.active(made["id"])
        await asyncio.sleep(3)
        for row in await here.amphorae(made["id"]):
            parts = memory(here, row["compute_id"])
            for name, share in parts.items():
                print(f"    {name:<52}{share:6.1f} MB")
            told(f"idle amphora ({row['role']})", [sum(parts.values())], 20, "MB")
        await here.delete(made["id"])


async def crowd(here: Site, count: int) -> None:
    """Many load balancers with ten members each."""
    before = used_megabytes()
    targets = [(address, port) for port in PORTS[:5] for address in here.members]
    at_once = asyncio.Semaphore(8)
    began = time.monotonic()

    async def one(number: int) -> dict[str, Any]:
        async with at_once:
            return await here.create(here.graph(f"crowd{number}", targets))

    made = await asyncio.gather(*(one(number) for number in range(count)))
    posted = time.monotonic() - began
    while True:  # seldom: asking costs the same CPU as making
        found = await here.user.get("load-balancer", "/v2.0/lbaas/loadbalancers")
        states = [one["provisioning_status"] for one in found["loadbalancers"]]
        if states.count("ACTIVE") >= count or time.monotonic() - began > 300:
            break
        await asyncio.sleep(0.5)
    took = time.monotonic() - began
    print(f"{'API answers':<44}{count / posted:8.1f} load balancers/s")
    verdict = "kept" if count / took >= 5 else "MISSED"
    print(f"{'active':<44}{count / took:8.1f} load balancers/s, promised 5: {verdict}")
    wrong = [each["vip_address"] for each in made if here.asked(each["vip_address"])[0] != 200]
    print(f"{'of which answer 200':<44}{count - len(wrong):8d} of {count}")
    used = used_megabytes() - before
    print(
        f"{'memory for all of them':<44}{used:8.0f} MB, promised 3000: {'kept' if used < 3000 else 'MISSED'}"
    )
    cpu = cpu_seconds()
    await asyncio.sleep(10)
    print(f"{'CPU while nothing happens':<44}{(cpu_seconds() - cpu) / 10:8.2f} cores (all that runs here)")
    for each in made:
        await here.delete(each["id"])


def used_megabytes() -> float:
    found = dict(re.findall(r"(\w+):\s+(\d+)", Path("/proc/meminfo").read_text()))
    return (int(found["MemTotal"]) - int(found["MemAvailable"])) * 1024 / 1e6


def cpu_seconds() -> float:
    numbers = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(numbers) - numbers[3] - numbers[4]) / 100


PARTS: dict[str, Callable[[Site], Awaitable[None]]] = {
    "birth": birth,
    "members": member_changes,
    "failover": failover,
    "throughput": throughput,
    "idle": idle,
}


async def main(wanted: list[str]) -> None:
    for name in wanted or [*PARTS, "changes=100", "crowd=100"]:
        async with site() as here:
            count = name.partition("=")[2]
            if name.startswith("crowd"):
                await crowd(here, int(count or 100))
            elif name.startswith("changes"):
                await changes(here, int(count or 100), 10 * int(count or 100))
            else:
                await PARTS[name](here)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
