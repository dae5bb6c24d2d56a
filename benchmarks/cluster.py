# SPDX-License-Identifier: Apache-2.0
"""One, two and four engines over RabbitMQ and a database server: how much they do, and what each part costs.

python -m benchmarks.cluster [postgresql|mariadb ...] [--engines 1,2,4] [--stacks 10] [--size 100]

Everything runs on this machine, so more engines do not mean more processors: what is to be seen is
that they do not get in each other's way, and what a resource costs each part in processor time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from sqlalchemy import create_engine, text

from samovar.database.servers import address
from servers.databases import KINDS
from servers.program import free_port
from servers.rabbitmq import RabbitMQ

TICKS = os.sysconf("SC_CLK_TCK")


class Part:
    """A process of ours and what it has used."""

    def __init__(self, name: str, conf: Path, state: Path) -> None:
        self.name, self.log = name, conf.parent / f"{name}-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "samovar.cli.main", "serve", name, "--config-file", str(conf)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as an installed program has it: compiled once
        began = time.monotonic()
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "--state-dir", str(state)], env=environment, stdout=out, stderr=out
            )
        while b": ready" not in self.log.read_bytes():
            if self.process.poll() is not None:
                raise SystemExit(self.log.read_text())
            time.sleep(0.01)
        self.started = time.monotonic() - began
        self.start_cpu = cpu(self.process.pid)

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def cpu(pid: int) -> float:
    """Processor seconds of a process and its children that live."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(cpu(int(child)) for child in children)


class Heat:
    """The API, as a client has it."""

    def __init__(self, identity: int, port: int, password: str) -> None:
        person = {"name": "samovar", "domain": {"id": "default"}, "password": password}
        scope = {"project": {"name": "samovar", "domain": {"id": "default"}}}
        methods = {"methods": ["password"], "password": {"user": person}}
        body = json.dumps({"auth": {"identity": methods, "scope": scope}}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{identity}/v3/auth/tokens", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            self.token = answer.headers["X-Subject-Token"]
            project = json.load(answer)["token"]["project"]["id"]
        self.base = f"http://127.0.0.1:{port}/v1/{project}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-auth-token": self.token, "content-type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            said = answer.read()
            return json.loads(said) if said[:1] == b"{" else None

    def make(self, name: str, size: int) -> None:
        kind = {"type": "OS::Heat::RandomString"}
        template = {"heat_template_version": "2021-04-16", "resources": {f"r{i}": kind for i in range(size)}}
        self.ask("POST", "/stacks", {"stack_name": name, "template": template})

    def settle(self, prefix: str, count: int) -> None:
        while True:
            stacks = [
                one for one in self.ask("GET", "/stacks")["stacks"] if one["stack_name"].startswith(prefix)
            ]
            done = [one for one in stacks if not one["stack_status"].endswith("IN_PROGRESS")]
            if len(done) == count:
                assert all(one["stack_status"] == "CREATE_COMPLETE" for one in done), done
                return
            time.sleep(0.1)


@contextlib.contextmanager
def servers(kind: str) -> Iterator[tuple[Any, RabbitMQ]]:
    database, broker = KINDS[kind](durable=True), RabbitMQ(durable=True)
    try:
        yield database, broker
    finally:
        database.stop()
        broker.stop()


def latencies(url: str, prefix: str) -> list[float]:
    """Milliseconds from an operation's commit to its start in an engine."""
    engine = create_engine(address(url))
    query = text(
        "SELECT o.created_at, o.started_at FROM orchestration_operations o "
        "JOIN orchestration_stacks s ON s.id = o.stack_id WHERE s.name LIKE :prefix"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"prefix": f"{prefix}%"}).all()
    engine.dispose()
    return sorted((started - created).total_seconds() * 1000 for created, started in rows)


def measure(kind: str, counts: list[int], stacks: int, size: int) -> None:
    with servers(kind) as (database, broker), tempfile.TemporaryDirectory(prefix="sv-bench-") as folder:
        ports = {"identity": free_port(), "heat_api": free_port()}
        conf, state = Path(folder) / "heat.conf", Path(folder) / "state"
        url = database.new()
        conf.write_text(
            f"[DEFAULT]\nsql_connection = {url}\ntransport_url = {broker.url}\nmax_resources_per_stack = -1\n"
            f"[identity]\nbind_port = {ports['identity']}\n[heat_api]\nbind_port = {ports['heat_api']}\n"
            "[samovar]\ndrain_seconds = 0\n"
        )
        parts = {"identity": Part("identity", conf, state), "api": Part("heat-api", conf, state)}
        password = json.loads((state / "passwords.json").read_text())["samovar"]
        heat = Heat(ports["identity"], ports["heat_api"], password)
        engines: list[Part] = []
        first = 0.0
        for count in counts:
            while len(engines) < count:
                engines.append(Part("heat-engine", conf, state))
            heat.make(f"warm{count}", 10)
            heat.settle(f"warm{count}", 1)
            for number in range(50):
                heat.make(f"single{count}-{number}", 1)
                time.sleep(0.05)
            heat.settle(f"single{count}-", 50)
            waits = latencies(url, f"single{count}-")
            before = {name: cpu(part.process.pid) for name, part in parts.items()}
            before |= {"engines": sum(cpu(part.process.pid) for part in engines)}
            before |= {"database": cpu(database._process.pid), "broker": cpu(broker._process.pid)}
            began = time.monotonic()
            threads = [
                threading.Thread(target=heat.make, args=(f"load{count}-{number}", size))
                for number in range(stacks)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            heat.settle(f"load{count}-", stacks)
            took = time.monotonic() - began
            after = {name: cpu(part.process.pid) for name, part in parts.items()}
            after |= {"engines": sum(cpu(part.process.pid) for part in engines)}
            after |= {"database": cpu(database._process.pid), "broker": cpu(broker._process.pid)}
            made = stacks * size
            rate = made / took
            first = first or rate
            costs = {name: (after[name] - before[name]) * 1000 / made for name in after}
            print(
                f"{kind:<11} {count} engine(s): {rate:5.0f} resources/s ({rate / first:4.2f} of one), "
                f"CPU ms per resource: {', '.join(f'{name} {cost:.2f}' for name, cost in costs.items())}, "
                f"together {sum(costs.values()):.2f}",
                flush=True,
            )
            print(
                f"{'':<11} commit to start in an engine: median {statistics.median(waits):.1f} ms, "
                f"p99 {waits[int(len(waits) * 0.99) - 1]:.1f} ms, slowest {waits[-1]:.1f} ms",
                flush=True,
            )
        everything = [*parts.values(), *engines]
        for part in everything:
            print(
                f"{'':<11} {part.name:<12} {part.memory:5.0f} MB, ready after {part.started:.2f} s "
                f"({part.start_cpu:.2f} s of processor)",
                flush=True,
            )
        for part in everything:
            part.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", nargs="*", default=["postgresql", "mariadb"])
    parser.add_argument("--engines", default="1,2,4")
    parser.add_argument("--stacks", type=int, default=10)
    parser.add_argument("--size", type=int, default=100)
    options = parser.parse_args()
    for kind in options.database:
        measure(kind, [int(part) for part in options.engines.split(",")], options.stacks, options.size)


if __name__ == "__main__":
    main()
