# SPDX-License-Identifier: Apache-2.0
"""The engine's figures: stacks of many small resources, from the request to the last commit.

python -m benchmarks.engine [largest]
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "orchestration" / "engine")]

from stand import Stand

from samovar.auth import Context
from samovar.clients import InProcess
from samovar.orchestration.api import Service

VERSION = "2021-04-16"
BASE = "http://heat/v1/p/stacks"


class Anybody:
    """Every token is a member's."""

    async def validate(self, token: str) -> Context:
        return Context(user_id="u", user_name="u", project_id="p", roles=frozenset({"member"}), token=token)


class Heat:
    """The API and an engine in this process, on an SQLite file."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self._transport = InProcess(Service(stand.parts(), Anybody()).asgi())

    async def ask(self, method: str, url: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        answer = await self._transport.send(method, url, {"x-auth-token": "t"}, data, 120)
        assert answer.status < 400, answer.body[:2000]
        return json.loads(answer.body) if answer.body[:1] == b"{" else None

    async def settle(self, name: str) -> None:
        while True:
            found = await self.ask("GET", f"{BASE}?show_nested=false&name={name}")
            if not found["stacks"]:
                return
            status = found["stacks"][0]["stack_status"]
            if not status.endswith("IN_PROGRESS"):
                assert status.endswith("COMPLETE"), found["stacks"][0]["stack_status_reason"]
                return
            await asyncio.sleep(0.005)

    async def timed(self, method: str, url: str, name: str, body: Any = None) -> float:
        began = time.perf_counter()
        await self.ask(method, url, body)
        await self.settle(name)
        return time.perf_counter() - began


def flat(count: int, salted: int = 0) -> dict[str, Any]:
    kind = "OS::Heat::RandomString"
    return {
        "heat_template_version": VERSION,
        "resources": {
            f"r{i}": {"type": kind, "properties": {"salt": "x"}} if i < salted else {"type": kind}
            for i in range(count)
        },
    }


def chain(count: int) -> dict[str, Any]:
    resources: dict[str, Any] = {"r0": {"type": "OS::Heat::RandomString"}}
    for i in range(1, count):
        resources[f"r{i}"] = {
            "type": "OS::Heat::RandomString",
            "properties": {"salt": {"get_resource": f"r{i - 1}"}},
        }
    return {"heat_template_version": VERSION, "resources": resources}


def groups(levels: list[int]) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "OS::Heat::RandomString"}
    for count in reversed(levels):
        inner = {"type": "OS::Heat::ResourceGroup", "properties": {"count": count, "resource_def": inner}}
    return {"heat_template_version": VERSION, "resources": {"g": inner}}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row(what: str, seconds: float, count: int, note: str = "") -> None:
    print(f"{what:<46}{seconds:>8.2f} s {count / seconds:>9.0f}/s  {note}", flush=True)


async def life(heat: Heat, count: int) -> float:
    """Create, update and delete a flat stack; the seconds of the create."""
    name = f"flat{count}"
    template = flat(count)
    created = await heat.timed("POST", BASE, name, {"stack_name": name, "template": template})
    row(f"create {count} RandomString", created, count, "target 2 s" if count == 1000 else "")
    identity = (await heat.ask("GET", f"{BASE}?name={name}"))["stacks"][0]["id"]
    url = f"{BASE}/{name}/{identity}"
    seconds = await heat.timed("PUT", url, name, {"template": template})
    row(f"update {count}, nothing changed", seconds, count, "target 1 s" if count == 1000 else "")
    seconds = await heat.timed("PUT", url, name, {"template": flat(count, count // 10)})
    row(f"update {count}, a tenth replaced", seconds, count // 10)
    seconds = await heat.timed("DELETE", url, name)
    row(f"delete {count}", seconds, count, "target 1 s" if count == 1000 else "")
    return created


async def latencies(heat: Heat, count: int) -> None:
    """How long a GET takes while a big stack is being made."""
    work = asyncio.create_task(
        heat.timed("POST", BASE, "busy", {"stack_name": "busy", "template": flat(count)})
    )
    found = []
    while not work.done():
        began = time.perf_counter()
        await heat.ask("GET", BASE)
        found.append(time.perf_counter() - began)
        await asyncio.sleep(0.005)
    seconds = await work
    found.sort()
    p99 = found[-max(1, len(found) // 100)] * 1e3
    median = statistics.median(found) * 1e3
    row(
        f"create {count} with GETs beside it", seconds, count, f"GET median {median:.1f} ms, p99 {p99:.0f} ms"
    )


async def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        stand = Stand(
            Path(folder), lease_seconds=10.0, max_template_size=10_000_000, max_stacks_per_tenant=-1
        )
        stand.enlarge_bodies()
        await stand.engine()
        heat = Heat(stand)
        await life(heat, 10)
        thousand = await life(heat, 1000)
        print(f"{'peak memory':<46}{peak_mb():>8.0f} MB")
        seconds = await heat.timed("POST", BASE, "chain", {"stack_name": "chain", "template": chain(100)})
        row("create a chain of 100", seconds, 100, "target 1 s")
        seconds = await heat.timed(
            "POST", BASE, "deep", {"stack_name": "deep", "template": groups([10, 10, 1])}
        )
        row("create groups of 100, three levels deep", seconds, 100, "target 2 s")
        bodies = [{"stack_name": f"s{i}", "template": flat(10)} for i in range(50)]
        began = time.perf_counter()
        await asyncio.gather(*(heat.timed("POST", BASE, body["stack_name"], body) for body in bodies))
        row("create 50 stacks of 10 at once", time.perf_counter() - began, 500, "target 2 s")
        if largest > 1000:
            big = await life(heat, largest)
            ratio = big / thousand / (largest / 1000)
            print(f"{'cost per resource against the stack of 1,000':<46}{ratio:>8.2f} x")
            await latencies(heat, largest)
        print(f"{'peak memory':<46}{peak_mb():>8.0f} MB")
        await stand.close()


if __name__ == "__main__":
    asyncio.run(main())
