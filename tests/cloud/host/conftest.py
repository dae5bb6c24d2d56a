# SPDX-License-Identifier: Apache-2.0
"""A host agent of one's own for each test, and small programs that talk inside namespaces."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from samovar.cloud.host import HostClient, launch
from samovar.cloud.host.specs import (
    Address,
    ExternalSpec,
    NetworkSpec,
    PortSpec,
    RouterGateway,
    RouterInterface,
    RouterSpec,
    RuleSpec,
    SubnetSpec,
)

GREETER = """
import socket, sys
name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((address, port))
listener.listen(64)
print("ready", flush=True)
while True:
    caller, where = listener.accept()
    caller.sendall(f"{name} saw {where[0]}".encode())
    caller.close()
"""
CALLER = """
import socket, sys
address, port, source = sys.argv[1], int(sys.argv[2]), sys.argv[3]
try:
    origin = (source, 0) if source else None
    with socket.create_connection((address, port), float(sys.argv[4]), origin) as call:
        print(call.recv(200).decode())
except OSError as error:
    print("nobody:", error)
"""
TALKER = """
import socket, sys
where, port = sys.argv[1], int(sys.argv[2])
if where.startswith("listen"):  # "listen", or "listen ADDRESS"
    listener = socket.create_server((where[7:], port))
print("ready", flush=True)
one = listener.accept()[0] if where.startswith("listen") else socket.create_connection((where, port), 5)
for line in sys.stdin:
    if line.startswith("hear "):
        one.settimeout(float(line.split()[1]))
        try:
            print(one.recv(99).decode().strip(), flush=True)
        except TimeoutError:
            print("nothing", flush=True)
    else:
        one.sendall(line.encode())
"""
OPEN_ALL = (
    RuleSpec(direction="ingress", ethertype="IPv4"),
    RuleSpec(direction="ingress", ethertype="IPv6"),
    RuleSpec(direction="egress", ethertype="IPv4"),
    RuleSpec(direction="egress", ethertype="IPv6"),
)


def only_port(port: int) -> tuple[RuleSpec, ...]:
    """The rules of a group that lets everything out and one TCP port in."""
    return (
        *OPEN_ALL[2:],
        RuleSpec(direction="ingress", ethertype="IPv4", protocol="tcp", port_min=port, port_max=port),
    )


def in_namespace(namespace: str | None, *command: str) -> list[str]:
    return [*(("ip", "netns", "exec", namespace) if namespace else ()), *command]


def call(namespace: str | None, address: str, port: int, *, source: str = "", timeout: float = 2.0) -> str:
    """What a greeter answers to a caller in ``namespace`` (None = the host); "nobody: …" if none does."""
    command = in_namespace(
        namespace, sys.executable, "-I", "-S", "-c", CALLER, address, str(port), source, str(timeout)
    )
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


async def ring(
    namespace: str | None, address: str, port: int, *, source: str = "", timeout: float = 2.0
) -> str:
    return await asyncio.to_thread(call, namespace, address, port, source=source, timeout=timeout)


def greeting(answer: str) -> bool:
    return " saw " in answer


class Talker:
    """One end of a connection: in a server or on the host (None), told by the test when to say and when to hear something."""

    def __init__(self, namespace: str | None, *where: str) -> None:
        command = in_namespace(namespace, sys.executable, "-I", "-S", "-c", TALKER, *where)
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._line() == "ready"

    def __enter__(self) -> Talker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def say(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()

    def hear(self, seconds: float) -> str:
        self.say(f"hear {seconds}")
        return self._line()


class Greeters:
    """Small servers in namespaces; all end with the test."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def start(self, namespace: str | None, name: str, address: str = "0.0.0.0", port: int = 80) -> None:
        command = in_namespace(namespace, sys.executable, "-I", "-S", "-c", GREETER, name, address, str(port))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


class Tenant:
    """Specs for one network 10.0.0.0/24 with a router, built up by a test."""

    def __init__(self, cloud: Cloud, prefix: str = "10.0.0") -> None:
        self.cloud = cloud
        self.prefix = prefix
        self.network_id = str(uuid4())
        self.router_id = str(uuid4())
        self.interface_id = str(uuid4())
        self.gateway_id = str(uuid4())

    def port(self, last: int, **more: object) -> PortSpec:
        fields: dict[str, object] = {
            "id": str(uuid4()),
            "mac": f"fa:16:3e:{random.randrange(256):02x}:{random.randrange(256):02x}:{last:02x}",
            "fixed_ips": (Address(f"{self.prefix}.{last}", 24),),
            "device_id": str(uuid4()),
            "gateways": (f"{self.prefix}.1",),
            "rules": OPEN_ALL,
        }
        return PortSpec(**{**fields, **more})  # type: ignore[arg-type]

    def network(self, *ports: PortSpec, **more: object) -> NetworkSpec:
        subnets = (SubnetSpec(cidr=f"{self.prefix}.0/24", service_address=f"{self.prefix}.2"),)
        return NetworkSpec(**{"id": self.network_id, "subnets": subnets, "ports": ports, **more})  # type: ignore[arg-type]

    def router(self, last: int, **more: object) -> RouterSpec:
        fields: dict[str, object] = {
            "id": self.router_id,
            "interfaces": (
                RouterInterface(
                    port_id=self.interface_id,
                    network_id=self.network_id,
                    mac="fa:16:3e:00:00:01",
                    addresses=(Address(f"{self.prefix}.1", 24),),
                ),
            ),
            "gateway": RouterGateway(
                port_id=self.gateway_id,
                network_id=self.cloud.external_id,
                mac=f"fa:16:3e:01:00:{last:02x}",
                addresses=(Address(f"{self.cloud.range}.{last}", 24),),
                nexthops=(f"{self.cloud.range}.1",),
            ),
        }
        return RouterSpec(**{**fields, **more})  # type: ignore[arg-type]


class Cloud:
    """An agent with a state directory and an external range of its own."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.socket_path = state_dir / "host.sock"
        self.host = HostClient(self.socket_path)
        self.external_id = str(uuid4())
        self.range = f"198.{random.choice((18, 19))}.{random.randrange(256)}"
        self.pid = 0

    async def start(self) -> None:
        self.pid = await launch(self.state_dir, self.socket_path)

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)
        os.waitpid(self.pid, 0)

    def external(self, **more: object) -> ExternalSpec:
        fields: dict[str, object] = {
            "id": self.external_id,
            "host_addresses": (Address(f"{self.range}.1", 24),),
        }
        return ExternalSpec(**{**fields, **more})  # type: ignore[arg-type]

    def tenant(self, prefix: str = "10.0.0") -> Tenant:
        return Tenant(self, prefix)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    cloud = Cloud(tmp_path)
    await cloud.start()
    try:
        yield cloud
        await cloud.host.purge()
    finally:
        await cloud.host.close()
        cloud.kill(signal.SIGTERM)


@pytest.fixture
def greeters() -> Iterator[Greeters]:
    greeters = Greeters()
    try:
        yield greeters
    finally:
        greeters.stop()


def home(port: PortSpec) -> str:
    """The namespace of a port's server."""
    return f"sv-srv-{port.device_id}"
