# SPDX-License-Identifier: Apache-2.0
"""Load balancers made, changed, failed over and deleted while every part of load balancing is killed.

    python tests/faults/load_balancing.py --seconds 120           # each service a process of its own
    python tests/faults/load_balancing.py --seconds 120 --whole   # `samovar up`: one process

Two load balancers that nobody changes are asked all the time: while only controllers are killed, not one of
their requests may fail. Prints a balance sheet; afterwards nothing may be pending, wrong or left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT), str(ROOT / "tests")]

from benchmarks.load_balancer_site import PORTS, Site, Watching  # noqa: E402
from supervised import Supervised, balancing  # noqa: E402

from samovar.clients import Cloud, CloudError, CloudUnreachable, Http, PasswordCredentials  # noqa: E402
from samovar.loadbalancer.strays import PATIENCE  # noqa: E402

LBS = "/v2.0/lbaas/loadbalancers"
PARTS = ("haproxy", "keepalived", "samovar-amphora/agent", "")
"""What is killed in amphorae; "": the whole amphora."""


@dataclass
class Sheet:
    faults: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    """Each a sentence: a request of the two that nobody changes, something lost, stuck or left behind."""
    gaps: dict[str, float] = field(default_factory=dict)
    healed: float = 0.0

    def text(self) -> str:
        lines = [
            "killed: " + ", ".join(f"{name or 'amphora'} {times}" for name, times in self.faults.items()),
            "accepted: " + ", ".join(f"{name} {times}" for name, times in self.done.items()),
            f"requests through the two that nobody changes: {self.asked}",
            *(f"longest outage after killing {name}: {gap:.2f} s" for name, gap in self.gaps.items()),
            f"everything as it should be {self.healed:.1f} s after the last fault",
            *(f"WRONG: {each}" for each in self.wrong),
        ]
        return "\n".join(lines)


class Drill:
    def __init__(self, fleet: Supervised, here: Site, sheet: Sheet, chance: random.Random) -> None:
        self.fleet, self.here, self.sheet, self.chance = fleet, here, sheet, chance
        self.pair = ""
        self.wanted: dict[str, dict[str, Any]] = {}
        """What users have been promised: name → id, vip, members."""
        self.ending = False

    async def patient(self, act: Callable[[], Awaitable[Any]], seconds: float = 90) -> Any:
        """Ask again what was not answered, or not now."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return await act()
            except (CloudUnreachable, OSError):
                pass
            except CloudError as error:
                if error.status not in (409, 500, 502, 503) or time.monotonic() > deadline:
                    raise
                if error.status == 500:
                    self.sheet.wrong.append(f"500: {error}")
            if time.monotonic() > deadline:
                raise TimeoutError("not answered")
            await asyncio.sleep(0.2)

    async def call(
        self, method: str, path: str, body: Any = None, *, admin: bool = False, **query: str
    ) -> Any:
        cloud = self.here.admin if admin else self.here.user
        return (await cloud.request("load-balancer", method, path, json=body, query=query)).body

    async def create(self, name: str, members: list[str], *, pair: bool) -> dict[str, Any]:
        """Made once, whatever becomes of the answer."""

        async def once() -> Any:
            found = (await self.call("GET", LBS, name=name))["loadbalancers"]
            if found:
                return found[0]
            more = {"flavor_id": self.pair} if pair else {}
            body = self.here.graph(name, [(each, PORTS[0]) for each in members], **more)
            return (await self.call("POST", LBS, {"loadbalancer": body}))["loadbalancer"]

        made = await self.patient(once)
        self.sheet.done["create"] += 1
        self.wanted[name] = {"id": made["id"], "vip": made["vip_address"], "members": set(members)}
        return dict(self.wanted[name])

    async def user(self, number: int) -> None:
        """Makes load balancers one after the other, changes them, fails them over, deletes some."""
        for turn in range(1000):
            if self.ending:
                return
            name = f"user{number}-{turn}"
            one = await self.create(name, self.here.members[:1], pair=self.chance.random() < 0.4)
            for _ in range(self.chance.randint(1, 4)):
                await asyncio.sleep(self.chance.random() * 1.5)
                await self.change(name, one["id"])
            if self.chance.random() < 0.6:
                await self.delete(name, one["id"])

    async def change(self, name: str, identity: str) -> None:
        what = self.chance.choice(("members", "members", "algorithm", "failover"))
        if what == "failover":
            act = lambda: self.call("PUT", f"{LBS}/{identity}/failover", admin=True)  # noqa: E731
        else:
            lb = await self.patient(lambda: self.call("GET", f"{LBS}/{identity}"))
            pool = f"/v2.0/lbaas/pools/{lb['loadbalancer']['pools'][0]['id']}"
            if what == "algorithm":
                body: Any = {"pool": {"lb_algorithm": self.chance.choice(("ROUND_ROBIN", "SOURCE_IP"))}}
                act = lambda: self.call("PUT", pool, body)  # noqa: E731
            else:
                chosen = self.chance.sample(self.here.members, self.chance.randint(1, 2))
                listed = [{"address": each, "protocol_port": PORTS[0]} for each in chosen]
                act = lambda: self.call("PUT", f"{pool}/members", {"members": listed})  # noqa: E731
                self.wanted[name]["members"] = set(chosen)
        await self.patient(act)
        self.sheet.done[what] += 1

    async def delete(self, name: str, identity: str) -> None:
        async def once() -> Any:
            with contextlib.suppress(CloudError):
                found = await self.call("GET", f"{LBS}/{identity}")
                if found["loadbalancer"]["provisioning_status"] == "PENDING_DELETE":
                    return None
            try:
                return await self.call("DELETE", f"{LBS}/{identity}", cascade="true")
            except CloudError as error:
                if not error.not_found:
                    raise

        del self.wanted[name]
        await self.patient(once)
        self.sheet.done["delete"] += 1

    async def calm(self, seconds: float) -> list[dict[str, Any]]:
        """Until nothing is pending and every amphora is at work; the load balancers then."""
        deadline, lbs, rows = time.monotonic() + seconds, [], []
        while time.monotonic() < deadline:
            lbs = (await self.patient(lambda: self.call("GET", LBS)))["loadbalancers"]
            rows = (await self.patient(lambda: self.call("GET", "/v2.0/octavia/amphorae", admin=True)))[
                "amphorae"
            ]
            states = {lb["provisioning_status"] for lb in lbs} | {row["status"] for row in rows}
            if states <= {"ACTIVE", "ALLOCATED"}:
                return list(lbs)
            await asyncio.sleep(0.3)
        for each in (*lbs, *rows):
            status = each.get("provisioning_status") or each["status"]
            if status not in ("ACTIVE", "ALLOCATED"):
                self.sheet.wrong.append(f"still {status}: {each['id']} {each.get('name', each.get('role'))}")
        return list(lbs)

    async def controllers(self, seconds: float, pace: float) -> None:
        """kill -9 of one controller after the other."""
        ends = time.monotonic() + seconds
        victims = self.fleet.victims()
        self.chance.shuffle(victims)
        turn = 0
        while time.monotonic() < ends or turn < len(victims):
            await asyncio.sleep(self.chance.uniform(pace / 4, pace))
            victim = victims[turn % len(victims)]
            turn += 1
            await asyncio.to_thread(victim.end, hard=True)
            self.sheet.faults[victim.name] += 1

    async def amphorae(self, watched: dict[str, Watching], rounds: int) -> None:
        """kill -9 of parts of the amphorae of both, while controllers live; how long it was felt."""
        for name, watching in watched.items():
            one = self.wanted[name]
            for word in PARTS * rounds:
                rows = await self.settled(one["id"])
                if word == "keepalived" and len(rows) == 1:
                    continue
                victim = self.here.holder(rows, one["vip"])
                began = time.monotonic()
                self.here.kill(victim["compute_id"], word)
                self.sheet.faults[f"{name}'s {word}".rstrip()] += 1
                await watching.recovered(began, 60)
                await asyncio.sleep(2)
                label = f"{word.rpartition('/')[2] or 'the amphora'} of the {name}"
                self.sheet.gaps[label] = max(watching.gap(began), self.sheet.gaps.get(label, 0.0))

    async def settled(self, identity: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            rows = await self.here.amphorae(identity)
            lb = await self.here.lb(identity)
            fine = lb["provisioning_status"] == "ACTIVE" and {row["status"] for row in rows} == {"ALLOCATED"}
            if fine and len(rows) == (2 if lb["flavor_id"] else 1):
                servers = [
                    await self.here.admin.get("compute", f"/servers/{row['compute_id']}") for row in rows
                ]
                if all(each["server"]["status"] == "ACTIVE" for each in servers):
                    return rows
            await asyncio.sleep(0.2)
        raise TimeoutError(f"load balancer {identity} was not healed")

    async def judged(self) -> None:
        """Everything that was promised is there and answers; nothing else is."""
        began = time.monotonic()
        lbs = await self.calm(120)
        self.sheet.healed = time.monotonic() - began
        names = Counter(lb["name"] for lb in lbs)
        for name in names.keys() | self.wanted.keys():
            if names[name] != (name in self.wanted):
                self.sheet.wrong.append(
                    f"{name} is there {names[name]} times, not {int(name in self.wanted)}"
                )
        for name, one in self.wanted.items():
            targets = {f"{each}:{PORTS[0]}" for each in one["members"]}
            try:
                await self.here.until(
                    lambda one=one, targets=targets: self.answering(one) == targets, 20, 0.2
                )
            except TimeoutError:
                self.sheet.wrong.append(f"{name} answers from {self.answering(one)}, not {targets}")

    def answering(self, one: dict[str, Any]) -> set[str]:
        """Which members answer; under SOURCE_IP one of them stands for all."""
        said = {self.here.asked(one["vip"]) for _ in range(6)}
        found = {body if status == 200 else str(status) for status, body in said}
        targets = {f"{each}:{PORTS[0]}" for each in one["members"]}
        return targets if found < targets and len(found) == 1 else found

    async def emptied(self, *, strays: bool) -> None:
        """All deleted, nothing may be left in the cloud. `strays`: nor the VIP ports of requests that were
        cut off, which housekeeping leaves alone for some minutes."""
        for name, one in list(self.wanted.items()):
            await self.delete(name, one["id"])
        began, left = time.monotonic(), ["everything"]
        patience = 90 + (PATIENCE.total_seconds() + 60 if strays else 0)
        while left and time.monotonic() - began < patience:
            await asyncio.sleep(0.5)
            left = [each for each in await self.left() if strays or not each.startswith("VIP")]
        self.sheet.wrong += [f"left behind: {each}" for each in left]

    async def left(self) -> list[str]:
        lbs = (await self.patient(lambda: self.call("GET", LBS)))["loadbalancers"]
        found = [f"load balancer {each['id']} {each['provisioning_status']}" for each in lbs]
        rows = (await self.call("GET", "/v2.0/octavia/amphorae", admin=True))["amphorae"]
        found += [f"amphora {each['id']} {each['status']}" for each in rows]
        admin = self.here.admin
        servers = (await admin.get("compute", "/servers", query={"all_tenants": "1"}))["servers"]
        found += [f"server {each['name']}" for each in servers if each["name"].startswith("amphora-")]
        ports = (await admin.get("network", "/v2.0/ports"))["ports"]
        found += [
            f"{'VIP' if each['device_owner'] == 'Octavia' else 'port'} {each['name']}"
            for each in ports
            if each["name"].startswith("octavia-")
        ]
        ports_there = {each["id"] for each in ports}
        floating = (await admin.get("network", "/v2.0/floatingips"))["floatingips"]
        found += [
            f"floating IP {each['floating_ip_address']}"
            for each in floating
            if each["port_id"] not in ports_there
        ]
        groups = (await admin.get("network", "/v2.0/security-groups"))["security_groups"]
        found += [
            f"security group {each['name']}"
            for each in groups
            if each["name"].startswith("lb-") and each["name"] != "lb-mgmt-sec-grp"
        ]
        return found


@contextlib.asynccontextmanager
async def place(fleet: Supervised) -> AsyncIterator[Site]:
    """The tenant's servers and a client on the fleet's cloud."""
    passwords = json.loads((fleet.cloud.state_dir / "passwords.json").read_text())
    transport = Http()

    def cloud(name: str) -> Cloud:
        whose = {"user_domain_id": "default", "project_name": name, "project_domain_id": "default"}
        credentials = PasswordCredentials(passwords[name], username=name, **whose)
        return Cloud(f"{fleet.origin}/identity/v3", credentials, transport=transport)

    here = Site(fleet.cloud.state_dir, cloud("samovar"), cloud("admin"), lambda: None)
    try:
        await here.build()
        yield here
    finally:
        here.end()
        await transport.close()


async def drill(
    fleet: Supervised,
    sheet: Sheet,
    *,
    seconds: float,
    seed: int,
    users: int,
    pace: float,
    rounds: int,
    strays: bool = True,
) -> None:
    """Everything, written down in the sheet."""
    async with place(fleet) as here:
        one = Drill(fleet, here, sheet, random.Random(seed))
        one.pair = await here.pair()
        await one.create("single", here.members, pair=False)
        await one.create("pair", here.members, pair=True)
        for name in ("single", "pair"):
            await one.settled(one.wanted[name]["id"])
            await here.until(lambda name=name: here.asked(one.wanted[name]["vip"])[0] == 200, 30)
        watched = {
            name: Watching(here.client, one.wanted[name]["vip"], every=0.02, timeout=5) for name in one.wanted
        }
        try:
            working = [asyncio.create_task(one.user(number)) for number in range(users)]
            await one.controllers(seconds, pace)
            one.ending = True
            await asyncio.gather(*working)
            for name, watching in watched.items():
                for at, why in watching.bad:
                    before = f"{time.monotonic() - at:.1f} s before the faults ended"
                    sheet.wrong.append(f"a request through the {name} failed {before}: {why}")
                sheet.asked += len(watching.good)
            await one.judged()
            await one.amphorae(watched, rounds)
        finally:
            for watching in watched.values():
                watching.stop()
        await one.judged()
        await one.emptied(strays=strays)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--users", type=int, default=3)
    parser.add_argument("--pace", type=float, default=4.0, help="at most so many seconds between two faults")
    parser.add_argument("--rounds", type=int, default=2, help="times that each part of an amphora is killed")
    parser.add_argument("--whole", action="store_true", help="`samovar up` instead of processes apart")
    parser.add_argument("--folder", help="keep the logs here")
    given = parser.parse_args()
    sheet = Sheet()
    print(f"seed {given.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        folder = given.folder or stack.enter_context(tempfile.TemporaryDirectory())
        fleet = stack.enter_context(balancing(Path(folder), apart=not given.whole))
        try:
            asyncio.run(
                drill(
                    fleet, sheet, seconds=given.seconds, seed=given.seed, users=given.users,
                    pace=given.pace, rounds=given.rounds,
                )
            )  # fmt: skip
        finally:
            print(sheet.text(), flush=True)
    return 1 if sheet.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
