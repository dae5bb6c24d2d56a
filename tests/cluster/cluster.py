# SPDX-License-Identifier: Apache-2.0
"""Machines A, B and C of Heat's guide to scaling, as network namespaces on one wire.

A: the database, the broker, HAProxy, Identity and the key manager. B and C: the APIs and engines, from
copies of A's heat.conf with the changes that the guide prints. A fourth machine is the clients'.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymysql

from deploy.machines import Machines, ask
from servers.mariadb import MariaDB
from servers.program import Program, found
from servers.rabbitmq import RabbitMQ

ROOT = Path(__file__).parent.parent.parent
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3", "client": "10.0.0.9"}

# What the guide prints for B; A's name of the broker and of the database are changed as it says.
HEAT_CONF = """\
[DEFAULT]
sql_connection = mysql+pymysql://root:admin@10.0.0.1/heat?charset=utf8
rabbit_host = 10.0.0.1
auth_encryption_key = 0123456789abcdef0123456789abcdef
{more}
[heat_api]
bind_port = 8004
bind_host = {address}
[heat_api_cfn]
bind_port = 8000
bind_host = {address}
[identity]
bind_host = 10.0.0.1
[key_manager]
bind_host = 10.0.0.1
[samovar]
public_endpoint = http://10.0.0.1
metadata_forwarding = false
"""

# The guide's apis-proxy.conf as printed, but for `check`: without it `option httpchk` asks nothing.
APIS_PROXY_CONF = """\
global
    daemon
    maxconn 4000

defaults
    log global
    maxconn 8000
    option redispatch
    retries 3
    timeout http-request 10s
    timeout queue 1m
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    timeout check 10s

listen rest_api_proxy
    bind 10.0.0.1:8004
    balance source
    option tcpka
    option httpchk
    server rest-server-1 10.0.0.2:8004 check
    server rest-server-2 10.0.0.3:8004 check

listen cfn_api_proxy
    bind 10.0.0.1:8000
    balance source
    option tcpka
    option httpchk
    server cfn-server-1 10.0.0.2:8000 check
    server cfn-server-2 10.0.0.3:8000 check
