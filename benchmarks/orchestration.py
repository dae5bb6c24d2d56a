# SPDX-License-Identifier: Apache-2.0
"""Orchestration over HTTP, as a client sees it, and beside real Heat when asked: time, CPU, memory, ratios.

    python -m benchmarks.orchestration                          # this program alone
    python -m benchmarks.orchestration --heat /var/tmp/heat     # and real Heat, installed there from PyPI

Both are asked by the same client, one after the other, with the same identity service. This program is one
process on SQLite; Heat is its API and its engine with two workers each, on MariaDB and RabbitMQ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from benchmarks.engine import chain, flat, groups
from benchmarks.real_heat import (
    RealHeat,
    cpu_seconds,
    environment_of,
    family,
    password_of,
    peak_megabytes,
)
from clouds import free_port
from faults.supervised import answers

LOOK_SECONDS = 0.02


class Process:
    """`samovar serve …` on a state directory of its own."""

    def __init__(self, folder: Path, *services: str) -> None:
        self.port, self.state_dir = free_port(), folder / "state"
        folder.mkdir(parents=True)
        (folder / "samovar.conf").write_text(
            f"[samovar]\npublic_endpoint = http://127.0.0.1:{self.port}\n"
            "[DEFAULT]\nmax_resources_per_stack = -1\nmax_stacks_per_tenant = -1\n"
            "max_json_body_size = 50000000\nmax_template_size = 50000000\n"
        )
        command = [sys.executable, "-m", "samovar.cli.main", "serve", *services, "--port", str(self.port)]
        command += ["--state-dir", str(self.state_dir), "--config-file", str(folder / "samovar.conf")]
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=dict(os.environ))
        answers(f"http://127.0.0.1:{self.port}/readyz")
        self.origin = f"http://127.0.0.1:{self.port}/heat-api/v1"
        self.identity = f"http://127.0.0.1:{self.port}/identity"

    def pids(self) -> list[int]:
        return family(self._process.pid)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()


class Client:
    """Asks one Heat."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, project: str, token: str) -> None:
        self._session, self._base = session, f"{origin}/{project}/stacks"
        self._headers = {"X-Auth-Token": token}

    async def ask(self, method: str, path: str = "", body: Any = None) -> Any:
        url = path if path.startswith("http") else self._base + path
        async with self._session.request(method, url, json=body, headers=self._headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {url}: {answer.status} {text[:500]}")
            return json.loads(text) if text.startswith("{") else None

    async def create(self, name: str, template: Any) -> str:
        found = await self.ask("POST", "", {"stack_name": name, "template": template, "timeout_mins": 60})
        return f"/{name}/{found['stack']['id']}"

    async def settled(self, path: str) -> None:
        began = time.perf_counter()
        while True:
            async with self._session.get(
                f"{self._base}{path}?resolve_outputs=false", headers=self._headers
            ) as answer:
                if answer.status == 404:
                    return
                stack = (await answer.json())["stack"]
            if not stack["stack_status"].endswith("IN_PROGRESS"):
                if not stack["stack_status"].endswith("COMPLETE"):
                    raise RuntimeError(f"{stack['stack_status']}: {stack['stack_status_reason']}")
                return
            # Looking costs the one who is measured: the longer it takes, the more seldom.
            await asyncio.sleep(min(2.0, max(LOOK_SECONDS, 0.05 * (time.perf_counter() - began))))

    async def delete(self, path: str) -> None:
        await self.ask("DELETE", path)
        await self.settled(path)


Figures = dict[str, tuple[float, float]]
"""What was done: seconds, and seconds of CPU of the one who did it."""


class Course:
    """The same work for whoever is measured."""

    def __init__(self, name: str, client: Client, pids: Callable[[], list[int]]) -> None:
        self.name, self.client, self._pids = name, client, pids
        self.figures: Figures = {}

    async def timed(self, what: str, work: Callable[[], Awaitable[Any]], note: str = "") -> Any:
        cpu, began = cpu_seconds(self._pids()), time.perf_counter()
        result = await work()
        seconds, spent = time.perf_counter() - began, cpu_seconds(self._pids()) - cpu
        self.figures[what] = (seconds, spent)
        print(f"{self.name:<9}{what:<46}{seconds:>9.2f} s  CPU {spent:>8.2f} s  {note}", flush=True)
        return result

    async def made(self, name: str, template: Any) -> str:
        path = await self.client.create(name, template)
        await self.client.settled(path)
        return path

    async def updated(self, path: str, template: Any) -> None:
        await self.client.ask("PUT", path, {"template": template, "timeout_mins": 60})
        await self.client.settled(path)

    async def run(self, size: int) -> None:
        client = self.client
        await self.made("warm", flat(2))
        path = await self.timed(f"create {size} RandomString", lambda: self.made("flat", flat(size)))
        tenth = size // 10
        await self.timed(f"update {size}, nothing changed", lambda: self.updated(path, flat(size)))
        await self.timed(f"update {size}, a tenth replaced", lambda: self.updated(path, flat(size, tenth)))
        await self.timed(f"delete {size}", lambda: client.delete(path))
        await self.timed("create a chain of 100", lambda: self.made("chain", chain(100)))
        deep = groups([10, 10, 1])
        await self.timed("create a group of 100, three levels deep", lambda: self.made("deep", deep))
        await self.timed("create 50 stacks of 10 at once", self._many)
        await self.latencies("busy", size)

    async def _many(self) -> None:
        await asyncio.gather(*(self.made(f"s{i}", flat(10)) for i in range(50)))

    async def latencies(self, name: str, size: int) -> None:
        """How long GETs take while a stack of `size` is being made."""
        work = asyncio.create_task(self.made(name, flat(size)))
        found: list[float] = []
        while not work.done():
            began = time.perf_counter()
            await self.client.ask("GET", "?limit=20")
            found.append(time.perf_counter() - began)
            await asyncio.sleep(0.02)
        await work
        found.sort()
        p99 = found[max(0, int(len(found) * 0.99) - 1)]
        self.figures[f"p99 of GETs during a create of {size}"] = (p99, 0.0)
        median = statistics.median(found) * 1000
        peak = peak_megabytes(self._pids())
        print(
            f"{self.name:<9}{f'p99 of GETs during a create of {size}':<46}{p99 * 1000:>8.0f} ms  "
            f"median {median:.0f} ms, {len(found)} requests; peak memory {peak:.0f} MB",
            flush=True,
        )


async def token_of(identity: str, password: str) -> tuple[str, str]:
    user = {"name": "admin", "domain": {"id": "default"}, "password": password}
    auth = {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{identity}/v3/auth/tokens", json={"auth": auth}) as answer,
    ):
        body = await answer.json()
        return answer.headers["X-Subject-Token"], body["token"]["project"]["id"]


async def measure(given: argparse.Namespace, folder: Path) -> None:
    ours = Process(folder / "ours", "identity", "orchestration-api", "engine")
    heat: RealHeat | None = None
    courses: list[Course] = []
    timeout = aiohttp.ClientTimeout(total=600)
    try:
        token, project = await token_of(ours.identity, password_of(ours.state_dir, "admin"))
        async with aiohttp.ClientSession(timeout=timeout) as session:
            mine = Course("samovar", Client(session, ours.origin, project, token), ours.pids)
            courses.append(mine)
            await mine.run(given.size)
            if given.large:
                await mine.timed(
                    f"create {given.large} RandomString", lambda: mine.made("large", flat(given.large))
                )
                await mine.latencies("largest", given.large)
            if given.heat:
                password = password_of(ours.state_dir, "heat")
                heat = RealHeat(folder, environment_of(given.heat), ours.identity, password)
                theirs = Course("Heat", Client(session, heat.origin, project, token), heat.pids)
                courses.append(theirs)
                await theirs.run(given.size)
        if len(courses) == 2:
            compare(*courses)
    finally:
        if heat is not None:
            heat.close()
        ours.close()


def compare(ours: Course, theirs: Course) -> None:
    print(f"\n{'Heat / samovar':<55}{'time':>8}{'CPU':>10}")
    for what, (seconds, cpu) in theirs.figures.items():
        mine, spent = ours.figures[what]
        ratio = f"{cpu / spent:>9.0f}x" if spent > 0 else ""
        print(f"{what:<55}{seconds / mine:>7.1f}x{ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--heat", type=Path, help="environment of real Heat; made when it is not there")
    parser.add_argument("--size", type=int, default=1000, help="resources of the flat stack")
    parser.add_argument("--large", type=int, default=10_000, help="resources of this program's largest stack")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samovar-bench-") as folder:
        asyncio.run(measure(given, Path(folder)))


if __name__ == "__main__":
    main()
