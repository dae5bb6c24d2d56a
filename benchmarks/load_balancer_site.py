# SPDX-License-Identifier: Apache-2.0
"""A cloud with a tenant, servers that answer and a client, for the benchmarks of load balancers. Needs root.

The client's threads stand in the network namespace of a server of the tenant, so that nothing but the
tenant's network lies between them and a VIP; the servers' answers come from HAProxy, run by hand there.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from samovar.clients import Cloud, Http, PasswordCredentials

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
ROOT = Path(__file__).resolve().parents[1]
PORTS = range(8000, 8010)


def inside(namespace: str, act: Callable[[], T]) -> T:
    """What `act` gives in a thread that stands in the network namespace of this name."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with open(f"/run/netns/{namespace}", "rb") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {namespace}")
            found.append(act())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def ask(address: str, port: int = 80, timeout: float = 0.5, path: str = "/") -> tuple[int, str]:
    """Status and body of one request over a connection of its own. Raises OSError."""
    with socket.create_connection((address, port), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: site\r\n\r\n".encode())
        raw = b"".join(iter(lambda: connection.recv(65536), b""))
    if not raw.startswith(b"HTTP/"):
        raise ConnectionError("no answer")
    return int(raw.split(b" ", 2)[1]), raw.partition(b"\r\n\r\n")[2].decode(errors="replace")


class Watching:
    """Asks an address without pause from inside `namespace`; `gap` is the longest time without a 200."""

    def __init__(self, namespace: str, address: str, *, every: float = 0.005, timeout: float = 0.05) -> None:
        self.good: list[float] = []
        self.bad: list[tuple[float, str]] = []
        self._done = threading.Event()

        def loop() -> None:
            while not self._done.is_set():
                at = time.monotonic()
                try:
                    status, _ = ask(address, timeout=timeout)
                    if status == 200:
                        self.good.append(time.monotonic())
                    else:
                        self.bad.append((at, str(status)))
                except OSError as error:
                    self.bad.append((at, type(error).__name__))
                self._done.wait(every)

        self._thread = threading.Thread(target=lambda: inside(namespace, loop))
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def gap(self, since: float) -> float:
        """Seconds of the longest outage after `since`."""
        times = [since, *(one for one in self.good if one > since)]
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)

    async def recovered(self, since: float, seconds: float, calm: float = 1.0) -> None:
        """Until it has answered for `calm` seconds without an interruption."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = time.monotonic()
            last_bad = max((at for at, _ in self.bad), default=0.0)
            fresh = [one for one in self.good if one > max(since, last_bad)]
            if fresh and now - max(last_bad, since) > calm:
                return
            await asyncio.sleep(0.02)
        raise TimeoutError(f"no answer again within {seconds} s: {self.bad[-1:]}")


class Site:
    """The cloud's two users, the tenant's subnet, the client's namespace and the addresses of members."""

    def __init__(self, state: Path, user: Cloud, admin: Cloud, starting: Callable[[], object]) -> None:
        self.state, self.user, self.admin = state, user, admin
        self._starting = starting
        self.network_id = self.subnet_id = self.client = ""
        self.members: list[str] = []
        self.namespaces: dict[str, str] = {}
        self._programs: list[subprocess.Popen[bytes]] = []

    async def build(self, members: int = 2) -> None:
        network = await self._made("network", "/v2.0/networks", "network", {"name": "bench"})
        self.network_id = network["id"]
        wanted = {"network_id": self.network_id, "cidr": "10.77.0.0/16", "ip_version": 4}
        subnet = await self._made("network", "/v2.0/subnets", "subnet", wanted)
        self.subnet_id = subnet["id"]
        group = await self._made("network", "/v2.0/security-groups", "security_group", {"name": "bench"})
        rule = {"security_group_id": group["id"], "direction": "ingress"}
        await self._made("network", "/v2.0/security-group-rules", "security_group_rule", rule)
        ids = await asyncio.gather(*(self._server(f"bench{n}", group["id"]) for n in range(members + 1)))
        self.client = f"sv-srv-{ids[0][0]}"
        for server, address in ids[1:]:
            self.members.append(address)
            self.namespaces[address] = f"sv-srv-{server}"
            self.run_haproxy(f"sv-srv-{server}", _member(address))
        for address in self.members:
            await self.until(lambda address=address: self.asked(address, PORTS[0])[0] == 200, 20)  # type: ignore[misc]

    async def _made(self, service: str, path: str, key: str, body: Any) -> dict[str, Any]:
        answer = await self.user.request(service, "POST", path, json={key: body})
        return dict(answer.body[key])

    async def _server(self, name: str, group: str) -> tuple[str, str]:
        images = (await self.user.get("image", "/v2/images", query={"name": "host"}))["images"]
        flavors = (await self.user.get("compute", "/flavors"))["flavors"]
        flavor = next(one["id"] for one in flavors if one["name"] == "m1.tiny")
        port = {"network_id": self.network_id, "security_groups": [group]}
        made = await self._made("network", "/v2.0/ports", "port", port)
        server = {"name": name, "imageRef": images[0]["id"], "flavorRef": flavor}
        body = {"server": {**server, "networks": [{"port": made["id"]}]}}
        server_id = (await self.user.request("compute", "POST", "/servers", json=body)).body["server"]["id"]
        while True:
            found = (await self.user.get("compute", f"/servers/{server_id}"))["server"]
            if found["status"] == "ACTIVE":
                return server_id, made["fixed_ips"][0]["ip_address"]
            if found["status"] == "ERROR":
                raise RuntimeError(found["fault"]["message"])
            await asyncio.sleep(0.05)

    def run_haproxy(self, namespace: str, text: str) -> subprocess.Popen[bytes]:
        """HAProxy by hand in a namespace, until the site ends."""
        path = self.state.parent / f"by-hand-{len(self._programs)}.cfg"
        path.write_text(text)
        program = subprocess.Popen(["ip", "netns", "exec", namespace, "haproxy", "-db", "-f", str(path)])
        self._programs.append(program)
        return program

    def end(self) -> None:
        for program in self._programs:
            program.terminate()
            program.wait()

    def asked(self, address: str, port: int = 80) -> tuple[int, str]:
        """The client's request; (0, reason) when there was no answer."""
        try:
            return inside(self.client, lambda: ask(address, port))
        except OSError as error:
            return 0, str(error)

    async def until(self, condition: Callable[[], Any], seconds: float, pause: float = 0.005) -> float:
        """Seconds until `condition` is true."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"not within {seconds} s")
            await asyncio.sleep(pause)
        return time.monotonic() - began

    def graph(self, name: str, members: Sequence[tuple[str, int]], **more: Any) -> dict[str, Any]:
        """The body of a request for a whole load balancer."""
        inside_pool = [{"address": address, "protocol_port": port} for address, port in members]
        pool = {"name": name, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": inside_pool}
        listener = {"name": name, "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        return {"name": name, "vip_subnet_id": self.subnet_id, "listeners": [listener], **more}

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._made("load-balancer", "/v2.0/lbaas/loadbalancers", "loadbalancer", body)

    async def lb(self, identity: str) -> dict[str, Any]:
        found = await self.user.get("load-balancer", f"/v2.0/lbaas/loadbalancers/{identity}")
        return dict(found["loadbalancer"])

    async def active(self, identity: str, seconds: float = 60) -> None:
        began = time.monotonic()
        while (found := await self.lb(identity))["provisioning_status"] != "ACTIVE":
            if time.monotonic() - began > seconds or found["provisioning_status"] == "ERROR":
                path = f"/v2.0/lbaas/loadbalancers/{identity}/progress"
                raise RuntimeError(str(await self.user.get("load-balancer", path)))
            await asyncio.sleep(0.02)

    async def up(self) -> None:
        """Start the cloud again."""
        await asyncio.to_thread(self._starting)

    async def set_members(self, lb_id: str, addresses: Sequence[str], port: int) -> None:
        """Give the load balancer's first pool these members and no others."""
        pool = (await self.lb(lb_id))["pools"][0]["id"]
        members = [{"address": address, "protocol_port": port} for address in addresses]
        path = f"/v2.0/lbaas/pools/{pool}/members"
        await self.user.request("load-balancer", "PUT", path, json={"members": members})

    async def delete(self, identity: str) -> None:
        path = f"/v2.0/lbaas/loadbalancers/{identity}"
        await self.user.request("load-balancer", "DELETE", path, query={"cascade": "true"})

    async def amphorae(self, lb_id: str) -> list[dict[str, Any]]:
        query = {"loadbalancer_id": lb_id}
        found = await self.admin.get("load-balancer", "/v2.0/octavia/amphorae", query=query)
        return list(found["amphorae"])

    async def pair(self) -> str:
        """A flavor of two amphorae."""
        data = json.dumps({"loadbalancer_topology": "ACTIVE_STANDBY"})
        profile = {"name": "pair", "provider_name": "amphora", "flavor_data": data}
        path = "/v2.0/lbaas/flavorprofiles"
        made = await self.admin.request("load-balancer", "POST", path, json={"flavorprofile": profile})
        flavor = {"name": "pair", "flavor_profile_id": made.body["flavorprofile"]["id"]}
        path = "/v2.0/lbaas/flavors"
        answer = await self.admin.request("load-balancer", "POST", path, json={"flavor": flavor})
        return str(answer.body["flavor"]["id"])

    def first_process(self, server_id: str) -> int:
        """The process whose end is the server's."""
        return int(json.loads((self.state / "servers" / server_id / "pid").read_text())["pid"])

    def processes(self, server_id: str) -> dict[int, str]:
        """Every process of a server: pid → command."""
        namespace = os.stat(f"/proc/{self.first_process(server_id)}/ns/pid").st_ino
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.stat(folder / "ns" / "pid").st_ino == namespace:
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def holder(self, rows: Sequence[dict[str, Any]], vip: str) -> dict[str, Any]:
        """The amphora that has the VIP."""
        for row in rows:
            command = ["ip", "-n", f"sv-srv-{row['compute_id']}", "address"]
            if f" {vip}/32 " in subprocess.run(command, capture_output=True, text=True, check=False).stdout:
                return row
        raise RuntimeError("no amphora has the VIP")

    def kill(self, server_id: str, word: str) -> None:
        """kill -9 of the server's programs whose command holds `word`; of all when it is ""."""
        if not word:
            os.kill(self.first_process(server_id), signal.SIGKILL)
            return
        known = self.processes(server_id).items()
        chosen = [pid for pid, command in known if word in command and not command.startswith("sh ")]
        if not chosen:
            raise RuntimeError(f"no {word} runs in {server_id}")
        for pid in chosen:
            os.kill(pid, signal.SIGKILL)