"""


class MariaDBOnA(MariaDB):
    """The guide's database: root's password is admin, the database is heat, machine A's port 3306."""

    def __init__(self, prefix: Sequence[str]) -> None:
        self._prefix = tuple(prefix)
        super().__init__()

    def start(self, command: Sequence[str], ready: Callable[[], object], seconds: float = 120) -> None:
        account = (
            "CREATE DATABASE IF NOT EXISTS heat CHARACTER SET utf8mb4;\n"
            "CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY 'admin';\nGRANT ALL ON *.* TO root@'%';\n"
        )
        (self.directory / "account.sql").write_text(account)
        changed = [part for part in command if not part.startswith(("--port=", "--bind-address="))]
        super().start([*self._prefix, *changed, "--port=3306", "--bind-address=0.0.0.0"], ready, seconds)

    def execute(self, statement: str) -> Any:
        with socket.socket(socket.AF_UNIX) as probe:  # the driver forgets to close one that is refused
            probe.connect(str(self.directory / "socket"))
        connection = pymysql.connect(
            unix_socket=str(self.directory / "socket"), user="root", password="", autocommit=True
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()


@dataclasses.dataclass
class Service:
    """One process of ours on a machine."""

    machine: str
    names: tuple[str, ...]
    process: subprocess.Popen[bytes]


class Cluster:
    """`start()` brings everything up; `services` are the processes of ours by label."""

    def __init__(self, folder: Path, machines: Machines, more: str = "") -> None:
        self.folder, self.machines, self._more = folder, machines, more
        self.services: dict[str, Service] = {}
        self.source = ROOT / "src"
        self._programs: list[Program] = []
        self.haproxy: subprocess.Popen[bytes] | None = None

    def on(self, machine: str) -> list[str]:
        """What is put before a command to run it on a machine."""
        return ["ip", "netns", "exec", self.machines.namespace(machine)]

    def start(self, engines: int = 2) -> None:
        with ThreadPoolExecutor() as pool:
            broker = pool.submit(RabbitMQ, ADDRESSES["a"], 5672, self.on("a"), user="guest", password="guest")
            self.database = MariaDBOnA(self.on("a"))
            self._programs.append(self.database)
            self.broker = broker.result()
            self._programs.append(self.broker)
        for machine in ("a", "b", "c"):
            conf = self.folder / machine / "heat.conf"
            conf.parent.mkdir(parents=True)
            conf.write_text(HEAT_CONF.format(address=ADDRESSES[machine], more=self._more))
        self.serve("a", "keystone", "barbican-api")
        for machine in ("b", "c"):
            for name in ("heat-api", "heat-api-cfn"):
                self.serve(machine, name)
            for number in range(engines):
                self.serve(machine, "heat-engine", label=f"heat-engine-{number + 1}@{machine}")
        self.proxy(APIS_PROXY_CONF)
        self.ready("keystone+barbican-api@a", 5000)
        for machine in ("b", "c"):
            self.ready(f"heat-api@{machine}", 8004)
            self.ready(f"heat-api-cfn@{machine}", 8000)
        self.machines.until("client", lambda: ask("10.0.0.1", 8004, path="/readyz")[0] == 200, 60)

    def serve(self, machine: str, *names: str, label: str = "") -> Service:
        """`samovar serve NAME… --config-file heat.conf` on a machine."""
        home = self.folder / machine
        label = label or f"{'+'.join(names)}@{machine}"
        files = ["--config-file", str(home / "heat.conf"), "--state-dir", str(home / "state")]
        process = self.process(machine, "serve", label, *names, *files)
        service = self.services[label] = Service(machine, names, process)
        return service

    def process(self, machine: str, command: str, label: str, *words: str) -> subprocess.Popen[bytes]:
        """`samovar COMMAND WORD…` on a machine, its words in LABEL.log."""
        with (self.folder / f"{label}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self.on(machine), sys.executable, "-m", "samovar.cli.main", command, *words],
                env={**os.environ, "PYTHONPATH": str(self.source)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.machines.processes.append(process)
        return process

    def again(self, label: str) -> Service:
        """Start a service that has ended once more."""
        old = self.services[label]
        old.process.wait(30)
        return self.serve(old.machine, *old.names, label=label)

    def ready(self, label: str, port: int, seconds: float = 90) -> None:
        """Wait until a service's /readyz is 200 at its own address."""
        service = self.services[label]
        deadline = time.monotonic() + seconds
        address = ADDRESSES[service.machine]
        while self.machines.inside("client", lambda: ask(address, port, path="/readyz", timeout=5)[0]) != 200:
            if service.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{label} is not ready:\n{self.log(label)}")
            time.sleep(0.1)

    def log(self, label: str) -> str:
        return (self.folder / f"{label}.log").read_text()[-3000:]

    def proxy(self, text: str) -> None:
        """HAProxy on A with this configuration, in place of the one before."""
        self.end_proxy()
        conf = self.folder / "apis-proxy.conf"
        conf.write_text(text.replace("    daemon\n", ""))  # in the foreground: a test ends what it starts
        with (self.folder / "haproxy.log").open("ab") as log:
            self.haproxy = subprocess.Popen(
                [*self.on("a"), found("haproxy"), "-f", str(conf)], stdout=log, stderr=log
            )
        self.machines.processes.append(self.haproxy)

    def end_proxy(self) -> None:
        if self.haproxy is not None:
            self.haproxy.kill()
            self.haproxy.wait()

    def environment(self, user: str = "samovar") -> dict[str, str]:
        """What a client needs, through the proxy's address."""
        passwords = json.loads((self.folder / "a" / "state" / "passwords.json").read_text())
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("OS_", "PYTHONPATH"))
            },
            "OS_AUTH_URL": "http://10.0.0.1:5000/v3",
            "OS_USERNAME": user,
            "OS_PASSWORD": passwords[user],
            "ADMIN_PASSWORD": passwords["admin"],
            "OS_PROJECT_NAME": "samovar",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_IDENTITY_API_VERSION": "3",
        }

    def openstack(self, *arguments: str, user: str = "samovar") -> Any:
        """The real client on the clients' machine; its JSON."""
        program = Path(os.environ.get("SAMOVAR_CLIENTS") or ROOT / ".venv-clients" / "bin") / "openstack"
        done = subprocess.run(
            [*self.on("client"), str(program), *arguments, "-f", "json"],
            env=self.environment(user), capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(
            done.stdout[done.stdout.index("\n{") + 1 :] if "\n{" in done.stdout else done.stdout
        )

    def mix(self, seconds: float, **options: object) -> Mix:
        """A steady mix of requests from the clients' machine."""
        return Mix(self, seconds, options)

    def cut(self, machine: str, *, whole: bool) -> None:
        """Take a machine off the wire, or put it back."""
        state = "down" if whole else "up"
        subprocess.run(["ip", "-n", self.machines.wire, "link", "set", "dev", machine, state], check=True)

    def stop(self) -> None:
        for service in self.services.values():
            with contextlib.suppress(ProcessLookupError):
                service.process.send_signal(signal.SIGCONT)
                service.process.kill()
        for program in self._programs:
            with contextlib.suppress(Exception):
                program.send(signal.SIGCONT)
            with contextlib.suppress(OSError):
                shutil.copy(program.directory / "log", self.folder / f"{program.directory.name}.log")
            program.stop()


class Mix:
    """A running mix.py; `sheet()` waits for its end and gives its balance sheet."""

    def __init__(self, cluster: Cluster, seconds: float, options: dict[str, object]) -> None:
        words = [f"--{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen(
            [*cluster.on("client"), sys.executable, str(Path(__file__).parent / "mix.py"), f"--seconds={seconds}", *words],
            env=cluster.environment(), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        cluster.machines.processes.append(self._process)  # type: ignore[arg-type]
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "begun\n"
        self.began = time.monotonic()

    def sheet(self, seconds: float = 400) -> dict[str, Any]:
        out, _ = self._process.communicate(timeout=seconds)
        sheet: dict[str, Any] = json.loads(out)
        return sheet


@contextlib.contextmanager
def cluster(
    folder: Path, *, engines: int = 2, more: str = "", source: Path = ROOT / "src"
) -> Iterator[Cluster]:
    """The guide's cluster, gone afterwards. `source`: of the program that its services are."""
    machines = Machines(ADDRESSES)
    made = Cluster(folder, machines, more)
    made.source = source
    try:
        machines.build()
        made.start(engines)
        yield made
    finally:
        made.stop()
        machines.clean()
