# SPDX-License-Identifier: Apache-2.0
"""The balance sheet of faults: stacks are made, changed and deleted while what runs them is killed and frozen.

    python tests/faults/balance.py --stacks 100                       # the whole cloud in one process
    python tests/faults/balance.py --stacks 100 --engines 2           # its engines as processes of their own

A supervisor starts again what has died. When the troubles are over, every accepted request must have come to
its end (or have given way to a newer one of its stack), each object must be there once, and none too many.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from supervised import Supervised, supervised

SETTLE_SECONDS = 240.0
Template = dict[str, Any]


@dataclass
class Sheet:
    """What was asked for and what became of it."""

    accepted: int = 0
    done: int = 0
    superseded: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    takeovers: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def text(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items())) or "none"
        lines = [
            f"faults      {faults}",
            f"accepted    {self.accepted}",
            f"done        {self.done} (and {self.superseded} gave way to a newer request of their stack)",
            f"lost        {len(self.lost)} {'; '.join(self.lost[:5])}",
            f"duplicated  {len(self.duplicated)} {'; '.join(self.duplicated[:5])}",
            f"orphaned    {len(self.orphaned)} {'; '.join(self.orphaned[:5])}",
            f"in          {self.seconds:.0f} s",
        ]
        return "\n".join(line.rstrip() for line in lines)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.orphaned)


class Cloud:
    """The APIs, asked until they answer: whoever asks does not know of the faults."""

    def __init__(self, origin: str, password: str) -> None:
        self.origin, self._password = origin, password
        self._session: aiohttp.ClientSession | None = None
        self._token, self.project = "", ""

    async def __aenter__(self) -> Cloud:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
        await self._log_in()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def _log_in(self) -> None:
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": self._password}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
        _, headers, body = await self._send("POST", "/identity/v3/auth/tokens", {"auth": auth}, {})
        self._token, self.project = headers["X-Subject-Token"], body["token"]["project"]["id"]

    async def _send(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], Any]:
        assert self._session is not None
        deadline = time.monotonic() + 180
        while True:
            try:
                async with self._session.request(
                    method, self.origin + path, json=body, headers=headers
                ) as answer:
                    text = await answer.text()
                    if answer.status < 500:
                        decoded = json.loads(text) if text.startswith(("{", "[")) else text
                        return answer.status, answer.headers.copy(), decoded
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path} was never answered")
            await asyncio.sleep(0.2)

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        for _ in range(2):
            status, _headers, found = await self._send(method, path, body, {"X-Auth-Token": self._token})
            if status != 401:
                break
            await self._log_in()
        return status, found

    async def get(self, path: str) -> Any:
        status, found = await self.ask("GET", path)
        assert status == 200, (path, status, found)
        return found

    @property
    def stacks(self) -> str:
        return f"/heat-api/v1/{self.project}/stacks"


def template_of(chance: random.Random, *, servers: bool, networks: bool) -> Template:
    """Random strings, a group of them, and in most stacks a network; a server in some."""
    text = {"type": "OS::Heat::RandomString", "properties": {"length": chance.randint(8, 30)}}
    resources: dict[str, Any] = {f"text{i}": text for i in range(chance.randint(1, 4))}
    slow = {"wait_secs": round(chance.uniform(0.2, 2.0), 1), "value": chance.choice("abc")}
    resources["slow"] = {"type": "OS::Heat::TestResource", "properties": slow}
    member = {"type": "OS::Heat::RandomString", "depends_on": []}
    del member["depends_on"]
    count = chance.randint(1, 4)
    resources["group"] = {
        "type": "OS::Heat::ResourceGroup",
        "properties": {"count": count, "resource_def": member},
        "depends_on": "slow",
    }
    if networks and chance.random() < 0.7:
        resources["net"] = {"type": "OS::Neutron::Net", "depends_on": chance.choice([[], ["slow"]])}
        resources["subnet"] = {
            "type": "OS::Neutron::Subnet",
            "properties": {"network": {"get_resource": "net"}, "cidr": f"10.{chance.randint(1, 250)}.1.0/24"},
        }
        resources["access"] = {
            "type": "OS::Neutron::SecurityGroup",
            "properties": {"description": chance.choice("xyz")},
        }
        if servers and chance.random() < 0.25:
            resources["server"] = {
                "type": "OS::Nova::Server",
                "properties": {
                    "image": "host",
                    "flavor": "m1.tiny",
                    "networks": [{"subnet": {"get_resource": "subnet"}}],
                },
            }
    return {"heat_template_version": "2021-04-16", "resources": resources}


class Life:
    """One stack: created, changed, and perhaps deleted; each request is repeated until it is answered."""

    def __init__(
        self, cloud: Cloud, name: str, chance: random.Random, sheet: Sheet, kinds: Mapping[str, bool]
    ) -> None:
        self.cloud, self.name, self.chance, self.sheet, self.kinds = cloud, name, chance, sheet, kinds
        self.url = ""
        self.identity = ""
        self.wanted: Template | None = None
        self.accepted: list[str] = []

    async def live(self) -> None:
        chance = self.chance
        self.wanted = template_of(chance, **self.kinds)
        body = {"stack_name": self.name, "template": self.wanted, "timeout_mins": 10}
        status, found = await self.cloud.ask("POST", self.cloud.stacks, body)
        if status == 409:  # the answer to the first request was lost
            found = await self.cloud.get(f"{self.cloud.stacks}?name={self.name}")
            self.identity = found["stacks"][0]["id"]
        else:
            assert status == 201, (status, found)
            self.identity = found["stack"]["id"]
        self.url = f"{self.cloud.stacks}/{self.name}/{self.identity}"
        self._count("CREATE")
        for _ in range(chance.choice([0, 1, 1, 2])):
            await self._pause()
            wanted = template_of(chance, **self.kinds)
            status, found = await self.cloud.ask("PUT", self.url, {"template": wanted, "timeout_mins": 10})
            assert status == 202, (status, found)
            self.wanted = wanted
            self._count("UPDATE")
        if chance.random() < 0.5:
            await self._pause()
            status, found = await self.cloud.ask("DELETE", self.url)
            assert status in (204, 404), (status, found)
            self.wanted = None
            self._count("DELETE")

    async def _pause(self) -> None:
        """Ask for the next thing at once, soon, or when the stack is settled."""
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.choice([0.0, 0.5, 2.0]))
        else:
            await self.settled()

    async def settled(self) -> dict[str, Any] | None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            status, found = await self.cloud.ask("GET", self.url)
            if status == 404:
                return None
            stack: dict[str, Any] = found["stack"]
            if not stack["stack_status"].endswith("IN_PROGRESS"):
                return stack if stack["stack_status"] != "DELETE_COMPLETE" else None
            if time.monotonic() > deadline:
                return stack
            await asyncio.sleep(0.3)

    def _count(self, action: str) -> None:
        self.accepted.append(action)
        self.sheet.accepted += 1

    async def judge(self) -> None:
        """Enter into the sheet what became of the requests."""
        stack = await self.settled()
        last, state = self.accepted[-1], stack["stack_status"] if stack is not None else "gone"
        wanted = "gone" if self.wanted is None else f"{last}_COMPLETE"
        if state != wanted:
            why = stack["stack_status_reason"] if stack is not None else ""
            if stack is not None:
                print(
                    f"{self.name}: {json.dumps(await self.cloud.get(f'{self.url}/why'))[:3000]}", flush=True
                )
            self.sheet.lost.append(f"{last} of {self.name}: {state} {why}")
            return
        self.sheet.done += 1
        self.sheet.superseded += len(self.accepted) - 1
        if stack is None or self.wanted is None:
            return
        found = (await self.cloud.get(f"{self.url}/resources?nested_depth=3"))["resources"]
        own = {row["resource_name"] for row in found if row.get("parent_resource") is None}
        for row in found:
            if not row["resource_status"].endswith("COMPLETE"):
                self.sheet.lost.append(f"{self.name}.{row['resource_name']} is {row['resource_status']}")
        if own != set(self.wanted["resources"]):
            self.sheet.lost.append(f"{self.name} has {sorted(own)}")

    async def resources(self) -> list[dict[str, Any]]:
        if self.wanted is None:
            return []
        found: list[dict[str, Any]] = (await self.cloud.get(f"{self.url}/resources?nested_depth=3"))[
            "resources"
        ]
        return found


async def objects(cloud: Cloud, kinds: Mapping[str, bool]) -> dict[str, str]:
    """Everything of the project that stacks can have made: id → what it is and its name."""
    found: dict[str, str] = {}
    if kinds["networks"]:
        mine = f"project_id={cloud.project}"
        for plural in ("networks", "subnets", "security-groups"):
            for each in (await cloud.get(f"/network/v2.0/{plural}?{mine}"))[plural.replace("-", "_")]:
                if each["name"] != "default" and not each.get("router:external"):
                    found[each["id"]] = f"{plural} {each['name']}"
    if kinds["servers"]:
        for each in (await cloud.get("/compute/v2.1/servers"))["servers"]:
            found[each["id"]] = f"server {each['name']}"
    return found


async def no_limits(cloud: Cloud, kinds: Mapping[str, bool]) -> None:
    if kinds["networks"]:
        names = ("network", "subnet", "port", "security_group", "security_group_rule")
        await cloud.ask("PUT", f"/network/v2.0/quotas/{cloud.project}", {"quota": dict.fromkeys(names, -1)})
    if kinds["servers"]:
        limits = dict.fromkeys(("instances", "cores", "ram"), -1)
        await cloud.ask("PUT", f"/compute/v2.1/os-quota-sets/{cloud.project}", {"quota_set": limits})


async def harm(fleet: Supervised, chance: random.Random, sheet: Sheet, freeze: float, pace: float) -> None:
    """One fault after the other, until cancelled; a freeze is always ended."""
    while True:
        await asyncio.sleep(chance.uniform(0.3, 1.0) * pace)
        kind = chance.choice(["kill -9", "kill -9", "SIGTERM", "SIGSTOP"])
        victim = chance.choice(fleet.victims())
        sheet.faults[kind if kind != "SIGSTOP" else f"SIGSTOP for {freeze:g} s"] += 1
        if kind == "SIGSTOP":
            victim.freeze()
            try:
                await asyncio.sleep(freeze)
            finally:
                victim.wake()
        else:
            await asyncio.to_thread(victim.end, hard=kind == "kill -9")


async def measure(fleet: Supervised, sheet: Sheet, *, stacks: int, seed: int, freeze: float, pace: float, kinds: Mapping[str, bool], at_once: int) -> None:  # fmt: skip
    began = time.monotonic()
    chance = random.Random(seed)
    async with Cloud(fleet.origin, fleet.password) as cloud:
        await no_limits(cloud, kinds)
        before = await objects(cloud, kinds)
        places = asyncio.Semaphore(at_once)
        lives = [Life(cloud, f"b{i}", random.Random(seed + 1 + i), sheet, kinds) for i in range(stacks)]

        async def live(life: Life) -> None:
            async with places:
                await life.live()

        harming = asyncio.create_task(harm(fleet, chance, sheet, freeze, pace))
        try:
            await asyncio.gather(*(live(life) for life in lives))
        finally:
            harming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await harming
        await asyncio.gather(*(life.judge() for life in lives))
        known: Counter[str] = Counter()
        for life in lives:
            for row in await life.resources():
                known[row["physical_resource_id"]] += 1
        present = await objects(cloud, kinds)
        names = Counter(present.values())
        sheet.duplicated += [name for name, count in names.items() if count > 1]
        sheet.orphaned += [
            what for identity, what in present.items() if identity not in known and identity not in before
        ]
        _, found = await cloud.ask("GET", cloud.stacks)
        expected = {life.identity for life in lives if life.wanted is not None}
        sheet.orphaned += [
            f"stack {each['stack_name']}" for each in found["stacks"] if each["id"] not in expected
        ]
        for life in lives:
            if life.wanted is not None:
                await cloud.ask("DELETE", life.url)
        for life in lives:
            if life.wanted is not None and (stack := await life.settled()) is not None:
                sheet.lost.append(f"the last DELETE of {life.name}: {stack['stack_status']}")
        left = await objects(cloud, kinds)
        sheet.orphaned += [f"after all: {what}" for identity, what in left.items() if identity not in before]
    sheet.seconds = time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stacks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--freeze", type=float, default=60.0, help="seconds of each SIGSTOP")
    parser.add_argument("--pace", type=float, default=6.0, help="at most so many seconds between two faults")
    parser.add_argument(
        "--engines", type=int, default=0, help="engines as processes of their own; they are harmed"
    )
    parser.add_argument("--at-once", type=int, default=8)
    given = parser.parse_args()
    whole = given.engines == 0
    kinds = {"servers": os.geteuid() == 0 and whole, "networks": os.geteuid() == 0}
    sheet = Sheet()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, supervised(Path(folder), given.engines) as fleet:
        asyncio.run(
            measure(
                fleet, sheet, stacks=given.stacks, seed=given.seed, freeze=given.freeze, pace=given.pace,
                kinds=kinds, at_once=given.at_once,
            )
        )  # fmt: skip
    print(sheet.text())
    return 0 if sheet.clean else 1


if __name__ == "__main__":
    sys.exit(main())
