# SPDX-License-Identifier: Apache-2.0
"""The HA guide's shape on machines of the tests: two endpoints with an address that moves, two controllers
with every service, three nodes of Galera, RabbitMQ and memcached, and one machine that carries the cloud.

A: endpoint, images, networks, servers. B and C: controllers. D: the other endpoint. A, B, C: a node of each store.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from cluster.cluster import ROOT, Cluster
from deploy.machines import Machines, ask, do
from servers.galera import GaleraNode
from servers.galera import ask as ask_database
from servers.postgresql import PostgreSQL
from servers.rabbitmq import RabbitMQ
from servers.stores import Memcached

ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3", "d": "10.0.0.4", "client": "10.0.0.9"}
FRONT = "10.0.0.100"
STORES = ("a", "b", "c")
CONTROLLERS = ("b", "c")
ENDPOINTS = ("a", "d")
APIS = {
    "keystone": ("identity", 5000),
    "barbican-api": ("key_manager", 9311),
    "heat-api": ("heat_api", 8004),
    "heat-api-cfn": ("heat_api_cfn", 8000),
    "octavia-api": ("api_settings", 9876),
}
WORKERS = ("heat-engine", "octavia-worker", "octavia-health-manager", "octavia-housekeeping")
ON_A = {"image": 9292, "network": 9696, "compute": 8774}

CONF = """\
[DEFAULT]
transport_url = {brokers}
auth_encryption_key = 0123456789abcdef0123456789abcdef
[database]
connection = {database}
[keystone_authtoken]
memcached_servers = {caches}
[health_manager]
bind_ip = {address}
controller_ip_port_list = 10.0.0.2:5555, 10.0.0.3:5555
[samovar]
public_endpoint = http://{front}
metadata_forwarding = false
external_cidr = {external}
"""


class Controllers(Cluster):
    """`services` by label, as in the guide's cluster; `brokers`, `nodes` and `caches` by machine.

    `kind`: galera, or postgresql: one server, on A.
    """

    kind = "galera"

    def start(self, engines: int = 1) -> None:
        self.external = f"172.{random.randint(25, 30)}.{random.randint(0, 255)}.0/24"
        self._routes()
        self.nodes: dict[str, GaleraNode] = {}
        with ThreadPoolExecutor() as pool:
            # All of a cluster look for each other while they start, so they start together.
            brokers = {name: pool.submit(self._broker, name) for name in STORES}
            if self.kind == "postgresql":
                self.postgresql = PostgreSQL(address=ADDRESSES["a"], prefix=self.on("a"))
                self._programs.append(self.postgresql)
            for name in STORES if self.kind == "galera" else ():
                self.nodes[name] = self._node(name)
                self._programs.append(self.nodes[name])
            self.brokers = {name: begun.result() for name, begun in brokers.items()}
        self._programs += self.brokers.values()
        if self.kind == "postgresql":
            self.postgresql.execute("CREATE DATABASE heat")
        else:
            self.nodes["a"].ask("CREATE DATABASE IF NOT EXISTS heat CHARACTER SET utf8mb4")
        self.caches = {name: Memcached(ADDRESSES[name], 11211, self.on(name)) for name in STORES}
        self._programs += self.caches.values()
        for name in self.nodes:
            self.process(name, "galera-check", f"galera-check@{name}", *self._check(name))
        for name in ("a", *CONTROLLERS):
            self._configure(name)
        self._proxies(force=True)
        self.serve("a", "network", "compute", label="network+compute@a")
        self.serve("a", "glance-api")
        for name in CONTROLLERS:
            for service in (*APIS, *WORKERS):
                self.serve(name, service)
            for number in range(1, engines):
                self.serve(name, "heat-engine", label=f"heat-engine-{number + 1}@{name}")
        for service, (_, port) in APIS.items():
            for name in CONTROLLERS:
                self.ready(f"{service}@{name}", port, 400)
        for port in (*ON_A.values(), *(port for _, port in APIS.values())):
            self.machines.until("client", lambda p=port: ask(FRONT, p, path="/readyz")[0] == 200, 300)  # type: ignore[misc]

    def on(self, machine: str) -> list[str]:
        """Without mounts of its own: what the host agent mounts is everybody's."""
        return ["nsenter", f"--net=/run/netns/{self.machines.namespace(machine)}"]

    def _routes(self) -> None:
        a = self.machines.namespace("a")
        do("ip", "netns", "exec", a, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for name in CONTROLLERS:
            do(
                "ip",
                "-n",
                self.machines.namespace(name),
                "route",
                "add",
                self.external,
                "via",
                ADDRESSES["a"],
            )
        for name in ENDPOINTS:
            do(
                "ip",
                "netns",
                "exec",
                self.machines.namespace(name),
                "sysctl",
                "-qw",
                "net.ipv4.ip_nonlocal_bind=1",
            )

    def _broker(self, name: str) -> RabbitMQ:
        everyone = [ADDRESSES[store] for store in STORES]
        return RabbitMQ(ADDRESSES[name], 5672, self.on(name), password="secret", cluster=everyone)

    def _node(self, name: str) -> GaleraNode:
        inside: Callable[[Callable[[], Any]], Any] = lambda what: self.machines.inside(name, what)  # noqa: E731
        others = list(self.nodes.values())
        return GaleraNode(ADDRESSES[name], 3306, others, prefix=self.on(name), inside=inside)

    def _check(self, name: str) -> list[str]:
        where = ["--bind-host", ADDRESSES[name], "--bind-port", "9200", "--available-when-donor"]
        return ["--connection", self.nodes[name].url, *where]

    def _configure(self, name: str) -> None:
        brokers = ",".join(f"samovar:secret@{ADDRESSES[one]}:5672" for one in STORES)
        text = CONF.format(
            brokers=f"rabbit://{brokers}/", front=FRONT, database=self._database_url(), address=ADDRESSES[name], external=self.external,
            caches=",".join(cache.address for cache in self.caches.values()),
        )  # fmt: skip
        sections = (
            ("image", "network", "compute") if name == "a" else [section for section, _ in APIS.values()]
        )
        text += "".join(f"[{section}]\nbind_host = {ADDRESSES[name]}\n" for section in sections)
        conf = self.folder / name / "heat.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(text)

    def _proxies(self, *, force: bool) -> None:
        """`samovar deploy proxy` on both endpoints."""
        stores = ["database"] if self.kind == "galera" else []
        controller = {"roles": stores, "services": [
            *("identity", "key-manager", "orchestration-api", "cloudformation-api", "loadbalancer-api")
        ]}  # fmt: skip
        for name in ENDPOINTS:
            folder = self.folder / f"proxy-{name}"
            if not folder.exists():
                folder.mkdir()
                threading.Thread(target=_heard, args=(folder,), daemon=True).start()
            document = {
                "nodes": [
                    {"name": "a", "address": ADDRESSES["a"], "roles": ["endpoint", *stores], "services": list(ON_A)},
                    *({"name": one, "address": ADDRESSES[one], **controller} for one in CONTROLLERS),
                    {"name": "d", "address": ADDRESSES["d"], "roles": ["endpoint"]},
                ],
                "virtual": {"internal": f"{FRONT}/24"},
                **({"database": {"kind": "galera"}} if self.kind == "galera" else {}),
                "proxy": {
                    "config_dir": str(folder / "etc"), "run_dir": str(folder / "run"),
                    "user": "", "group": "", "log": str(folder / "log"),
                },
            }  # fmt: skip
            (folder / "cluster.yaml").write_text(yaml.safe_dump(document))
            arguments = [
                "deploy",
                "proxy",
                "--inventory",
                str(folder / "cluster.yaml"),
                "--output",
                str(folder),
            ]
            command = [*self.on(name), sys.executable, "-m", "samovar.cli.main", *arguments]
            subprocess.run(
                [*command, "--apply", "--node", name, *(["--force"] if force else [])],
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=True, capture_output=True, timeout=120,
            )  # fmt: skip

    def holder(self) -> str:
        """The endpoint that has the clients' address."""
        (name,) = [name for name in ENDPOINTS if self.machines.has(name, FRONT)]
        return name

    def kill_proxy(self, name: str) -> None:
        """End an endpoint's HAProxy without a word."""
        pid = (self.folder / f"proxy-{name}" / "run" / "haproxy.pid").read_text().split()[0]
        children = subprocess.run(
            ["pgrep", "-P", pid], capture_output=True, text=True, check=False
        ).stdout.split()
        for one in [*children, pid]:
            os.kill(int(one), signal.SIGKILL)

    def address_to_d(self) -> None:
        """Have the endpoint that is nothing else take the clients' address."""
        if self.holder() == "a":
            self.kill_proxy("a")
            deadline = time.monotonic() + 30
            while not self.machines.has("d", FRONT):
                assert time.monotonic() < deadline, "the address did not move"
                time.sleep(0.1)
            self.proxy_again()
            self.holder()

    def proxy_again(self) -> None:
        """Bring back the HAProxy of each endpoint that lacks it."""
        self._proxies(force=True)

    def noticed(self) -> dict[str, int]:
        """Service → how often this moment's proxy has found one of its servers down."""
        found: dict[str, int] = {}
        for endpoint in ENDPOINTS:
            status, text = self.machines.inside(
                "client", lambda e=endpoint: ask(ADDRESSES[e], 8404, path="/;csv")
            )  # type: ignore[misc]
            rows = [line.split(",") for line in text.splitlines()] if status == 200 else []
            for row in rows[1:]:
                values = dict(zip(rows[0], row, strict=False))
                if values.get("chkdown"):
                    name = f"{values['# pxname']}/{values['svname']}@{endpoint}"
                    found[name] = int(values["chkdown"])
        return found

    def writer(self) -> str:
        """The machine of the database's node that the clients' address leads to."""
        rows = self.machines.inside(
            "client", lambda: ask_database(FRONT, 3306, "SELECT @@wsrep_node_address")
        )
        address = rows[0][0].split(":")[0]  # type: ignore[index]
        return next(name for name, own in ADDRESSES.items() if own == address)

    def _database_url(self) -> str:
        if self.kind == "postgresql":
            return f"postgresql://samovar@{ADDRESSES['a']}/heat"
        return f"mysql+pymysql://samovar:secret@{FRONT}/heat"

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """What a statement gives in the services' database."""
        if self.kind == "postgresql":
            return self.postgresql.ask(statement, "heat")
        return self.nodes["c"].ask_heat(statement)

    def database_victim(self, name: str) -> str:
        """The machine of the node that is meant: one of its own, or the `writer`."""
        if self.kind == "postgresql":
            return "a"
        if name == "writer":
            with contextlib.suppress(Exception):  # there is none at the moment
                return self.writer()
        return name if name in self.nodes else "c"

    def hurt_database(self, name: str, *, freeze: bool) -> None:
        """Freeze or kill the node on that machine."""
        if self.kind == "postgresql":
            return self.postgresql.freeze() if freeze else self.postgresql.end(signal.SIGKILL)
        return self.nodes[name].send(signal.SIGSTOP) if freeze else self.nodes[name].end(signal.SIGKILL)

    def mend_database(self, name: str, *, freeze: bool) -> None:
        """And have it back."""
        if self.kind == "postgresql":
            return self.postgresql.thaw() if freeze else self.postgresql.begin()
        if freeze:
            return self.nodes[name].send(signal.SIGCONT)
        return self.nodes[name].begin([node for other, node in self.nodes.items() if other != name])

    def database_gone(self) -> None:
        for node in self.nodes.values():
            node.end(signal.SIGKILL)

    def database_again(self) -> None:
        """The node that knows most makes the cluster anew from its files; the others join."""
        first, *rest = sorted(self.nodes.values(), key=GaleraNode.position, reverse=True)
        state = first.directory / "data" / "grastate.dat"
        state.write_text(state.read_text().replace("safe_to_bootstrap: 0", "safe_to_bootstrap: 1"))
        first.begin([])
        for node in rest:
            node.begin([first])

    def broker_gone(self) -> None:
        for broker in self.brokers.values():
            broker.end(signal.SIGKILL)

    def broker_again(self) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda broker: broker.begin(), self.brokers.values()))

    def apart(self, one: str, other: str) -> None:
        """These two machines hear nothing of each other; everybody else does."""
        peers = [ADDRESSES[other], *([FRONT] if self.holder() == other else [])]
        rules = "".join(
            f"chain {hook} {{ type filter hook {hook} priority 0; ip {word} {{ {', '.join(peers)} }} drop; }}\n"
            for hook, word in (("input", "saddr"), ("output", "daddr"))
        )
        command = [*self.on(one), "nft", "-f", "-"]
        subprocess.run(command, input=f"table ip apart {{\n{rules}}}\n", text=True, check=True)

    def together(self, one: str) -> None:
        """What `apart` did is over."""
        subprocess.run([*self.on(one), "nft", "delete", "table", "ip", "apart"], check=True)

    def environment(self, user: str = "samovar") -> dict[str, str]:
        passwords = json.loads((self.folder / "b" / "state" / "passwords.json").read_text())
        return {
            **super().environment(user),
            "OS_AUTH_URL": f"http://{FRONT}:5000/v3",
            "OS_PASSWORD": passwords[user],
            "ADMIN_PASSWORD": passwords["admin"],
        }

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            services = [service for label, service in self.services.items() if label == "network+compute@a"]
            for service in services:
                service.process.kill()
                service.process.wait()
            state = str(self.folder / "a" / "state")
            command = [
                *self.on("a"),
                sys.executable,
                "-m",
                "samovar.cli.main",
                "down",
                "--purge",
                "--state-dir",
                state,
            ]
            subprocess.run(
                command, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=False, timeout=120
            )
        super().stop()


def _heard(folder: Path) -> None:
    """Write down what a HAProxy logs."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
        (folder / "haproxy.log").open("wb", 0) as log,
    ):
        ear.bind(str(folder / "log"))
        while True:
            log.write(ear.recv(8192).rstrip(b"\n") + b"\n")


@contextlib.contextmanager
def controllers(folder: Path, kind: str = "galera") -> Iterator[Controllers]:
    """The whole of it, gone afterwards."""
    machines = Machines(ADDRESSES)
    made = Controllers(folder, machines)
    made.kind = kind
    try:
        machines.build()
        made.start()
        yield made
    finally:
        made.stop()
        machines.clean()