def _member(address: str) -> str:
    binds = "\n".join(f"    bind :{port}" for port in PORTS)
    return (
        "global\n    maxconn 5000\ndefaults\n    mode http\n    timeout client 60s\n    timeout connect 1s\n"
        "    timeout server 60s\n    option http-keep-alive\n"
        f"frontend member\n{binds}\n"
        f'    http-request return status 200 content-type text/plain lf-string "{address}:%[dst_port]"\n'
    )


@asynccontextmanager
async def site(members: int = 2, configuration: str = "") -> AsyncIterator[Site]:
    """A running cloud with `members` servers that answer; `configuration`: of octavia.conf."""
    with tempfile.TemporaryDirectory(prefix="samovar-bench-") as folder:
        state, config = Path(folder) / "state", Path(folder) / "config"
        port, cidr = (
            random.randint(21000, 29000),
            f"172.{random.randint(25, 30)}.{random.randint(0, 255)}.0/24",
        )
        where = ["--state-dir", str(state)]
        more = []
        if configuration:
            (Path(folder) / "octavia.conf").write_text(configuration)
            more = ["--config-file", str(Path(folder) / "octavia.conf")]
        command = [sys.executable, "-m", "samovar.cli.main"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CONFIG_HOME": str(config)}
        environment["OS_CLIENT_CONFIG_FILE"] = str(config / "clouds.yaml")
        up = [*command, "up", *where, *more, "--port", str(port), "--external-cidr", cidr]
        subprocess.run(up, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: ASYNC221
        passwords = json.loads((state / "passwords.json").read_text())
        transport = Http()

        def cloud(name: str) -> Cloud:
            credentials = PasswordCredentials(
                passwords[name],
                username=name,
                user_domain_id="default",
                project_name=name,
                project_domain_id="default",
            )
            return Cloud(f"http://127.0.0.1:{port}/identity/v3", credentials, transport=transport)

        def start() -> None:
            subprocess.run(up, env=environment, check=True, stdout=subprocess.DEVNULL)

        made = Site(state, cloud("samovar"), cloud("admin"), start)
        try:
            await made.build(members)
            yield made
        finally:
            made.end()
            await transport.close()
            subprocess.run([*command, "down", "--purge", *where], env=environment, check=True)  # noqa: ASYNC221
