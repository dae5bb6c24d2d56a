# SPDX-License-Identifier: Apache-2.0
"""Requests per second of the stack list (20 stacks), over HTTP with a real token.

python benchmarks/stack_list.py [clients] [seconds]
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import Request, urlopen

STACKS = 20
TEMPLATE = {"heat_template_version": "2021-04-16", "resources": {"r": {"type": "OS::Heat::RandomString"}}}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def ask(method: str, url: str, token: str = "", body: object = None) -> tuple[dict[str, str], bytes]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"x-auth-token": token, "content-type": "application/json"}
    with urlopen(Request(url, data=data, method=method, headers=headers), timeout=10) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


def log_in(origin: str, state: Path) -> tuple[str, str]:
    """A token and its project, of the ordinary user."""
    passwords = json.loads((state / "passwords.json").read_text())
    user = {"name": "samovar", "domain": {"id": "default"}, "password": passwords["samovar"]}
    scope = {"project": {"name": "samovar", "domain": {"id": "default"}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    headers, answer = ask(
        "POST", f"{origin}/identity/v3/auth/tokens", body={"auth": {"identity": identity, "scope": scope}}
    )
    return headers["x-subject-token"], json.loads(answer)["token"]["project"]["id"]


async def client(port: int, request: bytes, until: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - began)
    writer.close()


async def measure(port: int, path: str, token: str, clients: int, seconds: float) -> list[float]:
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-auth-token: {token}\r\n\r\n".encode()
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(client(port, request, until, latencies) for _ in range(clients)))
    return sorted(latencies)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    root = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    with tempfile.TemporaryDirectory() as folder:
        state, port = Path(folder), free_port()
        command = [
            sys.executable,
            "-m",
            "samovar.cli.main",
            "serve",
            "identity",
            "orchestration-api",
            "engine",
        ]
        command += ["--state-dir", folder, "--port", str(port)]
        quiet = subprocess.DEVNULL
        program = subprocess.Popen(command, env=environment, stderr=quiet, stdout=quiet)
        try:
            origin = f"http://127.0.0.1:{port}"
            for _ in range(100):
                try:
                    ask("GET", f"{origin}/readyz")
                    break
                except OSError:
                    time.sleep(0.1)
            token, project = log_in(origin, state)
            base = f"/heat-api/v1/{project}/stacks"
            for number in range(STACKS):
                ask("POST", origin + base, token, {"stack_name": f"stack-{number}", "template": TEMPLATE})
            listed = json.loads(ask("GET", origin + base, token)[1])["stacks"]
            assert len(listed) == STACKS
            asyncio.run(measure(port, base, token, clients, 0.5))
            before = cpu_seconds(program.pid)
            found = asyncio.run(measure(port, base, token, clients, seconds))
            cpu = (cpu_seconds(program.pid) - before) / len(found)
            print(f"{'GET stack list of 20':<28}{clients:>4} clients")
            print(f"{'requests/s':<28}{len(found) / seconds:>10.0f}   (target 1500; real Heat 33)")
            print(f"{'CPU per request':<28}{cpu * 1e3:>10.2f} ms (real Heat 39)")
            median, p99 = found[len(found) // 2] * 1e3, found[-len(found) // 100] * 1e3
            print(f"{'median / p99':<28}{median:>10.1f} / {p99:.1f} ms")
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(15)


if __name__ == "__main__":
    main()
